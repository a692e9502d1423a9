"""Whether a small budget makes answers worse: NDCG@10 through a daemon of that budget.

The set is PREFIX_corpus.jsonl.gz (functions, their docstrings removed) and PREFIX_queries.jsonl.gz (a sentence, and the
one function that it described); each query is asked within its own project, as bench/rank_eval.py does.
"""

from __future__ import annotations

import math
from pathlib import Path

from bench.rank_eval import rows, write_trees
from bench.seeds.bounded import BoundedDaemon


def gain(rank: int | None) -> float:
    """What one query adds to NDCG@10 when its only right answer stands at `rank` (from 1; None is not found)."""
    return 1 / math.log2(1 + rank) if rank is not None and rank <= 10 else 0.0


def ndcg(prefix: str, budget_bytes: int, work: Path) -> tuple[float, int]:
    """NDCG@10 over all queries at `budget_bytes`, and the queries whose answer was degraded."""
    trees = work / "trees"
    targets = write_trees(prefix, trees)
    total, degraded, count = 0.0, 0, 0
    with BoundedDaemon(work / "home", budget_bytes) as daemon:
        for project in sorted({project for project, _, _ in targets.values()}):
            daemon.index(trees / project)
        for query in rows(f"{prefix}_queries.jsonl.gz"):
            project, path, (first, last) = targets[query["target"]]
            root = (trees / project).as_uri()
            answer = daemon.ask("lowtide/find", query=query["query"].replace("\n", " "), rootUri=root, limit=10)
            ranks = (
                rank
                for rank, hit in enumerate(answer["hits"], 1)
                if hit["path"] == path and hit["start_line"] <= last and hit["end_line"] >= first
            )
            total += gain(next(ranks, None))
            degraded += answer["degraded"] is not None
            count += 1
    return total / max(1, count), degraded
