"""What may be shown to strangers of a text that the program wrote: the program's own words, and numbers.

A path, the name of a file, a word of somebody's code cannot be told from an ordinary word by its looks. So the question
is asked the other way round: a word stays only when it stands in Lowtide's own source.

Invariant: pure. No word stays that is not among those that are known, however it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any

HIDDEN = "…"
PATH = "<path>"
_QUOTED_PATH = re.compile(r"""(['"])(?:~|\.{0,2}/|file:)(?:(?!\1).)*\1""")
_PATH = re.compile(r"""[^\s'"=,;()]*[/\\][^\s'"=,;()]*""")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"v?\d[\d.,:+eE-]*")
_TOKEN = re.compile(r"[^\s'\"=,;()<>\[\]{}]+")


def words_of(sources: str) -> frozenset[str]:
    """The words of the program's source, in small letters."""
    return frozenset(word.lower() for word in _WORD.findall(sources))


class Scrubber:
    """Takes out of texts what is not the program's own. `names`: paths that have a name to be shown by, such as
    `workspace-1`."""

    def __init__(self, known: Set[str], names: Mapping[str, str]) -> None:
        self._known = known
        self._names = sorted(((path, name) for path, name in names.items() if len(path) > 1), key=lambda n: -len(n[0]))

    def text(self, text: str) -> str:
        """`text` with its paths as their names or `<path>`, and `…` for every word that is not known."""
        for path, name in self._names:
            # Only whole names: what goes on after one is another path.
            text = re.sub(rf"{re.escape(path)}(?=/|['\"\s,;:)]|$)", name, text)
        text = _QUOTED_PATH.sub(PATH, text)
        return _TOKEN.sub(self._token, _PATH.sub(PATH, text))

    def value(self, value: Any) -> Any:
        """The same for every text in a value of JSON, the keys of its objects as well."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value

    def _token(self, match: re.Match[str]) -> str:
        token = match[0]
        if _NUMBER.fullmatch(token):
            return token
        return token if all(word.lower() in self._known for word in _WORD.findall(token)) else HIDDEN
