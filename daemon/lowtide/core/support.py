"""What the hits of a file say of each other: further good ones support the best; or, on request, a file is one hit.

A question about more than one function ("how are routes registered") has its answer in the file where several of the
best hits lie, more than in the one with the single best. A question of one thing (`cookie jar`) is
likely answered in the file of that name. The overloads of one function are one answer.

Invariant: pure; only hits above the `FLOOR_RANK`th count, so that a long file gains nothing by its length.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from lowtide.core.candidate import Ranked

WEIGHT = 0.25
"""Of what a file's other hits have above the floor."""
DECAY = 0.8
"""Of each further hit against the one before."""
FLOOR_RANK = 30
FILE_OF_THING = 1.5
"""What a file's best hit has more, of what the file's name gives it, for a question of one thing."""
OVERLOAD_PENALTY = 0.2
"""What is there for several types is one answer: the best of its overloads stands for them, the others make room."""


def supported(ranked: Sequence[Ranked], paths: Sequence[str]) -> list[Ranked]:
    """`ranked`, best first and one a definition, in the order in which the best of each file has what its others give;
    `paths`: their files."""
    if len(ranked) < 2:
        return list(ranked)
    floor = ranked[min(FLOOR_RANK, len(ranked)) - 1].score
    above: dict[str, list[float]] = defaultdict(list)
    for each, path in zip(ranked, paths, strict=True):
        if each.score <= floor:
            break
        above[path].append(each.score - floor)
    again = []
    for each, path in zip(ranked, paths, strict=True):
        others = above.pop(path, [])[1:]
        if others:
            gain = WEIGHT * sum(DECAY**rank * other for rank, other in enumerate(others))
            each = Ranked(each.chunk_id, each.score + gain, each.signals | {"support": gain})
        again.append(each)
    again.sort(key=lambda each: -each.score)
    return again


def with_their_files(ranked: Sequence[Ranked], paths: Sequence[str]) -> list[Ranked]:
    """`ranked`, best first, with the best hit of each file lifted by as much as the file's name says of the question;
    `paths`: their files."""
    seen: set[str] = set()
    again = []
    for each, path in zip(ranked, paths, strict=True):
        said = each.signals.get("file", 0.0)
        if said and path not in seen:
            signals = each.signals | {"file": (1 + FILE_OF_THING) * said}
            each = Ranked(each.chunk_id, each.score + FILE_OF_THING * said, signals)
        seen.add(path)
        again.append(each)
    again.sort(key=lambda each: -each.score)
    return again


def without_overloads_in_front(ranked: Sequence[Ranked], definitions: Sequence[tuple[str, str, str]]) -> list[Ranked]:
    """`ranked`, best first, with each further definition of a name in one place put back; `definitions`: the file,
    container and name of each, the name empty where there is none."""
    seen: set[tuple[str, str, str]] = set()
    again = []
    for each, place in zip(ranked, definitions, strict=True):
        if place in seen and place[2]:
            signals = each.signals | {"overload": -OVERLOAD_PENALTY}
            each = Ranked(each.chunk_id, each.score - OVERLOAD_PENALTY, signals)
        seen.add(place)
        again.append(each)
    again.sort(key=lambda each: -each.score)
    return again


def first_of_each_file(ranked: Sequence[Ranked], paths: Sequence[str]) -> list[tuple[Ranked, int]]:
    """The best hit of each file, and how many more of it are among the first `FLOOR_RANK` of `ranked`."""
    counts: dict[str, int] = {}
    first: dict[str, Ranked] = {}
    for rank, (each, path) in enumerate(zip(ranked, paths, strict=True)):
        if path not in first or rank < FLOOR_RANK:
            counts[path] = counts.get(path, 0) + 1
        first.setdefault(path, each)
    return [(each, counts[path] - 1) for path, each in first.items()]
