"""Tasks side by side: a group of them fails as one error, not as a group of errors.

Invariant: the only module that makes task groups. Whoever awaits one catches what was raised in it by its own type,
whichever task it came from, for an `except CorruptIndex` does not see one inside an ExceptionGroup.
Invariant: a cancellation, or whatever else ends the process, goes before any error; what is not shown is logged.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc

from lowtide.errors import LowtideError, StoreError

log = logging.getLogger(__name__)

_CONSEQUENCES = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
"""What a task meets when the one at the other end of its stream has failed: not worth a line."""


@asynccontextmanager
async def task_group() -> AsyncIterator[anyio.abc.TaskGroup]:
    """`anyio.create_task_group`, but one error leaves it: the cause, as far as that can be told, of all that were
    raised."""
    failed: BaseExceptionGroup[BaseException] | None = None
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as errors:
        failed = errors
    if failed is not None:
        # Out of the handler, so that the error's context is not the group that holds it.
        raise first_error(failed)


def first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show of several; the others are logged.

    What is no Exception, such as a cancellation, goes before all; then failures of the store, which make the rest fail;
    then what Lowtide knows; then anything. Among equals it is the first.
    """
    flat = list(_flat(errors))
    shown = min(flat, key=_rank)
    for error in flat:
        if error is not shown and not isinstance(error, _CONSEQUENCES):
            log.warning("event=another-error shown=%s why=%r", type(shown).__name__, error)
    return shown


def _flat(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flat(error)
        else:
            yield error


def _rank(error: BaseException) -> int:
    if not isinstance(error, Exception):
        return 0
    if isinstance(error, StoreError):
        return 1
    if isinstance(error, LowtideError):
        return 2
    return 4 if isinstance(error, _CONSEQUENCES) else 3
