"""What a JSON text would make, weighed before it is decoded."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import Any

import pytest

from lowtide.serve.json_scan import TooMuch, weigh

DEEP, MANY = 20, 2_000


def made(generator: random.Random, depth: int) -> Any:
    """Something with brackets, quotes, backslashes and commas in its texts."""
    if depth == 0 or generator.random() < 0.3:
        return generator.choice(
            [1, -2.5, None, True, "", "plain", 'quo"te', "back\\", "[{,:]}", '\\"[', "ü", "—😀", "a\nb"]
        )
    size = generator.randrange(4)
    if generator.random() < 0.5:
        return [made(generator, depth - 1) for _ in range(size)]
    return {f'k"{number}[{{': made(generator, depth - 1) for number in range(size)}


def truth(value: Any) -> tuple[int, int]:
    """(depth, values), keys counted as values."""
    if isinstance(value, dict):
        below = [truth(item) for item in value.values()]
        return 1 + max((d for d, _ in below), default=0), 1 + len(value) + sum(n for _, n in below)
    if isinstance(value, list):
        below = [truth(item) for item in value]
        return 1 + max((d for d, _ in below), default=0), 1 + sum(n for _, n in below)
    return 0, 1


@pytest.mark.parametrize("spaced", [False, True])
def test_limits_are_those_of_the_value(spaced: bool) -> None:
    generator = random.Random(7)
    for _ in range(400):
        value = made(generator, 6)
        depth, count = truth(value)
        text = json.dumps(value, ensure_ascii=generator.random() < 0.5, indent=1 if spaced else None).encode()
        weigh(text, depth, 2 * count)
        if depth:
            with pytest.raises(TooMuch):
                weigh(text, depth - 1, 2 * count)


@pytest.mark.parametrize(
    "text",
    [b"[" * 5_000, b'{"a":' * 5_000, b'{"a":[' * 100 + b"1" + b"]}" * 100, b"[[],[],[" * 10],
    ids=["lists", "objects", "mixed", "among flat ones"],
)
def test_what_is_too_deep_is_told(text: bytes) -> None:
    with pytest.raises(TooMuch, match="levels deep"):
        weigh(text, DEEP if text.count(b"[]") == 0 else 5, 1 << 30)


@pytest.mark.parametrize(
    "text", [b"[" + b"[]," * MANY + b"1]", b"[" + b'"",' * MANY + b"1]", b"[" + b"1," * MANY + b"1]"]
)
def test_very_many_values_are_told_and_flat_ones_are_not_deep(text: bytes) -> None:
    with pytest.raises(TooMuch, match="more than 500 values"):
        weigh(text, DEEP, 500)
    assert weigh(text, DEEP, 3 * MANY).depth == 2 if b"[]" in text else 1


def test_what_stands_in_a_text_counts_for_nothing() -> None:
    source = 'f("x", [1, {2: 3}]);\n' * 2_000
    weight = weigh(json.dumps({"text": source, "more": ["\\", '"', '\\\\"']}).encode(), DEEP, 20)
    assert (weight.depth, weight.value_count <= 20) == (2, True)


_MEASURED = """
import gc, sys, tracemalloc, msgspec
from lowtide.serve.json_scan import weigh
n = 1 << 18
parts = {"lists": b"[],", "filled": b"[1],", "objects": b"{},"}
parts |= {"pairs": b'{"a":1},', "numbers": b"1.5,", "names": b'"ab",'}
def check(name, text):
    bound = weigh(text, 1000, 1 << 30).size_bytes
    tracemalloc.start()
    value = msgspec.json.decode(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= bound, (name, peak, bound)
for name, part in parts.items():
    check(name, b"[" + part * (n // len(part)) + b"1]")
check("keys", b"{" + b",".join(b'"%x":1' % i for i in range(n // 10)) + b"}")
check("text", b'"' + b"a" * n + b'"')
check("wide", '"'.encode() + ("a" * n + "\\U0001f600").encode() + b'"')
check("half wide", '"'.encode() + ("a" * n + "\\u2014").encode() + b'"')
check("escaped", b'"' + b"a" * n + b'\\\\ud83d\\\\ude00"')
"""


def test_decoding_takes_no_more_than_was_weighed() -> None:
    done = subprocess.run([sys.executable, "-c", _MEASURED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
