"""In which order a run takes files, by path, size and what the name tells of the language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.order import LARGE_BYTES, Wave, wave_of
from lowtide.index.held import BLOCK_FILES, Held
from lowtide.index.jobs import Job
from lowtide.languages import likely_language

CODE = [
    "django/db/models/sql/compiler.py",
    "include/net/tcp.h",
    "lib/Shop/Cart.pm",
    "ios/App.m",
    "Makefile",
    "schema.sql",
]
ASIDE = ["tests/test_model.py", "net/server_test.go", "examples/shop.rs"]
TEXTS = ["README", "README.md", "docs/topics/db.txt", "Documentation/vm.rst", "paper/main.tex", "sub/CHANGELOG"]
REST = [
    "django/conf/locale/af/LC_MESSAGES/django.po",
    "django/conf/locale/de/formats.py",
    "web/translations/app_de.ts",
    "package-lock.json",
    "data/prices.csv",
    "feed.xml",
    "compose.yaml",
    "index.html",
    "vendor/left-pad/index.js",
    "static/jquery.min.js",
    "api/shop_pb2.py",
    "tests/fixtures/broken.py",
    "compiler/testData/a.kt",
    "docs/locale/de/README.md",
    "logo.svg",
    "no_ending",
]


def wave(path: str, size_bytes: int = 1000) -> Wave:
    language = likely_language(path.encode())
    return wave_of(path.encode(), size_bytes, language.name if language else "")


@pytest.mark.parametrize(
    ("paths", "expected"), [(CODE, Wave.CODE), (ASIDE, Wave.ASIDE), (TEXTS, Wave.TEXTS), (REST, Wave.REST)]
)
def test_code_comes_first_then_tests_then_texts_and_data_last(paths: list[str], expected: Wave) -> None:
    assert {path: wave(path) for path in paths} == dict.fromkeys(paths, expected)


def test_what_is_very_large_waits_for_the_rest() -> None:
    assert [wave("a.c", size) for size in (LARGE_BYTES, LARGE_BYTES + 1)] == [Wave.CODE, Wave.REST]
    assert wave("README.md", LARGE_BYTES + 1) is Wave.REST


def test_a_name_that_is_no_utf8_has_its_turn_too() -> None:
    assert wave_of(b"caf\xe9/a.c", 10, "c") is Wave.CODE


def job(path: str, number: int = 0) -> Job:
    return Job(path.encode(), 100 + number, number << 40, number, -1, b"")


NAMES = st.sampled_from(["a.py", "test_a.py", "a.md", "a.json"])


@given(st.lists(NAMES, max_size=4 * BLOCK_FILES))
def test_what_is_held_comes_out_whole_wave_by_wave_in_the_order_of_the_walk(names: list[str]) -> None:
    held = Held()
    jobs = [job(f"{number:05}/{name}", number) for number, name in enumerate(names)]
    kept = [each for each in jobs if held.keep(each)]
    assert [each for each in jobs if each not in kept] == [each for each in jobs if each.path.endswith(b"/a.py")]
    assert len(held) == len(kept)
    taken = []
    while (first := held.peek()) is not None:
        assert held.pop() == first
        taken.append(first)
    assert taken == sorted(kept, key=lambda each: wave(each.path.decode()))
    assert (held.pop(), len(held)) == (None, 0)


def test_what_comes_while_others_are_taken_keeps_its_turn() -> None:
    held = Held()
    for number in range(BLOCK_FILES + 2):
        held.keep(job(f"{number:05}.json"))
    assert held.pop() == job("00000.json")
    held.keep(job("README.md"))
    assert [held.pop(), held.pop()] == [job("README.md"), job("00001.json")]
    held.keep(job("zz.json"))
    taken = []
    while (first := held.pop()) is not None:
        taken.append(first.path)
    assert taken == [b"%05d.json" % number for number in range(2, BLOCK_FILES + 2)] + [b"zz.json"]


def test_what_is_held_is_bounded_and_little() -> None:
    held = Held(most_bytes=100 << 10)
    while not held.is_full:
        number = len(held)
        assert held.keep(job(f"data/folder{number // 50}/prices_of_{number}.json", number))
    assert len(held) > 2000, "some 40 bytes a file"
    held.pop()
    assert not held.is_full, "there is room again"
