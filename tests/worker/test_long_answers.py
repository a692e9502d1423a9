"""An answer takes no more memory than there is room for, whatever is asked: it is cut, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.worker.services import MIB, run, serving

from lowtide.read.exact import LEAST_ANSWER_BYTES, MOST_ANSWER_BYTES, TextRequest, room_bytes
from lowtide.system import memory


@pytest.mark.parametrize(
    "request_",
    [
        TextRequest("value", limit=100_000, context=100),
        TextRequest("[a-z]+_[0-9]+", is_regex=True, limit=100_000, context=20),
    ],
)
def test_a_hundred_lines_around_each_of_very_many(request_: TextRequest, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    line = 'value_{0} = compute_something_with({0}, "a long enough argument to fill up the line", flag={0})\n'
    (root / "a.py").write_text("".join(line.format(number) for number in range(20_000)))

    async def play() -> None:
        async with serving(tmp_path / "home", 96) as service:
            await service.index(root, "test")
            before = memory.own_anonymous_bytes()
            answer = await service.find_text(root, request_)
            assert memory.own_anonymous_bytes() - before < 32 * MIB  # the context of all lines took 600
            assert answer.truncated
            assert "answer is cut" in (answer.degraded or "")
            assert answer.hits[0].line == 1
            assert [hit.line for hit in answer.hits] == list(range(1, len(answer.hits) + 1))

    run(play)


def test_an_answer_takes_what_was_asked_for_at_most_and_there_is_always_some_room() -> None:
    few = TextRequest("value", limit=10)
    assert room_bytes(few, 1 << 40)[1] < MIB
    many = TextRequest("value", limit=100_000, context=100)
    assert room_bytes(many, 1 << 40)[1] == MOST_ANSWER_BYTES
    for most in (0, 8 * MIB, 40 * MIB):
        whole, answer = room_bytes(many, most)
        assert answer >= LEAST_ANSWER_BYTES
        assert whole <= most or answer == LEAST_ANSWER_BYTES


def test_one_line_is_always_shown(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.txt").write_text("needle " + "日本語 " * 100 + "\n")

    async def play() -> None:
        async with serving(tmp_path / "home", 96) as service:
            await service.index(root, "test")
            answer = await service.find_text(root, TextRequest("needle", limit=1))
            assert len(answer.hits) == 1
            assert answer.degraded is None

    run(play)
