"""One question to several workspaces: each is asked, and the answers are put together.

Invariant: with one workspace the answer is as it came; with several, each hit says its `root`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from lowtide.cli.setup import resolve_root
from lowtide.core.freshness import Freshness, together
from lowtide.errors import UsageError

MOST_ROOTS = 64


def resolve_roots(paths: Sequence[str]) -> list[Path]:
    """The different workspaces that PATHs mean; the enclosing one without any. PathError, UsageError."""
    if len(paths) > MOST_ROOTS:
        raise UsageError("too many folders", f"{len(paths)}", f"name at most {MOST_ROOTS} at a time")
    if len(paths) > 1 and not os.path.exists(paths[0]):
        raise UsageError("too many arguments", " ".join(paths), "quote a query of several words")
    return list(dict.fromkeys(resolve_root(path) for path in paths)) if paths else [resolve_root(None)]


def ask_each(roots: Sequence[Path], ask: Callable[[Path], dict[str, Any]], limit: int, *, best: bool) -> dict[str, Any]:
    """The answers of all, as one: the `best` hits of all, or the first of each in turn."""
    if len(roots) == 1:
        return ask(roots[0])
    answers: list[dict[str, Any]] = []
    left = limit
    for root in roots:
        answer = ask(root)
        for hit in answer["hits"]:
            hit["root"] = str(root)
        answers.append(answer)
        left -= len(answer["hits"])
        if left <= 0 and not best:
            break
    hits = list(chain.from_iterable(answer["hits"] for answer in answers))
    if best:
        hits.sort(key=lambda hit: -hit["score"])
    merged = {
        **answers[0],
        "degraded": _joined(answer["degraded"] for answer in answers),
        "stale_files": sum(answer["stale_files"] for answer in answers),
        "took_ms": round(sum(answer["took_ms"] for answer in answers), 2),
        "hits": hits[:limit],
        "freshness": together([Freshness.from_json(answer["freshness"]) for answer in answers]).as_json(),
    }
    if "truncated" in merged:
        merged["truncated"] = (
            len(hits) > limit or len(answers) < len(roots) or any(each["truncated"] for each in answers)
        )
        merged["files_read"] = sum(answer["files_read"] for answer in answers)
    return merged


def _joined(reasons: Iterable[str | None]) -> str | None:
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None
