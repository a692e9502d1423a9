"""JSON-RPC 2.0 messages with LSP's framing (`Content-Length`), over asyncio streams or a plain socket.

Invariant: nothing is read into memory before its length is known and allowed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO, TypeGuard

if TYPE_CHECKING:
    import asyncio

MOST_HEADER_BYTES = 4096
MOST_BODY_BYTES = 64 << 20
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
REQUEST_FAILED, REQUEST_CANCELLED, SERVER_NOT_INITIALIZED = -32803, -32800, -32002


class FramingError(Exception):
    """The other side does not speak this protocol, or says too much at once."""


def frame(message: dict[str, Any]) -> bytes:
    """One message as it travels."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def is_number(value: Any) -> TypeGuard[int | str]:
    """Whether a request may have `value` as its id, by which its answer and its cancellation name it."""
    return isinstance(value, str) or (type(value) is int and abs(value) < 1 << 63)


async def read_head(reader: asyncio.StreamReader) -> bytes | None:
    """The header of the next message; None at the end. FramingError for anything else."""
    from asyncio import IncompleteReadError, LimitOverrunError  # not for clients, which are to begin quickly

    head = b""
    try:
        while not head.endswith(b"\r\n\r\n"):
            line = await reader.readuntil(b"\n")
            head += line
            if len(head) > MOST_HEADER_BYTES:
                raise FramingError("the header is too long")
            if head == b"\r\n":
                head = b""
    except IncompleteReadError as error:
        if not error.partial and not head:
            return None
        raise FramingError("the connection ended in the middle of a message") from error
    except LimitOverrunError as error:
        raise FramingError("the header is too long") from error
    return head


def read_blocking(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message of a blocking stream; None at the end. FramingError for anything else."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline(MOST_HEADER_BYTES)
        if not line:
            return None
        head += line
        if len(head) > MOST_HEADER_BYTES:
            raise FramingError("the header is too long")
    body = stream.read(length_of(head))
    return decode(body)


def decode(body: bytes) -> dict[str, Any]:
    """The message in `body`. FramingError when it is not a JSON object."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FramingError("a message is not JSON") from error
    if not isinstance(message, dict):
        raise FramingError("a message is not a JSON object")
    return message


def length_of(head: bytes) -> int:
    """The length that a header gives. FramingError when it gives none, or one of more than MOST_BODY_BYTES."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            if not value.strip().isdigit():
                break
            length = int(value) if len(value) < 20 else MOST_BODY_BYTES + 1
            if not 0 <= length <= MOST_BODY_BYTES:
                raise FramingError("a message is too long")
            return length
    raise FramingError("a message has no length")
