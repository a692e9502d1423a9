"""Which workers without a task are ended, and when."""

from __future__ import annotations

from typing import cast

from lowtide.pool.idle import IDLE_S, WARM_S, IdleWorkers
from lowtide.pool.worker import Ended, Worker

LONG_AGO_S = float("-inf")


class _Worker:
    alive = True

    def __init__(self, model: str = "model") -> None:
        self.model = model
        self.ended: Ended | None = None

    def kill(self, why: Ended) -> None:
        self.ended = why


def waiting(*workers: _Worker) -> IdleWorkers:
    idle = IdleWorkers()
    for worker in workers:
        idle.add(cast(Worker, worker), 0.0)
    return idle


def test_the_last_worker_is_kept_while_others_work_and_no_longer() -> None:
    first, last = _Worker(), _Worker()
    idle = waiting(first, last)
    assert idle.tidy(IDLE_S, LONG_AGO_S, others_work=True)
    assert (first.ended, last.ended) == (Ended.IDLE, None)
    assert not idle.tidy(WARM_S - 1, LONG_AGO_S, others_work=True)
    assert idle.tidy(WARM_S - 1, LONG_AGO_S, others_work=False)
    assert last.ended is Ended.IDLE


def test_a_worker_is_kept_for_who_asked_a_moment_ago() -> None:
    last = _Worker()
    idle = waiting(last)
    assert not idle.tidy(WARM_S - 1, 1.0, others_work=False)
    assert idle.tidy(WARM_S + 1, 1.0, others_work=False)
