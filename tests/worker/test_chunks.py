"""Which definition a chunk is said to show: its header is embedded and searched, so a wrong one hides the code."""

from __future__ import annotations

import pytest

from lowtide import languages
from lowtide.work.parse import parse

LONG = "Says again what is meant, so that the comment is long. " * 3
BODY = "{0}call_something(with_arguments, and_more);\n" * 40


def shown(file: str, text: str) -> list[tuple[str, str]]:
    """The qualified name and the text of each chunk."""
    data = text.encode()
    language = languages.language_for(file.encode(), data)
    assert language is not None
    parsed = parse.parse(data, language, 60.0)
    chunks = []
    for start, end, _, _, symbol in parsed.chunks:
        row = parsed.symbols[symbol] if symbol >= 0 else None
        name = "" if row is None else f"{row[2]}.{row[0]}" if row[2] else row[0]
        chunks.append((name, data[start:end].decode()))
    return chunks


def name_of(chunks: list[tuple[str, str]], text: str) -> str:
    """The name of the one chunk that holds `text`."""
    (name,) = {name for name, shown in chunks if text in shown}
    return name


BLOCK = "/**\n * Marks the start.\n{0} * {1}\n */\n"
SLASHES = "/// Marks the start.\n{0}/// {1}\n"
COMMENTS = [
    (
        "a.java",
        "class A {{\n  int before() {{ return 1; }}\n{comment}  int wanted(int a) {{\n{body}  }}\n}}\n",
        BLOCK,
        "*",
    ),
    (
        "a.cpp",
        "int before() {{ return 1; }}\n\n{comment}template <class T>\nint wanted(T a) {{\n{body}}}\n",
        BLOCK,
        "*",
    ),
    ("a.c", "int before(void) {{ return 1; }}\n\n{comment}int wanted(int a)\n{{\n{body}}}\n", BLOCK, "*"),
    ("a.js", "function before() {{ return 1; }}\n\n{comment}export function wanted(a) {{\n{body}}}\n", BLOCK, "*"),
    ("a.ts", "function before() {{ return 1; }}\n\n{comment}export function wanted(a: A) {{\n{body}}}\n", BLOCK, "*"),
    ("a.php", "<?php\nfunction before() {{ return 1; }}\n\n{comment}function wanted($a) {{\n{body}}}\n", BLOCK, "*"),
    ("a.rs", "fn before() {{}}\n\n{comment}#[inline]\nfn wanted(a: A) {{\n{body}}}\n", SLASHES, "///"),
    ("a.go", "package a\n\nfunc before() {{}}\n\n{comment}func wanted(a A) {{\n{body}}}\n", SLASHES, "///"),
]


@pytest.mark.parametrize("lines", [2, 6, 12], ids=["short", "long", "longer-than-a-chunk"])
@pytest.mark.parametrize(("file", "frame", "comment", "marker"), COMMENTS, ids=[row[0] for row in COMMENTS])
def test_comment_belongs_to_the_definition_that_it_documents(
    file: str, frame: str, comment: str, marker: str, lines: int
) -> None:
    rest = f" {marker} {LONG}\n" if marker == "*" else f"{marker} {LONG}\n"
    text = frame.format(comment=comment.format(rest * lines, "Ends here."), body=BODY.format("    "))
    chunks = shown(file, text)
    wanted = name_of(chunks, "wanted(")
    assert wanted.rpartition(".")[2] == "wanted"
    assert name_of(chunks, "Marks the start.") == wanted
    assert name_of(chunks, "Ends here.") == wanted


def test_comment_behind_an_empty_line_stands_for_itself() -> None:
    licence = "/*\n" + f" * {LONG}\n" * 6 + " */\n"
    chunks = shown("a.c", f"{licence}\n\nint wanted(int a)\n{{\n{BODY.format('    ')}}}\n")
    assert name_of(chunks, "wanted(") == "wanted"
    assert chunks[0][0] == ""


def test_chunk_is_named_after_the_definition_that_fills_it() -> None:
    body = "    some_call(number)\n" * 12
    chunks = shown("a.py", f"counter = 0\n\n\ndef work(number):\n{body}\n\ndef other(number):\n{body}")
    assert name_of(chunks, "counter = 0") == "work"


def test_head_of_a_class_is_the_class() -> None:
    methods = "".join(f"    def method_{n}(self):\n" + "        some_call(self)\n" * 12 + "\n" for n in range(6))
    doc = '    """Keeps what was asked for, and gives it back when it is asked for again."""\n'
    chunks = shown("a.py", f"class Store(Base):\n{doc}    protocol = HIGHEST_PROTOCOL\n\n{methods}")
    assert name_of(chunks, "protocol") == "Store"
    assert name_of(chunks, "def method_3") == "Store.method_3"


def test_overload_signatures_and_their_comments_belong_to_their_function() -> None:
    signature = (
        "export function wanted<T>(\n  project: (value: T, index: number) => Source<T>,\n  concurrent?: "
        "number\n): Source<T>;\n"
    )
    text = (
        f"import {{ Source }} from './source';\n\n/**\n * Marks the start. {LONG}\n */\n{signature}"
        f"/** @deprecated {LONG} */\n{signature}{signature}"
        f"export function wanted(a: any): any {{\n{BODY.format('  ')}}}\n"
    )
    chunks = shown("a.ts", text)
    assert {name for name, shown in chunks if "Marks" in shown or "concurrent" in shown} == {"wanted"}
    data = text.encode()
    language = languages.language_for(b"a.ts", data)
    assert language is not None
    (wanted,) = (row for row in parse.parse(data, language, 60.0).symbols if row[0] == "wanted")
    assert wanted[10].startswith("Marks the start.")


def test_a_declaration_far_from_its_definition_names_nothing() -> None:
    text = (
        f"/* Marks the start. {LONG} */\nint wanted(int a);\n\n"
        f"int before(void)\n{{\n{BODY.format('  ')}}}\n\nint wanted(int a)\n{{\n{BODY.format('  ')}}}\n"
    )
    assert name_of(shown("a.c", text), "Marks") != "wanted"


def test_chunk_is_named_after_what_a_namespace_holds_and_not_after_the_namespace() -> None:
    declared = "".join(f"template <class T> int wanted{n}(T const& first, T const& second);\n" for n in range(9))
    chunks = shown(
        "a.hpp", f"// {LONG}\n#ifndef A_HPP\n#define A_HPP\n\nnamespace a {{ namespace b {{\n{declared}}}}}\n#endif\n"
    )
    assert name_of(chunks, "wanted0") == "a.b.wanted0"


def test_a_namespace_names_a_chunk_that_holds_nothing_else() -> None:
    names = "".join(f"    using algorithm::trim{n};\n" for n in range(20))
    chunks = shown("a.hpp", f"#ifndef A_HPP\n#define A_HPP\nnamespace a {{\n{names}}}\n#endif\n")
    assert name_of(chunks, "using algorithm::trim3") == "a"


def test_member_defined_outside_its_class_names_its_chunk() -> None:
    chunks = shown("a.cpp", f"namespace a {{\n\nvoid\nParser::\nwanted(int number)\n{{\n{BODY.format('  ')}}}\n\n}}\n")
    assert name_of(chunks, "wanted(") == "a.Parser.wanted"
