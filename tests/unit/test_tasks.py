"""A group of tasks fails as one error: the cause, of its own type, and never at the cost of a cancellation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import anyio
import pytest

from lowtide.errors import CorruptIndex, StoreError, WorkerError
from lowtide.tasks import first_error, task_group


async def fail(error: BaseException) -> None:
    raise error


def run(play: Callable[[], Awaitable[None]]) -> None:
    anyio.run(play)


def test_error_of_a_task_leaves_as_itself_from_however_deep() -> None:
    damaged = CorruptIndex("the index is damaged")

    async def play() -> None:
        with pytest.raises(CorruptIndex) as raised:
            async with task_group() as outer, task_group() as middle:
                middle.start_soon(anyio.sleep_forever)
                async with anyio.create_task_group() as inner:  # a library's own
                    inner.start_soon(fail, damaged)
                outer.start_soon(anyio.sleep_forever)
        assert raised.value is damaged
        assert raised.value.__cause__ is None

    run(play)


def test_error_of_the_body_leaves_as_itself_with_its_cause() -> None:
    async def play() -> None:
        with pytest.raises(StoreError) as raised:
            async with task_group() as group:
                group.start_soon(anyio.sleep_forever)
                raise StoreError("cannot write") from OSError("full")
        assert isinstance(raised.value.__cause__, OSError)

    run(play)


def test_failure_of_the_store_goes_before_what_it_made_fail_and_the_rest_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def play() -> None:
        with pytest.raises(CorruptIndex):
            async with task_group() as group:
                for error in (
                    anyio.BrokenResourceError(),
                    ValueError("of no use"),
                    WorkerError("ended"),
                    CorruptIndex("damaged"),
                ):
                    group.start_soon(fail, error)

    with caplog.at_level(logging.WARNING):
        run(play)
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert "of no use" in logged
    assert "ended" in logged
    assert "BrokenResource" not in logged


def test_first_of_equals_is_shown() -> None:
    async def play() -> None:
        with pytest.raises(KeyError, match="one"):
            async with task_group() as group:
                group.start_soon(fail, KeyError("one"))
                group.start_soon(fail, KeyError("two"))

    run(play)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()], ids=repr)
def test_what_ends_the_process_or_the_task_goes_before_any_error(end: BaseException) -> None:
    errors = BaseExceptionGroup("all", [CorruptIndex("damaged"), BaseExceptionGroup("inner", [end])])
    assert first_error(errors) is end


def test_cancelling_is_seen_by_the_scope_that_cancelled_and_by_every_task() -> None:
    ended = []

    async def sleep(name: str) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(name)

    async def play() -> None:
        with anyio.CancelScope() as scope:
            async with task_group() as group:
                group.start_soon(sleep, "one")
                group.start_soon(sleep, "two")
                await anyio.wait_all_tasks_blocked()
                scope.cancel()
                await anyio.sleep_forever()
        assert scope.cancelled_caught

    run(play)
    assert sorted(ended) == ["one", "two"]


def test_error_while_cancelled_is_not_lost() -> None:
    async def stubborn() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise StoreError("cannot close")

    async def play() -> None:
        with pytest.raises(StoreError):
            async with task_group() as group:
                group.start_soon(stubborn)
                await anyio.wait_all_tasks_blocked()
                group.cancel_scope.cancel()

    run(play)
