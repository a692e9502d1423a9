"""The queue of files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.queue import Priority, Queue


def test_better_priority_runs_first_then_arrival() -> None:
    queue: Queue[int] = Queue()
    queue.push(b"a", 1)
    queue.push(b"b", 2, Priority.OPEN)
    queue.push(b"c", 3)
    assert [queue.pop().key for _ in range(3)] == [b"b", b"a", b"c"]  # type: ignore[union-attr]
    assert queue.pop() is None


def test_a_key_stands_once_with_its_newest_payload() -> None:
    queue: Queue[int] = Queue()
    queue.push(b"a", 1, Priority.OPEN)
    queue.push(b"a", 2)
    assert len(queue) == 1
    entry = queue.pop()
    assert entry is not None
    assert (entry.payload, entry.priority) == (2, Priority.OPEN)
    assert queue.pop() is None


def test_result_for_an_older_generation_is_told_apart() -> None:
    queue: Queue[int] = Queue()
    queue.push(b"a", 1)
    first = queue.pop()
    assert first is not None
    queue.push(b"a", 2)
    assert not queue.is_current(b"a", first.generation)
    second = queue.pop()
    assert second is not None
    assert queue.is_current(b"a", second.generation)


def test_boost_moves_queued_and_coming_tasks_of_a_tag() -> None:
    queue: Queue[int] = Queue()
    queue.push(b"x/1", 1, tag=b"x")
    queue.push(b"y/1", 2, tag=b"y")
    queue.boost(b"y", Priority.NEAR)
    queue.push(b"y/2", 3, tag=b"y")
    assert [queue.pop().key for _ in range(3)] == [b"y/1", b"y/2", b"x/1"]  # type: ignore[union-attr]


@given(st.lists(st.tuples(st.binary(max_size=2), st.sampled_from(Priority), st.booleans())))
def test_every_key_comes_out_once_in_order(pushes: list[tuple[bytes, Priority, bool]]) -> None:
    queue: Queue[int] = Queue()
    for number, (key, priority, boost) in enumerate(pushes):
        queue.push(key, number, priority, tag=key[:1])
        if boost:
            queue.boost(key[:1], Priority.OPEN)
    assert (queue.peek() is None) == (len(queue) == 0)
    popped = []
    while (entry := queue.pop()) is not None:
        popped.append(entry)
    assert {entry.key for entry in popped} == {key for key, _, _ in pushes}
    assert len(popped) == len({entry.key for entry in popped})
    assert [entry.priority for entry in popped] == sorted(entry.priority for entry in popped)
