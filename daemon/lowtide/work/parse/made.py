"""Functions that a macro makes are named by what it is given: `TEST(Suite, Name) {`, `SYSCALL_DEFINE1(close, …) {`.

Invariant: only a definition with a body, whose type and name are one macro's; the time is linear in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import islice

from lowtide.work.parse.kinds import FUNCTIONS, Found, pattern_of
from lowtide.work.parse.node import Node
from lowtide.work.parse.recover import Places

_MACRO = rb"([A-Z][A-Z\d]*_?[A-Z\d_]*|Test|Ensure|TestSuite)[ \t]*\((?=[^;{}]*\)\s*\{)"
_CALL = re.compile(rb"\n(?:static[ \t]+)?" + _MACRO)
_INDENTED_CALL = re.compile(rb"\n[ \t]*(?:static[ \t]+)?" + _MACRO)
"""In C++ they stand in namespaces."""
_NAMED = re.compile(rb"[A-Z][A-Z\d_]{2,}|Test|Ensure")
_BEFORE = re.compile(rb"(?:(?:static|inline|extern|export|constexpr|template\s*<[^<>]*>)\s*)*")
_ALONE = re.compile(rb"\((?!void\b|int\b|char\b|long\b|bool\b)[A-Za-z_]\w*\s*[,)]")
"""`int BPF_PROG(name, int a) {`: the first argument is no parameter."""
_TWICE = re.compile(rb"[ \t]*\((?:[\w \t*]+,)?\s*([A-Za-z_]\w*)\s*\)[ \t]*\(")
"""`STDMETHOD(Name)(…)`, `STDMETHOD_(TYPE, Name)(…)`."""
_IS_TEST = re.compile(rb"TEST|BENCHMARK")
_ARGUMENT = re.compile(
    rb"\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<string>\"(?:[^\"\\\n]|\\.)*\"))\s*(?P<end>[,)])|(?P<other>[^,()]|\()"
)
_SUITED = re.compile(
    rb"(?:TYPED_)?(?:TEST|BENCHMARK|FUZZ_TEST|FRIEND_TEST|TEST_GROUP)(?:_[A-Z]{1,2})?|\w+_TEST_[FP]|Test|Ensure|IGNORE_TEST"
)
_SUITE_WORD = b"_TEST_SUITE"
_SUITE = re.compile(rb"(?:\A|\n)[ \t]*BOOST_(?:AUTO|FIXTURE)_TEST_SUITE(?:_END)?[ \t]*\(\s*(\w*)")
_FUNCTION = pattern_of("function")
_MOST_SUITES = 1_000
_REACH = 2_000


def name_by_arguments(text: bytes, found: dict[int, Found]) -> None:
    """Rename the functions of `found` (by the name's offset) that a macro names; drop those that it gives no name."""
    places: Places | None = None
    suites: _Suites | None = None
    for at, item in list(found.items()):
        end = item[6].end_byte
        if item[3].kind not in FUNCTIONS or not 65 <= text[at] <= 90 or text[end : end + 1] not in {b"(", b" "}:
            continue
        if item[3].capture == "definition.macro-function" or not _NAMED.fullmatch(text, at, end):
            continue
        if (twice := _TWICE.match(text, end)) is not None and not _IS_TEST.search(text, at, end):
            del found[at]
            places = places or Places(text)
            _add(found, item, (twice.span(1), None), places)
            continue
        if item[3].is_declaration:
            continue
        if _BEFORE.fullmatch(text, item[0], at) is None and not (b"_" in text[at:end] and _ALONE.match(text, end)):
            continue
        opening = text.find(b"(", end, end + 2)
        suites = suites or _Suites(text)
        named = _named(text, text[at:end], opening + 1, suites) if opening >= 0 else None
        del found[at]
        if named is not None:
            places = places or Places(text)
            _add(found, item, named, places)


def find_calls(text: bytes, found: dict[int, Found], body_of: Callable[[int], Node | None], *, is_cpp: bool) -> None:
    """Add the functions that a macro's call and a body behind it make, where the grammar sees two statements.

    `body_of` gives the block that a brace opens, when no function holds it.
    """
    places: Places | None = None
    suites: _Suites | None = None
    for match in (_INDENTED_CALL if is_cpp else _CALL).finditer(b"\n" + text):
        line, end = match.start(), match.end(1) - 1
        start = line + len(text[line:end]) - len(text[line:end].lstrip())
        suites = suites or _Suites(text)
        named = _named(text, match[1], match.end() - 1, suites)
        if named is None or named[0][0] in found or named[0][0] + 1 in found:
            continue
        brace = text.find(b"{", end)
        body = body_of(brace)
        if body is None:
            continue
        places = places or Places(text)
        whole = places.span(start, body.end_byte)
        item: Found = (start, -whole.end_byte, start, _FUNCTION, whole, whole, whole, {"body": [body]})
        _add(found, item, named, places)


def _add(
    found: dict[int, Found],
    item: Found,
    named: tuple[tuple[int, int], tuple[int, int] | None],
    places: Places,
) -> None:
    (start, end), suite = named
    more = dict(item[7] or {})
    if suite is not None:
        more["container"] = [places.span(*suite)]
    name = places.span(start, end)
    found[start] = (item[0], item[1], start, item[3], item[4], item[5], name, more or None)


def _named(
    text: bytes, macro: bytes, begin: int, suites: _Suites
) -> tuple[tuple[int, int], tuple[int, int] | None] | None:
    """Where the name stands in a macro's arguments, and its suite; None when they name nothing."""
    arguments = _arguments(text, begin)
    if not arguments:
        return None
    first = arguments[0]
    is_string = [text[start : start + 1] == b'"' for start, _ in arguments]
    if is_string[0]:
        return first, None
    if len(arguments) > 1 and is_string[1]:
        return arguments[1], first
    if len(arguments) > 1 and not macro.startswith(b"BOOST_") and _SUITED.fullmatch(macro):
        return arguments[1], first
    if macro.startswith(b"BOOST_"):
        return first, suites.innermost(begin)
    return first, None


class _Suites:
    """The test suites of Boost.Test in one text, looked for once."""

    __slots__ = ("_ends", "_innermost")

    def __init__(self, text: bytes) -> None:
        self._ends: list[int] = []
        self._innermost: list[tuple[int, int] | None] = [None]
        suites: list[tuple[int, int]] = []
        for match in islice(_SUITE.finditer(text), _MOST_SUITES) if _SUITE_WORD in text else ():
            if match[1]:
                suites.append(match.span(1))
            elif suites:
                suites.pop()
            self._ends.append(match.end())
            self._innermost.append(suites[-1] if suites else None)

    def innermost(self, at: int) -> tuple[int, int] | None:
        """Where the name stands of the innermost suite that is open there."""
        return self._innermost[bisect_right(self._ends, at)]


def _arguments(text: bytes, begin: int) -> list[tuple[int, int]]:
    """The first arguments that are a word or a string: the first two; without the first, none."""
    spans: list[tuple[int, int]] = []
    at = begin
    while len(spans) < 2:
        match = _ARGUMENT.match(text, at, begin + _REACH)
        if match is None or match["other"] is not None:
            break
        spans.append(match.span("name") if match["name"] is not None else match.span("string"))
        if match["end"] == b")":
            break
        at = match.end()
    return spans
