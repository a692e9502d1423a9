"""Judge the engine on questions written by hand, and a second model alone on the same questions.

    python -m model.judge_questions --trees FOLDER [--set second] [--model MINILM_FOLDER] [--cache FOLDER] [--json FILE]

`model/questions.py` tells of the questions; each answer is a file and a definition in it. Every tree is indexed as
`lowtide index` does it and asked with `lowtide search --batch`, so what is judged is what a user gets. A hit is right
by its lines when it lies in an answer's file and shares a line with it, by its name when it lies in that file and has
the answer's name; both measures are given, and their union, which the tables of before are of. An answer counts once,
at its first hit, and the comment right above a definition belongs to it; NDCG@10 is against all of a question's answers
at the top. The other figures ask for any one answer. Each set of questions has its own tables.

`judged.jsonl` holds what pooled judging added to the first set (docs/model.md): the first five hits of four systems,
read without their systems' names. The figures of that set are given twice, with the answers of `questions.jsonl` and
with those too. A class that was added counts by its name alone, not by its lines, which are all of its methods'.

With --model, that model's cosines rank a pool of chunks by tree: all answers, the first ten hits of every mode and
question, and 100 chunks by chance. As the pool holds the first ten of every mode, the modes' first ten are the same in
it as in the whole tree, while a model alone is spared the rest of the tree: its figures are an upper bound. With
--whole-tree it ranks all chunks.

Invariant: no question was changed after a system was asked; answers of the first set were added or widened, when
reading the hits showed them right. Those of the second were not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lowtide.index.workspace import Workspace
from lowtide.models import SymbolKind
from lowtide.paths import Places
from lowtide.store.catalog import Catalog
from lowtide.store.rows import ChunkRow, SymbolRow
from lowtide.work.model.embed import load_encoder
from lowtide.work.model.encoder import Encoder, Side, document_text, document_words
from lowtide.work.words import query_words
from model.judge import word_overlap
from model.judge_report import Figures, report_set
from model.questions import QUESTIONS, Answer, Lines, Question, QuestionSet, load_questions, load_trees

MODES = ("lexical", "semantic", "hybrid")
DEPTH = 10
BY_CHANCE = 100
_ROWS_AT_ONCE = 500
_COMMENTS = ("//", "#", "@")
_HOLDERS = frozenset(
    (
        SymbolKind.CLASS,
        SymbolKind.STRUCT,
        SymbolKind.INTERFACE,
        SymbolKind.MODULE,
        SymbolKind.NAMESPACE,
        SymbolKind.PACKAGE,
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """Lines of a file, from 1, inclusive, and the name and container of the definition there."""

    path: str
    first: int
    last: int
    name: str
    container: str


class Measure(StrEnum):
    """By what a hit is right."""

    LINES = "by lines"
    NAME = "by name"
    EITHER = "by either"


def find_answer(answer: Answer, symbols: Sequence[SymbolRow]) -> list[SymbolRow]:
    """The definitions of the answer's file that bear its name; several when it is overloaded."""
    return [row for row in symbols if answer.is_named(row.name, row.container)]


def is_right(hit: Place, answer: Answer, spans: Sequence[Lines], measure: Measure = Measure.EITHER) -> bool:
    """Whether `hit` shows `answer`, whose definitions have these `spans` of lines (from 1, inclusive)."""
    if hit.path != answer.path:
        return False
    if measure is not Measure.LINES and answer.is_named(hit.name, hit.container):
        return True
    return measure is not Measure.NAME and any(hit.first <= last and hit.last >= first for first, last in spans)


def score(
    hits: Sequence[Place], answers: Sequence[tuple[Answer, Sequence[Lines]]], measure: Measure = Measure.EITHER
) -> Figures:
    """The figures of a ranking; an answer counts at its first hit alone."""
    left = list(range(len(answers)))
    ranks = []
    for rank, hit in enumerate(hits, start=1):
        found = [number for number in left if is_right(hit, *answers[number], measure)]
        if found:
            left = [number for number in left if number not in found]
            ranks.append(rank)
    gain = sum(1 / math.log2(rank + 1) for rank in ranks if rank <= 10)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(10, len(answers)) + 1))
    first = ranks[0] if ranks else math.inf
    return Figures(gain / ideal, 1 / first if first <= 10 else 0.0, *(float(first <= k) for k in (1, 5, 10)))


def comment_start(lines: Sequence[str], start: int) -> int:
    """The line, from 0, where the comments and attributes directly above the definition at line `start` begin."""
    while start:
        above = lines[start - 1].strip()
        if above.endswith("*/"):
            opened = [number for number in range(start) if "/*" in lines[number]]
            if not opened or not lines[opened[-1]].lstrip().startswith("/*"):
                break
            start = opened[-1]
        elif above.startswith(_COMMENTS):
            start -= 1
        else:
            break
    return start


class IndexedTree:
    """An indexed tree: its symbols, its chunks, and what the engine finds in it."""

    def __init__(self, root: Path, questions: Sequence[Question]) -> None:
        self.root = root
        self.questions = questions
        _lowtide(["index", "-q", str(root)])
        path = Workspace(root, Places.from_environment().index_folder(root)).catalog_path
        with ExitStack() as opening:
            self._catalog = opening.enter_context(closing(Catalog(path, writable=False)))
            self.answers = [[(answer, self._spans(answer)) for answer in question.answers] for question in questions]
            self.pooled = [
                [*answers, *((answer, self._own_spans(answer)) for answer in question.pooled)]
                for question, answers in zip(questions, self.answers, strict=True)
            ]
            self.overlaps = [
                max(word_overlap(question.query, self._answer_text(answer)) for answer in question.answers)
                for question in questions
            ]
            self._closing = opening.pop_all()

    def close(self) -> None:
        """Close the index."""
        self._closing.close()

    def _symbols(self, answer: Answer) -> list[SymbolRow]:
        file = self._catalog.file(answer.path.encode())
        found = find_answer(answer, self._catalog.symbols_of_file(file.file_id)) if file else []
        if not found:
            raise SystemExit(f"{self.root}: no {answer.name} in {answer.path}: correct the question")
        if answer.lines:
            found = [row for row in found if any(_meets(row, lines) for lines in answer.lines)]
            if not all(any(_meets(row, lines) for row in found) for lines in answer.lines):
                raise SystemExit(f"{self.root}: {answer.name} is not at its lines in {answer.path}: another revision")
        return found

    def _spans(self, answer: Answer) -> list[Lines]:
        return list(answer.lines) or self._whole(answer)

    def _whole(self, answer: Answer) -> list[Lines]:
        lines = self._lines(answer)
        return [(comment_start(lines, row.start_line) + 1, row.end_line + 1) for row in self._symbols(answer)]

    def _own_spans(self, answer: Answer) -> list[Lines]:
        """Without those of classes and modules."""
        lines = self._lines(answer)
        return [
            (comment_start(lines, row.start_line) + 1, row.end_line + 1)
            for row in self._symbols(answer)
            if SymbolKind(row.kind) not in _HOLDERS
        ]

    def _lines(self, answer: Answer) -> list[str]:
        return (self.root / answer.path).read_text(encoding="utf-8", errors="replace").split("\n")

    def _answer_text(self, answer: Answer) -> str:
        lines = self._lines(answer)
        return "\n".join("\n".join(lines[first - 1 : last]) for first, last in self._whole(answer))

    def ask(self, mode: str) -> list[list[Place]]:
        """The first hits of every question, by `lowtide search --batch`."""
        queries = "".join(f"{question.query}\n" for question in self.questions)
        lines = _lowtide(
            ["search", "--batch", "--mode", mode, "--limit", str(DEPTH), str(self.root)], queries
        ).splitlines()
        return [
            [Place(*(hit[key] for key in ("path", "start_line", "end_line", "name", "container"))) for hit in row]
            for row in (json.loads(line)["hits"] for line in lines)
        ]

    def pool(self, hits: Iterable[Place], seed: int = 1) -> list[ChunkRow]:
        """The chunks of all answers and of `hits`, and some by chance."""
        wanted: dict[str, list[Place]] = defaultdict(list)
        for place in hits:
            wanted[place.path].append(place)
        for answers in self.answers:
            for answer, spans in answers:
                wanted[answer.path] += [Place(answer.path, first, last, "", "") for first, last in spans]
        chosen = {}
        for path, places in wanted.items():
            file = self._catalog.file(path.encode())
            for row in self._catalog.chunks_of_file(file.file_id) if file else []:
                if any(row.start_line < place.last and row.end_line + 1 >= place.first for place in places):
                    chosen[row.chunk_id] = row
        chance = random.Random(seed).sample(range(1, self._catalog.last_id("chunks") + 1), BY_CHANCE)
        chosen |= {row.chunk_id: row for row in self._catalog.chunks_by_id(chance)}
        return [chosen[number] for number in sorted(chosen)]

    def chunks(self) -> list[ChunkRow]:
        """All chunks of the tree."""
        last = self._catalog.last_id("chunks")
        return [
            row
            for first in range(1, last + 1, _ROWS_AT_ONCE)
            for row in self._catalog.chunks_by_id(range(first, min(first + _ROWS_AT_ONCE, last + 1)))
        ]

    def text(self, row: ChunkRow) -> str:
        """A chunk's text."""
        with open(self.root / os.fsdecode(row.path), "rb") as file:
            file.seek(row.start_byte)
            return file.read(row.end_byte - row.start_byte).decode("utf-8", "replace")


class Vectors:
    """An encoder whose vectors of chunks are kept in a folder, as a transformer takes long."""

    def __init__(self, encoder: Encoder, folder: Path | None) -> None:
        self._encoder = encoder
        self._file = folder / f"{encoder.recipe}.npz" if folder else None
        self._known: dict[str, npt.NDArray[np.int8]] = {}
        if self._file and self._file.exists():
            with np.load(self._file) as kept:
                self._known = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    def rank(self, tree: IndexedTree, pool: Sequence[ChunkRow]) -> list[list[Place]]:
        """The pool's first definitions for every question, by cosine; several chunks of one definition are one hit."""
        documents = _unit(self._documents([self._document(row, tree.text(row)) for row in pool]))
        queries = _unit(self._encoder.encode([question.query for question in tree.questions], Side.QUERY))
        ranked = []
        for scores in queries @ documents.T:
            best: dict[tuple[bytes, int], Place] = {}
            for place in np.argsort(-scores, kind="stable"):
                row = pool[place]
                key = (row.path, row.symbol_start_line if row.name else -1 - row.chunk_id)
                best.setdefault(
                    key, Place(os.fsdecode(row.path), row.start_line + 1, row.end_line + 1, row.name, row.container)
                )
            ranked.append(list(best.values())[:DEPTH])
        return ranked

    def _document(self, row: ChunkRow, text: str) -> str:
        qualified = f"{row.container}.{row.name}" if row.container else row.name
        if self._encoder.takes_words:
            return document_words(qualified, " ".join(query_words(text)))
        return document_text(qualified, text)

    def _documents(self, texts: Sequence[str]) -> npt.NDArray[np.int8]:
        encode: Callable[..., Any] = self._encoder.encode_words if self._encoder.takes_words else self._encoder.encode
        keys = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]
        missing = list({key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}.items())
        for start in range(0, len(missing), 256):
            block = missing[start : start + 256]
            vectors = encode([text for _, text in block], Side.DOCUMENT)
            self._known.update(zip((key for key, _ in block), vectors, strict=True))
            if self._file:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                np.savez(self._file, keys=np.array(list(self._known)), vectors=np.stack(list(self._known.values())))
        return np.stack([self._known[key] for key in keys])


class Scope(StrEnum):
    """What a model alone ranks."""

    POOL = "pool"
    TREE = "tree"


def judge(
    trees: Path, questions: Sequence[Question], models: Sequence[Vectors], scope: Scope = Scope.POOL
) -> dict[str, Any]:
    """Every system's figures by question, with each question's tree and word overlap: `systems` and `pooled` by system,
    `measures` by measure and system."""
    by_tree: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        by_tree[question.tree].append(question)
    pooled: dict[str, list[Figures]] = defaultdict(list)
    measures: dict[str, dict[str, list[Figures]]] = {str(measure): defaultdict(list) for measure in Measure}
    names: list[str] = []
    overlaps: list[float] = []
    keys: list[str] = []
    for name, asked in by_tree.items():
        with closing(IndexedTree(trees / name, asked)) as tree:
            found = {mode: tree.ask(mode) for mode in MODES}
            pool = []
            if models:
                first = (hit for hits in found.values() for row in hits for hit in row)
                pool = tree.chunks() if scope is Scope.TREE else tree.pool(first)
            for label, model in zip(("default model alone", "other model alone"), models, strict=False):
                found[label] = model.rank(tree, pool)
            for system, hits in found.items():
                for measure in Measure:
                    measures[str(measure)][system] += [
                        score(row, answers, measure) for row, answers in zip(hits, tree.answers, strict=True)
                    ]
                pooled[system] += [score(row, answers) for row, answers in zip(hits, tree.pooled, strict=True)]
            names += [name] * len(asked)
            overlaps += tree.overlaps
            keys += [question.key for question in asked]
            print(f"{name}: {len(asked)} questions, {len(pool)} chunks in the pool", file=sys.stderr, flush=True)
    return {
        "keys": keys,
        "trees": names,
        "overlaps": overlaps,
        "systems": dict(measures[str(Measure.EITHER)]),
        "pooled": dict(pooled),
        "measures": {measure: dict(rows) for measure, rows in measures.items()},
    }


def _meets(row: SymbolRow, lines: Lines) -> bool:
    first, last = lines
    return row.start_line + 1 <= last and row.end_line + 1 >= first


def _unit(vectors: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-9))


def _lowtide(arguments: Sequence[str], text: str = "") -> str:
    command = [sys.executable, "-m", "lowtide.cli", *arguments, "--embedded"]
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", type=Path, required=True)
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    parser.add_argument("--set", type=QuestionSet, choices=list(QuestionSet), help="only this set of questions")
    parser.add_argument("--tree", action="append", help="only this tree (may be repeated)")
    parser.add_argument("--model", type=Path, help="another model's folder, judged alone on the pool")
    parser.add_argument(
        "--whole-tree", action="store_true", help="that model ranks all chunks of a tree: hours for a large one"
    )
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path, help="each question's figures")
    args = parser.parse_args()
    models = [Vectors(load_encoder(folder), args.cache) for folder in (None, args.model)] if args.model else []
    trees = load_trees()
    questions = [each for each in load_questions(args.questions) if not args.tree or each.tree in args.tree]
    if unknown := {each.tree for each in questions} - set(trees):
        parser.error(f"not in question_trees.toml: {', '.join(sorted(unknown))}")
    questions = [each for each in questions if not args.set or trees[each.tree].set is args.set]
    judged = judge(args.trees, questions, models, Scope.TREE if args.whole_tree else Scope.POOL)
    if args.json:
        args.json.write_text(json.dumps(judged, default=lambda row: [getattr(row, key) for key in Figures.__slots__]))
    print("\n\n".join(filter(None, (report_set(judged, trees, which) for which in QuestionSet))))


if __name__ == "__main__":
    main()
