"""In which order a run takes files: what answers most questions comes first, so that a first index is soon of use.

Invariant: pure, of path, size and the language that the name tells; nothing is read. What an index holds at last does
not depend on it.
"""

from __future__ import annotations

import re
from enum import IntEnum

from lowtide.core.aside import is_aside, is_made

LARGE_BYTES = 1 << 20
"""What is larger takes a worker for seconds, and may want all the room there is: others do not wait behind it."""

_TEXTS = frozenset(("markdown", "restructuredtext", "latex", "notebook"))
_DATA = frozenset("html css scss sass less json yaml toml ini jinja devicetree llvm".split())
"""Languages whose definitions say little of what a program does."""
_PROSE = re.compile(
    r"(?:^|/)(?:README|CONTRIBUTING|CHANGELOG|CHANGES|ARCHITECTURE|HACKING)[^/]*$|\.(?:txt|adoc|asciidoc|org)$"
)
_DATA_FOLDER = re.compile(
    r"(?:^|/)(?:locales?|translations?|fixtures?|test[-_]?data|(?:__)?snapshots?(?:__)?|goldens?)/", re.IGNORECASE
)


class Wave(IntEnum):
    """What comes first has the lowest number; within one, files come by their path."""

    CODE = 0
    ASIDE = 1
    """Code of tests and examples."""
    TEXTS = 2
    REST = 3
    """Data, translations, what others or tools made, and everything very large."""


def wave_of(path: bytes, size_bytes: int, language: str) -> Wave:
    """When a file's turn comes; `language`: what its name alone tells, or empty."""
    if size_bytes > LARGE_BYTES or language in _DATA:
        return Wave.REST
    shown = path.decode("utf-8", "replace")
    is_text = language in _TEXTS or (not language and _PROSE.search(shown) is not None)
    if not (language or is_text) or _DATA_FOLDER.search(shown) or is_made(shown):
        return Wave.REST
    if is_text:
        return Wave.TEXTS
    return Wave.ASIDE if is_aside(shown) else Wave.CODE
