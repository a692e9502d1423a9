"""The process: standard input and output, the daemon, and the parent, each heard as soon as it says something.

Invariant: it ends within a second of its parent's end, and of the end of its input once nothing is at work.
Invariant: standard output carries nothing but messages, and a client that does not read holds up nothing but itself.
Threads: one, but for the connecting (`link.py`).
"""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress

from lowtide.mcp.lines import Lines, encode
from lowtide.mcp.link import Connect, Link
from lowtide.mcp.protocol import Protocol

BLOCK_BYTES = 1 << 16
SURE_BYTES = 4096
"""A pipe that can be written to takes so many without waiting."""
MOST_UNSENT_BYTES = 4 << 20
"""Behind a client that does not read; it is not heard until it does."""
LINGER_S = 10.0
"""The input has ended, and its last questions are answered; with a parent that is gone, only so long:"""
ORPHAN_S = 0.5
TICK_S = 5.0
_BROKEN = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Loop:
    """Serves one client until it, or the parent, has gone."""

    def __init__(self, connect: Connect, in_fd: int = 0, out_fd: int = 1) -> None:
        self._in_fd, self._out_fd = in_fd, out_fd
        self._lines = Lines()
        self._unsent = bytearray()
        self._link = Link(connect, lambda method, params: self._protocol.hear_daemon(method, params))
        self._protocol = Protocol(self._link, lambda message: self._unsent.extend(encode(message)))
        self._ends_s: float | None = None
        """When it ends at the latest: the input has ended."""

    def run(self) -> int:
        """The exit status."""
        parent = os.getppid()
        handle = -1
        if parent > 1:
            with suppress(OSError):
                handle = os.pidfd_open(parent)
        is_orphan = parent <= 1 or os.getppid() != parent
        try:
            while self._goes_on():
                for fd, events in self._wait(handle):
                    if fd == handle:
                        return 0
                    if fd == self._in_fd:
                        self._read(ORPHAN_S if is_orphan else LINGER_S)
                    elif fd == self._out_fd:
                        if events & _BROKEN or not self._write():
                            return 0
                    else:
                        self._link.handle(fd, events)
                self._link.tick()
                self._protocol.tick()
            return 0
        finally:
            self._protocol.close()
            self._link.close()
            if handle >= 0:
                os.close(handle)

    def _goes_on(self) -> bool:
        if self._ends_s is None:
            return True
        is_done = not self._protocol.is_busy and not self._unsent
        return not is_done and time.monotonic() < self._ends_s

    def _wait(self, handle: int) -> list[tuple[int, int]]:
        poll = select.poll()
        if handle >= 0:
            poll.register(handle, select.POLLIN)
        if self._ends_s is None and len(self._unsent) < MOST_UNSENT_BYTES:
            poll.register(self._in_fd, select.POLLIN)
        # Without anything to write, only that the client has gone is heard of it.
        poll.register(self._out_fd, select.POLLOUT if self._unsent else 0)
        for fd, events in self._link.watched():
            poll.register(fd, events)
        dues = [self._link.due_s(), self._protocol.due_s()]
        if self._ends_s is not None:
            dues.append(max(0.0, self._ends_s - time.monotonic()))
        return poll.poll(1000 * min((due for due in dues if due is not None), default=TICK_S))

    def _read(self, linger_s: float) -> None:
        try:
            data = os.read(self._in_fd, BLOCK_BYTES)
        except OSError:
            data = b""
        messages = self._lines.feed(data) if data else self._lines.end()
        if not data:
            self._ends_s = time.monotonic() + linger_s
        for message in messages:
            self._protocol.take(message)

    def _write(self) -> bool:
        try:
            sent = os.write(self._out_fd, memoryview(self._unsent)[:SURE_BYTES])
        except OSError:
            return False  # the client has gone
        del self._unsent[:sent]
        return True
