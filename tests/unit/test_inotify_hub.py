"""One instance for many workspaces, told by an instance of our own: what the real system does not do on demand."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from lowtide.system.watch import inotify_hub
from lowtide.system.watch.inotify import IN_CREATE, IN_IGNORED, IN_MASK_ADD, IN_Q_OVERFLOW, Event
from lowtide.system.watch.inotify_hub import Hub, Inbox

LONGEST_S = 20.0


class FakeInstance:
    """Numbers folders as they come; `tell` gives the thread something to read."""

    def __init__(self) -> None:
        self.numbers: dict[bytes, int] = {}
        self.masks: dict[bytes, int] = {}
        self.removed: list[int] = []
        self.released = threading.Event()
        self.before_answer: Callable[[int], None] = lambda watch: None
        """Called when the kernel has the watch, and who asked for it does not know yet."""
        self.on_dealt_with: Callable[[], None] = lambda: None
        self._told: queue.Queue[list[Event]] = queue.Queue()
        self._unread = 0
        self._next = 0

    def add(self, path: bytes, mask: int) -> int:
        if path not in self.numbers:
            self._next += 1
            self.numbers[path] = self._next
        self.masks[path] = self.masks.get(path, 0) | mask
        watch = self.numbers[path]
        self.before_answer(watch)
        return watch

    def remove(self, watch: int) -> None:
        self.removed.append(watch)
        self.numbers = {path: number for path, number in self.numbers.items() if number != watch}

    def tell(self, *events: Event) -> None:
        self._unread += 1
        self._told.put(list(events))

    def read(self) -> list[Event]:
        return self._told.get()

    def unread(self) -> bool:
        return self._unread > 0

    def dealt_with(self) -> None:
        self._unread -= 1
        self.on_dealt_with()

    def interrupt(self) -> None:
        self.tell()

    def release(self) -> None:
        self.released.set()


class Some:
    """A hub, its instances, and inboxes with the events that they were woken for."""

    def __init__(self) -> None:
        self.instances: list[FakeInstance] = []
        self.hub = Hub(self.open)
        self.woken = threading.Condition()

    def open(self) -> FakeInstance:
        self.instances.append(FakeInstance())
        self.instances[-1].on_dealt_with = self.wake
        return self.instances[-1]

    def inbox(self) -> Inbox:
        return self.hub.join(self.wake)

    def wake(self) -> None:
        with self.woken:
            self.woken.notify_all()

    def settle(self) -> None:
        """Until all that was told is handed out."""
        with self.woken:
            assert self.woken.wait_for(lambda: not self.instances[-1].unread(), LONGEST_S)


@pytest.fixture
def some(monkeypatch: pytest.MonkeyPatch) -> Iterator[Some]:
    monkeypatch.setattr(inotify_hub, "NAP_S", 0.0)
    some = Some()
    yield some
    for instance in some.instances:
        assert instance.released.wait(LONGEST_S), "its last inbox was closed"


def test_a_folder_of_two_workspaces_is_watched_once_and_told_to_both(some: Some) -> None:
    outer, inner, other = some.inbox(), some.inbox(), some.inbox()
    shared = outer.add(b"/a/b", 1)
    assert inner.add(b"/a/b", 2) == shared
    (instance,) = some.instances
    assert instance.masks[b"/a/b"] == 1 | 2 | IN_MASK_ADD, "what the first asked for stays"
    own = other.add(b"/c", 1)
    told = Event(shared, IN_CREATE, b"x")
    instance.tell(told, Event(own, IN_CREATE, b"y"))
    some.settle()
    assert outer.take() == inner.take() == [told]
    assert other.take() == [Event(own, IN_CREATE, b"y")]
    outer.remove(shared)
    assert instance.removed == [], "the other still needs it"
    instance.tell(told)
    some.settle()
    assert (outer.take(), inner.take()) == ([], [told])
    inner.remove(shared)
    assert instance.removed == [shared]
    for inbox in (outer, inner, other):
        inbox.close()


def test_the_instance_goes_with_its_last_inbox_and_comes_again(some: Some) -> None:
    first, second = some.inbox(), some.inbox()
    first.close()
    assert not some.instances[0].released.is_set()
    second.close()
    assert some.instances[0].released.wait(LONGEST_S)
    some.inbox().close()
    assert len(some.instances) == 2


def test_lost_events_are_told_to_all_and_a_full_inbox_to_its_owner(some: Some, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inotify_hub, "MOST_EVENTS", 10)
    one, two = some.inbox(), some.inbox()
    noisy, quiet = one.add(b"/a", 1), two.add(b"/b", 1)
    (instance,) = some.instances
    instance.tell(*(Event(noisy, IN_CREATE, b"%d" % number) for number in range(50)), Event(quiet, IN_CREATE, b"x"))
    some.settle()
    assert [event.mask for event in one.take()] == [IN_Q_OVERFLOW]
    assert two.take() == [Event(quiet, IN_CREATE, b"x")]
    instance.tell(Event(-1, IN_Q_OVERFLOW, b""))
    some.settle()
    assert [[event.mask for event in inbox.take()] for inbox in (one, two)] == [[IN_Q_OVERFLOW]] * 2
    assert one.take() == [], "once"
    one.close()
    two.close()


def test_what_happens_before_the_number_is_known_is_not_missed(some: Some) -> None:
    inbox = some.inbox()
    (instance,) = some.instances

    def answer_late(watch: int) -> None:
        instance.tell(Event(watch, IN_CREATE, b"early"))
        some.settle()

    instance.before_answer = answer_late
    watch = inbox.add(b"/a", 1)
    assert inbox.take() == [Event(watch, IN_CREATE, b"early")]
    inbox.close()


def test_a_watch_that_another_ended_meanwhile_is_added_again(some: Some) -> None:
    leaving, coming = some.inbox(), some.inbox()
    old = leaving.add(b"/a", 1)
    (instance,) = some.instances

    def leave(watch: int) -> None:
        instance.before_answer = lambda watch: None
        leaving.remove(watch)

    instance.before_answer = leave
    fresh = coming.add(b"/a", 1)
    assert fresh != old
    instance.tell(Event(old, IN_IGNORED, b""), Event(fresh, IN_CREATE, b"x"))
    some.settle()
    assert coming.take() == [Event(fresh, IN_CREATE, b"x")]
    leaving.close()
    coming.close()


def test_it_has_caught_up_when_what_was_taken_is_dealt_with(some: Some) -> None:
    inbox = some.inbox()
    watch = inbox.add(b"/a", 1)
    assert inbox.caught_up()
    some.instances[0].tell(Event(watch, IN_CREATE, b"x"))
    assert not inbox.caught_up()
    some.settle()
    assert not inbox.caught_up(), "it waits in the inbox"
    assert inbox.take()
    assert not inbox.caught_up(), "it is being dealt with"
    assert not inbox.take()
    assert inbox.caught_up()
    inbox.close()


def test_all_workspaces_of_a_process_take_one_instance() -> None:
    from lowtide.system.watch.watch import HUB

    def count() -> int:
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        return sum(os.path.lexists(link) and os.readlink(link) == "anon_inode:inotify" for link in links)

    before = count()
    inboxes = [HUB.join(lambda: None) for _ in range(200)]
    assert count() == before + 1
    for inbox in inboxes:
        inbox.close()
    assert count() == before
