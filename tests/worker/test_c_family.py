"""C, C++ and Objective-C as people write them: declarations behind macros are found, and under their right names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lowtide import languages
from lowtide.models import SymbolKind
from lowtide.work.parse import macros, parse


def names(text: str, language: str) -> list[str]:
    """What is found, qualified, in the order of the text."""
    return [f"{row[2]}.{row[0]}" if row[2] else row[0] for row in read(text, language).symbols]


def read(text: str, language: str) -> parse.Parsed:
    known = languages.by_name(language)
    assert known is not None
    return parse.parse(text.encode(), known, 60.0)


CASES = Path(__file__).parents[1] / "data" / "c_family" / "cases.txt"


def cases(language: str) -> list[tuple[str, str]]:
    """Each text of a language with the names that are in it, in order."""
    parts = re.split(r"^==== (\w+): (.*)\n", CASES.read_text("utf-8"), flags=re.MULTILINE)
    return [
        (text, wanted)
        for known, wanted, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
        if known == language
    ]


@pytest.mark.parametrize(("text", "wanted"), cases("c"))
def test_a_macro_in_c_hides_no_declaration_and_is_none(text: str, wanted: str) -> None:
    assert " ".join(names(text, "c")) == wanted


@pytest.mark.parametrize(("text", "wanted"), cases("cpp"))
def test_a_macro_in_cpp_hides_no_declaration_and_is_none(text: str, wanted: str) -> None:
    assert " ".join(names(text, "cpp")) == wanted


def test_what_a_macro_makes_is_a_function_with_its_body() -> None:
    row = read("int a;\nTEST(Suite, Name)\n{\n  int x;\n}\n", "cpp").symbols[1]
    assert (row[0], SymbolKind(row[1]), row[2]) == ("Name", SymbolKind.METHOD, "Suite")
    assert (row[3] + 1, row[5] + 1, row[7] + 1, row[8] + 1) == (2, 5, 2, 13)
    assert row[9] == "TEST(Suite, Name)"


def test_a_test_named_by_a_string_keeps_its_words() -> None:
    assert names('TEST_CASE("vector grows: a::b", "[vec]") {\n}\n', "cpp") == ["vector grows: a::b"]


def test_a_macro_called_in_a_function_is_no_function() -> None:
    text = "int f(void)\n{\n\tFOR_EACH(a) {\n\t}\n\tif (LIST_FOR(a, b)) {\n\t}\n\treturn bad(;\n}\n"
    assert names(text, "c") == ["f"]
    assert names(text, "cpp") == ["f"]


def test_definitions_in_the_other_branch_of_a_torn_conditional_are_kept() -> None:
    heads = "#ifdef A\nclass X : public B {\n#define FIRST 1\n#else\n#define SECOND 2\nclass X {\n#endif\n"
    text = heads + "  int n;\n};\nint last;\n"
    found = names(text, "cpp")
    assert {"X", "X.n", "last"} <= set(found)
    assert any(name.endswith("SECOND") for name in found)


def test_the_signature_is_that_of_the_text() -> None:
    row = read("static void noinline_for_stack heavy(void)\n{\n}\n", "c").symbols[0]
    assert row[9] == "static void noinline_for_stack heavy(void)"


@pytest.mark.parametrize(
    "piece",
    [
        "FOO(",
        "FOO(a, ",
        "class X ",
        "#if A\n",
        "#if A\n{\n#else\n",
        "{",
        "enum E {",
        "template <",
        "a<",
        "MACRO\n",
        "MACRO(x)\n",
        "x MACRO ",
        "~",
        "operator ",
        "/*",
        '"',
        "'",
        "#define X \\\n",
        "namespace N {",
        "@interface A\n",
        "- (void)a:",
        "requires A && ",
        "A::",
        "A B C D ",
        'R"x(',
        "= {",
        "export ",
        ": ",
    ],
)
@pytest.mark.parametrize("language", ["c", "cpp", "objc"])
def test_no_text_makes_the_second_reading_long(piece: str, language: str) -> None:
    """Time that grows with the square of the text would be minutes here; none of them may raise either."""
    text = "int EXPORT broken(void) MACRO_X;\n" + piece * (10_000 // len(piece)) + "\nint EXPORT tail(int a);\n"
    parsed = read(text, language)
    assert all(row[3] <= row[5] <= text.count("\n") for row in parsed.symbols)


OBJC = """#import <Foundation/Foundation.h>
NS_ASSUME_NONNULL_BEGIN
@class Foo;
GS_EXPORT_CLASS
@interface Gauge : NSObject <Tidal>
{
#if EXPOSED
  int _level GS_UNUSED_IVAR;
#endif
}
@property (nonatomic, copy) NSString *title NS_SWIFT_NAME(t);
@property (copy) NSString *note FOO_BAR_X;
- (instancetype)initWithLevel:(int)level name:(NSString *)name NS_DESIGNATED_INITIALIZER;
- (void)plain FOO_BAR;
- (void)log:(NSString *)format, ... NS_FORMAT_FUNCTION(1,2);
#if OS_API_VERSION(10, 11)
+ (instancetype)shared;
#endif
- (int)x:(int)x :(int)y;
@end
@interface NSString (Trim)
- (NSString *)trimmed;
@end
@interface Gauge ()
@property int secret;
@end
@implementation NSString (Trim)
- (NSString *)trimmed { return self; }
- (void)tide:(Tide *)tide
     didRise:(int)level { }
@end
"""


def test_selectors_of_objective_c_are_whole_and_categories_have_names() -> None:
    assert names(OBJC, "objc") == [
        "Gauge",
        "Gauge._level",
        "Gauge.title",
        "Gauge.note",
        "Gauge.initWithLevel:name:",
        "Gauge.plain",
        "Gauge.log:",
        "Gauge.shared",
        "Gauge.x::",
        "NSString.Trim",
        "NSString.trimmed",
        "Gauge.secret",
        "NSString.Trim",
        "NSString.trimmed",
        "NSString.tide:didRise:",
    ]
    category = next(row for row in read(OBJC, "objc").symbols if row[0] == "Trim")
    assert (SymbolKind(category[1]), category[3] + 1, category[5] + 1) == (SymbolKind.CLASS, 21, 23)
    assert category[9] == "@interface NSString (Trim)"


LICENCE = "/*\n" + " * Free software; see @class Foo and class Bar: as std::text.\n" * 120 + " */\n"
HEADERS = [
    ("a.h", "struct tide { int level; void (*f)(int); };\nint f(void);\n", "c"),
    ("a.h", "/* class X { public: namespace y */\nint f(int a & b);\n", "c"),
    ("a.h", "struct a { void *private; int class; };\n", "c"),
    ("a.h", LICENCE + "int f(void);\n", "c"),
    ("a.h", LICENCE + "class X {\npublic:\n  int a;\n};\n", "cpp"),
    ("a.h", LICENCE + "@interface X : NSObject\n@end\n", "objc"),
    ("a.h", "/** @class Foo Says it. */\nclass Foo {\n};\n", "cpp"),
    ("a.h", "#ifdef __OBJC__\n@class NSString;\n#endif\nnamespace a { int b; }\n", "cpp"),
    ("a.h", "#pragma once\nstruct Spot { int x; int area() const { return x; } };\n", "cpp"),
    ("a.h", "struct Spot { Spot(int a); ~Spot(); int x; };\n", "cpp"),
    ("a.h", "struct Spot {\n  int area();\n};\n", "cpp"),
    ("a.h", "void f(const Tide& tide);\n", "cpp"),
    ("a.h", "enum class E : int { A };\n", "cpp"),
    ("a.h", "#include <vector>\nint f(void);\n", "cpp"),
    ("a.h", "//===-- a.h --*- C++ -*-===//\nint f(void);\n", "cpp"),
    ("tidevec", "// -*- C++ -*-\nint a;\n", "cpp"),
    ("QTide", '#include "qtide.h"\n', "cpp"),
    ("vector", "/* licence */\n#ifndef VECTOR\n#define VECTOR\nint a;\n#endif\n", "cpp"),
    ("modeline", "# vim: set ft=python :\ndef f(): pass\n", "python"),
    ("emacs", "# -*- mode: ruby; coding: utf-8 -*-\n", "ruby"),
    ("README", "# include the file\n# ifdef you like\n", ""),
    ("notes", "text\n", ""),
]


@pytest.mark.parametrize(("path", "text", "wanted"), HEADERS)
def test_a_header_is_in_the_language_of_its_code(path: str, text: str, wanted: str) -> None:
    found = languages.language_for(path.encode(), text.encode()[: languages.HEAD_BYTES])
    assert (found.name if found else "") == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("#\nint a;\n", " \nint a;\n"),
        ("  # /* why */\n", "    /* why */\n"),
        ("#\r\nint a;\n#", " \r\nint a;\n "),
        ("int a; # \n", "int a; # \n"),
        ("# # \n", "# # \n"),
        ("#define A \\\n# // b\n", "#define A \\\n  // b\n"),
    ],
)
def test_a_directive_of_nothing_is_blanked(text: str, wanted: str) -> None:
    assert macros.blank_null_directives(text.encode()).decode() == wanted
