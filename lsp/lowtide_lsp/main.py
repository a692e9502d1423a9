"""The language server in the calling process: `lowtide lsp --embedded`.

Invariant: standard output carries nothing but messages: what a library prints goes to standard error.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress

import anyio

from lowtide.config.settings import Config
from lowtide.paths import Places
from lowtide.serve.app import opened
from lowtide.serve.daemon import be_prompt
from lowtide_lsp.server import serve

GRACE_S = 0.5


def run(places: Places, config: Config) -> int:
    """Serve standard input and output until the client is gone; returns the exit code. LowtideError when it cannot
    start."""
    logging.getLogger("pygls").setLevel(logging.ERROR)
    be_prompt()
    source, sink = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    return anyio.run(_run, places, config, source, sink)


async def _run(places: Places, config: Config, source: int, sink: int) -> int:
    async with opened(places, config) as service:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(source, "rb", 0))
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(sink, "wb", 0))
        writer = asyncio.StreamWriter(transport, protocol, None, loop)
        # pygls: SIGINT hangs it, SIGTERM loses its workers. Until it handles signals, here both end the session.
        stop = asyncio.ensure_future(serve(service, reader, writer, first=None, peer_pid=os.getppid()))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.cancel)
        try:
            code = await stop
        except asyncio.CancelledError:
            code = 1
        _leave_after(GRACE_S, code)
    return code


def _leave_after(seconds: float, code: int) -> None:
    """Whatever hangs, the process goes: what is committed is safe, workers end with it."""
    import threading

    def leave() -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
