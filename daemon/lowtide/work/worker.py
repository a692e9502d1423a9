"""One worker process, seen from the daemon: start, one task at a time, end.

Invariant: ending a worker is a kill; it holds nothing that another process needs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import anyio
import anyio.lowlevel

from lowtide.errors import (
    FileChanged,
    ModelError,
    ResultTooLarge,
    WorkerCrashed,
    WorkerError,
    WorkerOverBudget,
    WorkerRecycled,
    WorkerStalled,
)
from lowtide.work import wire

_READ_LIMIT = 1 << 18
_BAD_ADDRESS = (-signal.SIGSEGV, -signal.SIGBUS)
RECYCLED = "recycled"
"""Why a worker was ended that did nothing wrong."""
_START_S = 60.0
"""A worker that is not ready by then never will be (a loaded machine takes a second or two)."""

ENVIRONMENT = {
    # One task, one thread: the daemon decides how many workers run.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # onnxruntime's wheels report usage to their maker unless they are told not to.
    "ORT_DISABLE_TELEMETRY": "1",
    # Freed memory must go back to the system, not to a second arena.
    "MALLOC_ARENA_MAX": "1",
    "PYTHONDONTWRITEBYTECODE": "",
}


class Worker:
    """A running worker process."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter, model: str,
        source: asyncio.BaseTransport,
    ) -> None:  # fmt: skip
        self._source = source
        self._process = process
        self._reader = reader
        self._writer = writer
        self.model = model
        self.pid = process.pid
        self.limit_bytes: int | None = None
        """Anonymous bytes it may hold now; None while it starts."""
        self.base_bytes = 0
        """Anonymous bytes when it was last idle."""
        self.peak_bytes = 0
        """Highest anonymous bytes sampled since the present file began."""
        self.killed_for: str | None = None
        self.task_count = 0

    @classmethod
    async def start(cls, model: str = "", *, niceness: int = 0) -> Worker:
        """Start a process; with `model` it loads that model before it is ready."""
        command = [sys.executable, "-P", "-m", "lowtide.work", str(os.getpid()), str(niceness), model]
        environment = {**os.environ, **ENVIRONMENT}
        process = subprocess.Popen(  # noqa: ASYNC220 - a few ms, and no watcher thread for each child
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            start_new_session=True,
        )  # fmt: skip
        opened: list[asyncio.BaseTransport] = []
        try:
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader(limit=_READ_LIMIT, loop=loop)
            # Shielded: a cancellation in the middle would leave a transport that nobody can close.
            with anyio.CancelScope(shield=True):
                source, _ = await loop.connect_read_pipe(
                    lambda: asyncio.StreamReaderProtocol(reader, loop=loop), process.stdout
                )
                opened.append(source)
                transport, protocol = await loop.connect_write_pipe(
                    lambda: asyncio.streams.FlowControlMixin(loop=loop), process.stdin
                )
                opened.append(transport)
            await anyio.lowlevel.checkpoint()
            return cls(process, reader, asyncio.StreamWriter(transport, protocol, None, loop), model, source)
        except BaseException:
            process.kill()
            process.wait()
            for made in opened:
                made.close()
            raise

    async def ready(self) -> None:
        """Wait until it can take a task; WorkerCrashed or WorkerStalled when it cannot start."""
        reply = await self._reply(_START_S)
        if isinstance(reply, wire.Done):
            if reply.error_kind == ModelError.kind:
                raise ModelError("the embedding model cannot be used", reply.error, "see `lowtide doctor`")
            raise WorkerError("a worker could not start", reply.error)

    async def run(
        self,
        task: wire.Request,
        *,
        file_deadline_s: Callable[[int], float],
        embed_deadline_s: Callable[[int], float],
        on_started: Callable[[int], None],
        on_ask: Callable[[bytes], Awaitable[Sequence[int]]],
    ) -> wire.Done:
        """Run one task to its end.

        Errors: WorkerOverBudget, WorkerStalled, WorkerCrashed (the process is then gone), ResultTooLarge, WorkerError (it
        lives on).
        Cancelling kills the process.
        """
        try:
            self.task_count += 1
            await self._send(task)
            timeout = file_deadline_s(0)
            while True:
                reply = await self._reply(timeout)
                match reply:
                    case wire.Started():
                        timeout = file_deadline_s(reply.index)
                        self.peak_bytes = 0
                        on_started(reply.index)
                    case wire.Embedding():
                        timeout = embed_deadline_s(reply.count)
                    case wire.Ask():
                        await self._send(wire.Want(list(await on_ask(reply.hashes))))
                    case wire.Done(error=""):
                        return reply
                    case wire.Done(error_kind="memory"):
                        self.kill("over its lease")
                        raise WorkerOverBudget("a worker ran out of memory", reply.error)
                    case wire.Done(error_kind="result", vector_rows=[index, size_bytes]):
                        raise ResultTooLarge(index, size_bytes)
                    case wire.Done(error_kind=FileChanged.kind):
                        raise FileChanged("a file changed", "it kept changing while it was indexed")
                    case wire.Done(error_kind="model"):
                        raise ModelError("the embedding model cannot be used", reply.error, "see `lowtide doctor`")
                    case wire.Done():
                        raise WorkerError("a worker could not do its task", reply.error)
                    case _:
                        raise WorkerError("a worker answered out of turn", type(reply).__name__)
        except BaseException as error:
            if not isinstance(error, (WorkerError, ModelError)) or isinstance(error, (WorkerCrashed, WorkerStalled)):
                self.kill("cancelled")
            raise

    async def _send(self, message: wire.Request) -> None:
        try:
            self._writer.write(wire.frame(message))
            await self._writer.drain()
        except (ConnectionError, OSError) as error:
            raise self._ended() from error

    async def _reply(self, timeout_s: float) -> wire.Reply:
        try:
            async with asyncio.timeout(timeout_s):
                head = await self._reader.readexactly(wire.HEADER.size)
                (length,) = wire.HEADER.unpack(head)
                body = await self._reader.readexactly(length)
        except TimeoutError:
            self.kill("deadline")
            raise WorkerStalled("a worker passed its deadline", f"{timeout_s:.0f} s") from None
        except (asyncio.IncompleteReadError, ConnectionError, OSError) as error:
            raise self._ended() from error
        reply: wire.Reply = wire.reply_decoder.decode(body)
        return reply

    def _ended(self) -> WorkerError:
        reason = self.killed_for
        code = self.kill()
        if reason == RECYCLED:
            return WorkerRecycled("a worker was ended", "its room was needed")
        if reason == "over its lease":
            return WorkerOverBudget("a worker was stopped", "it needed more memory than its lease")
        if code == 3 or code == -signal.SIGABRT:
            # 3: MemoryError; SIGABRT: an allocation failed inside a grammar (tree-sitter aborts).
            return WorkerOverBudget("a worker ended", "an allocation passed its limit")
        if code in _BAD_ADDRESS and self.limit_bytes and 2 * max(self.peak_bytes, self.base_bytes) > self.limit_bytes:
            # Libraries that do not look at what an allocation gives; a true crash seldom takes half of a lease first.
            return WorkerOverBudget(
                "a worker ended", f"an allocation passed its limit of {self.limit_bytes >> 20} MiB ({_describe(code)})"
            )
        return WorkerCrashed("a worker ended", _describe(code))

    def kill(self, reason: str | None = None) -> int:
        """End the process now, if it still runs, and reap it; returns its exit status. Safe to call twice."""
        if reason and self.killed_for is None:
            self.killed_for = reason
        if self._process.poll() is None:
            self._process.kill()
        with suppress(Exception):
            self._writer.close()
            self._source.close()
        return self._process.wait()

    def stop(self, reason: str) -> None:
        """Send the kill and nothing more: safe from any thread; the event loop reaps it."""
        if self.killed_for is None:
            self.killed_for = reason
        self._process.kill()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None


def _describe(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"
    return f"exit status {code}"
