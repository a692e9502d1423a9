"""Which files of a project are tests, and which others stand beside what it does: examples, benchmarks, what was made.

Folders and files are named by the habits of each language: `tests/`, `Quartz.Tests.Unit/`, `KingfisherTests/`,
`androidTest/`, `test-resources/`; `test_a.py`, `a_test.go`, `a.spec.ts`, `ATest.java`, `ATests.swift`, `a_spec.rb`.

Invariant: pure. A path is as it is shown, parts divided by `/`.
"""

from __future__ import annotations

import re

_TEST_WORD = r"tests?|testing|testdata|specs?|fixtures?|mocks?"
_FOLDER = r"(^|[/._-])({})([._-][^/]*)?/".format
_TESTS = re.compile(
    _FOLDER(_TEST_WORD) + r"|__tests__/|(^|/)(test_|tests?\.|conftest\.)|_(tests?|spec)\.|\.(test|spec)\."
)
"""In small letters."""
_TESTS_AS_WRITTEN = re.compile(r"[a-z0-9](Tests?|Specs?)(/|\.[a-z]+$)|[a-z0-9]TestCase\.[a-z]+$")
_SHOWN = re.compile(_FOLDER(r"examples?|samples?|demos?|benchmarks?"))
_MADE = re.compile(
    r"(^|/)(vendor|third_party|thirdparty|node_modules|dist|generated|_generated)/|\.min\.|_pb2\.|\.pb\.|\.generated\."
)

_TEST_PARTS = ("test", "spec", "fixture", "mock")
_SHOWN_PARTS = ("example", "sample", "demo", "benchmark")
_MADE_PARTS = ("vendor", "third", "node_modules", "dist", "generated", ".min.", "pb")
"""Without any of them a pattern finds nothing: most paths have none, and a pattern takes ten times as long."""


def is_test(path: str) -> bool:
    """Whether a file belongs to the tests."""
    lower = path.lower()
    return _has(lower, _TEST_PARTS) and (_TESTS.search(lower) is not None or _TESTS_AS_WRITTEN.search(path) is not None)


def is_aside(path: str) -> bool:
    """Whether a file belongs to the tests, or shows or measures what others do."""
    if is_test(path):
        return True
    lower = path.lower()
    return _has(lower, _SHOWN_PARTS) and _SHOWN.search(lower) is not None


def is_made(path: str) -> bool:
    """Whether a file is generated, packed or someone else's, by its name."""
    lower = path.lower()
    return _has(lower, _MADE_PARTS) and _MADE.search(lower) is not None


def _has(text: str, parts: tuple[str, ...]) -> bool:
    for part in parts:  # noqa: SIM110 -- a generator takes longer than all of it
        if part in text:
            return True
    return False
