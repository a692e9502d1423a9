"""The daemon process: one service behind one socket, until it is stopped or nobody needs it.

Invariant: SIGTERM and SIGINT end it within a second whatever it does: what is committed stays, workers end with it.
"""

from __future__ import annotations

import gc
import logging
import logging.handlers
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import anyio

from lowtide.config import Config
from lowtide.config_watch import ConfigWatch
from lowtide.host import Host
from lowtide.paths import Places, make_private
from lowtide.server import Server
from lowtide.service import Service
from lowtide.system.memory import raise_descriptor_limit
from lowtide.tasks import task_group

log = logging.getLogger(__name__)

GRACE_S = 0.7
SWITCH_S = 0.001
LOG_BYTES = 1 << 20
LOG_COUNT = 3


def set_up_log(places: Places, *, verbose: bool, to_terminal: bool) -> None:
    """One event a line, to the log file (1 MiB, three old ones kept), or to standard error in the foreground."""
    handler: logging.Handler
    if to_terminal:
        handler = logging.StreamHandler(sys.stderr)
    else:
        make_private(places.log_file.parent)
        handler = logging.handlers.RotatingFileHandler(
            places.log_file, maxBytes=LOG_BYTES, backupCount=LOG_COUNT, encoding="utf-8", errors="backslashreplace"
        )
        with suppress(OSError):
            places.log_file.chmod(0o600)
    handler.setFormatter(logging.Formatter("%(asctime)s level=%(levelname)s logger=%(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in ("asyncio", "watchdog", "pygls"):
        logging.getLogger(name).setLevel(logging.WARNING)


def be_prompt() -> None:
    """Have this process answer soon: a thread that computes lets the event loop in after 1 ms, not 5; what is loaded is
    looked through no more by the garbage collector (measured: 30 ms each time). And it may open many files."""
    raise_descriptor_limit()
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()


async def serve(
    places: Places, config: Config, on_ready: Callable[[], None], load: Callable[[], Config] | None = None
) -> None:
    """Until stopped; `load` reads the configuration again when its file changes. LockHeld when this user's daemon runs already; StoreError, ConfigError, ModelError."""
    be_prompt()
    async with Service(Host(places, config)) as service:
        if load is not None:
            service.config_watch = ConfigWatch(places.config_file, load, service.host)
        server = Server(service, places)
        async with task_group() as group:

            async def listen() -> None:
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for number in signals:
                        log.info("event=leaving why=%s", signal.Signals(number).name)
                        _leave_after(GRACE_S, places)
                        server.stopping.set()

            group.start_soon(listen)
            await server.run(on_ready)
            _leave_after(GRACE_S + 1.0, places)
            group.cancel_scope.cancel()
    log.info("event=ended")


def _leave_after(seconds: float, places: Places) -> None:
    """Whatever hangs, the process goes: index and segments are safe against that by their design."""

    def leave() -> None:
        with suppress(OSError):
            places.socket.unlink()
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
