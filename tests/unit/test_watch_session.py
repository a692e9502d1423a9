"""The steps of a watcher: what is told is taken at once, and what comes during a nap when that ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event

from lowtide.system.watch.inotify import Batch
from lowtide.system.watch.rounds import Round, Rounds
from lowtide.system.watch.watch_session import Root, Session
from lowtide.system.watch.watch_state import Outbox, Timing


class FakeSource:
    """Tells what it is given."""

    def __init__(self) -> None:
        self.git_folders: list[bytes] = []
        self.told: list[bytes] = []
        self.taken: list[bytes] = []

    def plan(self, only: Iterable[bytes] | None, stopped: Callable[[], bool]) -> int:
        return 0

    def take(self) -> Batch:
        told, self.told = self.told, []
        self.taken += told
        return Batch(changed=set(told))

    def caught_up(self) -> bool:
        return not self.told

    def close(self) -> None: ...


def test_what_is_told_during_a_nap_is_taken_when_it_ends(tmp_path: Path) -> None:
    root = Root.at(str(tmp_path).encode())
    assert root is not None
    source, stopping, woken = FakeSource(), Event(), Event()
    outbox = Outbox(root.named, woken.set)
    session = Session(root, outbox, source, stopping, Timing(nap_s=0.05, root_s=600, mounts_s=600))
    one = Round(Rounds(), session.steps("start", lambda: None))
    one.begin()
    try:
        for number in range(5):
            # The second comes while the watcher naps after the first, and nothing follows it.
            for name in (b"first%d" % number, b"second%d" % number):
                source.told.append(name)
                one.wake()
                until = time.monotonic() + 30
                while name == b"first%d" % number and source.told:
                    assert time.monotonic() < until
                    time.sleep(0.001)
            until = time.monotonic() + 30
            while source.told:
                assert time.monotonic() < until, "it was not taken"
                time.sleep(0.005)
    finally:
        stopping.set()
        one.hurry()
        assert one.ended.wait(30)
