"""`lowtide lsp`: what an editor starts. It copies bytes between the editor and the user's daemon.

Standard library only, and before anything of the command line is imported: every open editor pays for this process.

Invariant: it ends within a second of the editor's end, of the connection's, or of its parent's; 0 only after `shutdown`
and `exit`.
Invariant: standard output carries nothing but the server's messages.
"""

from __future__ import annotations

import json
import os
import select
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from lowtide.errors import LowtideError, UsageError
from lowtide.paths import Places
from lowtide.serve import client
from lowtide.system.leaving import leave
from lowtide.visible import visible

if TYPE_CHECKING:
    import socket

USAGE = """Usage: lowtide lsp [OPTIONS]

  The language server on standard input and output, for an editor to start.

  --stdio                  the default, and the only way
  --clientProcessId=N      end when this process ends
  --embedded               run in this process, without the daemon
  --budget SIZE            memory for all processes: 256MiB, 1G (least 96MiB)
  -v, --verbose            a failure shows its traceback
  --version                show the version and exit
"""
BLOCK_BYTES = 1 << 16
PIPE_BYTES = 1 << 20
MOST_HEADER_BYTES = 4096
MOST_PEEKED_BYTES = 512
"""`shutdown` and `exit` are short; longer messages are not looked into."""
LOST = "lowtide: the daemon has ended (`lowtide daemon logs` says more): restart the language server to start another"
LINGER_S = 0.5
"""What the server still has to say when the editor has closed its side."""


class Arguments:
    """What stands on the command line."""

    def __init__(self, words: list[str]) -> None:
        self.embedded = os.environ.get("LOWTIDE_EMBEDDED", "") not in ("", "0")
        self.budget: str | None = None
        self.client_pid: int | None = None
        self.help = self.version = False
        words = list(words)
        while words:
            word = words.pop(0)
            name, has_value, value = word.partition("=")
            if name in ("--budget", "--clientProcessId") and not has_value:
                if not words:
                    raise UsageError(f"{name} needs a value", "", "see `lowtide lsp --help`")
                value = words.pop(0)
            if name == "--budget":
                self.budget = value
            elif name == "--clientProcessId":
                if not value.isdecimal():
                    raise UsageError(f"--clientProcessId: {value!r} is no process id", "", "give a number")
                self.client_pid = int(value)
            elif word == "--embedded":
                self.embedded = True
            elif word in ("-h", "--help"):
                self.help = True
            elif word == "--version":
                self.version = True
            elif word not in ("lsp", "--stdio", "-v", "--verbose", "-q", "--quiet", "--json"):
                raise UsageError(f"no option {word}", "", "see `lowtide lsp --help`")


def run_lsp(words: list[str]) -> int:
    """Run the command; returns its exit status. `words`: the whole command line."""
    try:
        arguments = Arguments(words)
        if arguments.help:
            sys.stdout.write(USAGE)
            return 0
        if arguments.version:
            from lowtide.cli.bare import print_version

            print_version(as_json="--json" in words)
            return 0
        if arguments.embedded:
            return _run_embedded(arguments)
        return _run_shim(arguments)
    except LowtideError as error:
        if "-v" in words or "--verbose" in words:
            import traceback  # rarely needed, and this process is to be small

            _complain(traceback.format_exc().splitlines())
        _complain([f"lowtide: {error}"])
        if "--json" in words and isinstance(error, UsageError):  # of others the editor is told in its own protocol
            from lowtide.cli.bare import print_error

            print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _complain(lines: list[str]) -> None:
    """Lines to standard error, with nothing in them that acts: an editor shows them, or a terminal does."""
    sys.stderr.write("".join(f"{visible(line)}\n" for line in lines))


def _run_embedded(arguments: Arguments) -> int:
    import importlib

    from lowtide.serve.configured import load

    for fd, name in ((0, "input"), (1, "output")):
        mode = os.fstat(fd).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd) or (fd and stat.S_ISCHR(mode))):
            raise UsageError(f"standard {name} is no pipe and no socket", "", "have an editor start `lowtide lsp`")
    places, config = load(arguments.budget)
    # By name: the engine knows nothing of the language server.
    code = int(importlib.import_module("lowtide_lsp.main").run(places, config))
    leave(code)


def _run_shim(arguments: Arguments) -> int:
    places = Places.from_environment()
    try:
        _settle_version(places, arguments)
        connection = client.open_socket(places, budget=arguments.budget)
    except LowtideError as error:
        _tell_editor(error)
        raise
    try:
        return Shim(connection, arguments.client_pid).run()
    finally:
        connection.close()


def _settle_version(places: Places, arguments: Arguments) -> None:
    """Have an older daemon that has nothing to do replaced; one that is in use serves this editor, too."""
    with suppress(client.OtherVersion, client.RemoteError):
        client.Client.connect(places, budget=arguments.budget).close()


def _tell_editor(error: LowtideError) -> None:
    """Answer the editor's `initialize` with why there is no server: it shows that, and not that a process ended."""
    if not select.select([0], [], [], 1.0)[0]:
        return
    data = os.read(0, BLOCK_BYTES)
    with suppress(ValueError, AttributeError):
        number = json.loads(data[data.index(b"{") :]).get("id")
        why = {"code": -32803, "message": str(error), "data": {"kind": error.kind, "retry": False}}
        os.write(1, _framed({"jsonrpc": "2.0", "id": number, "error": why}))


def _framed(message: dict[str, object]) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Shim:
    """Copies both ways until one side ends."""

    def __init__(self, connection: socket.socket, client_pid: int | None) -> None:
        self._socket = connection
        self._seen = _Seen()
        self._told = _Messages()
        self._pids = {os.getppid(), client_pid} - {None, 0, 1}

    def run(self) -> int:
        """The exit status."""
        handles = []
        for pid in self._pids:
            with suppress(OSError, AttributeError):
                handles.append(os.pidfd_open(pid))  # type: ignore[arg-type]
        socket_fd = self._socket.fileno()
        _widen(1)
        poll = select.poll()
        for fd in (0, socket_fd, *handles):
            poll.register(fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd in handles:
                    return self._seen.exit_code
                try:
                    data = os.read(fd, BLOCK_BYTES)
                except ConnectionError:
                    data = b""
                if fd == socket_fd:
                    if not data:
                        return self._lost()
                    self._told.feed(data)
                    if not _write(1, data):
                        return self._seen.exit_code
                elif data:
                    self._seen.feed(data)
                    try:
                        self._socket.sendall(data)
                    except OSError:
                        return self._lost()
                else:
                    self._linger()
                    return self._seen.exit_code

    def _lost(self) -> int:
        """The daemon has closed the connection: say so, unless the editor has taken its leave."""
        if self._seen.exit_code:
            _complain([LOST])
            if self._told.is_between:
                params = {"type": 1, "message": LOST}
                _write(1, _framed({"jsonrpc": "2.0", "method": "window/logMessage", "params": params}))
        return self._seen.exit_code

    def _linger(self) -> None:
        """The editor has closed its side: pass on what the server still says, for a moment."""
        import socket
        import time

        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + LINGER_S
        while (left := deadline - time.monotonic()) > 0 and select.select([self._socket], [], [], left)[0]:
            try:
                data = self._socket.recv(BLOCK_BYTES)
            except OSError:
                return
            if not data or not _write(1, data):
                return


def _widen(pipe: int) -> None:
    """Let a pipe hold a whole outline or list of symbols: each time it is full, two processes must take turns."""
    import fcntl

    with suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class _Messages:
    """Follows one side's messages, and looks into none that is longer than `MOST_PEEKED_BYTES`."""

    def __init__(self) -> None:
        self._head = b""
        self._body = b""
        self._left = 0
        self._peeks = False

    @property
    def is_between(self) -> bool:
        """Whether the last message is there whole."""
        return not self._left and not self._head

    def feed(self, data: bytes) -> None:
        """Some bytes of the stream."""
        while data:
            if self._left:
                part, data = data[: self._left], data[self._left :]
                self._left -= len(part)
                if self._peeks:
                    self._body += part
                    if not self._left:
                        self._look()
                continue
            self._head += data
            data = b""
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                if len(self._head) > MOST_HEADER_BYTES:
                    self._head = b""  # no message: the server will say so
                return
            head, data, self._head = self._head[:end], self._head[end + 4 :], b""
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.strip().lower() == b"content-length" and value.strip().isdigit():
                    self._left = int(value)
            self._peeks, self._body = self._left <= MOST_PEEKED_BYTES, b""

    def _look(self) -> None:
        """`_body` is there."""


class _Seen(_Messages):
    """The editor's: whether it took its leave."""

    def __init__(self) -> None:
        super().__init__()
        self._shut_down = False
        self.exit_code = 1

    def _look(self) -> None:
        try:
            method = json.loads(self._body).get("method")
        except (ValueError, AttributeError):
            return
        if method == "shutdown":
            self._shut_down = True
        elif method == "exit" and self._shut_down:
            self.exit_code = 0


def _write(fd: int, data: bytes) -> bool:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        return False
    return True
