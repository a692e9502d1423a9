"""Patterns as ripgrep reads them, and what a line that matches must have."""

from __future__ import annotations

import pytest

from lowtide.core.evidence import Each, Either, Evidence, WordPart, evidence_of, word_parts
from lowtide.core.pattern import MOST_CHARACTERS, PatternError, is_word, parse
from lowtide.errors import UsageError
from lowtide.read.text_match import Matcher


def whole(text: str) -> WordPart:
    return WordPart(text, begins=True, ends=True)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(retry)", [whole("retry")]),
        ("retry", [WordPart("retry", False, False)]),
        ("_retry_count ", [whole("retry"), whole("count")]),
        ("uest_time", [WordPart("uest", False, True), WordPart("time", True, False)]),
        ("getHTTPResponse(", [WordPart("get", False, True), whole("http"), whole("response")]),
        # What follows decides whether `L` begins a word: `HTMLs` is one word, `HTMLss` is `htm lss`.
        ("(HTML", [WordPart("htm", True, False), WordPart("l", False, False)]),
        ("(URLs)", [whole("urls")]),
        ("(URLs", [WordPart("ur", True, False), WordPart("ls", False, False)]),
        ("x2y", [WordPart("x", False, True), whole("2"), WordPart("y", True, False)]),
        # What a word is beside a letter beyond ASCII is not claimed.
        ("caféBar ", [WordPart("caf", False, False), WordPart("bar", False, True)]),
        ("->", []),
    ],
)
def test_a_text_tells_its_words_and_parts_of_them(text: str, parts: list[WordPart]) -> None:
    assert word_parts(text) == parts


@pytest.mark.parametrize(
    ("pattern", "evidence"),
    [
        (r"\bretry\b", whole("retry")),
        (r"^retry$", whole("retry")),
        (r"\s+retry\(", whole("retry")),
        (r"[({]retry[)}]", whole("retry")),
        (r"retry\w*", WordPart("retry", False, False)),
        (r"(retry )+x?", WordPart("retry", False, True)),
        (r"(?:\bget|\bset)_", Either((WordPart("get", True, False), WordPart("set", True, False)))),
        (r"(get|.)x", WordPart("x", False, False)),
        (r"(?i)retry", None),
        (r"(?i)x-12-y", whole("12")),
        (r"(?i:x)_retry ", whole("retry")),
        (r"retry{2}y", Each((WordPart("retr", False, False), WordPart("y", False, False)))),
        (r"a*", None),
        (r".*", None),
        (r"(a|)", None),
    ],
)
def test_a_pattern_tells_what_its_lines_must_have(pattern: str, evidence: Evidence | None) -> None:
    assert evidence_of(parse(pattern).node) == evidence


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "(", ")", "a)", "[", "[]", "*a", "a\\", r"\y", r"(?=a)", r"(?<!a)", r"\1", "a{1001}", "a{3,2}", "[z-a]"),
        *(r"\x{110000}", "(?x)a", "(?P<>a)", "[a&&b]", r"\b{start}", "a\nb", r"a\nb", "(?i", "\udcff", "[a[b]]"),
        *("(" * 60 + ")" * 60, "x" * (MOST_CHARACTERS + 1), r"(\w{1000}){1000}", r"\p{Nonsense}", "[[:nonsense:]]"),
    ],
)
def test_what_is_no_pattern_or_too_much_is_refused_in_one_line(pattern: str) -> None:
    with pytest.raises(UsageError) as caught:
        Matcher(pattern, is_regex=True)
    assert "\n" not in str(caught.value).replace(repr(pattern), "")


def test_every_refusal_of_the_parser_says_why() -> None:
    with pytest.raises(PatternError, match="ahead or behind"):
        parse("a(?!b)")


@pytest.mark.parametrize(
    ("pattern", "text", "lines"),
    [
        (r"a\sb", "a\nb a b", [1]),
        (r"[^x]+", "x\nyx", [1]),
        (r"^$", "a\n\nb\n", [1]),
        (r"a*", "b\nb\n", [0, 1]),
        (r"\d", "٣", [0]),
        (r"^\w+$", "été", [0]),
        (r"\bété\b", "un été ici\nétés", [0]),
        (r"\bt\b", "été\na t b", [1]),
        (r"\Bt\B", "été", [0]),
        (r"s\b", "pass\népass", [0, 1]),
        (r"x\Sy", "xéy x y\nxy", [0]),
        (r"(?i)É", "é", [0]),
        (r"\x41\u{42}\u0043", "ABC", [0]),
        ("a{x", "a{x", [0]),
        ("x{,3}", "x{,3}", [0]),
    ],
)
def test_patterns_mean_what_they_mean_to_ripgrep(pattern: str, text: str, lines: list[int]) -> None:
    assert [line.number for line in Matcher(pattern, is_regex=True).lines(text.encode())] == lines


def test_the_places_of_matches_are_told_also_between_letters_beyond_ascii() -> None:
    text = "é at été at".encode()
    (line,) = Matcher(r"\bat\b", is_regex=True).lines(text)
    assert [text[start:end] for start, end in line.marks] == [b"at", b"at"]


def test_a_pattern_that_others_choke_on_takes_linear_time() -> None:
    text = b"a" * 200_000
    assert not list(Matcher(r"(a*)*(a|aa)+b", is_regex=True).lines(text))


def test_word_characters_are_those_of_the_class() -> None:
    matcher = Matcher(r"^\w$", is_regex=True)
    for number in [*range(0x21, 0x3000), *range(0x1F100, 0x1F200)]:
        if not 0xD800 <= number < 0xE000:
            found = bool(list(matcher.lines(chr(number).encode())))
            assert found == is_word(chr(number)) or not chr(number).isprintable(), hex(number)


@pytest.mark.parametrize(
    ("pattern", "line", "marks"),
    [
        (r"r\bx?\bx?", "é r(", [(3, 4)]),
        (r"\b\b\bé\b\b", "é", [(0, 2)]),
        (r"\B\B", "aé", [(1, 1)]),
        (r"(?:\bx?)*é", " é", [(1, 3)]),
        (r"(?:\bx?)+é", "aé", []),
        (r"^\b\b|\b$", "é", [(0, 0), (2, 2)]),
        (r"\Aé\b\z", "é", [(0, 2)]),
        (r"a", "-é-a", [(4, 5)]),
        (r"\b[a-]\b", "-é-a-", [(3, 4), (4, 5)]),
    ],
)
def test_borders_beside_letters_beyond_ascii(pattern: str, line: str, marks: list[tuple[int, int]]) -> None:
    found = Matcher(pattern, is_regex=True).lines(line.encode())
    assert [mark for each in found for mark in each.marks] == marks
