"""How well search ranks, what each signal of core/rank.py is worth, and whether its weights hold on projects not seen.

    python -m bench.rank_eval PREFIX FOLDER [--fit]

PREFIX is a retrieval set (PREFIX_corpus.jsonl.gz, PREFIX_queries.jsonl.gz: one right answer a query); FOLDER gets its
source trees and their indexes. Figures are NDCG@10, by project. Then the same without each signal. `--fit` looks for
better weights on all projects but one, and tries them on that one: when that is no better than the weights as they are,
tuning further would only fit this set.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import anyio

from lowtide.core.asked import Asked
from lowtide.core.candidate import Candidate, Ranked, definition
from lowtide.core.rank import best_of_each
from lowtide.index.workspace import Workspace
from lowtide.paths import Places
from lowtide.read import snapshot as engine
from lowtide.read.request import SearchRequest
from lowtide.work.model.encoder import Side
from lowtide.work.model.model_folder import default_model, read_model
from lowtide.work.model.static_model import StaticModel

STEPS = (0.0, 0.5, 0.75, 1.25, 1.5, 2.0)
SUFFIX = {"py": ".py", "js": ".js", "ts": ".ts", "go": ".go", "c": ".c"}
Span = tuple[int, int]
Case = tuple[str, list[tuple[bool, tuple[str, int, str], dict[str, float]]]]
"""A project, and for each candidate whether it is right, its definition, and its signals."""


def rows(path: str) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def write_trees(prefix: str, folder: Path) -> dict[str, tuple[str, str, Span]]:
    """Write each function into the file that it came from; function -> (project, path, lines from 1)."""
    files: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows(f"{prefix}_corpus.jsonl.gz"):
        path = row["path"].lstrip("/")
        files[row["project"], path if Path(path).suffix else path + SUFFIX.get(row["lang"], ".txt")].append(row)
    targets = {}
    for (project, path), functions in files.items():
        text = "package p\n\n" if path.endswith(".go") else ""
        for row in functions:
            first = text.count("\n") + 1
            body = row["text"].rstrip("\n") + "\n\n\n"
            targets[row["id"]] = (project, path, (first, first + body.count("\n") - 3))
            text += body
        target = folder / project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return targets


async def collect(prefix: str, folder: Path, targets: Mapping[str, tuple[str, str, Span]]) -> list[Case]:
    """Search every query in its project, as the engine does, and keep what went into the ranking."""
    model = read_model(default_model())
    static = StaticModel.open(model)
    assert static is not None, "the default model is a static one"
    seen: list[tuple[Sequence[Candidate], Sequence[Ranked]]] = []

    def keep(asked: Asked, ranked: Sequence[Ranked], candidates: Sequence[Candidate]) -> list[Ranked]:
        seen.append((candidates, ranked))
        return best_of_each(asked, ranked, candidates)

    async def encode(query: str) -> bytes:
        return bytes(static.encode([query], Side.QUERY)[0])

    async def closeness(query: str, words: Sequence[str]) -> list[tuple[float, int]]:
        return static.closeness(query, words)

    setattr(engine, "best_of_each", keep)  # noqa: B010
    embedding = engine.Embedding(encode, model.recipe, closeness)
    snapshots: dict[str, engine.Snapshot] = {}
    cases: list[Case] = []
    with ExitStack() as opened:
        for row in rows(f"{prefix}_queries.jsonl.gz"):
            project = row["project"]
            if project not in snapshots:
                workspace = Workspace(folder / project, Places.from_environment().index_folder(folder / project))
                snapshots[project] = opened.enter_context(closing(engine.Snapshot(workspace)))
            seen.clear()
            await snapshots[project].search(SearchRequest(row["query"]), embedding)
            _, path, (first, last) = targets[row["target"]]
            candidates, ranked = seen[0]
            by_id = {candidate.chunk_id: candidate for candidate in candidates}
            case = []
            for found in ranked:
                candidate = by_id[found.chunk_id]
                right = candidate.path == path and candidate.start_line < last and candidate.end_line + 1 >= first
                signals = {name: value for name, value in found.signals.items() if name not in ("bm25", "cosine")}
                case.append((right, definition(candidate), signals))
            cases.append((project, case))
    return cases


def ndcg(cases: list[Case], weights: Mapping[str, float]) -> dict[str, float]:
    """NDCG@10 by project and for all, with every signal multiplied by its weight (1 when it has none)."""
    found: dict[str, list[float]] = defaultdict(list)
    for project, case in cases:
        scored = [
            (-sum(v * weights.get(n, 1.0) for n, v in signals.items()), i) for i, (_, _, signals) in enumerate(case)
        ]
        scored.sort()
        seen: set[tuple[str, int, str]] = set()
        gain = 0.0
        for _, index in scored:
            right, key, _ = case[index]
            if key in seen:
                continue
            seen.add(key)
            if right:
                gain = 1 / math.log2(1 + len(seen))
            if right or len(seen) == 10:
                break
        found[project].append(gain)
        found["all"].append(gain)
    return {project: round(sum(gains) / len(gains), 4) for project, gains in sorted(found.items())}


def fit(cases: list[Case], names: list[str]) -> dict[str, float]:
    """Better weights, one signal after the other, twice around."""
    weights: dict[str, float] = {}
    best = ndcg(cases, weights)["all"]
    for name in names * 2:
        for step in STEPS:
            trial = weights | {name: weights.get(name, 1.0) * step}
            score = ndcg(cases, trial)["all"]
            if score > best + 5e-4:
                best, weights = score, trial
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    os.environ["LOWTIDE_HOME"] = str(arguments.folder / "home")
    trees = arguments.folder / "trees"
    targets = write_trees(arguments.prefix, trees)
    for project in sorted(trees.iterdir()):
        subprocess.run([sys.executable, "-m", "lowtide.cli", "index", "-q", str(project)], check=True)
    cases = anyio.run(collect, arguments.prefix, trees, targets)
    whole = ndcg(cases, {})
    names = sorted({name for _, case in cases for _, _, signals in case for name in signals})
    print(
        json.dumps({"ndcg10": whole, "in_candidates": sum(any(c[0] for c in case) for _, case in cases) / len(cases)})
    )
    for name in names:
        print(f"without {name:10} {ndcg(cases, {name: 0.0})['all']:.4f}")
    if arguments.fit:
        held: list[float] = []
        for project in sorted({project for project, _ in cases}):
            own = [case for case in cases if case[0] == project]
            weights = fit([case for case in cases if case[0] != project], names)
            score = ndcg(own, weights)["all"]
            held += [score] * len(own)
            print(f"{project:14} as it is {whole[project]:.4f}, fitted to the others {score:.4f} {weights}")
        print(f"held out {sum(held) / len(held):.4f} against {whole['all']:.4f}")


if __name__ == "__main__":
    main()
