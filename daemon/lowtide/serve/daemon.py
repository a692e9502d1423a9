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
from io import TextIOWrapper
from pathlib import Path

import anyio

from lowtide.config.settings import Config
from lowtide.paths import Places, make_private, open_regular
from lowtide.serve.app import opened
from lowtide.serve.server import Server
from lowtide.system.memory import raise_descriptor_limit
from lowtide.tasks import task_group
from lowtide.visible import visible

log = logging.getLogger(__name__)

GRACE_S = 0.7
SWITCH_S = 0.001
LOG_BYTES = 1 << 20
LOG_COUNT = 3


class _LogFile(logging.handlers.RotatingFileHandler):
    """The user's alone; made again, with its folder, when it has been removed."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, maxBytes=LOG_BYTES, backupCount=LOG_COUNT, encoding="utf-8", errors="backslashreplace")

    def _open(self) -> TextIOWrapper:
        make_private(Path(self.baseFilename).parent)
        fd = open_regular(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.fchmod(fd, 0o600)
        return open(fd, "a", encoding=self.encoding, errors=self.errors)

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None and not os.path.exists(self.baseFilename):
            self.stream.close()
            self.stream = None  # the next line opens it
        super().emit(record)


class _OneLine(logging.Formatter):
    """One event a line, whatever names it tells of; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return "\n".join(map(visible, text.split("\n"))) if record.exc_info else visible(text)


def set_up_log(places: Places, *, verbose: bool, to_terminal: bool) -> None:
    """One event a line, to the log file (1 MiB, three old ones kept), or to standard error in the foreground."""
    handler: logging.Handler
    if to_terminal:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = _LogFile(places.log_file)
    handler.setFormatter(_OneLine("%(asctime)s level=%(levelname)s logger=%(name)s %(message)s"))
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
    places: Places, config: Config, on_ready: Callable[[Path], None], load: Callable[[], Config] | None = None
) -> None:
    """Until stopped; `load` reads the configuration again when its file changes. LockHeld when this user's daemon runs
    already; StoreError, ConfigError, ModelError."""
    be_prompt()
    async with opened(places, config, load=load) as service:
        server = Server(service, places)
        async with task_group() as group:

            async def listen() -> None:
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for number in signals:
                        log.info("event=leaving why=%s", signal.Signals(number).name)
                        _leave_after(GRACE_S, server.withdraw)
                        server.stopping.set()

            group.start_soon(listen)
            await server.run(on_ready)
            _leave_after(GRACE_S + 1.0, server.withdraw)
            group.cancel_scope.cancel()
    log.info("event=ended")


def _leave_after(seconds: float, withdraw: Callable[[], None]) -> None:
    """Whatever hangs, the process goes: index and segments are safe against that by their design."""

    def leave() -> None:
        with suppress(Exception):
            withdraw()
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
