"""One question to several workspaces: each is asked, and the answers are put together.

Invariant: with one workspace the answer is as it came; with several, each hit says its `root`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from lowtide.cli.narrowing import Narrowing
from lowtide.cli.setup import resolve_root
from lowtide.core.freshness import Freshness, together
from lowtide.errors import UsageError
from lowtide.mcp.roots import from_folders, globs_below
from lowtide.paths import real_path

MOST_ROOTS = 64


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace that is asked, and the folders in it that are meant; none for all of it."""

    root: Path
    below: tuple[str, ...] = ()

    def narrowed(self, narrow: Narrowing) -> Narrowing:
        """The same for the whole workspace, with globs that mean there what they mean in the folders. UsageError for
        a whole path that lies in none of them."""
        below = self.below or ("",)
        given = from_folders(narrow.globs, [os.path.join(self.root, folder) for folder in below])
        globs = [glob for folder, each in zip(below, given, strict=True) for glob in globs_below(folder, each)]
        return replace(narrow, globs=tuple(globs))


def resolve_places(paths: Sequence[str]) -> list[Place]:
    """The different workspaces that PATHs mean, and what of them; the whole enclosing one without any. PathError,
    UsageError."""
    if len(paths) > MOST_ROOTS:
        raise UsageError("too many folders", f"{len(paths)}", f"name at most {MOST_ROOTS} at a time")
    if len(paths) > 1 and not os.path.exists(paths[0]):
        raise UsageError("too many arguments", " ".join(paths), "quote a query of several words")
    if not paths:
        return [Place(resolve_root(None))]
    found: dict[Path, list[str]] = {}
    for path in paths:
        root = resolve_root(path)
        folder = real_path(Path(path))
        found.setdefault(root, []).append("" if folder == root else os.path.relpath(folder, root))
    return [Place(root, () if "" in below else tuple(dict.fromkeys(below))) for root, below in found.items()]


def ask_each(
    places: Sequence[Place], ask: Callable[[Place], dict[str, Any]], limit: int, *, best: bool
) -> dict[str, Any]:
    """The answers of all, as one: the `best` hits of all, or the first of each in turn."""
    if len(places) == 1:
        return ask(places[0])
    answers: list[dict[str, Any]] = []
    left = limit
    for place in places:
        answer = ask(place)
        for hit in answer["hits"]:
            hit["root"] = str(place.root)
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
            len(hits) > limit or len(answers) < len(places) or any(each["truncated"] for each in answers)
        )
        merged["files_read"] = sum(answer["files_read"] for answer in answers)
    return merged


def _joined(reasons: Iterable[str | None]) -> str | None:
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None
