"""The service in the calling process, asked as a daemon is asked: `--embedded`.

Invariant: the daemon's own handlers answer. But nobody stays here: what is asked about is compared with the disk once,
and not watched.
Threads: the caller's; the service has an event loop in a thread of its own, which ends with `close`.
"""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError
from contextlib import ExitStack
from typing import Any

from anyio.from_thread import start_blocking_portal

from lowtide.closing import Closing
from lowtide.config.settings import Config
from lowtide.errors import LowtideError
from lowtide.index.shared import Stay
from lowtide.paths import Places
from lowtide.serve.api import A_COMMAND, HANDLERS
from lowtide.serve.app import opened
from lowtide.serve.client import Notified, RemoteError
from lowtide.serve.params import Params, ParamsError
from lowtide.serve.service import Service
from lowtide.serve.session import error_of
from lowtide.system import memory

logging.getLogger("lowtide").addHandler(logging.NullHandler())  # a command says what is wrong in its own words


class LocalClient(Closing):
    """See the module; a context manager. ConfigError, ModelError, RefusedError when it cannot be opened."""

    def __init__(self, places: Places, config: Config) -> None:
        memory.use_one_arena()
        with ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal())
            managed = self._portal.wrap_async_context_manager(opened(places, config, Stay.BRIEF))
            self._service = stack.enter_context(managed)
            self._stack = stack.pop_all()

    def ask(
        self, method: str, params: dict[str, Any], notified: Notified | None = None, *, within_s: float | None = None
    ) -> Any:
        """As `Client.ask`: the result of a request; RemoteError for its error. `notified` is called in the loop's
        thread. Interrupted, it cancels the request."""
        future = self._portal.start_task_soon(_answer, self._service, _Caller(notified), method, params)
        try:
            return future.result()
        except CancelledError:
            raise KeyboardInterrupt from None
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End the service, its workers and its thread."""
        self._stack.close()


class _Caller:
    client = "command"
    name = A_COMMAND

    def __init__(self, notified: Notified | None) -> None:
        self._notified = notified

    def notify(self, method: str, params: dict[str, Any]) -> None:
        if self._notified is not None:
            self._notified(method, params)


async def _answer(service: Service, caller: _Caller, method: str, params: Params) -> Any:
    try:
        return await HANDLERS[method](service, caller, params)
    except (LowtideError, ParamsError) as error:
        raise RemoteError(error_of(error)) from error
