"""What a tool may wait for, and a call of one: a generator that is given what it asked for.

Invariant: a tool blocks nothing: it yields what it needs, and goes on when that is there.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

from lowtide.errors import UsageError


class AskDaemon(NamedTuple):
    """A request of the daemon's; what is sent back is its result, or its error is raised."""

    method: str
    params: dict[str, Any]


class AskRoots(NamedTuple):
    """The folders that the agent works in; what is sent back is a list of `Folder`, or None when it does not say."""


class Folder(NamedTuple):
    """One of the agent's folders: where, and what it calls it."""

    uri: str
    name: str


Wanted = AskDaemon | AskRoots
Tool = Generator[Wanted, Any, str]
"""A call of a tool at work; it returns the text of the answer. LowtideError is a tool's error."""


class Arguments:
    """The arguments of a call, as models write them: a number in a text and a list in a text are taken, too."""

    def __init__(self, values: dict[str, Any], known: tuple[str, ...]) -> None:
        unknown = [name for name in values if name not in known]
        if unknown:
            raise UsageError(f"no argument {unknown[0][:40]!r}", "", f"the arguments are {', '.join(known)}")
        self._values = values

    def text(self, name: str, default: str | None = None) -> str:
        """A text; UsageError when there is none and no default."""
        value = self._values.get(name)
        if value is None and default is not None:
            return default
        if value is None:
            raise UsageError(f"{name} is not there", "", f"pass {name}")
        if not isinstance(value, str):
            raise UsageError(f"{name}: a text is wanted", "", f"pass {name} as a text")
        if default is None and not value.strip():
            raise UsageError(f"{name} is empty", "", "say what to look for")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts; one text is taken apart at its commas."""
        value = self._values.get(name)
        if value is None:
            return []
        if isinstance(value, str):
            value = _split(value)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UsageError(f"{name}: a list of texts is wanted", "", "")
        return [item.strip() for item in value if item.strip()]

    def count(self, name: str, default: int, least: int, most: int, *, is_ceiling: bool = False) -> int:
        """A whole number, brought up to `least`; UsageError for what counts nothing, as -1, and for more than `most`,
        unless it only says what must not be passed (`is_ceiling`): then it is brought down to that."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise UsageError(f"{name}: a whole number is wanted", "", f"from {least} to {most}")
        if value < min(least, 1):
            raise UsageError(f"{name}: {value} is too few", "", f"from {least} to {most}")
        if value > most and not is_ceiling:
            raise UsageError(
                f"{name}: {value if value < 10**12 else 'this'} is too many", "", f"from {least} to {most}"
            )
        return min(most, max(least, value))

    def flag(self, name: str) -> bool:
        """True or false; false unless said."""
        value = self._values.get(name)
        if isinstance(value, str) and value.lower() in ("true", "false", ""):
            value = value.lower() == "true"
        if value is not None and not isinstance(value, bool):
            raise UsageError(f"{name}: true or false is wanted", "", "")
        return bool(value)


def _split(text: str) -> list[str]:
    """At commas, those in braces left alone: `*.{c,h}` is one glob."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character == "{") - (character == "}" and depth > 0)
        if character == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
