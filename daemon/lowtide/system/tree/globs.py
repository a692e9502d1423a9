"""The globs of a question: gitignore's syntax, with the verdicts of ripgrep's `-g`.

Globs without `!` take files, those with it leave files out; the last one that matches decides. With only `!` ones the
rest is taken, else only what one takes. A folder that matches stands for all below it, so that `src` is what people
mean by it (ripgrep would want `src/**`); what a folder leaves out, nothing below it takes back, as in git.

Invariant: one implementation of the syntax, that of `ignore`; a `{a,b}` is so many globs.
Invariant: what a user typed is bounded before it is compiled, and matching has no recursion: a path costs about a
microsecond a folder.
Threads: one thread makes a Globs and asks it: it remembers the folder before.
"""

from __future__ import annotations

from collections.abc import Sequence

from lowtide.errors import UsageError
from lowtide.system.tree.ignore import Rules

MOST_GLOBS = 100
"""Of one question, each `{a,b}` written out; and the characters of all."""
MOST_CHARACTERS = 4_000
DEEPEST = 8
"""Braces within braces."""
_ROOT = ("", ".", "/")


class Globs:
    """The globs of one question. UsageError for too many, too long ones, and those that have no meaning."""

    def __init__(self, globs: Sequence[str]) -> None:
        self._rules = Rules("glob")
        self._takes: list[bool] = []
        for glob in _written_out(globs):
            self._add(glob)
        self._is_listed = any(self._takes)
        self._folder = b""
        self._chain: list[tuple[bytes, int]] = []
        """The folders around the last path, outermost first, with the last glob that each or one around it matches."""

    def _add(self, glob: str) -> None:
        takes = not glob.startswith("!")
        bare = glob if takes else glob[1:]
        while bare.startswith("./"):
            bare = bare[2:]
        if bare in _ROOT:
            bare = "**"
        if bare.startswith("#") or (bare.startswith("!") and takes):
            bare = "\\" + bare
        if bare.endswith(" "):
            bare = bare[:-1] + "\\ "
        line = bare if takes else f"!{bare}"
        if self._rules.add(line.encode("utf-8", "surrogateescape"), len(self._takes) + 1) is None:
            raise _matches_nothing(glob)
        self._takes.append(takes)

    def take(self, path: bytes) -> bool:
        """Whether a file passes; its path from the root. Fastest for paths that come folder by folder."""
        folder, _, name = path.rpartition(b"/")
        decided = self._decided(folder) if folder else -1
        if decided >= 0 and not self._takes[decided]:
            return False
        last = max(decided, self._rules.last_match(path, name, is_folder=False))
        return self._takes[last] if last >= 0 else not self._is_listed

    def _decided(self, folder: bytes) -> int:
        """The last glob that the folder, or one around it, matches; one that leaves it out wins at once. -1: none."""
        if folder == self._folder and self._chain:
            return self._chain[-1][1]
        chain = self._chain
        while chain and not (folder + b"/").startswith(chain[-1][0] + b"/"):
            chain.pop()
        self._folder = folder
        known, decided = chain[-1] if chain else (b"", -1)
        while len(known) < len(folder):
            end = folder.find(b"/", len(known) + 1)
            outer, known = known, folder if end < 0 else folder[:end]
            if decided < 0 or self._takes[decided]:
                name = known[len(outer) + 1 if outer else 0 :]
                decided = max(decided, self._rules.last_match(known, name, is_folder=True))
            chain.append((known, decided))
        return decided


def _written_out(globs: Sequence[str]) -> list[str]:
    """Each glob without its braces, in order."""
    if len(globs) > MOST_GLOBS or sum(map(len, globs)) > MOST_CHARACTERS:
        raise _too_many()
    found: list[str] = []
    characters = 0
    for glob in globs:
        if not glob.removeprefix("!") or "\0" in glob or "\n" in glob:
            raise _matches_nothing(glob)
        waiting = [glob]
        while waiting:
            text = waiting.pop()
            braces = _braces(text)
            if braces is None:
                found.append(text)
                characters += len(text)
            else:
                start, commas, end = braces
                edges = [start, *commas, end]
                # The last is on top of the pile: what is written first is to come out first.
                for index in range(len(edges) - 2, -1, -1):
                    waiting.append(text[:start] + text[edges[index] + 1 : edges[index + 1]] + text[end + 1 :])
            if len(found) + len(waiting) > MOST_GLOBS or characters > MOST_CHARACTERS:
                raise _too_many()
    return found


def _braces(text: str) -> tuple[int, list[int], int] | None:
    """Where the first `{` is, the commas that part what it holds, and its `}`; None without any."""
    start, depth, commas = -1, 0, []
    at = 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == "[" and (close := _class_end(text, at)) > 0:
            at = close
        elif character == "{":
            depth += 1
            start = at if start < 0 else start
            if depth > DEEPEST:
                raise _too_many()
        elif character == "," and depth == 1:
            commas.append(at)
        elif character == "}" and depth:
            depth -= 1
            if not depth:
                return start, commas, at
        at += 1
    if depth:
        raise UsageError(f"a glob with a `{{` that nothing closes: {text[:80]!r}", "", "close it, or write `\\{`")
    return None


def _class_end(text: str, start: int) -> int:
    """Where the class that begins at `start` ends; 0 when it does not."""
    first = start + 1
    if text[first : first + 1] in ("!", "^"):
        first += 1
    return max(0, text.find("]", first + 1))


def _matches_nothing(glob: str) -> UsageError:
    return UsageError(f"a glob that matches nothing: {glob[:80]!r}", "", "write one as `src/**` or `*.py`")


def _too_many() -> UsageError:
    return UsageError(
        "too many globs",
        f"a question takes at most {MOST_GLOBS}, of {MOST_CHARACTERS:,} characters together",
        "use fewer or shorter ones",
    )
