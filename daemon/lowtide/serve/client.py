"""A client of the daemon: finds the user's daemon or starts it, asks, and waits for the answer. Blocking; standard
library only.

Invariant: it imports nothing that is slow or large, for every command and every editor's shim begins here.
Invariant: a daemon that does not answer is never waited for without end, nor taken for one that does not run.
"""

from __future__ import annotations

import io
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import lowtide
from lowtide.closing import Closing
from lowtide.errors import LockHeld, LowtideError, StoreError
from lowtide.paths import Places, make_private, open_regular
from lowtide.serve import daemon_lock, daemon_socket, rpc
from lowtide.serve.daemon_lock import Holder

START_WORDS = ("daemon", "run", "--ready-fd")
"""After `lowtide`, before the number of the descriptor and `--budget SIZE`, in this order."""
START_S = 15.0
"""A daemon that is not there by then will not come (a loaded machine takes a second or two)."""
BIND_S = 5.0
"""A daemon that runs listens by then: it has just started, or notices that its socket is gone and makes another."""
HELLO_S = 10.0
LOOK_S = 1.0
"""While an answer is waited for, whether the daemon has been stopped is looked at so often."""
END_S = 5.0
"""A daemon that is asked to end, or told so by a signal, has ended by then, or never will by itself."""

Notified = Callable[[str, dict[str, Any]], None]


class DaemonError(LowtideError):
    """The daemon cannot be reached, or does not answer as it should."""

    kind = "daemon"


class NotRunning(DaemonError):
    """There is no daemon."""

    def __init__(self) -> None:
        super().__init__("the daemon does not run", "", "start it: lowtide daemon start")


class NoAnswer(DaemonError):
    """There is one, and it says nothing."""

    def __init__(self, pid: int, host: str = "") -> None:
        why = f"process {pid}" if pid else "its process is not known"
        remedy = "end it: lowtide daemon stop"
        if pid and daemon_lock.is_stopped(pid):
            why += " has been stopped"
            remedy = f"have it go on with `kill -CONT {pid}`, or end it: lowtide daemon stop"
        elif host and host != os.uname().nodename:
            why += f" on {host}"
            remedy = "end it there, set LOWTIDE_HOME to a folder of this machine's own, or use --embedded"
        super().__init__("the daemon does not answer", why, remedy)
        self.pid = pid


class LockTaken(DaemonError):
    """What holds its lock is no daemon that can be seen from here; `pid`: 0 when the holder is not known."""

    def __init__(self, places: Places) -> None:
        lock = places.cache / daemon_lock.LOCK_NAME
        pid, name = daemon_lock.who_locks(lock)
        self.pid = pid
        who = f"process {pid} ({name})" if pid else "a process that cannot be seen from here"
        end = f"end it (`kill {pid}`)" if pid else "end it"
        super().__init__(
            "the daemon cannot be reached",
            f"{who} holds {lock}, and is no daemon that answers",
            f"{end}, set LOWTIDE_HOME to another folder, or use --embedded",
        )


class Gone(DaemonError):
    """It ended while it was asked."""


class OtherVersion(DaemonError):
    """It is of another version, and in use."""


class RemoteError(LowtideError):
    """What the daemon answered instead of a result; it has the kind and exit status of the error there."""

    def __init__(self, error: dict[str, Any]) -> None:
        data = error.get("data") or {}
        text = error.get("message", "an error")
        super().__init__(str(data.get("message") or text), "", str(data.get("remedy", "")))
        self.kind = str(data.get("kind", "error"))
        self.exit_code = int(data.get("exit", 1))


def open_socket(places: Places, *, start: bool = True, budget: str | None = None) -> socket.socket:
    """A connection to the user's daemon, which is started when there is none.

    NotRunning without `start`; NoAnswer, DaemonError (LockTaken), UntrustedSocket, StoreError: there is none to be had.
    """
    began, started = time.monotonic(), False
    while True:
        holder = daemon_lock.find_holder(places)
        if holder is not None and holder.socket is not None:
            try:
                connection = daemon_socket.connect(holder.socket)
            except daemon_socket.Silent:
                raise NoAnswer(holder.pid) from None
            if connection is not None:
                return connection
        if holder is None:
            if not start:
                raise NotRunning
            if started:
                taken = LockTaken(places)
                if taken.pid:
                    raise taken
                raise DaemonError("the daemon could not be started", "it ended at once", _look_at_log(places))
            _start(places, budget, time.monotonic() + START_S)
            began, started = time.monotonic(), True
        elif time.monotonic() - began > BIND_S or daemon_lock.is_stopped(holder.pid):
            if daemon_lock.is_foreign(holder):
                raise LockTaken(places)
            raise NoAnswer(holder.pid, holder.host)
        else:
            time.sleep(0.02)


def _look_at_log(places: Places) -> str:
    return f"look at {places.log_file}, or use --embedded"


def daemon_environment() -> dict[str, str]:
    """The environment a daemon is to start in: this process's, and no cache of freed blocks in each thread (glibc).

    What those caches keep holds pages of the heap: 3 MiB after a large tree was indexed, and indexing is no faster with
    them. They can only be turned off before a process starts. What the user set comes last, and wins.
    """
    environment = dict(os.environ)
    for name in ("LOWTIDE_HOME", "LOWTIDE_MODEL"):
        if environment.get(name):  # relative ones mean this process's folder, and a daemon begins in `/`
            environment[name] = os.fspath(Path(environment[name]).absolute())
    tunables = ["glibc.malloc.tcache_count=0", environment.get("GLIBC_TUNABLES", "")]
    environment["GLIBC_TUNABLES"] = ":".join(filter(None, tunables))
    return environment


def _start(places: Places, budget: str | None, deadline_s: float) -> None:
    """Start a daemon that outlives this process, and wait until it listens, or another has come first.

    DaemonError, with what it says of itself, when it cannot; StoreError.
    """
    import subprocess

    make_private(places.log_file.parent)
    ready, told = os.pipe()
    try:
        command = [sys.executable, "-P", "-m", "lowtide.cli", *START_WORDS, str(told)]
        if budget:
            command += ["--budget", budget]
        with open(open_regular(places.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as output:
            os.fchmod(output.fileno(), 0o600)
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(told,),
                    cwd="/",
                    start_new_session=True,
                    env=daemon_environment(),
                )
            except OSError as error:
                raise StoreError(
                    "the daemon could not be started", error.strerror or str(error), "use --embedded"
                ) from error
    except OSError as error:
        os.close(ready)
        why = error.strerror or str(error)
        raise StoreError(
            f"cannot write to {places.log_file}",
            why,
            "check its permissions, remove it if it is no file, or use --embedded",
        ) from error
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(told)
    try:
        text = b""
        while not text.endswith(b"\n"):
            if not select.select([ready], [], [], max(0.0, deadline_s - time.monotonic()))[0]:
                process.kill()
                raise DaemonError("the daemon could not be started", "it took too long", _look_at_log(places))
            block = os.read(ready, 4096)
            if not block:
                break
            text += block
        process.returncode = 0  # it outlives this process: nobody is to wait for it here
    finally:
        os.close(ready)
    _heed(text, places)


def _heed(text: bytes, places: Places) -> None:
    """What a daemon says when it has started, or has not: see `start_word`."""
    try:
        said = json.loads(text)
        kind, message, remedy = str(said["kind"]), str(said["message"]), str(said["remedy"])
    except (ValueError, TypeError, KeyError):
        raise DaemonError("the daemon could not be started", "it ended at once", _look_at_log(places)) from None
    if kind not in ("", LockHeld.kind):
        raise DaemonError("the daemon could not be started", message, remedy or _look_at_log(places))


def start_word(error: BaseException | None) -> bytes:
    """What a daemon tells who started it: nothing is wrong, or what is."""
    said = {"kind": "", "message": "", "remedy": ""}
    if isinstance(error, LowtideError):
        said = {"kind": error.kind, "message": error.message, "remedy": error.remedy}
    elif error is not None:
        said = {"kind": "internal", "message": f"{type(error).__name__}: {error}", "remedy": ""}
    return json.dumps(said).encode() + b"\n"


class Door(Protocol):
    """What commands ask: the daemon (`Client`), or the same service in their own process (`local.LocalClient`)."""

    def ask(
        self, method: str, params: dict[str, Any], notified: Notified | None = None, *, within_s: float | None = None
    ) -> Any:
        """The result of a request; RemoteError for its error."""

    def close(self) -> None:
        """It is of no more use."""


class _Awaited(io.RawIOBase):
    """A socket to read from, whose other side is looked at while it says nothing."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self._socket = connection
        self.pid = pid
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self.until_s: float | None = None
        """When patience ends, on the monotonic clock."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """NoAnswer when the daemon has been stopped, or says nothing until `until_s`."""
        while True:
            left = LOOK_S if self.until_s is None else min(LOOK_S, max(0.0, self.until_s - time.monotonic()))
            if self._poll.poll(1000 * left):
                return self._socket.recv_into(buffer)
            is_late = self.until_s is not None and time.monotonic() >= self.until_s
            if is_late or daemon_lock.is_stopped(self.pid):
                raise NoAnswer(self.pid)


class Client(Closing):
    """One connection of the command line's, with the daemon's version settled."""

    def __init__(self, connection: socket.socket, patience_s: float = HELLO_S) -> None:
        self._socket = connection
        connection.settimeout(HELLO_S)  # for what is sent: the other side may not read
        self._awaited = _Awaited(connection, (daemon_socket.peer(connection) or (0, 0))[0])
        self._stream = io.BufferedReader(self._awaited)
        self._next = 1
        try:
            self.hello = self.ask(
                "lowtide/hello",
                {"version": lowtide.__version__, "pid": os.getpid(), "role": "command"},
                within_s=patience_s,
            )
        except BaseException:
            self.close()
            raise

    @classmethod
    def connect(
        cls, places: Places, *, start: bool = True, budget: str | None = None, patience_s: float = HELLO_S
    ) -> Client:
        """To the user's daemon. A newer version of Lowtide replaces an older daemon that has nothing to do.

        Errors: NotRunning without `start`, NoAnswer when it says nothing for `patience_s`, OtherVersion when it is of
        another and busy; else as `open_socket`.
        """
        client = cls._greeted(places, start, budget, patience_s)
        theirs = str(client.hello.get("version", ""))
        if theirs == lowtide.__version__ or not start:
            return client
        if client.hello.get("idle"):
            stop(client)
            return cls._greeted(places, True, budget, HELLO_S)
        client.close()
        raise OtherVersion(
            f"the running daemon is version {theirs}, this is {lowtide.__version__}",
            "it is in use",
            "close your editors or run `lowtide daemon stop`, or use --embedded",
        )

    @classmethod
    def _greeted(cls, places: Places, start: bool, budget: str | None, patience_s: float) -> Client:
        """A connection whose daemon has said who it is. One that ends before that, because it was just killed or
        replaced, has been asked nothing: the next one is greeted. Errors as `connect`."""
        began = time.monotonic()
        while True:
            try:
                return cls(open_socket(places, start=start, budget=budget), patience_s)
            except Gone:
                if time.monotonic() - began > BIND_S:
                    raise
            time.sleep(0.02)

    def ask(
        self, method: str, params: dict[str, Any], notified: Notified | None = None, *, within_s: float | None = None
    ) -> Any:
        """The result of a request. RemoteError for its error, DaemonError when the daemon goes away, NoAnswer when it
        has been stopped or says nothing for `within_s` (without it, an answer may take as long as the work does).

        Interrupted by Ctrl-C, it has the daemon cancel the request.
        """
        number = self._next
        self._next += 1
        self._awaited.until_s = None if within_s is None else time.monotonic() + within_s
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        try:
            while True:
                message = self._read()
                if message.get("id") == number and "method" not in message:
                    if "error" in message:
                        raise RemoteError(message["error"])
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
        except TimeoutError as error:
            raise NoAnswer(self._awaited.pid) from error
        except OSError as error:
            raise _gone() from error

    def _read(self) -> dict[str, Any]:
        try:
            message = rpc.read_blocking(self._stream)
        except (OSError, rpc.FramingError) as error:
            raise _gone() from error
        if message is None:
            raise _gone()
        return message

    def detach(self) -> socket.socket:
        """The connection itself, for who asks several things at once; this object is of no more use."""
        self._socket.settimeout(None)
        return self._socket

    def close(self) -> None:
        """End the connection."""
        with suppress(OSError):
            self._stream.close()
            self._socket.close()


def stop(client: Client, wait_s: float = END_S) -> int:
    """Have the daemon end, and wait until it is gone; returns its process id. NoAnswer when it stays."""
    pid = int(client.hello["pid"])
    handle = _handle_of(pid)
    try:
        with client, suppress(Gone):
            client.ask("lowtide/stop", {}, within_s=wait_s)
        if handle is not None and not select.select([handle], [], [], wait_s)[0]:
            raise NoAnswer(pid)
    finally:
        if handle is not None:
            os.close(handle)
    return pid


def end(places: Places, say: Callable[[str], None]) -> int:
    """End the daemon, whatever it takes: asked, then by a signal, then by force; `say` tells each step beyond asking.

    Returns its process id. NotRunning; NoAnswer when it is a process that this one cannot reach, or stays.
    """
    try:
        return stop(Client.connect(places, start=False, patience_s=END_S))
    except NotRunning:
        raise
    except LowtideError as error:
        complaint = error
    holder = daemon_lock.find_holder(places)
    if holder is None:
        raise NotRunning  # it has ended meanwhile
    handle = _handle_of(holder.pid)
    if handle is None:
        raise complaint
    try:
        # Only now, with the process held fast, is it sure that this is the daemon and not one that got its number.
        if not daemon_lock.is_here(holder) or not _holds(places, holder):
            raise complaint
        say(f"the daemon does not answer: ending process {holder.pid}")
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        signal.pidfd_send_signal(handle, signal.SIGCONT)  # one that has been stopped hears nothing else
        if not select.select([handle], [], [], END_S)[0]:
            say(f"it did not end within {END_S:.0f} seconds: ending it by force")
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            if not select.select([handle], [], [], END_S)[0]:
                raise NoAnswer(holder.pid)
    finally:
        os.close(handle)
    return holder.pid


def _handle_of(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid) if pid > 0 else None
    except OSError:
        return None


def _holds(places: Places, holder: Holder) -> bool:
    return daemon_lock.find_holder(places) == holder


def _gone() -> Gone:
    return Gone(
        "the daemon has gone away", "it ended or was stopped", "run the command again; what was committed is kept"
    )
