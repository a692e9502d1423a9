"""Turns what a query found into rows of symbols: kinds, containers, signatures, documentation.

Invariant: rows are in the order of the text, a container before its content; one name node gives at most one row.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from dataclasses import dataclass

from lowtide.languages.language import Language
from lowtide.models import SymbolKind
from lowtide.work.parse import chunk, describe
from lowtide.work.parse.cuts import SPLIT_BYTES, Outline
from lowtide.work.parse.node import Captures, Node

SymbolRow = tuple[str, int, str, int, int, int, int, int, int, str, str]
"""The fields of `models.Symbol`, in order; its columns are bytes until `rows` has made them all."""

MAX_SYMBOLS = 200_000
_NAME_CHARS = 200
_CLAUSE_GAP_BYTES = 1000
_BLANK = 32
_COLON = 58
_LINE_FEED = re.compile(b"\n")
_CONTINUATIONS = re.compile(b"[\x80-\xbf]+")

# Plain integers: a row holds no enum member, and a comparison costs half.
_CLASS, _STRUCT, _INTERFACE, _ENUM = (
    int(kind) for kind in (SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.INTERFACE, SymbolKind.ENUM)
)
_FUNCTION, _METHOD, _CONSTRUCTOR, _OPERATOR = (
    int(kind) for kind in (SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.CONSTRUCTOR, SymbolKind.OPERATOR)
)
_VARIABLE, _CONSTANT, _FIELD, _PROPERTY, _ENUM_MEMBER = (
    int(kind)
    for kind in (
        SymbolKind.VARIABLE,
        SymbolKind.CONSTANT,
        SymbolKind.FIELD,
        SymbolKind.PROPERTY,
        SymbolKind.ENUM_MEMBER,
    )
)
_MODULE, _NAMESPACE, _PACKAGE, _OBJECT = (
    int(kind) for kind in (SymbolKind.MODULE, SymbolKind.NAMESPACE, SymbolKind.PACKAGE, SymbolKind.OBJECT)
)
_EXTENSION = 0
"""Nests and names what is inside, without a row."""

KINDS: dict[str, tuple[int, int]] = {
    # `@definition.<this>` -> (kind, how specific it is)
    "variable": (_VARIABLE, 0),
    "constant": (_CONSTANT, 3),
    "macro": (_CONSTANT, 1),
    "property": (_PROPERTY, 1),
    "field": (_FIELD, 2),
    "enum-member": (_ENUM_MEMBER, 3),
    "function": (_FUNCTION, 4),
    "macro-function": (_FUNCTION, 4),
    "declaration": (_FUNCTION, 3),
    "method": (_METHOD, 5),
    "constructor": (_CONSTRUCTOR, 6),
    "operator": (_OPERATOR, 6),
    "type": (_CLASS, 3),
    "typedef": (_CLASS, 2),
    "class": (_CLASS, 5),
    "struct": (_STRUCT, 6),
    "interface": (_INTERFACE, 6),
    "enum": (_ENUM, 7),
    "event": (int(SymbolKind.EVENT), 3),
    "module": (_MODULE, 3),
    "namespace": (_NAMESPACE, 3),
    "package": (_PACKAGE, 3),
    "key": (int(SymbolKind.KEY), 0),
    "object": (_OBJECT, 1),
    "heading": (int(SymbolKind.STRING), 0),
    "string": (int(SymbolKind.STRING), 0),
    "extension": (_EXTENSION, 9),
    # Set by a method on its own object: it belongs to the class around the method.
    "member": (_FIELD, 2),
    # What reads and writes a property: `name` and `name=`.
    "accessor": (_PROPERTY, 2),
}
AS_FUNCTION = {"variable": "declaration", "field": "method"}
"""What a declaration in C's manner is when its declarator is a function's."""
LEAVES = frozenset({"typedef", "declaration", "member"})
"""What stands inside these does not belong to them."""
LOCALS = frozenset({_VARIABLE, _CONSTANT})
"""Inside a function these are no symbols."""

FUNCTIONS = frozenset({_FUNCTION, _METHOD, _CONSTRUCTOR, _OPERATOR})
CLASSES = frozenset({_CLASS, _STRUCT, _INTERFACE, _ENUM, _EXTENSION})
_WITH_BODY = FUNCTIONS | CLASSES | {_MODULE, _NAMESPACE, _PACKAGE, _OBJECT}
_FRAMES = frozenset({_MODULE, _NAMESPACE, _PACKAGE})
_FIELDS = frozenset({_FIELD, _PROPERTY})
_MEMBERS = frozenset({_FIELD, _PROPERTY, _ENUM_MEMBER, _CONSTRUCTOR, _VARIABLE, _CONSTANT})


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a pattern of a query finds."""

    capture: str
    """The capture of the definition; empty for a pattern that only finds scopes."""
    kind: int
    rank: int
    is_leaf: bool
    is_declaration: bool
    """A definition of the same name in the same file replaces it."""
    scope: str
    """The capture of the scope; empty when there is none."""
    captures: int
    """How many captures a plain match has."""
    as_function: Pattern | None = None
    """What it is when its declarator is a function's."""
    is_member: bool = False
    is_accessor: bool = False


def pattern_of(label: str, scope: str = "") -> Pattern:
    """What the capture `@definition.<label>` finds; `scope`: the capture of the scope beside it."""
    capture, captures = f"definition.{label}", 3 if scope else 2
    as_function = None
    if label in AS_FUNCTION:
        other = AS_FUNCTION[label]
        as_function = Pattern(capture, *KINDS[other], True, other == "declaration", scope, captures)
    return Pattern(
        capture,
        *KINDS[label],
        label in LEAVES,
        label == "declaration",
        scope,
        captures,
        as_function,
        label == "member",
        label == "accessor",
    )


Found = tuple[int, int, int, Pattern, Node, Node, Node, Captures | None]
"""Start, -end, start of the name, pattern, whole node, node without decorators, name node, captures when there are
more.
"""

_Around = tuple[int, int, int, str, str, int, bool]
"""A definition around others: start, end, kind, qualified name, name, row, whether it is one chunk."""


def rows(
    text: bytes, language: Language, found: list[Found], body_field: int, *, with_extensions: bool = False
) -> tuple[list[SymbolRow], Outline]:
    """The symbols of a text, from what its query found in the order of the text, outer before inner; empties `found`.

    `with_extensions`: with a row of kind 0 for each block that extends a type, named as it begins.
    """
    made: list[SymbolRow] = []
    starts: list[int] = []
    ends: list[int] = []
    parents: list[int] = []
    outline = Outline(starts, ends, parents, [], {}, {})
    around: _Around = (-1, len(text) + 1, -1, "", "", -1, False)
    stack: list[_Around] = []
    has_methods = language.methods
    docs = describe.docs_for(language)
    defined = _defined(text, found)
    joins_clauses = language.joins_clauses
    last: dict[int, int] = {}  # the last row in each container, for clauses
    open_row = -1  # a definition that lasts until the next of its kind
    has_members = bool(language.members)
    fields: set[tuple[int, str]] = set()  # names in each container, where methods may add to them
    announced: tuple[bytes, int, int, int] | None = None  # the first of the declarations that await their definition
    found.reverse()
    while found:
        start, negative_end, at, pattern, whole, inner, name_node, captures = found.pop()  # freed as they are used
        end = -negative_end
        kind = pattern.kind
        lasts = captures is not None and "rest" in captures
        if lasts and open_row >= 0:
            while any(entry[5] == open_row for entry in (*stack, around)):
                around = stack.pop()
            made[open_row] = (*made[open_row][:5], *whole.start_point, *made[open_row][7:])
            ends[open_row] = start
        while around[1] <= start or (around[0] == start and around[1] == end):
            around = stack.pop()
        _, _, parent_kind, container, parent_name, parent_row, is_whole = around
        name_bytes = text[at : name_node.end_byte]
        if pattern.is_declaration and name_bytes in defined and parent_kind not in CLASSES:
            if announced is None or announced[:2] != (name_bytes, parent_row):
                announced = (name_bytes, parent_row, start, whole.start_point[0])
            continue
        if kind == _PACKAGE:
            container = ""  # its name is absolute
        name = name_bytes.decode("utf-8", "ignore")
        name_line, name_column = name_node.start_point
        if captures is not None and "container" in captures:
            belongs = captures["container"][0]
            prefix = text[belongs.start_byte : belongs.end_byte].decode("utf-8", "ignore")
            prefix = _dotted(prefix, language.name_separator)
            container = f"{container}.{prefix}" if container else prefix
            if kind == _FUNCTION and has_methods:
                kind = _METHOD
        if captures is not None and "part" in captures:
            # A word behind the last colon is no part of a selector.
            parts = "".join(_part(text, part) for part in captures["part"])
            name += parts[: parts.rfind(":") + 1]
        if pattern.is_member:
            holder = _class_around(around, stack)
            if holder is None or (holder[5], name) in fields:
                continue
            _, _, parent_kind, container, parent_name, parent_row, _ = holder
        elif name == "_" and language.has_blank:
            continue
        if not name.isidentifier():
            if not name or name == ")":
                continue  # the latter where a rewrite put a name
            prefix, name, from_end = _split_name(name, language)
            if not name:
                continue
            if from_end:
                name_line, name_column = _point_before(text, name_node, from_end)
            if prefix:
                container = f"{container}.{prefix}" if container else prefix
                parent_name = prefix.rpartition(".")[2]
                if kind == _FUNCTION and has_methods:
                    kind = _METHOD
        if kind in FUNCTIONS:
            if kind == _FUNCTION and has_methods and parent_kind in CLASSES:
                kind = _METHOD
            if kind == _METHOD:
                if name in language.constructors or (name == parent_name and language.class_named_constructors):
                    kind = _CONSTRUCTOR
            elif kind == _CONSTRUCTOR and name != parent_name and language.class_named_constructors:
                continue
        elif kind == _VARIABLE:
            if parent_kind in FUNCTIONS:
                continue
            if parent_kind == _ENUM:
                kind = _ENUM_MEMBER
            elif language.constant_case and name.isupper():
                kind = _CONSTANT
            elif has_methods and parent_kind in CLASSES:
                kind = _FIELD
        elif kind == _CONSTANT:
            if parent_kind in FUNCTIONS:
                continue
        elif kind == _FIELD and language.constant_case and name.isupper():
            kind = _CONSTANT
        elif parent_kind == _CONSTRUCTOR and kind in _FIELDS:
            container = container.rpartition(".")[0]
        if len(name) > _NAME_CHARS:
            name = name[:_NAME_CHARS]
        qualified = f"{container}.{name}" if container else name
        row = len(made)
        if kind == _EXTENSION:
            stack.append(around)
            extended: SymbolRow | None = None
            if captures is not None and "category" in captures:
                extended = _category(text, qualified, whole, captures["category"][0], docs)
                parent_row = row
            elif with_extensions:
                extended = _extension(text, name, whole, container, describe.opening(text, start, end))
            around = (start, end, kind, qualified, name, parent_row, is_whole)
            if extended is not None:
                made.append(extended)
                starts.append(start)
                ends.append(end)
                parents.append(stack[-1][5])
            continue
        if joins_clauses:
            if kind in FUNCTIONS:
                clause = last.get(parent_row, -1)
                if clause >= 0 and _continues(made[clause], name, start - ends[clause]):
                    made[clause] = (*made[clause][:5], *whole.end_point, *made[clause][7:])
                    ends[clause] = end
                    stack.append(around)
                    around = (start, end, kind, qualified, name, clause, is_whole)
                    continue
            last[parent_row] = row
        line, column = whole.start_point
        end_line, end_column = whole.end_point
        body = -1
        head = start if inner is whole else inner.start_byte
        if kind in _WITH_BODY:
            node = captures["body"][0] if captures is not None and "body" in captures else None
            if node is None and body_field:
                node = inner.child_by_field_id(body_field)
            if node is not None and (kind in FUNCTIONS or not text.startswith(b"(", node.start_byte)):
                body = node.start_byte
                signature = docs.signature(text, head, body)
            else:
                signature = describe.signature(text, head, describe.opening(text, head, inner.end_byte))
            if end - start >= chunk.MIN_BYTES and not is_whole and not lasts:
                is_function = kind in FUNCTIONS
                outline.big_starts.append(start)
                outline.big_lines[line] = is_function
                is_whole = is_function and end - start <= SPLIT_BYTES
        else:
            signature = describe.first_line(text, head, inner.end_byte)
        doc = ""
        if captures is not None and "doc" in captures:
            comment = captures["doc"][0]
            doc = describe.last_section(text[comment.start_byte : comment.end_byte].decode("utf-8", "ignore"))
        elif parent_row < 0 or kind not in _MEMBERS or made[parent_row][3] != line:
            doc = docs.of(text, start - column, body)
        # Else what stands above this line belongs to the container.
        if captures is not None and (tail := captures.get("end") or captures.get("rest")):
            end_line, end_column = tail[0].end_point
        if announced is not None:
            if kind in FUNCTIONS and announced[:2] == (name_bytes, parent_row):
                # Overload signatures, as in TypeScript: what documents the first documents the function.
                outline.overloads[row] = announced[2:]
                doc = doc or docs.of(text, text.rfind(b"\n", 0, announced[2]) + 1, -1)
            announced = None
        if end > start and text[end - 1] <= _BLANK:
            # The line feed that some grammars count in.
            end_line, end_column = _before_blanks(text, start, end, line, column)
        if not pattern.is_leaf:
            stack.append(around)
            around = (start, end, kind, qualified, name, row, is_whole)
        if lasts:
            open_row = row
        made.append((name, kind, container, line, column, end_line, end_column, name_line, name_column, signature, doc))
        starts.append(start)
        ends.append(end)
        parents.append(parent_row)
        if has_members:
            fields.add((parent_row, name))
        elif pattern.is_accessor:
            made.append((f"{name}=", _METHOD, *made[row][2:]))
            starts.append(start)
            ends.append(end)
            parents.append(parent_row)
        if row + 1 >= MAX_SYMBOLS:
            break
    if not text.isascii():
        _count_characters(text, made)
    return made, outline


def _class_around(around: _Around, stack: list[_Around]) -> _Around | None:
    """The innermost class that holds the function that `around` is; None when that is no method."""
    if around[2] not in FUNCTIONS:
        return None
    for entry in reversed(stack):
        if entry[2] in CLASSES:
            return entry
    return None


def _part(text: bytes, part: Node) -> str:
    """A further part of a name: a word, or the colon that a parameter of Objective-C begins with."""
    return ":" if text[part.start_byte] == _COLON else text[part.start_byte : part.end_byte].decode("utf-8", "ignore")


def _category(text: bytes, extended: str, whole: Node, name_node: Node, docs: describe.Docs) -> SymbolRow:
    """A category of Objective-C: it belongs to the class that it extends."""
    start = whole.start_byte
    name = text[name_node.start_byte : name_node.end_byte].decode("utf-8", "ignore")
    signature = describe.first_line(text, start, whole.end_byte)
    doc = docs.of(text, start - whole.start_point[1], -1)
    return (name, _CLASS, extended, *whole.start_point, *whole.end_point, *name_node.start_point, signature, doc)


def _extension(text: bytes, name: str, whole: Node, container: str, opening: int) -> SymbolRow:
    """What an outline shows of a block that extends a type, such as `impl Display for Tide`."""
    shown = describe.signature(text, whole.start_byte, opening)
    start = whole.start_point
    return (shown or name, _EXTENSION, container, *start, *whole.end_point, *start, shown, "")


def frames(made: list[SymbolRow]) -> frozenset[int]:
    """The rows that hold others and are not what anybody looks for, or that say nothing: `#define LIST_H`."""
    return frozenset(
        number
        for number, row in enumerate(made)
        if row[1] in _FRAMES or (row[1] == _CONSTANT and row[9] in (f"#define {row[0]}", row[0]))
    )


def _count_characters(text: bytes, made: list[SymbolRow]) -> None:
    """Turn the columns of the rows from bytes into characters."""
    lines = array("L", [0])
    lines.extend(match.end() for match in _LINE_FEED.finditer(text))
    runs = array("L")
    before = array("L", [0])  # bytes that begin no character, before each run of them
    for match in _CONTINUATIONS.finditer(text):
        runs.append(match.start())
        before.append(before[-1] + match.end() - match.start())

    def characters(line: int, column: int) -> int:
        start = lines[line]
        return column - before[bisect_left(runs, start + column)] + before[bisect_left(runs, start)]

    for index, row in enumerate(made):
        line, column, end_line, end_column, name_line, name_column = row[3:9]
        start, end, name = (
            characters(line, column),
            characters(end_line, end_column),
            characters(name_line, name_column),
        )
        if (start, end, name) != (column, end_column, name_column):
            made[index] = (*row[:3], line, start, end_line, end, name_line, name, *row[9:])


def _before_blanks(text: bytes, start: int, end: int, line: int, column: int) -> tuple[int, int]:
    """Where text[start:end] ends without its trailing white space; it starts at `line` and `column`."""
    last = start + len(text[start:end].rstrip())
    newline = text.rfind(b"\n", start, last)
    return line + text.count(b"\n", start, last), last - newline - 1 if newline >= 0 else column + last - start


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


def _point_before(text: bytes, node: Node, from_end: int) -> tuple[int, int]:
    """Line and byte of what begins `from_end` bytes before the node's end, which may be on a line above."""
    line, column = node.end_point
    if from_end <= column:
        return line, column - from_end
    place = node.end_byte - from_end
    return line - text.count(b"\n", place, node.end_byte), place - (text.rfind(b"\n", 0, place) + 1)


def _split_name(name: str, language: Language) -> tuple[str, str, int]:
    """Container and name of what is not a plain identifier, and where the name starts from the node's end, if it
    moved."""
    if len(name) > 2 and name[0] == name[-1] == '"':
        return "", " ".join(name[1:-1].split()), 0
    trim = language.name_trim
    separator = language.name_separator
    prefix = ""
    whole = name
    if language.raw_prefix:
        name = name.removeprefix(language.raw_prefix)
    if trim and (name[0] in trim or name[-1] in trim):
        name = name.strip(trim) or name
    if separator and (separator in name or name.startswith("operator")):
        prefix, name = _split_qualified(name, separator)
    elif name[-1] == ">" and (name[0].isalpha() or name[0] == "_"):
        name = _without_templates(name)
    name = " ".join(name.split())
    if len(name) > 1 and name[0] in "\"'`" and name[-1] == name[0]:
        return prefix, name[1:-1] or "_", 0
    if name == whole:
        return prefix, name, 0
    place = whole.rfind(name)
    return prefix, name, len(whole[place:].encode()) if place > 0 else 0


def _split_qualified(name: str, separator: str) -> tuple[str, str]:
    """Container and name of a qualified name, template arguments left out."""
    match = _OPERATOR_NAME.search(name)
    if match is not None:
        # `operator<<`, `operator()`, `operator T*() const`: the last is a conversion, without its parameters.
        operator = match[0] if name[match.end() - 1] == ")" else name[match.start() :].partition("(")[0].strip()
        return _dotted(name[: match.start()], separator), operator
    container, _, last = _without_templates(name).rpartition(separator)
    return _dotted(container, separator), last.strip()


_OPERATOR_NAME = re.compile(r"\boperator\b(?:\s*\(\s*\))?")
_TEMPLATE = re.compile(r"<[^<>]*>")


def _without_templates(name: str) -> str:
    while "<" in name:
        shorter = _TEMPLATE.sub("", name)
        if shorter == name:
            break
        name = shorter
    return name


def _dotted(name: str, separator: str) -> str:
    """A qualified name as its parts joined by `.`, without template arguments and what is no name."""
    name = _without_templates(name)
    if separator and separator in name:
        name = ".".join(part.strip() for part in name.split(separator) if part.strip())
    return " ".join(name.split())[:_NAME_CHARS]
