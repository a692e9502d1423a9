"""The queue of files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.queue import Queue


def test_what_came_first_goes_first() -> None:
    queue: Queue[int] = Queue()
    for number, key in enumerate((b"b", b"a", b"c")):
        queue.push(key, number)
    assert queue.peek() == 0
    assert [queue.pop() for _ in range(4)] == [0, 1, 2, None]
    assert queue.peek() is None


def test_a_key_stands_once_with_its_newest_payload_behind_all_others() -> None:
    queue: Queue[int] = Queue()
    queue.push(b"a", 1)
    queue.push(b"b", 2)
    queue.push(b"a", 3)
    assert len(queue) == 2
    assert [queue.pop(), queue.pop()] == [2, 3]


@given(st.lists(st.binary(max_size=2)))
def test_every_key_comes_out_once_in_the_order_of_its_last_push(keys: list[bytes]) -> None:
    queue: Queue[tuple[int, bytes]] = Queue()
    for number, key in enumerate(keys):
        queue.push(key, (number, key))
    assert (queue.peek() is None) == (len(queue) == 0)
    popped = []
    while (task := queue.pop()) is not None:
        popped.append(task)
    assert popped == sorted({key: (number, key) for number, key in enumerate(keys)}.values())
