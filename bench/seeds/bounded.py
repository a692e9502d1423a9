"""A daemon of its own in a memory cgroup of its budget and 32 MiB, sampled every 20 ms, and clients that ask it.

Invariant: every figure of memory is the kernel's, of the whole group; the daemon's own figures are only compared with
it.
Invariant: latencies are measured from outside, by a client on the daemon's socket.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from bench.cgroup import SLACK_BYTES, Group, Sampler
from bench.seeds.scenario import Check, Curve, thinned

from lowtide.errors import LowtideError
from lowtide.paths import Places
from lowtide.serve.client import Client, DaemonError, daemon_environment

START_S = 30.0
SAMPLE_S = 0.02
Status = dict[str, Any]


def is_idle(status: Status) -> bool:
    """Whether everything known of is indexed."""
    return bool(status["quiescent"]) and status["state"] == "idle"


def is_working(status: Status) -> bool:
    """Whether files are being indexed, and some are done."""
    return bool(status["state"] == "indexing" and (status["progress"] or {}).get("done", 0) > 0)


class BoundedDaemon:
    """A daemon under a budget in a group of `budget_bytes` and SLACK_BYTES; use it as a context manager."""

    def __init__(self, home: Path, budget_bytes: int, config: str = "") -> None:
        """`config` is the user's `config.toml` there."""
        self.home, self.budget_bytes = home, budget_bytes
        self._config = config
        self.environment = {**daemon_environment(), "LOWTIDE_HOME": str(home)}
        self.environment.pop("LOWTIDE_EMBEDDED", None)
        self.marks: list[tuple[float, str]] = []
        self._stack = ExitStack()
        self._began = 0.0
        self.client: Client | None = None

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        self.places = Places(self.home / "config", self.home / "cache", self.home / "run")
        self.places.config.mkdir(exist_ok=True)
        self.places.config_file.write_text(self._config)
        self.group = self._stack.enter_context(Group(self.budget_bytes + SLACK_BYTES))
        self.sampler = self._stack.enter_context(Sampler(self.group, SAMPLE_S))
        self._began = time.monotonic()
        log = self._stack.enter_context((self.home / "output.log").open("ab"))
        self.popen = self.group.popen(
            [sys.executable, "-P", "-m", "lowtide.cli", "daemon", "run", "--budget", str(self.budget_bytes)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
        try:
            self.client = self._first()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.process = psutil.Process(int(self.client.hello["pid"]))
        return self

    def _first(self) -> Client:
        while True:
            try:
                return self.connect()
            except DaemonError:
                if self.popen.poll() is not None or self.seconds > START_S:
                    raise
                time.sleep(0.02)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.client is not None:
            with suppress(LowtideError):
                self.client.ask("lowtide/stop", {})
            self.client.close()
            with suppress(subprocess.TimeoutExpired):
                self.popen.wait(5)
        self._stack.close()  # kills what is left
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(5)

    # -- asking -------------------------------------------------------------------------------------------------

    def connect(self) -> Client:
        """One more client."""
        return Client.connect(self.places, start=False)

    def ask(self, method: str, **params: Any) -> Any:
        """A request of the scenario's own client; what it opens stays open as long as the daemon runs."""
        assert self.client is not None, "use it as a context manager"
        return self.client.ask(method, params)

    def index(self, root: Path, *, force: bool = False) -> dict[str, Any]:
        """Open `root` and bring its index up to date; returns the report of `lowtide index --json`."""
        answer: dict[str, Any] = self.ask("lowtide/index", rootUri=root.as_uri(), force=force)
        return answer

    def index_aside(self, root: Path) -> Client:
        """Have another client ask for the index, in a thread, whatever becomes of it; returns that client."""
        other = self.connect()

        def ask() -> None:
            with suppress(LowtideError):
                other.ask("lowtide/index", {"rootUri": root.as_uri()})

        threading.Thread(target=ask, name="index", daemon=True).start()
        return other

    def until(self, condition: Callable[[Status], Any], seconds: float = 900.0, step_s: float = 0.01) -> Status | None:
        """The first Status for which `condition` holds; None when there was none in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status: Status = self.ask("lowtide/status")
            if condition(status):
                return status
            time.sleep(step_s)
        return None

    # -- memory -------------------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """Since the daemon was started: the clock of the samples and marks."""
        return time.monotonic() - self._began

    @property
    def anon_bytes(self) -> int:
        """The kernel's figure of the whole group, now."""
        return self.group.anon_and_file()[0]

    def mark(self, text: str) -> None:
        """Name this moment in the curve."""
        self.marks.append((round(self.seconds, 2), text))

    def peak_bytes(self, since_s: float = 0.0, until_s: float = float("inf")) -> int:
        """The highest sample of a stretch of time."""
        return max((s.anon_bytes for s in list(self.sampler.samples) if since_s <= s.seconds <= until_s), default=0)

    def quiet_bytes(self, seconds: float = 2.0) -> int:
        """The median of the samples of the next `seconds`."""
        began = self.seconds
        time.sleep(seconds)
        values = sorted(s.anon_bytes for s in list(self.sampler.samples) if s.seconds >= began)
        return values[len(values) // 2]

    def back_s(
        self, limit_bytes: int, since_s: float, wait_s: float, *, settled_s: float | None = None
    ) -> float | None:
        """Seconds from `since_s` until the group stays at or below `limit_bytes` up to `since_s + wait_s`; None for
        never.

        With `settled_s` it is enough that it has stayed there so long.
        """
        while True:
            now = self.seconds
            late = [s for s in list(self.sampler.samples) if s.seconds >= since_s]
            last = max((s.seconds for s in late if s.anon_bytes > limit_bytes), default=since_s)
            if settled_s is not None and now - last >= settled_s:
                return last - since_s
            if now >= since_s + wait_s:
                return last - since_s if late and last < late[-1].seconds else None
            time.sleep(0.1)

    def curve(self, name: str) -> Curve:
        """The samples so far."""
        points = [(round(s.seconds, 2), s.anon_bytes) for s in list(self.sampler.samples)]
        return Curve(name, self.budget_bytes, thinned(points), tuple(self.marks))


class Probe:
    """Asks one question again and again from a connection and thread of its own; latencies in `seconds`."""

    def __init__(
        self,
        daemon: BoundedDaemon,
        method: str,
        questions: Sequence[dict[str, Any]],
        pause_s: float,
        heard: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self._client = daemon.connect()
        self._method, self._questions, self._pause_s, self._heard = method, questions, pause_s, heard
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="probe", daemon=True)
        self.seconds: list[float] = []
        self.errors: list[str] = []

    def _ask(self) -> None:
        number = 0
        while not self._stop.wait(self._pause_s):
            began = time.perf_counter()
            try:
                answer = self._client.ask(self._method, self._questions[number % len(self._questions)])
            except LowtideError as error:
                self.errors.append(str(error))
                if isinstance(error, DaemonError):
                    return
            else:
                self.seconds.append(time.perf_counter() - began)
                self._heard(answer)
            number += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        self._client.close()


def noted(checks: Sequence[Check]) -> Sequence[Check]:
    """Print checks as they come, for a scenario that takes minutes; returns them."""
    for check in checks:
        verdict = "" if check.ok is None else "pass" if check.ok else "FAIL"
        print(f"  {check.name}: {check.figure} {check.target} {verdict}", file=sys.stderr, flush=True)
    return checks


def questions(root: Path, count: int = 400) -> list[dict[str, Any]]:
    """Different questions about any code, so that no cache answers them all."""
    verbs = "open parse write merge cancel encode retry validate render resolve".split()
    nouns = "file header request buffer token session cookie lock matrix iterator socket".split()
    return [
        {
            "query": f"{verbs[number % len(verbs)]} the {nouns[number % len(nouns)]} number {number}",
            "rootUri": root.as_uri(),
            "limit": 5,
        }
        for number in range(count)
    ]
