"""Whatever a text holds, its chunks cover it and its symbols lie in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.samples import samples

from lowtide import languages
from lowtide.models import SymbolKind
from lowtide.work.parse import chunk, parse

NAMES = sorted(samples())
KINDS = {int(kind) for kind in SymbolKind}

PIECES = [
    "def f(a):\n",
    "    return 1\n",
    "class A:\n",
    "class A {\n",
    "}\n",
    "};\n",
    "{",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    '"',
    "'",
    "`",
    "/*",
    "*/",
    "//",
    "#",
    "# A\n",
    "#define A(x) x\n",
    "#if 0\n",
    "#else\n",
    "#endif\n",
    "struct s { int a; };\n",
    "int f(int a) {\n",
    "f(a) {\n",
    "function f() {\n",
    "const a = () => {\n",
    "func (r *T) M() {\n",
    "type T struct {\n",
    "fn f() {\n",
    "impl A for B {\n",
    "public void m() {\n",
    "enum E { A, B }\n",
    "namespace n {\n",
    "template <class T>\n",
    "if (x) {\n",
    "x = 1\n",
    "\n",
    "\n\n\n",
    "\r\n",
    "\t",
    "  ",
    "größe",
    "満潮",
    "🌊",
    "e\u0301",
    "\u2028",
    "\x00",
    "\ufeff",
    "a" * 400,
    "x " * 800,
    "日" * 600 + "\n",
    "int a;\n" * 60,
    "key: value\n",
    "- item\n",
    "<p id=a>",
    "</p>",
    "```\n",
    '"""\n',
    "<<EOF\n",
    "EOF\n",
    "@property\n",
    "end\n",
    "do |x|\n",
    ";;;",
]
texts = st.one_of(
    st.text(max_size=3000),
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=20)), max_size=40).map("\n".join),
)


@st.composite
def damaged_samples(draw: st.DrawFn) -> tuple[str, str]:
    """A sample of a language, with a stretch of it removed, doubled or replaced."""
    name = draw(st.sampled_from(NAMES))
    text = samples()[name].read_text("utf-8")
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 200)))
        text = text[:start] + draw(st.sampled_from(["", text[start:end] * 2, *PIECES[:30]])) + text[end:]
    return name, text


def check(text: str, name: str) -> None:
    language = languages.by_name(name)
    assert language is not None
    utf8 = text.encode("utf-8", "ignore")
    parsed = parse.parse(utf8, language, 60.0)
    check_chunks(utf8, parsed.chunks)
    assert all(-1 <= row[4] < len(parsed.symbols) for row in parsed.chunks)
    lines = utf8.decode().split("\n")
    for row in parsed.symbols:
        symbol, kind, _, line, column, end_line, end_column, name_line, name_column, signature, doc = row
        assert symbol
        assert kind in KINDS
        assert len(signature) <= 240
        assert len(doc) <= 400
        assert (line, column) <= (end_line, end_column)
        for at, place in ((line, column), (end_line, end_column), (name_line, name_column)):
            assert 0 <= at < len(lines)
            assert 0 <= place <= len(lines[at])


def check_chunks(utf8: bytes, chunks: list[chunk.ChunkRow]) -> None:
    """They cover the text without gap or overlap, each of at most `MAX_BYTES` and a whole number of characters."""
    end = 0
    for start, stop, first_line, last_line, _ in chunks:
        assert start == end < stop
        end = stop
        part = utf8[start:stop]
        part.decode()
        assert len(part.rstrip()) <= chunk.MAX_BYTES
        assert first_line == utf8.count(b"\n", 0, start)
        assert last_line == first_line + part.rstrip().count(b"\n")
    assert end == len(utf8)


@settings(max_examples=300, deadline=None)
@given(texts, st.sampled_from(NAMES))
def test_any_text_is_covered_by_its_chunks(text: str, name: str) -> None:
    check(text, name)


@settings(max_examples=300, deadline=None)
@given(damaged_samples())
def test_a_damaged_file_is_covered_by_its_chunks(damaged: tuple[str, str]) -> None:
    check(damaged[1], damaged[0])


@settings(max_examples=300, deadline=None)
@given(texts)
def test_text_without_a_grammar_is_covered_by_its_chunks(text: str) -> None:
    utf8 = text.encode("utf-8", "ignore")
    check_chunks(utf8, chunk.chunk_lines(utf8))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000), st.sampled_from(NAMES))
def test_bytes_that_are_no_text_raise_nothing(data: bytes, name: str) -> None:
    language = languages.by_name(name)
    assert language is not None
    parsed = parse.parse(data, language, 60.0)
    assert b"".join(data[row[0] : row[1]] for row in parsed.chunks) == data


@pytest.mark.parametrize("name", [name for name in NAMES if samples()[name].parent.name != "lines"])
def test_chunks_of_real_text_are_of_a_useful_size(name: str) -> None:
    """Few are tiny, and those that are stand alone for a reason: what surrounds them is large."""
    text = samples()[name].read_bytes() * 8
    language = languages.by_name(name)
    assert language is not None
    sizes = [row[1] - row[0] for row in parse.parse(text, language, 60.0).chunks]
    assert len(text) / len(sizes) >= 250
    assert max(sizes) <= chunk.MAX_BYTES + 100


@pytest.mark.parametrize("name", ["tsx", "c", "javascript", "java"])
@pytest.mark.parametrize("tail", ["&" * 50 + "\n", "f(a, b);\n", "{\n", "x = [1,\n"])
def test_what_begins_behind_a_comment_on_its_line_comes_after_it(name: str, tail: str) -> None:
    check("/* a\n   b */ " + tail * 130, name)
    check(("/*" * 50 + "\n") * 2 + "*/ " + tail * 130, name)
    check(("/*/*" * 25 + "\n") * 2 + tail * 130, name)
