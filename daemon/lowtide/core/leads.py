"""Of a question to many folders: which of them have something among the best, before any file is read.

Reading and comparing word by word is most of what a folder's answer costs. Of one folder it is done for the first fifty
chunks; so it is for the first fifty places of all folders together. A place that many of them have, as the work trees
of a repository do, is one place: few of them speak for all.

Invariant: pure; folders that are asked all the same come to the same choice in the same order.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from lowtide.core.rank import SHORTLIST

MOST_ALIKE = 4
"""So many folders are asked for one and the same place."""
K = TypeVar("K", bound=Hashable)


class Lead(NamedTuple):
    """A chunk that may be an answer: its score before its text is looked at, and what tells places apart."""

    score: float
    place: tuple[str, int, str]


def leading(found: Mapping[K, Sequence[Lead]], most_places: int = SHORTLIST, most_alike: int = MOST_ALIKE) -> set[K]:
    """Whose leads are among the best; `found`: each one's, best first."""
    order = sorted(
        ((lead, number, key) for number, (key, leads) in enumerate(found.items()) for lead in leads),
        key=lambda each: (-each[0].score, each[1]),
    )
    chosen: set[K] = set()
    seen: dict[tuple[str, int, str], int] = {}
    for lead, _, key in order:
        if lead.place not in seen and len(seen) == most_places:
            break
        have = seen.setdefault(lead.place, 0)
        if have < most_alike:
            chosen.add(key)
            seen[lead.place] = have + 1
    return chosen
