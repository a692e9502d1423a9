"""Judge the engine on questions written by hand, and a second model alone on the same questions.

    python -m model.judge_questions --trees FOLDER [--model MINILM_FOLDER] [--cache FOLDER] [--json FILE]

`questions.jsonl` holds what developers would ask of the trees in FOLDER; each answer is a file and a definition in it.
Every tree is indexed as `lowtide index` does it and asked with `lowtide search --batch`, so what is judged is what a
user gets. A hit is right when it lies in an answer's file and has its name or shares a line with it. An answer counts
once, at its first hit, and the comment right above a definition belongs to it; NDCG@10 is against all of a question's
answers at the top. The other figures ask for any one answer.

`judged.jsonl` holds what pooled judging added (docs/model.md): the first five hits of four systems, read without their
systems' names. All figures are given twice, with the answers of `questions.jsonl` and with those too. A class that was
added counts by its name alone, not by its lines, which are all of its methods'.

With --model, that model's cosines rank a pool of chunks by tree: all answers, the first ten hits of every mode and
question, and 100 chunks by chance. As the pool holds the first ten of every mode, the modes' first ten are the same in
it as in the whole tree, while a model alone is spared the rest of the tree: its figures are an upper bound. With
--whole-tree it ranks all chunks.

Invariant: no question was changed after a system was asked; answers were added or widened, when reading the hits showed
them right.
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

QUESTIONS = Path(__file__).with_name("questions.jsonl")
JUDGED = Path(__file__).with_name("judged.jsonl")
MODES = ("lexical", "semantic", "hybrid")
DEPTH = 10
BY_CHANCE = 100
LOW = 0.4
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


@dataclass(frozen=True, slots=True)
class Answer:
    """A right answer: a definition, by its file and its name, `Container.name` where the name alone is not enough."""

    path: str
    name: str

    def is_named(self, name: str, container: str) -> bool:
        """Whether a definition has this answer's name, and its container when the answer gives one."""
        outer, _, own = self.name.rpartition(".")
        inside = container.replace("::", ".")
        return name == own and (not outer or inside == outer or inside.endswith("." + outer))


@dataclass(frozen=True, slots=True)
class Question:
    """One question and its answers."""

    key: str
    tree: str
    query: str
    answers: tuple[Answer, ...]
    pooled: tuple[Answer, ...] = ()
    """What pooled judging added."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a system reached on one question."""

    ndcg10: float
    mrr10: float
    recall1: float
    recall5: float
    recall10: float


def load_questions(path: Path = QUESTIONS, judged: Path | None = JUDGED) -> list[Question]:
    """The questions of a file of JSON lines: `id`, `tree`, `query`, `answers` of `path` and `name`.

    `judged`: JSON lines of hits that were read: `id`, `path`, `name`, `right`.
    """
    pooled: dict[str, list[Answer]] = defaultdict(list)
    for row in _rows(judged) if judged else ():
        answer = Answer(row["path"], row["name"])
        if row["right"] and answer not in pooled[row["id"]]:
            pooled[row["id"]].append(answer)
    return [
        Question(
            row["id"],
            row["tree"],
            row["query"],
            tuple(Answer(each["path"], each["name"]) for each in row["answers"]),
            tuple(pooled[row["id"]]),
        )
        for row in _rows(path)
    ]


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def is_tuned_on(key: str) -> bool:
    """Whether ranking may be tuned on this question; the others are only looked at."""
    return hashlib.sha256(key.encode()).digest()[0] % 2 == 0


def find_answer(answer: Answer, symbols: Sequence[SymbolRow]) -> list[SymbolRow]:
    """The definitions of the answer's file that bear its name; several when it is overloaded."""
    return [row for row in symbols if answer.is_named(row.name, row.container)]


def is_right(hit: Place, answer: Answer, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether `hit` shows `answer`, whose definitions have these `spans` of lines (from 1, inclusive)."""
    if hit.path != answer.path:
        return False
    return answer.is_named(hit.name, hit.container) or any(
        hit.first <= last and hit.last >= first for first, last in spans
    )


def score(hits: Sequence[Place], answers: Sequence[tuple[Answer, Sequence[tuple[int, int]]]]) -> Figures:
    """The figures of a ranking; an answer counts at its first hit alone."""
    left = list(range(len(answers)))
    ranks = []
    for rank, hit in enumerate(hits, start=1):
        found = [number for number in left if is_right(hit, *answers[number])]
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
        return found

    def _spans(self, answer: Answer) -> list[tuple[int, int]]:
        lines = self._lines(answer)
        return [(comment_start(lines, row.start_line) + 1, row.end_line + 1) for row in self._symbols(answer)]

    def _own_spans(self, answer: Answer) -> list[tuple[int, int]]:
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
        return "\n".join("\n".join(lines[first - 1 : last]) for first, last in self._spans(answer))

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
    """Every system's figures by question, with each question's tree and word overlap."""
    by_tree: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        by_tree[question.tree].append(question)
    systems: dict[str, list[Figures]] = defaultdict(list)
    pooled: dict[str, list[Figures]] = defaultdict(list)
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
                systems[system] += [score(row, answers) for row, answers in zip(hits, tree.answers, strict=True)]
                pooled[system] += [score(row, answers) for row, answers in zip(hits, tree.pooled, strict=True)]
            names += [name] * len(asked)
            overlaps += tree.overlaps
            keys += [question.key for question in asked]
            print(f"{name}: {len(asked)} questions, {len(pool)} chunks in the pool", file=sys.stderr, flush=True)
    return {"keys": keys, "trees": names, "overlaps": overlaps, "systems": dict(systems), "pooled": dict(pooled)}


def report(judged: dict[str, Any], answers: str = "systems") -> str:
    """Two Markdown tables: all figures, and NDCG@10 by tree; then by half, and what the hybrid gains, with 95 %
    intervals.

    `answers`: `systems` for those of the questions' file, `pooled` for what pooled judging added too.
    """
    trees = np.array(judged["trees"])
    low = np.array(judged["overlaps"]) <= LOW
    tables = {
        system: np.array([[getattr(row, key) for key in Figures.__slots__] for row in rows])
        for system, rows in judged[answers].items()
    }
    lines = [
        "| | NDCG@10 | MRR@10 | recall@1 | @5 | @10 | NDCG@10, low overlap | MRR@10, low overlap |",
        "|---" * 8 + "|",
    ]
    for system, table in tables.items():
        cells = [f"{value:.3f}" for value in (*table.mean(0), *(table[low, :2].mean(0) if low.any() else ()))]
        lines.append(f"| {system} | " + " | ".join(cells + ["–"] * (7 - len(cells))) + " |")
    names = list(dict.fromkeys(judged["trees"]))
    lines += [
        "",
        "| NDCG@10 | questions | low overlap | " + " | ".join(tables) + " |",
        "|---" * (3 + len(tables)) + "|",
    ]
    for name in names:
        own = trees == name
        cells = [f"{own.sum()}", f"{(own & low).sum()}", *(f"{table[own, 0].mean():.3f}" for table in tables.values())]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", f"{len(trees)} questions, {low.sum()} with low overlap."]
    tuned = np.array([is_tuned_on(key) for key in judged["keys"]])
    for what, half in (("tuned on", tuned), ("only looked at", ~tuned)):
        if not half.any():
            continue
        own_figures = ", ".join(f"{system} {table[half, 0].mean():.3f}" for system, table in tables.items())
        lines.append(f"{half.sum()} {what}, NDCG@10: {own_figures}")
    chosen = np.random.default_rng(1).integers(0, len(trees), (10_000, len(trees)))
    for system, table in tables.items():
        gains = tables["hybrid"][:, 0] - table[:, 0] if system != "hybrid" else table[:, 0]
        first, last = np.percentile(gains[chosen].mean(1), (2.5, 97.5))
        what = "hybrid" if system == "hybrid" else f"hybrid less {system}"
        lines.append(f"{what}: {gains.mean():+.3f} ({first:+.3f} to {last:+.3f})")
    return "\n".join(lines)


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
    parser.add_argument("--tree", action="append", help="only this tree (may be repeated)")
    parser.add_argument("--model", type=Path, help="another model's folder, judged alone on the pool")
    parser.add_argument(
        "--whole-tree", action="store_true", help="that model ranks all chunks of a tree: hours for a large one"
    )
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path, help="each question's figures")
    args = parser.parse_args()
    models = [Vectors(load_encoder(folder), args.cache) for folder in (None, args.model)] if args.model else []
    questions = load_questions(args.questions)
    scope = Scope.TREE if args.whole_tree else Scope.POOL
    judged = judge(args.trees, [each for each in questions if not args.tree or each.tree in args.tree], models, scope)
    if args.json:
        args.json.write_text(json.dumps(judged, default=lambda row: [getattr(row, key) for key in Figures.__slots__]))
    print(report(judged))
    print("\nWith the answers of pooled judging:\n")
    print(report(judged, "pooled"))


if __name__ == "__main__":
    main()
