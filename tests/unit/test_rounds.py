"""Many watches in a few threads, and none held up by one that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from lowtide.system.watch.rounds import Pause, Round, Rounds

LONGEST_S = 20.0


class Steps:
    """A round whose steps are counted; it ends when it is told to."""

    def __init__(self, rounds: Rounds, pause: Pause, do: Callable[[], None] = lambda: None) -> None:
        self.count = 0
        self.stopping = False
        self.threads: set[threading.Thread] = set()
        self.stepped = threading.Condition()
        self._pause = pause
        self._do = do
        self.round = Round(rounds, self._steps())
        self.round.begin()

    def _steps(self) -> Iterator[Pause]:
        while not self.stopping:
            self.threads.add(threading.current_thread())
            self._do()
            with self.stepped:
                self.count += 1
                self.stepped.notify_all()
            yield self._pause

    def wait(self, count: int) -> None:
        with self.stepped:
            assert self.stepped.wait_for(lambda: self.count >= count, LONGEST_S)

    def stop(self) -> None:
        self.stopping = True
        self.round.hurry()
        assert self.round.ended.wait(LONGEST_S)


def test_many_rounds_take_few_threads_and_leave_none() -> None:
    before = threading.active_count()
    rounds = Rounds()
    many = [Steps(rounds, Pause(0.01)) for _ in range(200)]
    for steps in many:
        steps.wait(5)
    assert len(set().union(*(steps.threads for steps in many))) < 40
    for steps in many:
        steps.stop()
    rounds.settle()
    assert threading.active_count() == before


def test_a_step_that_hangs_holds_up_no_other_round() -> None:
    rounds, go = Rounds(), threading.Event()

    def hang() -> None:
        go.wait(LONGEST_S)

    hanging = [Steps(rounds, Pause(60), hang) for _ in range(5)]
    other = Steps(rounds, Pause(0.01))
    other.wait(20)
    assert [steps.count for steps in hanging] == [0] * 5
    go.set()
    for steps in (*hanging, other):
        steps.stop()


def test_a_woken_round_does_its_step_at_once_and_a_deaf_one_when_it_has_rested() -> None:
    rounds = Rounds()
    waiting, deaf = Steps(rounds, Pause(60)), Steps(rounds, Pause(0.5, deaf=True))
    waiting.wait(1)
    deaf.wait(1)
    began_s = time.monotonic()
    for steps in (waiting, deaf):
        steps.round.wake()
    waiting.wait(2)
    deaf.wait(2)
    assert time.monotonic() - began_s >= 0.4
    waiting.stop()
    deaf.stop()


def test_a_round_that_is_woken_in_the_middle_of_its_step_has_another() -> None:
    rounds = Rounds()
    inside, go = threading.Event(), threading.Event()

    def step() -> None:
        inside.set()
        go.wait(LONGEST_S)

    steps = Steps(rounds, Pause(60), step)
    assert inside.wait(LONGEST_S)
    steps.round.wake()
    go.set()
    steps.wait(2)
    steps.stop()


def test_steps_of_one_round_never_run_together() -> None:
    rounds = Rounds()
    lock, clashes = threading.Lock(), []

    def step() -> None:
        if not lock.acquire(blocking=False):
            clashes.append(1)
            return
        time.sleep(0.002)
        lock.release()

    steps = Steps(rounds, Pause(0.0), step)
    stop = threading.Event()

    def wake() -> None:
        while not stop.is_set():
            steps.round.wake()

    wakers = [threading.Thread(target=wake) for _ in range(3)]
    for waker in wakers:
        waker.start()
    steps.wait(50)
    stop.set()
    for waker in wakers:
        waker.join()
    steps.stop()
    assert clashes == []


def test_a_fault_ends_its_own_round_only() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    rounds = Rounds()
    faulty, other = Steps(rounds, Pause(0.01), fail), Steps(rounds, Pause(0.01))
    assert faulty.round.ended.wait(LONGEST_S)
    other.wait(5)
    other.stop()
