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
    MEMBERS,
    METHOD,
    PACKAGE,
    VARIABLE,
    WITH_BODY,
    Found,
    SymbolRow,
)
from lowtide.work.parse.naming import NAME_CHARS, dotted, split_name
from lowtide.work.parse.node import Node

MAX_SYMBOLS = 200_000
_CLAUSE_GAP_BYTES = 1000
_BLANK = 32
_COLON = 58

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
        if kind == PACKAGE:
            container = ""  # its name is absolute
        name = name_bytes.decode("utf-8", "ignore")
        name_line, name_column = name_node.start_point
        if captures is not None and "container" in captures:
            belongs = captures["container"][0]
            prefix = text[belongs.start_byte : belongs.end_byte].decode("utf-8", "ignore")
            prefix = dotted(prefix, language.name_separator)
            container = f"{container}.{prefix}" if container else prefix
            if kind == FUNCTION and has_methods:
                kind = METHOD
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
            prefix, name, from_end = split_name(name, language)
            if not name:
                continue
            if from_end:
                name_line, name_column = point_before(text, name_node, from_end)
            if prefix:
                container = f"{container}.{prefix}" if container else prefix
                parent_name = prefix.rpartition(".")[2]
                if kind == FUNCTION and has_methods:
                    kind = METHOD
        if kind in FUNCTIONS:
            if kind == FUNCTION and has_methods and parent_kind in CLASSES:
                kind = METHOD
            if kind == METHOD:
                if name in language.constructors or (name == parent_name and language.class_named_constructors):
                    kind = CONSTRUCTOR
            elif kind == CONSTRUCTOR and name != parent_name and language.class_named_constructors:
                continue
        elif kind == VARIABLE:
            if parent_kind in FUNCTIONS:
                continue
            if parent_kind == ENUM:
                kind = ENUM_MEMBER
            elif language.constant_case and name.isupper():
                kind = CONSTANT
            elif has_methods and parent_kind in CLASSES:
                kind = FIELD
        elif kind == CONSTANT:
            if parent_kind in FUNCTIONS:
                continue
        elif kind == FIELD and language.constant_case and name.isupper():
            kind = CONSTANT
        elif parent_kind == CONSTRUCTOR and kind in FIELDS:
            container = container.rpartition(".")[0]
        if len(name) > NAME_CHARS:
            name = name[:NAME_CHARS]
        qualified = f"{container}.{name}" if container else name
        row = len(made)
        if kind == EXTENSION:
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
        if kind in WITH_BODY:
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
        elif parent_row < 0 or kind not in MEMBERS or made[parent_row][3] != line:
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
            end_line, end_column = before_blanks(text, start, end, line, column)
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
            made.append((f"{name}=", METHOD, *made[row][2:]))
            starts.append(start)
            ends.append(end)
            parents.append(parent_row)
        if row + 1 >= MAX_SYMBOLS:
            break
    if not text.isascii():
        count_characters(text, made)
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
