"""From functions to training texts as bags of tokens: de-duplicated, without the projects that judge, capped by
project.

Invariant: no function whose code, sentence, or more than 40 % of long lines stands in a judging project is kept; no
code is kept twice.
Invariant: words and tokens come from `lowtide.work`, so that training sees what the encoder will see.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lowtide.work.model.bags import WordBags, read_vocabulary
from lowtide.work.words import split_words
from model.extract import code_hash

COLUMNS = ("header", "code", "masked", "sentence", "doc", "name")
MOST_WITH_SENTENCE = 12_000
MOST_WITHOUT = 4_000
_CODE_CHARACTERS = 1_800
_LONG_LINE = 25

Record = dict[str, str]


@dataclass(slots=True)
class Judges:
    """What is recognised as a judging project's: hashes of functions, of long lines, and sentences."""

    codes: set[str] = field(default_factory=set)
    lines: set[str] = field(default_factory=set)
    sentences: set[str] = field(default_factory=set)

    def add(self, code: str, sentence: str | None) -> None:
        """Remember one function of a judging project."""
        self.codes.add(code_hash(code))
        self.lines.update(_long_lines(code))
        if sentence and len(sentence) > _LONG_LINE:
            self.sentences.add(_plain(sentence))

    def reject(self, record: Record) -> str | None:
        """Why a function must not be trained on, or None."""
        if record["code_hash"] in self.codes:
            return "judge: code"
        if record["sentence"] and _plain(record["sentence"]) in self.sentences:
            return "judge: sentence"
        lines = _long_lines(record["code"])
        if len(lines) >= 3 and sum(line in self.lines for line in lines) > 0.4 * len(lines):
            return "judge: lines"
        return None


def read_judges(functions: Iterable[Path], prefixes: Iterable[Path]) -> Judges:
    """Fingerprints of extracted judging projects and of the retrieval sets `PREFIX_corpus.jsonl.gz`,
    `PREFIX_queries…`."""
    judges = Judges()
    for path in functions:
        for record in _records(path):
            judges.add(record["code"], record["sentence"])
    for prefix in prefixes:
        with gzip.open(f"{prefix}_corpus.jsonl.gz", "rt", encoding="utf-8") as corpus:
            for line in corpus:
                judges.add(json.loads(line)["text"], None)
        with gzip.open(f"{prefix}_queries.jsonl.gz", "rt", encoding="utf-8") as queries:
            judges.sentences.update(_plain(json.loads(line)["query"]) for line in queries)
    return judges


def kept(files: Iterable[Path], judges: Judges, counts: Counter[str]) -> Iterator[list[Record]]:
    """The records to train on, project by project; `counts` is told how many were left out and why."""
    seen: set[str] = set()
    for file in files:
        records = list(_records(file))
        np.random.default_rng(3).shuffle(records)
        sentences = Counter((record["sentence"] or "").lower() for record in records)
        names: set[tuple[str, str | None]] = set()
        project: list[Record] = []
        room = {True: MOST_WITH_SENTENCE, False: MOST_WITHOUT}
        for record in records:
            if record["sentence"] and sentences[record["sentence"].lower()] > 3:
                record["sentence"] = ""
            why = judges.reject(record)
            identity = (record["name"], record["sentence"])
            if record["code_hash"] in seen or (record["sentence"] and identity in names):
                why = "duplicate"
            elif why is None and not room[bool(record["sentence"])]:
                why = "cap"
            counts[why or "kept"] += 1
            if why is None:
                seen.add(record["code_hash"])
                names.add(identity)
                room[bool(record["sentence"])] -= 1
                counts[f"kept {record['language']}"] += 1
                counts["with sentence"] += bool(record["sentence"])
                project.append(record)
        if project:
            yield project


def sample_words(files: Iterable[Path], every: int) -> Iterator[str]:
    """The words of every `every`-th function and of its doc, to train a tokenizer on."""
    for file in files:
        for number, record in enumerate(_records(file)):
            if number % every == 0:
                yield from _split([record["code"][:1200], record["doc"]])


def words_of(records: list[Record]) -> dict[str, list[str]]:
    """The six texts of each record, as words."""
    code = [record["code"][:_CODE_CHARACTERS] for record in records]
    texts = {
        "header": [f"{record['path']} {record['qualified_name']}" for record in records],
        "code": code,
        "masked": [re.sub(rf"\b{re.escape(r['name'])}\b", " ", text) for r, text in zip(records, code, strict=True)],
        "sentence": [record["sentence"] or "" for record in records],
        "doc": [record["doc"][:400] if record["sentence"] else "" for record in records],
        "name": [record["name"] for record in records],
    }
    return {column: _split(values) for column, values in texts.items()}


def encode(projects: Iterable[list[Record]], tokenizer: Path, target: Path) -> None:
    """Write the bags of all records to `target` (npz): per column token ids, counts and offsets; project numbers;
    has."""
    bags = WordBags(*read_vocabulary(tokenizer), limit_words=400_000)
    columns: dict[str, list[tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], npt.NDArray[np.int64]]]]
    columns = {column: [] for column in COLUMNS}
    project_numbers, has_sentence, languages = [], [], []
    for number, records in enumerate(projects):
        project_numbers += [number] * len(records)
        has_sentence += [bool(record["sentence"]) for record in records]
        languages += [record["language"] for record in records]
        for column, words in words_of(records).items():
            made = bags.bags(words)
            repeats = np.rint(np.exp(made.weights - 1)).clip(1, 255).astype(np.uint8)
            columns[column].append((made.tokens.astype(np.uint16), repeats, made.lengths))
    arrays = {}
    for column, parts in columns.items():
        arrays[f"{column}_tokens"] = np.concatenate([part[0] for part in parts])
        arrays[f"{column}_counts"] = np.concatenate([part[1] for part in parts])
        arrays[f"{column}_offsets"] = np.concatenate([[0], np.cumsum(np.concatenate([part[2] for part in parts]))])
    arrays["project"] = np.array(project_numbers, np.int32)
    arrays["has"] = np.array(has_sentence)
    arrays["language"] = np.array(languages)
    with target.open("wb") as out:
        np.savez(out, allow_pickle=False, **arrays)


def _split(texts: list[str]) -> list[str]:
    encoded = [text.encode("utf-8", "replace") for text in texts]
    return split_words(b"".join(encoded), np.cumsum([0, *map(len, encoded)]).tolist())


def _records(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _long_lines(code: str) -> list[str]:
    return [re.sub(r"\s+", "", line) for line in code.split("\n") if len(line.strip()) >= _LONG_LINE]


def _plain(sentence: str) -> str:
    return re.sub(r"\W+", "", sentence.lower())
