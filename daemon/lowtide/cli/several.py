"""One question to several workspaces: each is asked, and the answers are put together.

Invariant: with one workspace the answer is as it came; with several, each hit says its `root`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from lowtide.answers import Answer, TextAnswer, TextHit
from lowtide.cli.fresh import Told
from lowtide.cli.narrowing import Narrowing
from lowtide.cli.setup import resolve_root
from lowtide.core.freshness import together
from lowtide.errors import PathError, RootAway, UsageError
from lowtide.mcp.roots import from_folders, globs_below
from lowtide.paths import real_path

MOST_ROOTS = 64


class Place(msgspec.Struct, frozen=True):
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
        try:
            root = resolve_root(path)
        except RootAway:
            raise
        except PathError as error:
            raise PathError(
                error.what, error.why, f"{error.remedy}; a query of several words is put in quotes"
            ) from None
        folder = real_path(Path(path))
        found.setdefault(root, []).append("" if folder == root else os.path.relpath(folder, root))
    return [Place(root, () if "" in below else tuple(dict.fromkeys(below))) for root, below in found.items()]


def ask_each(places: Sequence[Place], ask: Callable[[Place], Told[Answer]], limit: int) -> Told[Answer]:
    """The answers of all, as one: the best hits of all."""
    if len(places) == 1:
        return ask(places[0])
    told = [ask(place) for place in places]
    hits = [
        hit._replace(root=str(place.root)) for place, each in zip(places, told, strict=True) for hit in each.answer.hits
    ]
    hits.sort(key=lambda hit: -hit.score)
    answers = [each.answer for each in told]
    return Told(
        Answer(
            answers[0].query,
            _joined(answer.degraded for answer in answers),
            sum(answer.stale_files for answer in answers),
            round(sum(answer.took_ms for answer in answers), 2),
            hits[:limit],
        ),
        together([each.freshness for each in told]),
    )


def ask_in_turn(places: Sequence[Place], ask: Callable[[Place], Told[TextAnswer]], limit: int) -> Told[TextAnswer]:
    """The answers of all, as one: the first lines of each in turn; who is not needed for so many is not asked."""
    if len(places) == 1:
        return ask(places[0])
    told: list[Told[TextAnswer]] = []
    hits: list[TextHit] = []
    for place in places:
        told.append(ask(place))
        hits += [hit._replace(root=str(place.root)) for hit in told[-1].answer.hits]
        if len(hits) >= limit:
            break
    answers = [each.answer for each in told]
    return Told(
        TextAnswer(
            answers[0].query,
            _joined(answer.degraded for answer in answers),
            round(sum(answer.took_ms for answer in answers), 2),
            sum(answer.stale_files for answer in answers),
            len(hits) > limit or len(answers) < len(places) or any(answer.truncated for answer in answers),
            sum(answer.files_read for answer in answers),
            hits[:limit],
        ),
        together([each.freshness for each in told]),
    )


def _joined(reasons: Iterable[str | None]) -> str | None:
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None
