"""What an agent sends, hostile or not: cut into messages, and never held beyond what a message may have."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.mcp.lines import MOST_LINE_BYTES, MOST_VALUES, Lines, Unreadable, encode

MESSAGES = st.dictionaries(
    st.text(max_size=8), st.text() | st.integers() | st.none() | st.lists(st.booleans()), max_size=4
)


def fed(*blocks: bytes) -> list[Any]:
    lines = Lines()
    found = [message for block in blocks for message in lines.feed(block)]
    return [*found, *lines.end()]


@given(messages=st.lists(MESSAGES, max_size=4), size=st.integers(1, 40))
def test_messages_are_the_same_however_they_are_cut(messages: list[dict[str, Any]], size: int) -> None:
    stream = b"".join(encode(message) for message in messages)
    assert fed(*(stream[at : at + size] for at in range(0, len(stream), size))) == messages


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"nonsense",
        b"[1,2]",
        b'"text"',
        b"7",
        b"\xff\xfe",
        b'{"a":' + b"9" * 5000 + b"}",
        b"[" * 10_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"a":' * 129 + b"1" + b"}" * 129,
        b'{"a":[' + b"[]," * MOST_VALUES + b"[]]}",
        b"\0",
    ],
)
def test_what_is_no_message_is_told_and_the_next_one_is_heard(line: bytes) -> None:
    bad, good = fed(line + b'\n\n  \r\n{"id": 1}\r\n')
    assert isinstance(bad, Unreadable)
    assert good == {"id": 1}


@pytest.mark.parametrize("text", ["[" * 5000, '\\"{' * 5000, "\\" * 3 + "[{" * 999])
def test_what_stands_in_a_text_is_not_deep(text: str) -> None:
    assert fed(encode({"id": text, "of": [[1]] * 200})) == [{"id": text, "of": [[1]] * 200}]


def test_a_line_without_an_end_is_passed_over_in_little_memory() -> None:
    lines = Lines()
    block = b"x" * (1 << 16)
    tracemalloc.start()
    for _ in range(640):
        assert list(lines.feed(block)) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * MOST_LINE_BYTES
    bad, good = lines.feed(b'x\n{"id": 2}\n')
    assert isinstance(bad, Unreadable)
    assert good == {"id": 2}


def test_half_a_character_travels_escaped() -> None:
    line = encode({"text": "a\ud800é"})
    assert line.endswith(b"\n")
    assert json.loads(line) == {"text": "a\ud800é"}
