"""What clients send, taken in under the budget: each message's room is had before its body is read and again before it
is decoded.

Invariant: a body is read only when its length is allowed and there is room for it, and decoded only when it is neither
deep nor of very many values and there is room for what it makes. What there is no room for is passed over; the
connection lives on.
Invariant: bodies on their way are at most MOST_ARRIVING_BYTES over all connections, whatever clients begin and never
end.
Threads: the event loop; long messages are weighed and decoded in threads of its own, at most DECODERS, which no
question shares.
"""

from __future__ import annotations

import json
import logging
import re
import time
from asyncio import IncompleteReadError, StreamReader
from collections.abc import Callable
from typing import Any, Protocol

import anyio
import anyio.to_thread
import msgspec

from lowtide.core.budget import Lease
from lowtide.errors import BudgetError, LowtideError, UsageError
from lowtide.serve import rpc
from lowtide.serve.json_scan import TooMuch, weigh

log = logging.getLogger(__name__)

MOST_MESSAGE_BYTES = 16 << 20
"""The text of a large file, as an editor sends it; a longer one is answered as it is on the disk."""
MOST_FIRST_BYTES = 1 << 20
"""The message that begins a connection."""
MOST_DEPTH = 128
"""Of lists and objects in one another."""
MOST_VALUES = 500_000
"""Numbers, texts, lists and objects of one message: 20,000 edits at once are 400,000."""
FREE_BYTES = 64 << 10
"""A message up to this size needs no lease."""
MOST_ARRIVING_BYTES = MOST_MESSAGE_BYTES
"""Of all messages that have begun and are not there yet; the slowest is cut off."""
SLOW_S = 2.0
"""So long without another byte, and a message is in the way of others."""
ROOM_S = 3.0
"""How long a message waits for room."""
PIECE_BYTES = 64 << 10
INLINE_BYTES = 128 << 10
"""A longer message is weighed and decoded beside the event loop."""
DECODERS = 2
_HEAD_BYTES = 4096
"""Of a message that is passed over, looked at for what it was."""
# Atomic groups, and no group with `*+`: Python before 3.11.5 matches that wrongly.
_STRING = rb'"(?>(?:[^"\\]++|\\.)*)"'
_MEMBER = _STRING + rb"\s*+:\s*+(?:" + _STRING + rb"|-?\d++|true|false|null)\s*+,\s*+"
_LEADING = re.compile(rb"\s*+\{\s*+((?>(?:" + _MEMBER + rb")*))", re.DOTALL)
_URI = re.compile(rb'"uri"\s*+:\s*+(' + _STRING + rb")")
_decode = msgspec.json.decode


class Room(Protocol):
    """Who lends bytes of the budget to this process: the pool."""

    async def take_room(self, size_bytes: int, wait_s: float) -> Lease:
        """BudgetError when there is none by then."""
        ...

    def end_room(self, lease: Lease) -> None:
        """Give it back."""
        ...


class Taken(msgspec.Struct):
    """A message; `release` it when it is done with. `value` is whatever the JSON was."""

    value: Any
    _room: Room | None = None
    _leases: list[Lease] = msgspec.field(default_factory=list)

    def release(self) -> None:
        """Give back what its room was lent for; a second time does nothing."""
        while self._room is not None and self._leases:
            self._room.end_room(self._leases.pop())


class PassedOver(msgspec.Struct, frozen=True):
    """A message that was not taken, and why; `number`, `method` and `uri` as far as its beginning tells them."""

    error: LowtideError
    number: int | str | None = None
    method: str = ""
    uri: str = ""


class _Arriving(msgspec.Struct):
    length: int
    moved_s: float
    scope: anyio.CancelScope


class Intake:
    """Takes the messages of all connections; see the module."""

    def __init__(self, room: Room, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._room = room
        self._clock = clock
        self._arriving: list[_Arriving] = []
        self._changed = anyio.Event()
        self._threads: anyio.CapacityLimiter | None = None

    @property
    def arriving_bytes(self) -> int:
        """Of messages that have begun, and are not there yet."""
        return sum(one.length for one in self._arriving)

    async def next(self, reader: StreamReader, most_bytes: int | None = None) -> Taken | PassedOver | None:
        """The next message; None at the end. FramingError when the other side does not speak this protocol, or was cut
        off."""
        head = await rpc.read_head(reader)
        if head is None:
            return None
        length = rpc.length_of(head)
        most_bytes = MOST_MESSAGE_BYTES if most_bytes is None else most_bytes
        if length > most_bytes:
            why = f"it has {length:,} bytes, {most_bytes >> 20} MiB are the most"
            error = UsageError("a message is too long; it was passed over", why, "send less at once")
            return await self._pass_over(reader, length, error)
        leases: list[Lease] = []
        try:
            if length > FREE_BYTES:
                leases.append(await self._room.take_room(length, ROOM_S))
            body = await self._read(reader, length)
        except BudgetError as error:
            return await self._pass_over(reader, length, error)
        except BaseException:
            self._give_back(leases)
            raise
        try:
            value = await self._decode(body, leases)
        except LowtideError as error:
            self._give_back(leases)
            return _passed_over(bytes(body[:_HEAD_BYTES]), error)
        except BaseException:
            self._give_back(leases)
            raise
        return Taken(value, self._room, leases)

    def _give_back(self, leases: list[Lease]) -> None:
        for lease in leases:
            self._room.end_room(lease)
        leases.clear()

    async def _read(self, reader: StreamReader, length: int) -> bytearray:
        """The body. BudgetError when too much is on its way already, FramingError when it is cut off or ends too
        early."""
        with anyio.CancelScope() as scope:
            one = _Arriving(length, self._clock(), scope)
            await self._wait_turn(one)
            self._arriving.append(one)
            try:
                return await _read_body(reader, length, one, self._clock)
            finally:
                self._arriving.remove(one)
                self._tell()
        raise rpc.FramingError("it was cut off: a half-sent message stood in the way of others")

    async def _wait_turn(self, one: _Arriving) -> None:
        deadline_s = self._clock() + ROOM_S
        while self.arriving_bytes + one.length > MOST_ARRIVING_BYTES:
            now_s = self._clock()
            slowest = min(self._arriving, key=lambda other: other.moved_s)
            if now_s - slowest.moved_s > SLOW_S:
                log.warning("event=cut-off why='half a message, and no more of it' bytes=%d", slowest.length)
                slowest.scope.cancel()
            elif now_s >= deadline_s:
                raise BudgetError("a message was passed over", "other clients send too much at once", "send it again")
            with anyio.move_on_after(0.1):
                await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _decode(self, body: bytearray, leases: list[Lease]) -> Any:
        """The value. UsageError for what is too deep, of too many values or no JSON; BudgetError."""
        if len(body) <= INLINE_BYTES:
            size = _weigh(body)
        else:
            size = await anyio.to_thread.run_sync(_weigh, body, limiter=self._limiter())
        if size > OBJECTS_FREE_BYTES:
            leases.append(await self._room.take_room(size, ROOM_S))
        if len(body) <= INLINE_BYTES:
            return _value(body)
        return await anyio.to_thread.run_sync(_value, body, limiter=self._limiter())

    def _limiter(self) -> anyio.CapacityLimiter:
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(DECODERS)
        return self._threads

    async def _pass_over(self, reader: StreamReader, length: int, error: LowtideError) -> PassedOver:
        head = b""
        try:
            while length:
                piece = await reader.readexactly(min(length, PIECE_BYTES))
                head = head or bytes(piece[:_HEAD_BYTES])
                length -= len(piece)
        except IncompleteReadError as ended:
            raise rpc.FramingError("the connection ended in the middle of a message") from ended
        return _passed_over(head, error)


OBJECTS_FREE_BYTES = 1 << 20
"""What a message makes up to this size needs no lease; FREE_BYTES of text make more only when they are all brackets."""


async def _read_body(reader: StreamReader, length: int, one: _Arriving, clock: Callable[[], float]) -> bytearray:
    body = bytearray(length)
    view, at = memoryview(body), 0
    while at < length:
        piece = await reader.read(min(length - at, PIECE_BYTES))
        if not piece:
            raise rpc.FramingError("the connection ended in the middle of a message")
        view[at : at + len(piece)] = piece
        at += len(piece)
        one.moved_s = clock()
    return body


def _weigh(body: bytearray) -> int:
    try:
        return weigh(body, MOST_DEPTH, MOST_VALUES).size_bytes
    except TooMuch as error:
        raise Undecodable("a message was passed over", str(error), "send less at once") from error


def _value(body: bytearray) -> Any:
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    try:
        return json.loads(body)  # half a surrogate pair, which editors send and msgspec refuses
    except (ValueError, RecursionError) as error:
        raise Undecodable("a message is not JSON") from error


class Undecodable(UsageError):
    """What was sent is not decoded: it is no JSON, or too deep, or of too many values."""


def _passed_over(head: bytes, error: LowtideError) -> PassedOver:
    """What the beginning of a message tells of it: only members before the first list or object are looked at."""
    number, method, uri = None, "", ""
    if (leading := _LEADING.match(head)) is not None:
        try:
            known = json.loads(b"{" + leading[1].rstrip().rstrip(b",") + b"}")
        except (ValueError, RecursionError):
            known = {}
        number = known.get("id") if rpc.is_number(known.get("id")) else None
        method = known["method"] if isinstance(known.get("method"), str) else ""
    if (found := _URI.search(head)) is not None:
        try:
            uri = str(json.loads(found[1]))
        except ValueError:
            uri = ""
    return PassedOver(error, number, method, uri)
