"""A client of the daemon: finds the user's daemon or starts it, asks, and waits for the answer. Blocking; standard library only.

Invariant: it imports nothing that is slow or large, for every command and every editor's shim begins here.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import lowtide
from lowtide import rpc
from lowtide.errors import LowtideError, StoreError
from lowtide.paths import Places, make_private

START_S = 15.0
"""A daemon that is not there by then will not come (a loaded machine takes a second or two)."""
HELLO_S = 10.0

Notified = Callable[[str, dict[str, Any]], None]


class DaemonError(LowtideError):
    """The daemon cannot be reached, or does not answer as it should."""

    kind = "daemon"


class RemoteError(LowtideError):
    """What the daemon answered instead of a result; it has the kind and exit status of the error there."""

    def __init__(self, data: dict[str, Any], text: str) -> None:
        super().__init__(str(data.get("message") or text), "", str(data.get("remedy", "")))
        self.kind = str(data.get("kind", "error"))
        self.exit_code = int(data.get("exit", 1))


def open_socket(places: Places, *, start: bool = True, budget: str | None = None) -> socket.socket:
    """A connection to the user's daemon, which is started when there is none. DaemonError when there is none to be had."""
    connection = _connect(places.socket)
    if connection is not None:
        return connection
    if not start:
        raise DaemonError("the daemon does not run", "", "start it: lowtide daemon start")
    deadline = time.monotonic() + START_S
    complaint = _start(places, budget, deadline)
    while True:
        connection = _connect(places.socket)
        if connection is not None:
            return connection
        if time.monotonic() > deadline:
            # What it says of itself tells what to do, too, unless it came from outside of it.
            why, _, remedy = complaint.partition("; ")
            raise DaemonError(
                "the daemon could not be started", why, remedy or f"look at {places.log_file}, or use --embedded"
            )
        # Another process may have won the race to start it, and listens in a moment.
        time.sleep(0.02)
        if complaint and "runs already" not in complaint:
            deadline = min(deadline, time.monotonic() + 0.5)


def _connect(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.fspath(path))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        remedy = "check the folder's permissions"
        if isinstance(error, NotADirectoryError):
            remedy = "set LOWTIDE_HOME to a folder"
        raise DaemonError(f"cannot connect to {path}", error.strerror or str(error), remedy) from error
    return connection


def daemon_environment() -> dict[str, str]:
    """The environment a daemon is to start in: this process's, and no cache of freed blocks in each thread (glibc).

    What those caches keep holds pages of the heap: 3 MiB after a large tree was indexed, and indexing is no faster with
    them. They can only be turned off before a process starts. What the user set comes last, and wins.
    """
    environment = dict(os.environ)
    if sys.platform == "linux":
        tunables = ["glibc.malloc.tcache_count=0", environment.get("GLIBC_TUNABLES", "")]
        environment["GLIBC_TUNABLES"] = ":".join(filter(None, tunables))
    return environment


def _start(places: Places, budget: str | None, deadline_s: float) -> str:
    """Start a daemon that outlives this process, and wait until it listens or gives up; returns its complaint."""
    make_private(places.log_file.parent)
    ready, told = os.pipe()
    try:
        command = [sys.executable, "-P", "-m", "lowtide.cli", "daemon", "run", "--ready-fd", str(told)]
        if budget:
            command += ["--budget", budget]
        with open(places.log_file, "ab") as output:
            os.chmod(places.log_file, 0o600)
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=(told,), cwd="/",
                    start_new_session=True, env=daemon_environment(),
                )  # fmt: skip
            except OSError as error:
                raise StoreError(
                    "the daemon could not be started", error.strerror or str(error), "use --embedded"
                ) from error
    finally:
        os.close(told)
    try:
        text = b""
        while (left := deadline_s - time.monotonic()) > 0:
            if not select.select([ready], [], [], left)[0]:
                process.kill()
                return "it took too long"
            block = os.read(ready, 4096)
            text += block
            if not block or text.endswith(b"\n"):
                break
        process.returncode = 0  # it outlives this process: nobody is to wait for it here
        answer = text.decode("utf-8", "replace").strip()
        return "" if answer == "ready" else answer or "it ended at once"
    finally:
        os.close(ready)


class Client:
    """One connection of the command line's, with the daemon's version settled."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._stream = connection.makefile("rb")
        self._next = 1
        connection.settimeout(HELLO_S)
        try:
            self.hello = self.ask(
                "lowtide/hello", {"version": lowtide.__version__, "pid": os.getpid(), "role": "command"}
            )
        except TimeoutError as error:
            self.close()
            raise DaemonError("the daemon does not answer", "", "run `lowtide daemon stop`, then try again") from error
        connection.settimeout(None)

    @classmethod
    def connect(cls, places: Places, *, start: bool = True, budget: str | None = None) -> Client:
        """To the user's daemon. A newer version of Lowtide replaces an older daemon that has nothing to do.

        Errors: DaemonError when it cannot be had, or has another version and is busy.
        """
        client = cls(open_socket(places, start=start, budget=budget))
        theirs = str(client.hello.get("version", ""))
        if theirs == lowtide.__version__ or not start:
            return client
        if client.hello.get("idle"):
            stop(client)
            return cls(open_socket(places, start=True, budget=budget))
        client.close()
        raise DaemonError(
            f"the running daemon is version {theirs}, this is {lowtide.__version__}", "it is in use",
            "close your editors or run `lowtide daemon stop`, or use --embedded",
        )  # fmt: skip

    def ask(self, method: str, params: dict[str, Any], notified: Notified | None = None) -> Any:
        """The result of a request. RemoteError for its error, DaemonError when the daemon goes away.

        Interrupted by Ctrl-C, it has the daemon cancel the request.
        """
        number = self._next
        self._next += 1
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        try:
            while True:
                message = self._read()
                if message.get("id") == number and "method" not in message:
                    if "error" in message:
                        error = message["error"]
                        raise RemoteError(error.get("data") or {}, str(error.get("message", "an error")))
                    return message.get("result")
                if notified is not None and "method" in message and "id" not in message:
                    notified(message["method"], message.get("params") or {})
        except KeyboardInterrupt:
            with suppress(DaemonError):
                self._send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": number}})
            raise

    def listen(self, notified: Notified) -> None:
        """Hear notifications until the daemon goes away (DaemonError)."""
        while True:
            message = self._read()
            if "method" in message and "id" not in message:
                notified(message["method"], message.get("params") or {})

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._socket.sendall(rpc.frame(message))
        except OSError as error:
            raise _gone() from error

    def _read(self) -> dict[str, Any]:
        try:
            message = rpc.read_blocking(self._stream)
        except TimeoutError:
            raise
        except (OSError, rpc.FramingError) as error:
            raise _gone() from error
        if message is None:
            raise _gone()
        return message

    def close(self) -> None:
        """End the connection."""
        with suppress(OSError):
            self._stream.close()
            self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def stop(client: Client, wait_s: float = 5.0) -> int:
    """Stop the daemon and wait until it is gone; returns its process id. DaemonError when it stays."""
    pid = int(client.ask("lowtide/stop", {})["pid"])
    client.close()
    with suppress(OSError, AttributeError):
        handle = os.pidfd_open(pid)
        try:
            if not select.select([handle], [], [], wait_s)[0]:
                raise DaemonError("the daemon does not end", f"process {pid}", f"end it with `kill {pid}`")
        finally:
            os.close(handle)
    return pid


def _gone() -> DaemonError:
    return DaemonError(
        "the daemon has gone away", "it ended or was stopped", "run the command again; what was committed is kept"
    )
