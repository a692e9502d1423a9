"""Turns what a query found into rows of symbols: kinds, containers, signatures, documentation.

Invariant: rows are in the order of the text, a container before its content; one name node gives at most one row.
"""

from __future__ import annotations

from lowtide.languages.language import Language
from lowtide.work.parse import chunk, describe
from lowtide.work.parse.columns import before_blanks, count_characters, point_before
from lowtide.work.parse.cuts import SPLIT_BYTES, Outline
from lowtide.work.parse.kinds import (
    CLASS,
    CLASSES,
    CONSTANT,
    CONSTRUCTOR,
    ENUM,
    ENUM_MEMBER,
    EXTENSION,
    FIELD,
    FIELDS,
    FRAMES,
    FUNCTION,
    FUNCTIONS,
    LOCALS,
    MEMBERS,
    METHOD,
    PACKAGE,
    PROPERTY,
    VALUES,
    VARIABLE,
    WITH_BODY,
    Found,
    SymbolRow,
)
from lowtide.work.parse.naming import NAME_CHARS, dotted, split_name
from lowtide.work.parse.node import Captures, Node

MAX_SYMBOLS = 200_000
_CLAUSE_GAP_BYTES = 1000
_BLANK = 32
_COLON = 58


class _Around:
    """A definition around others, or the whole text."""

    __slots__ = ("end", "is_whole", "kind", "name", "qualified", "row", "start")

    start: int
    end: int
    kind: int
    """-1 for the text."""
    name: str
    qualified: str
    row: int
    """-1 for the text; of a block that extends a type without a row, the row around it."""
    is_whole: bool
    """Whether it is one chunk, or inside of what is one."""


class _Definition(_Around):
    """A definition on its way to a row; afterwards it is around what follows inside of it."""

    __slots__ = (
        "captures",
        "container",
        "inner",
        "lasts",
        "name_bytes",
        "name_node",
        "name_point",
        "parent",
        "parent_name",
        "pattern",
        "whole",
    )

    def __init__(self, item: Found, text: bytes, parent: _Around) -> None:
        self.start, negative_end, at, self.pattern, self.whole, self.inner, self.name_node, self.captures = item
        self.end = -negative_end
        self.kind = self.pattern.kind
        self.name_bytes = text[at : self.name_node.end_byte]
        self.name = self.name_bytes.decode("utf-8", "ignore")
        self.name_point = self.name_node.start_point
        self.lasts = self.captures is not None and "rest" in self.captures
        """Whether it lasts until the next of its kind."""
        self.parent = parent
        self.parent_name = parent.name
        self.container = parent.qualified if self.kind != PACKAGE else ""  # a package's name is absolute

    def goes_into(self, prefix: str) -> None:
        """Put it deeper, by what its text says that it belongs to."""
        self.container = f"{self.container}.{prefix}" if self.container else prefix


def rows(
    text: bytes, language: Language, found: list[Found], body_field: int, *, with_extensions: bool = False
) -> tuple[list[SymbolRow], Outline]:
    """The symbols of a text, from what its query found in the order of the text, outer before inner; empties `found`.

    `with_extensions`: with a row of kind 0 for each block that extends a type, named as it begins.
    """
    maker = _Maker(text, language, body_field, _defined(text, found), with_extensions)
    found.reverse()
    while found and len(maker.made) < MAX_SYMBOLS:
        maker.add(found.pop())  # freed as they are used
    if not text.isascii():
        count_characters(text, maker.made)
    return maker.made, maker.outline


class _Maker:
    """Makes rows of definitions, one after the other, and knows which of them are around the one at hand.

    Invariant: `made` and the lists of `outline` are equally long; `_stack` holds what is around `_around`, outermost
    first.
    """

    __slots__ = (
        "_announced",
        "_around",
        "_body_field",
        "_defined",
        "_docs",
        "_ends",
        "_fields",
        "_language",
        "_last",
        "_open_row",
        "_parents",
        "_stack",
        "_starts",
        "_text",
        "_with_extensions",
        "made",
        "outline",
    )

    def __init__(
        self, text: bytes, language: Language, body_field: int, defined: frozenset[bytes], with_extensions: bool
    ) -> None:
        self.made: list[SymbolRow] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._parents: list[int] = []
        self.outline = Outline(self._starts, self._ends, self._parents, [], {}, {})
        self._text = text
        self._language = language
        self._body_field = body_field
        self._defined = defined
        self._with_extensions = with_extensions
        self._docs = describe.docs_for(language)
        self._around: _Around = _Around()
        self._around.start, self._around.end, self._around.kind = -1, len(text) + 1, -1
        self._around.name = self._around.qualified = ""
        self._around.row, self._around.is_whole = -1, False
        self._stack: list[_Around] = []
        self._last: dict[int, int] = {}  # the last row in each container, for clauses
        self._open_row = -1  # a definition that lasts until the next of its kind
        self._fields: set[tuple[int, str]] = set()  # names in each container, where methods may add to them
        # The first of the declarations that await their definition: name, row around it, first byte, line.
        self._announced: tuple[bytes, int, int, int] | None = None

    def add(self, item: Found) -> None:
        """Make the row of what was found, if it is a symbol where it stands."""
        start, end, captures = item[0], -item[1], item[7]
        if captures is not None and self._open_row >= 0 and "rest" in captures:
            self._close(start, item[4].start_point)
        around = self._around
        while around.end <= start or (around.start == start and around.end == end):
            around = self._around = self._stack.pop()
        new = _Definition(item, self._text, around)
        if new.pattern.is_declaration and new.name_bytes in self._defined and around.kind not in CLASSES:
            self._announce(new)
            return
        if captures is not None:
            self._take_captures(new, captures)
        if not self._is_named(new):
            return
        if new.kind in FUNCTIONS:
            if not self._is_function(new):
                return
        elif new.kind in VALUES and not self._is_variable(new):
            return
        new.name = new.name[:NAME_CHARS]
        new.qualified = f"{new.container}.{new.name}" if new.container else new.name
        if new.kind == EXTENSION:
            self._extend(new)
        elif not self._language.joins_clauses or not self._is_clause(new):
            self._make(new)

    def _close(self, end: int, point: tuple[int, int]) -> None:
        """End what lasts until here."""
        while any(entry.row == self._open_row for entry in (*self._stack, self._around)):
            self._around = self._stack.pop()
        self._end_row(self._open_row, end, point)

    def _end_row(self, row: int, end: int, point: tuple[int, int]) -> None:
        old = self.made[row]
        self.made[row] = (*old[:5], *point, *old[7:])
        self._ends[row] = end

    def _announce(self, new: _Definition) -> None:
        """Keep a declaration whose definition follows, unless it is one more of them."""
        announced = self._announced
        if announced is None or announced[:2] != (new.name_bytes, new.parent.row):
            self._announced = (new.name_bytes, new.parent.row, new.start, new.whole.start_point[0])

    # What it is called, and what it belongs to.

    def _is_named(self, new: _Definition) -> bool:
        """Settle its name and its container; False for what has no name, or is a member that is there already."""
        if new.pattern.is_member:
            if not self._is_new_member(new):
                return False
        elif new.name == "_" and self._language.has_blank:
            return False
        return new.name.isidentifier() or self._is_split(new)

    def _is_new_member(self, new: _Definition) -> bool:
        """Give a member to the class around its method; False when there is none, or it has one of this name."""
        holder = self._class_around()
        if holder is None or (holder.row, new.name) in self._fields:
            return False
        new.parent, new.parent_name, new.container = holder, holder.name, holder.qualified
        return True

    def _take_captures(self, new: _Definition, captures: Captures) -> None:
        """What stands in other places: the container, and further parts of the name."""
        if "container" in captures:
            node = captures["container"][0]
            prefix = self._text[node.start_byte : node.end_byte].decode("utf-8", "ignore")
            new.goes_into(dotted(prefix, self._language.name_separator))
            self._make_method(new)
        if "part" in captures:
            # A word behind the last colon is no part of a selector.
            parts = "".join(_part(self._text, part) for part in captures["part"])
            new.name += parts[: parts.rfind(":") + 1]

    def _make_method(self, new: _Definition) -> None:
        if new.kind == FUNCTION and self._language.methods:
            new.kind = METHOD

    def _class_around(self) -> _Around | None:
        """The innermost class that holds the method at hand; None outside of methods."""
        if self._around.kind not in FUNCTIONS:
            return None
        for entry in reversed(self._stack):
            if entry.kind in CLASSES:
                return entry
        return None

    def _is_split(self, new: _Definition) -> bool:
        """Part a name that is no plain identifier from what it belongs to; False when nothing is left."""
        if not new.name or new.name == ")":
            return False  # the latter where a rewrite put a name
        prefix, new.name, from_end = split_name(new.name, self._language)
        if not new.name:
            return False
        if from_end:
            new.name_point = point_before(self._text, new.name_node, from_end)
        if prefix:
            new.goes_into(prefix)
            new.parent_name = prefix.rpartition(".")[2]
            self._make_method(new)
        return True

    # What it is.

    def _is_function(self, new: _Definition) -> bool:
        """Settle the kind of a function by where it stands and how it is called; False for what only looks like
        one."""
        language = self._language
        if new.parent.kind in CLASSES:
            self._make_method(new)
        is_called_as_class = language.class_named_constructors and new.name == new.parent_name
        if new.kind == METHOD:
            if is_called_as_class or new.name in language.constructors:
                new.kind = CONSTRUCTOR
        elif new.kind == CONSTRUCTOR:
            return is_called_as_class or not language.class_named_constructors
        return True

    def _is_variable(self, new: _Definition) -> bool:
        """Settle the kind of what holds a value by where it stands and how it is written; False inside a function."""
        kind, language, parent_kind = new.kind, self._language, new.parent.kind
        if kind in LOCALS and parent_kind in FUNCTIONS:
            return False
        if kind == VARIABLE and parent_kind == ENUM:
            new.kind = ENUM_MEMBER
        elif kind != PROPERTY and language.constant_case and new.name.isupper():
            new.kind = CONSTANT
        elif kind == VARIABLE and language.methods and parent_kind in CLASSES:
            new.kind = FIELD
        elif kind in FIELDS and parent_kind == CONSTRUCTOR:
            new.container = new.container.rpartition(".")[0]
        return True

    # The row.

    def _extend(self, new: _Definition) -> None:
        """A block that extends a type: around what it adds, with a row when it has a name, or when those are asked
        for."""
        text = self._text
        new.row, new.is_whole = new.parent.row, new.parent.is_whole
        if new.captures is not None and "category" in new.captures:
            row = _category(text, new.qualified, new.whole, new.captures["category"][0], self._docs)
            new.row = len(self.made)
        elif self._with_extensions:
            row = _extension(text, new.name, new.whole, new.container, describe.opening(text, new.start, new.end))
        else:
            row = None
        if row is not None:
            self._append(row, new, self._around.row)
        self._stack.append(self._around)
        self._around = new

    def _append(self, row: SymbolRow, new: _Definition, parent: int) -> None:
        self.made.append(row)
        self._starts.append(new.start)
        self._ends.append(new.end)
        self._parents.append(parent)

    def _is_clause(self, new: _Definition) -> bool:
        """Whether it is one more clause of the definition before it, which then lasts until its end."""
        parent = new.parent.row
        if new.kind in FUNCTIONS:
            clause = self._last.get(parent, -1)
            if clause >= 0 and _continues(self.made[clause], new.name, new.start - self._ends[clause]):
                self._end_row(clause, new.end, new.whole.end_point)
                new.row, new.is_whole = clause, new.parent.is_whole
                self._stack.append(self._around)
                self._around = new
                return True
        self._last[parent] = len(self.made)
        return False

    def _make(self, new: _Definition) -> None:
        row, parent = len(self.made), new.parent.row
        line, column = new.whole.start_point
        new.row, new.is_whole = row, new.parent.is_whole
        body, signature = self._signature(new)
        if new.kind in WITH_BODY and new.end - new.start >= chunk.MIN_BYTES and not new.is_whole and not new.lasts:
            self._note_big(new, line)
        doc = self._doc(new, line, column, body)
        if self._announced is not None:
            doc = self._take_overloads(self._announced, new, doc)
        end_line, end_column = self._end_point(new, line, column)
        name_line, name_column = new.name_point
        made = (
            new.name,
            new.kind,
            new.container,
            line,
            column,
            end_line,
            end_column,
            name_line,
            name_column,
            signature,
            doc,
        )
        self.made.append(made)
        self._starts.append(new.start)
        self._ends.append(new.end)
        self._parents.append(parent)
        if not new.pattern.is_leaf:
            self._stack.append(self._around)
            self._around = new
        if new.lasts:
            self._open_row = row
        if self._language.members:
            self._fields.add((parent, new.name))
        elif new.pattern.is_accessor:
            self._append((f"{new.name}=", METHOD, *made[2:]), new, parent)

    def _signature(self, new: _Definition) -> tuple[int, str]:
        """Where its body begins, -1 when that is not known, and its signature."""
        text, inner, captures = self._text, new.inner, new.captures
        head = new.start if inner is new.whole else inner.start_byte
        if new.kind not in WITH_BODY:
            return -1, describe.first_line(text, head, inner.end_byte)
        node = captures["body"][0] if captures is not None and "body" in captures else None
        if node is None and self._body_field:
            node = inner.child_by_field_id(self._body_field)
        if node is not None and (new.kind in FUNCTIONS or not text.startswith(b"(", node.start_byte)):
            body = node.start_byte
            return body, self._docs.signature(text, head, body)
        return -1, describe.signature(text, head, describe.opening(text, head, inner.end_byte))

    def _note_big(self, new: _Definition, line: int) -> None:
        """Tell those who cut the text of a definition that should stand alone."""
        is_function = new.kind in FUNCTIONS
        self.outline.big_starts.append(new.start)
        self.outline.big_lines[line] = is_function
        new.is_whole = is_function and new.end - new.start <= SPLIT_BYTES

    def _doc(self, new: _Definition, line: int, column: int, body: int) -> str:
        if new.captures is not None and "doc" in new.captures:
            comment = new.captures["doc"][0]
            return describe.last_section(self._text[comment.start_byte : comment.end_byte].decode("utf-8", "ignore"))
        parent = new.parent.row
        if parent < 0 or new.kind not in MEMBERS or self.made[parent][3] != line:
            return self._docs.of(self._text, new.start - column, body)
        return ""  # what stands above this line belongs to the container

    def _take_overloads(self, announced: tuple[bytes, int, int, int], new: _Definition, doc: str) -> str:
        """Overload signatures, as in TypeScript: what documents the first documents the function."""
        self._announced = None
        name, parent, start, line = announced
        if new.kind not in FUNCTIONS or (name, parent) != (new.name_bytes, new.parent.row):
            return doc
        self.outline.overloads[new.row] = (start, line)
        return doc or self._docs.of(self._text, self._text.rfind(b"\n", 0, start) + 1, -1)

    def _end_point(self, new: _Definition, line: int, column: int) -> tuple[int, int]:
        if new.end > new.start and self._text[new.end - 1] <= _BLANK:
            # The line feed that some grammars count in.
            return before_blanks(self._text, new.start, new.end, line, column)
        if new.captures is not None and (tail := new.captures.get("end") or new.captures.get("rest")):
            return tail[0].end_point
        return new.whole.end_point


def _part(text: bytes, part: Node) -> str:
    """A further part of a name: a word, or the colon that a parameter of Objective-C begins with."""
    return ":" if text[part.start_byte] == _COLON else text[part.start_byte : part.end_byte].decode("utf-8", "ignore")


def _category(text: bytes, extended: str, whole: Node, name_node: Node, docs: describe.Docs) -> SymbolRow:
    """A category of Objective-C: it belongs to the class that it extends."""
    start = whole.start_byte
    name = text[name_node.start_byte : name_node.end_byte].decode("utf-8", "ignore")
    signature = describe.first_line(text, start, whole.end_byte)
    doc = docs.of(text, start - whole.start_point[1], -1)
    return (name, CLASS, extended, *whole.start_point, *whole.end_point, *name_node.start_point, signature, doc)


def _extension(text: bytes, name: str, whole: Node, container: str, opening: int) -> SymbolRow:
    """What an outline shows of a block that extends a type, such as `impl Display for Tide`."""
    shown = describe.signature(text, whole.start_byte, opening)
    start = whole.start_point
    return (shown or name, EXTENSION, container, *start, *whole.end_point, *start, shown, "")


def frames(made: list[SymbolRow]) -> frozenset[int]:
    """The rows that hold others and are not what anybody looks for, or that say nothing: `#define LIST_H`."""
    return frozenset(
        number
        for number, row in enumerate(made)
        if row[1] in FRAMES or (row[1] == CONSTANT and row[9] in (f"#define {row[0]}", row[0]))
    )


def _continues(row: SymbolRow, name: str, gap_bytes: int) -> bool:
    """Whether a function of this name, so far behind the one of `row`, is one more clause of it."""
    return row[0] == name and row[1] in FUNCTIONS and gap_bytes < _CLAUSE_GAP_BYTES


def _defined(text: bytes, found: list[Found]) -> frozenset[bytes]:
    """Names of the functions that this text defines and not only declares; empty when it declares none."""
    for item in found:
        if item[3].is_declaration:
            return frozenset(
                text[item[2] : item[6].end_byte]
                for item in found
                if item[3].kind in FUNCTIONS and not item[3].is_declaration
            )
    return frozenset()
