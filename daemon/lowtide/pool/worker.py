"""One worker process, seen from the daemon: start, one task at a time, end.

Invariant: ending a worker is a kill; it holds nothing that another process needs.
Invariant: what ended a worker is told by type. Only WorkerOverBudget, WorkerStalled and WorkerCrashed may be due to the
file it was at; that it could not be started, was of another build, or was ended from outside, never is.
Threads: the event loop's, but for `stop`, which any thread may call.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import Enum

import anyio
import anyio.lowlevel
import msgspec

from lowtide import wire
from lowtide.core.budget import MIB
from lowtide.errors import (
    CorruptSegment,
    FileChanged,
    ModelError,
    ModuleMissing,
    ResultTooLarge,
    WorkerCrashed,
    WorkerError,
    WorkerOverBudget,
    WorkerRecycled,
    WorkerStalled,
    WorkersUnavailable,
)
from lowtide.system.cpu import process_cpu_s
from lowtide.system.memory import limit_data_bytes

_READ_LIMIT = 1 << 18
_BAD_ADDRESS = (-signal.SIGSEGV, -signal.SIGBUS)
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGINT, -signal.SIGQUIT)
"""Signals that no parser raises: a person sent them, or the system for want of memory."""
WALL_BASE_S = 120.0
WALL_FACTOR = 10.0
"""A worker that waits (for a disk, for a core) is given so many times its deadline, and so much besides, to answer."""
LEAST_WAIT_S = 0.02
"""Between two looks at its CPU time, which the system counts in steps of 10 ms."""
_START_S = 60.0
"""A worker that is not ready by then is begun anew (a loaded machine takes a second or two)."""


class Ended(Enum):
    """Why this process ended a worker."""

    RECYCLED = "its room was needed"
    OVER_LEASE = "it needed more memory than its lease"
    DEADLINE = "it passed its deadline"
    UNUSABLE = "it could not go on"
    IDLE = "it had nothing to do"
    CANCELLED = "its task was cancelled"
    STOPPED = "all workers were"


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
    # Tantivy starts some ten threads; their stacks count as memory that may be written to.
    "RUST_MIN_STACK": "262144",
    "PYTHONDONTWRITEBYTECODE": "",
}


class Worker:
    """A running worker process."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        model: str,
        source: asyncio.BaseTransport,
    ) -> None:
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
        self.killed_for: Ended | None = None
        self._began_cpu_s = 0.0
        """CPU time of the process when the present file began."""

    def arm(self, held_bytes: int, limit_bytes: int) -> None:
        """Lend it so much for a task; `held_bytes` of it it has already."""
        self.base_bytes = self.peak_bytes = held_bytes
        self.limit_bytes = max(limit_bytes, held_bytes + MIB)
        self.allow(0)

    def allow(self, untouched_bytes: int) -> None:
        """Have the kernel hold it to what it was lent, and let it map so much more."""
        assert self.limit_bytes is not None
        limit_data_bytes(self.pid, max(MIB, self.limit_bytes - self.base_bytes) + untouched_bytes)

    @classmethod
    async def start(cls, model: str = "", *, niceness: int = 0) -> Worker:
        """Start a process; with `model` it loads that model before it is ready. WorkersUnavailable when none can be."""
        command = [sys.executable, "-P", "-m", "lowtide.work", str(os.getpid()), str(niceness), model]
        environment = {**os.environ, **ENVIRONMENT}
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 - a few ms, and no watcher thread for each child
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise WorkersUnavailable("workers cannot start", error.strerror or str(error)) from error
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
        """Wait until it can take a task; WorkersUnavailable when it cannot start, WorkerRecycled when its room was
        needed."""
        try:
            reply = await self._reply(_START_S, _START_S)
        except WorkerRecycled as error:
            if self.killed_for is Ended.RECYCLED:
                raise
            raise WorkersUnavailable("workers cannot start", error.why) from error
        except (WorkerCrashed, WorkerStalled, WorkerOverBudget) as error:
            raise WorkersUnavailable("workers cannot start", error.why) from error
        match reply:
            case wire.Ready(build=wire.BUILD):
                return
            case wire.Done(error_kind=ModelError.kind):
                raise ModelError("the embedding model cannot be used", reply.error, "see `lowtide doctor`")
            case wire.Done():
                raise WorkersUnavailable("workers cannot start", reply.error)
        raise WorkersUnavailable("workers cannot start", "they are of another version of Lowtide")

    async def run(
        self,
        task: wire.Request,
        *,
        file_deadline_s: Callable[[int], float],
        embed_deadline_s: Callable[[int], float],
        on_started: Callable[[int], None],
        on_ask: Callable[[bytes], Awaitable[Sequence[int]]],
    ) -> wire.Done:
        """Run one task to its end. Deadlines are CPU time; a worker that does not compute has far longer to answer.

        Errors: CorruptSegment, WorkerOverBudget, WorkerStalled, WorkerCrashed, WorkerRecycled, ModuleMissing (the
        process is then gone), ResultTooLarge, WorkerError (it lives on).
        Cancelling kills the process.
        """
        try:
            self._began_cpu_s = process_cpu_s(self.pid) or 0.0
            await self._send(task)
            limit_s = file_deadline_s(0)
            while True:
                reply = await self._reply(limit_s, WALL_BASE_S + WALL_FACTOR * limit_s)
                match reply:
                    case wire.Started():
                        limit_s, self._began_cpu_s = file_deadline_s(reply.index), reply.cpu_s
                        self.peak_bytes = 0
                        on_started(reply.index)
                    case wire.Embedding():
                        limit_s, self._began_cpu_s = embed_deadline_s(reply.count), reply.cpu_s
                    case wire.Ask():
                        await self._send(wire.Want(list(await on_ask(reply.hashes))))
                    case wire.Done(error=""):
                        return reply
                    case wire.Done(error_kind="memory"):
                        self.kill(Ended.OVER_LEASE)
                        raise WorkerOverBudget("a worker ran out of memory", reply.error)
                    case wire.Done(error_kind="result", vector_rows=[index, size_bytes]):
                        raise ResultTooLarge(index, size_bytes)
                    case wire.Done(error_kind=FileChanged.kind):
                        raise FileChanged("a file changed", "it kept changing while it was indexed")
                    case wire.Done(error_kind=ModuleMissing.kind):
                        # A fresh process tells whether it is this one part that is missing, or all of Lowtide.
                        self.kill(Ended.UNUSABLE)
                        raise ModuleMissing("a part of Lowtide cannot be loaded", reply.error)
                    case wire.Done(error_kind=CorruptSegment.kind):
                        raise CorruptSegment("an index file is damaged", reply.error)
                    case wire.Done(error_kind="model"):
                        raise ModelError("the embedding model cannot be used", reply.error, "see `lowtide doctor`")
                    case wire.Done():
                        raise WorkerError("a worker could not do its task", reply.error)
                    case _:
                        raise WorkerError("a worker answered out of turn", type(reply).__name__)
        except BaseException as error:
            if not isinstance(error, (WorkerError, ModelError)) or isinstance(error, (WorkerCrashed, WorkerStalled)):
                self.kill(Ended.CANCELLED)
            raise

    async def _send(self, message: wire.Request) -> None:
        try:
            self._writer.write(wire.frame(message))
            await self._writer.drain()
        except (ConnectionError, OSError) as error:
            raise self._ended() from error

    async def _reply(self, cpu_limit_s: float, wall_limit_s: float) -> wire.Reply:
        """The next message; WorkerStalled when CPU or wall time is used up before it comes."""
        began_s = time.monotonic()
        wait_s = min(cpu_limit_s, wall_limit_s)  # it cannot compute for longer than time goes by
        length = body = None
        try:
            while body is None:
                try:
                    # A read that is cut short takes nothing out of the stream.
                    async with asyncio.timeout(wait_s):
                        if length is None:
                            (length,) = wire.HEADER.unpack(await self._reader.readexactly(wire.HEADER.size))
                        body = await self._reader.readexactly(length)
                except TimeoutError:
                    wait_s = self._left_s(cpu_limit_s, wall_limit_s, time.monotonic() - began_s)
        except (asyncio.IncompleteReadError, ConnectionError, OSError) as error:
            raise self._ended() from error
        try:
            reply: wire.Reply = wire.reply_decoder.decode(body)
        except msgspec.DecodeError as error:
            self.kill(Ended.UNUSABLE)
            raise WorkerCrashed("a worker cannot be understood", str(error)) from error
        return reply

    def _left_s(self, cpu_limit_s: float, wall_limit_s: float, waited_s: float) -> float:
        """How long it may still compute, or else be waited for."""
        now_s = process_cpu_s(self.pid)
        used_s = waited_s if now_s is None else now_s - self._began_cpu_s
        left_s = min(cpu_limit_s - used_s, wall_limit_s - waited_s)
        if left_s > 0:
            return max(left_s, LEAST_WAIT_S)
        self.kill(Ended.DEADLINE)
        if used_s >= cpu_limit_s:
            raise WorkerStalled("a worker passed its deadline", f"{cpu_limit_s:.0f} s of CPU time")
        raise WorkerStalled(
            "a worker gave no answer", f"in {waited_s:.0f} s, of which it computed {max(used_s, 0.0):.0f}"
        )

    def _ended(self) -> WorkerError:
        reason = self.killed_for
        code = self.kill()
        if reason is Ended.OVER_LEASE:
            return WorkerOverBudget("a worker was stopped", reason.value)
        if reason is not None or code in _FROM_OUTSIDE:
            return WorkerRecycled("a worker was ended", reason.value if reason else f"{_describe(code)} from outside")
        if code == 3 or code == -signal.SIGABRT:
            # 3: MemoryError; SIGABRT: an allocation failed inside a grammar (tree-sitter aborts).
            return WorkerOverBudget("a worker ended", "an allocation passed its limit")
        if code in _BAD_ADDRESS and self.limit_bytes and 2 * max(self.peak_bytes, self.base_bytes) > self.limit_bytes:
            # Libraries that do not look at what an allocation gives; a true crash seldom takes half of a lease first.
            return WorkerOverBudget(
                "a worker ended", f"an allocation passed its limit of {self.limit_bytes >> 20} MiB ({_describe(code)})"
            )
        return WorkerCrashed("a worker ended", _describe(code))

    def kill(self, reason: Ended | None = None) -> int:
        """End the process now, if it still runs, and reap it; returns its exit status. Safe to call twice."""
        if reason is not None and self.killed_for is None:
            self.killed_for = reason
        if self._process.poll() is None:
            self._process.kill()
        with suppress(Exception):
            self._writer.close()
            self._source.close()
        return self._process.wait()

    def stop(self, reason: Ended) -> None:
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
