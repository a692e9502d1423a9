"""Messages taken in under a budget: what is too long, too deep, too slow, or has no room."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.lsp.wire import AllRoom

from lowtide.errors import BudgetError, UsageError
from lowtide.serve import intake, rpc
from lowtide.serve.intake import FREE_BYTES, Intake, PassedOver, Taken, Undecodable

MIB = 1 << 20


def framed(message: Any) -> bytes:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def stream(*parts: bytes, end: bool = True) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(1 << 15)
    for part in parts:
        reader.feed_data(part)
    if end:
        reader.feed_eof()
    return reader


def run(body: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(body(), 60))


def passed(value: object) -> PassedOver:
    assert isinstance(value, PassedOver)
    return value


def taken(value: object) -> Taken:
    assert isinstance(value, Taken)
    return value


ASKED = {"jsonrpc": "2.0", "id": 5, "method": "lowtide/find", "params": {"query": "x"}}


def test_a_long_message_holds_its_room_until_it_is_released() -> None:
    async def body() -> None:
        room = AllRoom()
        text = "word—" * 100_000
        one = taken(await Intake(room).next(stream(framed({"text": text}))))
        assert one.value == {"text": text}
        assert room.lent_bytes >= 4 * len(text)  # the message, and what was made of it
        one.release()
        one.release()
        assert room.lent_bytes == 0

    run(body)


def test_a_short_message_needs_no_room() -> None:
    async def body() -> None:
        room = AllRoom()
        assert taken(await Intake(room).next(stream(framed(ASKED)))).value == ASKED
        assert room.most_lent_bytes == 0

    run(body)


@pytest.mark.parametrize("most_bytes", [0, 2 * MIB], ids=["for the message", "for what it makes"])
def test_without_room_a_message_is_passed_over_and_the_next_is_taken(most_bytes: int) -> None:
    async def body() -> None:
        room = AllRoom()
        room.most_bytes = most_bytes
        reader = stream(framed(ASKED | {"params": {"x": [[]] * 100_000}}), framed(ASKED))
        source = Intake(room)
        one = passed(await source.next(reader))
        assert (one.number, one.method) == (5, "lowtide/find")
        assert isinstance(one.error, BudgetError)
        assert room.lent_bytes == 0
        assert taken(await source.next(reader)).value == ASKED
        assert await source.next(reader) is None

    run(body)


def test_what_is_too_long_is_passed_over_with_what_it_was() -> None:
    async def body() -> None:
        note = {"jsonrpc": "2.0", "method": "textDocument/didOpen"}
        note["params"] = {"textDocument": {"uri": "file:///a%20b.py", "text": "x" * MIB}}  # type: ignore[assignment]
        reader = stream(framed(note), framed(ASKED))
        source = Intake(AllRoom())
        one = passed(await source.next(reader, MIB))
        assert (one.number, one.method, one.uri) == (None, "textDocument/didOpen", "file:///a%20b.py")
        assert isinstance(one.error, UsageError)
        assert taken(await source.next(reader, MIB)).value == ASKED

    run(body)


@pytest.mark.parametrize("number", [[1], {"a": 1}, 1.5, True, None])
def test_an_id_that_is_none_is_not_answered_to(number: Any) -> None:
    async def body() -> None:
        one = passed(await Intake(AllRoom()).next(stream(framed(ASKED | {"id": number, "x": "y" * MIB})), 1000))
        assert one.number is None

    run(body)


@pytest.mark.parametrize(
    "wrong",
    [b"not json", b"\xff\xff", b"", b"[" * 1000 + b"]" * 1000, b"[" * (2 * FREE_BYTES), b'{"id":NaN}}', b"[[]," * 5],
)
def test_what_cannot_be_decoded_is_told(wrong: bytes) -> None:
    async def body() -> None:
        source = Intake(AllRoom())
        reader = stream(framed(wrong), framed(ASKED))
        assert isinstance(passed(await source.next(reader)).error, Undecodable)
        assert taken(await source.next(reader)).value == ASKED

    run(body)


def test_very_many_values_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_VALUES", 1000)

    async def body() -> None:
        one = passed(await Intake(AllRoom()).next(stream(framed(ASKED | {"params": {"x": [[]] * 2000}}))))
        assert one.number == 5
        assert "more than 1,000 values" in str(one.error)

    run(body)


def test_half_a_surrogate_pair_is_taken() -> None:
    async def body() -> None:
        one = taken(await Intake(AllRoom()).next(stream(framed(b'{"a":"\\ud800"}'))))
        assert one.value == {"a": "\ud800"}

    run(body)


def test_half_a_surrogate_pair_is_sent_as_json_that_anyone_reads() -> None:
    message = {"query": "\ud800 — \udfff", "path": "日本"}
    _, body = rpc.frame(message).split(b"\r\n\r\n", 1)
    assert json.loads(body.decode()) == message
    assert "日本" in body.decode()


def test_a_half_sent_message_gives_way_to_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(intake, "MOST_ARRIVING_BYTES", 4 * MIB)
    monkeypatch.setattr(intake, "SLOW_S", 0.2)

    async def body() -> None:
        room = AllRoom()
        source = Intake(room)
        half = [stream(framed(b" " * 3 * MIB)[: 2 * MIB], end=False) for _ in range(4)]
        tasks = [asyncio.ensure_future(source.next(reader)) for reader in half]
        while not source.arriving_bytes:
            await asyncio.sleep(0.01)
        message = {"text": "x" * 2 * MIB}
        one = taken(await source.next(stream(framed(message))))
        assert one.value == message
        one.release()
        assert source.arriving_bytes <= 4 * MIB
        ended = [task for task in tasks if task.done()]
        assert ended
        for task in ended:
            assert isinstance(task.exception(), rpc.FramingError) or isinstance(task.result(), PassedOver)
        for reader in half:
            reader.feed_eof()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (room.lent_bytes, source.arriving_bytes) == (0, 0)

    run(body)
    assert "event=cut-off" in caplog.text


def test_a_client_that_goes_in_the_middle_leaves_nothing() -> None:
    async def body() -> None:
        room = AllRoom()
        source = Intake(room)
        with pytest.raises(rpc.FramingError):
            await source.next(stream(framed(b" " * MIB)[: MIB // 2]))
        task = asyncio.ensure_future(source.next(stream(framed(b" " * MIB)[: MIB // 2], end=False)))
        while not source.arriving_bytes:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (room.lent_bytes, source.arriving_bytes) == (0, 0)

    run(body)
