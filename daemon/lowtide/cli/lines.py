"""Questions as lines on standard input, however long somebody makes them.

Invariant: no more of a line is held than MOST_LINE_BYTES; what is longer is told, and the next line is read.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from lowtide.errors import LowtideError, UsageError

MOST_LINE_BYTES = 1 << 20
MOST_SHOWN_BYTES = 200


class LongLine(UsageError):
    """A line of more than MOST_LINE_BYTES; `beginning` is its first characters."""

    def __init__(self, beginning: str) -> None:
        super().__init__("a line is too long", f"more than {MOST_LINE_BYTES >> 20} MiB", "ask with less of it")
        self.beginning = beginning


def read_line(stream: BinaryIO) -> str | None:
    """The next line without its end; None at the end of the stream. LongLine for one that was passed over."""
    line = stream.readline(MOST_LINE_BYTES + 1)
    if not line:
        return None
    if len(line) <= MOST_LINE_BYTES or line.endswith(b"\n"):
        return line.rstrip(b"\r\n").decode("utf-8", "replace")
    while (more := stream.readline(MOST_LINE_BYTES)) and not more.endswith(b"\n"):
        pass
    raise LongLine(line[:MOST_SHOWN_BYTES].decode("utf-8", "ignore"))


def failed(query: str, error: LowtideError) -> dict[str, Any]:
    """What stands in a batch for an answer that there is not."""
    return {
        "query": query,
        "error": {"kind": error.kind, "message": error.message, "remedy": error.remedy},
        "hits": [],
    }
