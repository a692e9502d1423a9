"""What an agent sends, a line a message: taken in piece by piece, and refused where it would take too much.

Invariant: at most a message and a block are held, whatever is sent; what is too long is passed over, and it is said.
Source: MCP 2026-07-28, stdio transport: newline-delimited JSON-RPC 2.0 in UTF-8.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MOST_LINE_BYTES = 512 << 10
"""Of a message; the longest question that is looked at takes about 200 kB, each character escaped."""
MOST_VALUES = 20_000
"""Of a message; each takes some 100 bytes once it is decoded."""
MOST_DEPTH = 128
"""Of a message: what decodes it calls itself at each level, and not every Python says so before its stack ends."""
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[{]|[\]}]")


class Unreadable(Exception):
    """What came in is no message; the text says why."""


class Lines:
    """Cuts a stream into messages."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._passes_over = False

    def feed(self, data: bytes) -> Iterator[dict[str, Any] | Unreadable]:
        """The messages that `data` completes, and in the place of what is none, why."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._held += data[start:end]
            start = end + 1
            yield from self._taken()
        self._held += data[start:]
        if len(self._held) > MOST_LINE_BYTES:
            self._held.clear()
            self._passes_over = True

    def end(self) -> Iterator[dict[str, Any] | Unreadable]:
        """What is left at the end of the stream, if no line end follows it."""
        yield from self._taken()

    def _taken(self) -> Iterator[dict[str, Any] | Unreadable]:
        line, too_long = bytes(self._held), self._passes_over or len(self._held) > MOST_LINE_BYTES
        self._held.clear()
        self._passes_over = False
        if too_long:
            yield Unreadable(f"a message is longer than {MOST_LINE_BYTES:,} bytes")
        elif line.strip():
            try:
                yield decode(line)
            except Unreadable as error:
                yield error


def decode(line: bytes) -> dict[str, Any]:
    """The message on a line. Unreadable when it is no JSON object, or would take too much."""
    if line.count(b",") + line.count(b"[") + line.count(b"{") > MOST_VALUES:
        raise Unreadable(f"a message has more than {MOST_VALUES:,} values")
    if line.count(b"[") + line.count(b"{") > MOST_DEPTH and _depth(line) > MOST_DEPTH:
        raise Unreadable(f"a message is deeper than {MOST_DEPTH} levels")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise Unreadable("a message is not JSON") from None
    if not isinstance(message, dict):
        raise Unreadable("a message is not a JSON object")
    return message


def _depth(line: bytes) -> int:
    """How deep it is nested at the deepest, what stands in strings aside."""
    depth = deepest = 0
    for match in _BRACKET.finditer(_STRING.sub(b"", line)):
        depth += 1 if match[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def encode(message: dict[str, Any]) -> bytes:
    """A message as it travels."""
    try:
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:  # half a character, sent by the agent or out of a file
        return json.dumps(message, separators=(",", ":")).encode() + b"\n"
