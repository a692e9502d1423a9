"""What may be shown to strangers of a text that the program wrote: the program's own words, and numbers.

A path, the name of a file, a word of somebody's code cannot be told from an ordinary word by its looks. So the question
is asked the other way round: a word stays only when it stands in Lowtide's own source, and what is joined by signs
(`wall_ms`, `tree-sitter`, `self.host`) only when it stands there as it is. A secret of letters and digits is no number.

Invariant: pure. No word stays that is not among those that are known, however it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from typing import Any

HIDDEN = "…"
PATH = "<path>"
MOST_DIGITS = 13
"""Of a number that is not cut by commas: bytes of a large disk. What is longer may be anything."""
_QUOTED_PATH = re.compile(r"""(['"])(?:~|\.{0,2}/|file:)(?:(?!\1).)*\1""")
_PATH = re.compile(r"""(?<![^\s'"=,;()`])[^\s'"=,;()`]*[/\\][^\s'"=,;()`]*(?:[ ]+(?![^\s=]*=)[^\s'"=,;:()`]+)*""")
"""To the end of what may still be its name: a folder may be called in several words."""
_OURS = re.compile(r"lowtide/[\w./]+")
_KEYED = re.compile(r"""\b(path|file|repository|who)=('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S+)""")
"""What a log says of these is the user's, whatever words it is made of."""
_WORD = re.compile(r"[^\W\d_]+")
_ATOM = re.compile(r"\w+(?:[./-]\w+)*")
_TOKEN = re.compile(r"[^\s'\"=,;()<>\[\]{}]+")
_FILE = re.compile(r".*\.(?:[ch]|cpp|css|go|html?|ini|java|js|json|key|lua|md|pem|py|rs|sh|sql|toml|ts|txt|ya?ml)")
"""A file's name, even when our source has one that is called so: ours are shown with their folders."""
_UNIT = r"(?:%|ms|s|min|h|[kKMGT]?i?B|x)?"
_NUMBER = re.compile(
    rf"v?\d{{1,{MOST_DIGITS}}}(?:\.\d{{1,8}}){{0,2}}{_UNIT}|\d{{4}}-\d\d-\d\d|\d(?:\.\d{{1,8}})?e-?\d{{1,3}}"
)
_SIGNS = frozenset("…·–—×µ°’‘“”→≥≤")


def words_of(sources: str, files: Iterable[str] = ()) -> frozenset[str]:
    """The words of the program's source, what it joins of them, and the paths of its `files`; in small letters."""
    atoms = {atom.lower() for atom in _ATOM.findall(sources)}
    known = {atom for atom in atoms if "/" not in atom and not _FILE.fullmatch(atom)}
    known |= {atom.replace("_", "") for atom in known}  # as JSON has a field's name
    known |= {atom for atom in atoms if _OURS.fullmatch(atom)}
    return frozenset(known | {word.lower() for word in _WORD.findall(sources)} | {file.lower() for file in files})


class Scrubber:
    """Takes out of texts what is not the program's own. `names`: paths that have a name to be shown by, such as
    `workspace-1`."""

    def __init__(self, known: Set[str], names: Mapping[str, str]) -> None:
        self._known = known
        self._shown = frozenset(part for name in names.values() for part in (name, *name.split()))
        self._names = sorted(((path, name) for path, name in names.items() if len(path) > 1), key=lambda n: -len(n[0]))

    def text(self, text: str) -> str:
        """`text` with its paths as their names or `<path>`, and `…` for every word that is not known."""
        for path, name in self._names:
            # Only whole names: what goes on after one is another path.
            text = re.sub(rf"{re.escape(path)}(?=/|['\"\s,;:)`]|$)", name, text)
        text = _KEYED.sub(self._keyed, text)
        return _TOKEN.sub(self._token, _PATH.sub(self._path, _QUOTED_PATH.sub(PATH, text)))

    def value(self, value: Any) -> Any:
        """The same for every text in a value of JSON, the keys of its objects as well."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value

    def _keyed(self, match: re.Match[str]) -> str:
        return match[0] if match[2].strip("'\"") in self._shown else f"{match[1]}={PATH}"

    def _path(self, match: re.Match[str]) -> str:
        path, _, rest = match[0].partition(" ")
        if path.lower() in self._known and _OURS.fullmatch(path):
            return path + (" " + rest if rest else "")
        return PATH

    def _token(self, match: re.Match[str]) -> str:
        token = match[0]
        plain = all(sign.isascii() or sign in _SIGNS for sign in token)
        return token if plain and all(map(self._is_ours, _ATOM.findall(token))) else HIDDEN

    def _is_ours(self, atom: str) -> bool:
        return atom in self._shown or _NUMBER.fullmatch(atom) is not None or atom.lower() in self._known
