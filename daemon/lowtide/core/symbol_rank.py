"""How good an answer a symbol is: its name's score, and where and what it is. ONE formula, for what is indexed and what
is not saved.

Invariant: pure; a symbol has the same score whether its file was just edited or just indexed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from itertools import takewhile

from lowtide.core.aside import is_test
from lowtide.models import SymbolKind

_KIND_WEIGHTS = {
    SymbolKind.CLASS: 1.0,
    SymbolKind.INTERFACE: 1.0,
    SymbolKind.STRUCT: 1.0,
    SymbolKind.ENUM: 1.0,
    SymbolKind.MODULE: 0.9,
    SymbolKind.NAMESPACE: 0.9,
    SymbolKind.FUNCTION: 0.9,
    SymbolKind.METHOD: 0.8,
    SymbolKind.CONSTRUCTOR: 0.6,
    SymbolKind.CONSTANT: 0.6,
    SymbolKind.VARIABLE: 0.4,
    SymbolKind.ENUM_MEMBER: 0.4,
    SymbolKind.FIELD: 0.3,
    SymbolKind.PROPERTY: 0.4,
    SymbolKind.KEY: 0.0,
    SymbolKind.STRING: 0.1,
}
_KIND_BONUS = [0.06 * _KIND_WEIGHTS.get(SymbolKind(kind), 0.3) if kind else 0.0 for kind in range(max(SymbolKind) + 1)]
"""What the kind adds to a score, by its number."""


class Nearness(Enum):
    """How near a file is to what somebody looks at; the value is what that adds."""

    OPEN = 0.06
    FOLDER = 0.03
    ELSEWHERE = 0.0


RECENT_BONUS = 0.01
"""Of the newest file among the answers; the others have their share by time."""
TEST_LOSS, FOLDER_LOSS, MOST_FOLDERS = 0.05, 0.008, 8
OWNER_BONUS = 0.2
"""Of a symbol whose container has the very name that was asked for: more than kind, place and recency together."""
_MOST_WORTH = Nearness.OPEN.value + RECENT_BONUS + max(_KIND_BONUS)
_SEPARATORS = re.compile(r"::|->|\?\.|&\.|[./\\]|(?<=\w)#")
"""A `#` in front of a name is its own, in JavaScript."""


def split_query(query: str) -> list[str]:
    """The names of a qualified query: `net::Socket` is two."""
    return [part for part in _SEPARATORS.split(query.strip()) if part]


def most_beside_the_name(parts: Sequence[str]) -> float:
    """The most that can be added to a name's score, for a query of these parts."""
    return _MOST_WORTH + (OWNER_BONUS if len(parts) > 1 else 0.0)


def file_worth(shown_path: str, nearness: Nearness, recency: float) -> float:
    """What its file adds to a symbol; `recency` from 0, the oldest among the answers, to 1."""
    test = TEST_LOSS if is_test(shown_path) else 0.0
    deep = FOLDER_LOSS * min(shown_path.count("/"), MOST_FOLDERS)
    return nearness.value - deep - test + RECENT_BONUS * recency


def folders_between(one: Sequence[str], other: Sequence[str]) -> int:
    """How many steps lie between two folders, each given by the names from the root on."""
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return len(one) + len(other) - 2 * common


def symbol_score(name_score: float, file_worth: float, kind: int, container: str, outer: Sequence[str]) -> float:
    """Of one symbol; `outer`: the lower-case names before the last of a qualified query."""
    owner = OWNER_BONUS if outer and _is_in(container, outer) else 0.0
    return name_score + file_worth + _KIND_BONUS[kind] + owner


def is_held(container: str, shown_path: str, outer: Sequence[str]) -> bool:
    """Whether the container, or the path, has the outer names in order."""
    for text in (container.lower(), shown_path.lower()):
        place = 0
        for part in outer:
            place = text.find(part, place)
            if place < 0:
                break
            place += len(part)
        else:
            return True
    return False


def _is_in(container: str, outer: Sequence[str]) -> bool:
    """Whether the innermost names of a container are just those that were asked for: `Parser`, not `IfParser`."""
    names = split_query(container.lower())
    return names[-len(outer) :] == list(outer)
