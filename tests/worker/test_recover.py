"""Texts that do not parse still give their definitions."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import pytest

from lowtide import languages
from lowtide.languages.recovery import RECOVERIES
from lowtide.models import SymbolKind
from lowtide.work.parse import parse, recover
from lowtide.work.parse.node import Node

BROKEN_CLASS = b"""class Map extends Base {
  constructor(options) {
    this.size = options.size;
  }

  getSize( {
    return this.size;
  }

  /** Says where a pixel is. */
  getEventPixel(event, strict = {}) {
    if (strict) {
      return null;
    }
    return event.pixel;
  }
}
"""
METHODS_ALONE = b"""handleDownEvent(event) {
  if (!mouseOnly(event)) {
    return false;
  }
  return true;
}


async dispose_() {
  for (const layer of this.layers) {
    await layer.close();
  }
}
"""
UNCLOSED_FUNCTION = b"""int first(int a)
{
    if (a) {
        while (a--) {
            work(a);

static void second(struct tide *t)
{
    t->level++;
}

/* int commented(void) {
} */
const char *text = "\\
int quoted(void) {\\
}";

SYSCALL_DEFINE2(level, int, fd, struct tide __user *, t)
{
    return 0;
}
#define LIMIT(x) ((x) + \\
    1)
"""
BROKEN_PYTHON = b'''class Tide:
    """Holds.

    def quoted(self):
    """

    def rise(self, by:
        return by

    def fall(self, by):
        """Lowers it."""
        return -by

    async def wait(
        self,
        until,
    ):
        await until


def outside(a):
    return a
'''
BROKEN_CPP = b"""namespace tide {
class Gauge : public Base {
public:
    Gauge(int level) :
        level_(level)
    {
    }
    int level() const { return level_ }
    bool operator==(const Gauge& other) const
    {
        return other.level_ == level_;
    }
    template <class T void put(T value {
private:
    int level_;
};
}
"""


def found(text: bytes, language: str) -> dict[str, tuple[str, str, int, int]]:
    parsed = parse.parse(text, by_name(language), 60.0)
    assert parsed.had_errors
    return {row[0]: (SymbolKind(row[1]).label, row[2], row[3] + 1, row[5] + 1) for row in parsed.symbols}


def test_methods_of_a_class_that_does_not_parse_are_found() -> None:
    symbols = found(BROKEN_CLASS, "javascript")
    assert symbols["Map"][0] == "class"
    assert symbols["getEventPixel"] == ("method", "Map", 11, 16)
    assert not {"if", "for"} & set(symbols)


def test_methods_without_their_class_are_found_to_their_last_brace() -> None:
    assert found(METHODS_ALONE, "javascript") == {
        "handleDownEvent": ("method", "", 1, 6),
        "dispose_": ("method", "", 9, 13),
    }


def test_a_function_without_its_end_does_not_swallow_the_next() -> None:
    symbols = found(UNCLOSED_FUNCTION, "c")
    assert symbols["second"] == ("function", "", 7, 10)
    assert symbols["level"] == ("function", "", 18, 21)
    assert symbols["LIMIT"] == ("function", "", 22, 23)
    assert symbols["first"][2:] == (1, 5)
    assert not {"commented", "quoted"} & set(symbols)


def test_what_stands_in_a_docstring_is_not_recovered() -> None:
    symbols = found(BROKEN_PYTHON, "python")
    assert symbols["fall"] == ("method", "Tide", 10, 12)
    assert symbols["wait"] == ("method", "Tide", 14, 18)
    assert symbols["outside"] == ("function", "", 21, 22)
    assert "quoted" not in symbols


def test_initialisers_of_a_constructor_are_no_functions() -> None:
    symbols = found(BROKEN_CPP, "cpp")
    assert symbols["operator=="][:2] == ("method", "tide.Gauge")
    assert symbols["level"][0] == "method"
    assert symbols.get("level_", ("field",))[0] == "field"


@pytest.mark.parametrize("language", [language.name for language in languages.LANGUAGES])
def test_many_broken_heads_cost_little(language: str) -> None:
    text = b"int f(a, b\nfunction g({\n  def h(self, x=(\n name(\n\tpublic void run(int a {\n" * 300
    parsed = parse.parse(text, by_name(language), 20.0)
    assert all(row[3] <= row[5] < 1501 for row in parsed.symbols)


REPEATED = [
    b"A",
    b"AAAA_",
    b"a b ",
    b"a b\n",
    b"f(",
    b"f(\n",
    b"a, ",
    b"f(a,\n",
    b"f(()",
    b"f({}",
    b"f({",
    b"a<b, ",
    b"\t",
    b"\t\n",
    b"f(a)\n",
    b"const ",
    b"static ",
    b"static\n",
    b"a::",
    b"operator ",
    b"impl <a for ",
    b"A<B> ",
    b"f((a)(b)(c) ",
]


@pytest.mark.parametrize("language", sorted(RECOVERIES))
def test_no_text_makes_the_patterns_search_without_end(language: str) -> None:
    """A pattern that tries the same text in many ways would take minutes here."""
    for piece in REPEATED:
        for head in (b"", b"void f() const ", b"  public void f() throws "):
            recover.recover(
                head + piece * (100_000 // len(piece)), by_name(language), NO_TREE, {}, lambda _: False, inf
            )


class _NoTree:
    """A node without children, for texts that are searched by pattern only."""

    kind_id = start_byte = end_byte = child_count = 0
    byte_range = start_point = end_point = (0, 0)
    children: Sequence[Node] = ()

    def child_by_field_id(self, id: int, /) -> Node | None:
        return None


NO_TREE = _NoTree()


def by_name(name: str) -> languages.Language:
    found = languages.by_name(name)
    assert found is not None
    return found
