"""Text -> symbols and chunks: the only module that imports tree_sitter.

Invariant: one file at a time, in a process that the parent may kill; time and memory grow with the text, never with
the depth of its tree, save inside the parser's own call, which cannot be stopped (the parent's deadline does).

How it stays cheap (measured: a query that walks the whole tree costs a quarter of the parse, whatever it looks for):
a query with `@scope` captures is run on each scope by itself, only `scan_depth` levels down, so the insides of
functions are never walked. Positions come from the nodes, documentation from the text above. Between scopes the
deadline is checked. `QueryCursor`'s `progress_callback` is not used: in 0.26.1 it reads a dead stack frame and crashes.
"""

from __future__ import annotations

import importlib
import re
import time
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from operator import itemgetter

import tree_sitter

from lowtide.models import Reason, SymbolKind
from lowtide.work import chunk, describe, macros, rewrite
from lowtide.work.chunk import ALONE, HEAD, JOIN, Atom, ChunkRow
from lowtide.work.languages.language import Language, Macros

SymbolRow = tuple[str, int, str, int, int, int, int, int, int, str, str]
"""The fields of `models.Symbol`, in order."""

MAX_SYMBOLS = 200_000
_UNSCOPED_DEPTH = 200
"""Deeper than this no definition is looked for: a node's cost in a query grows with its depth."""
_MATCH_LIMIT = 4096
_WINDOW_BYTES = 1 << 16
_MAX_SCOPES = 100_000
_MAX_CHILDREN = 20_000
"""A node with more children is cut by lines: a list of nodes costs more memory than its text."""
_SECOND_TRY_BYTES = 1 << 20
_MAX_DECLARATORS = 16
_MAX_DEPTH = 100
_SPLIT_BYTES = chunk.MAX_BYTES - 60
_NAME_CHARS = 200
_CLAUSE_GAP_BYTES = 1000

_KINDS: dict[str, tuple[int, int]] = {
    # capture -> (kind, how specific it is)
    "variable": (SymbolKind.VARIABLE, 0),
    "constant": (SymbolKind.CONSTANT, 3),
    "macro": (SymbolKind.CONSTANT, 1),
    "property": (SymbolKind.PROPERTY, 1),
    "field": (SymbolKind.FIELD, 2),
    "enum-member": (SymbolKind.ENUM_MEMBER, 3),
    "function": (SymbolKind.FUNCTION, 4),
    "macro-function": (SymbolKind.FUNCTION, 4),
    "method": (SymbolKind.METHOD, 5),
    "constructor": (SymbolKind.CONSTRUCTOR, 6),
    "operator": (SymbolKind.OPERATOR, 6),
    "type": (SymbolKind.CLASS, 3),
    "class": (SymbolKind.CLASS, 5),
    "struct": (SymbolKind.STRUCT, 6),
    "interface": (SymbolKind.INTERFACE, 6),
    "enum": (SymbolKind.ENUM, 7),
    "event": (SymbolKind.EVENT, 3),
    "module": (SymbolKind.MODULE, 3),
    "namespace": (SymbolKind.NAMESPACE, 3),
    "package": (SymbolKind.PACKAGE, 3),
    "key": (SymbolKind.KEY, 0),
    "object": (SymbolKind.OBJECT, 1),
    "heading": (SymbolKind.STRING, 0),
    "string": (SymbolKind.STRING, 0),
    "extension": (0, 9),
    "typedef": (SymbolKind.CLASS, 2),
    "declaration": (SymbolKind.FUNCTION, 3),
}
_AS_FUNCTION = {"variable": "declaration", "field": "method"}
_LEAVES = frozenset({"typedef", "declaration"})
_MACROS = {Macros.NONE: None, Macros.KERNEL: macros.KERNEL, Macros.CAPITALS: macros.CAPITALS}
_FUNCTIONS = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.CONSTRUCTOR, SymbolKind.OPERATOR})
_CLASSES = frozenset({SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.INTERFACE, SymbolKind.ENUM, 0})
_FIELDS = frozenset({SymbolKind.FIELD, SymbolKind.PROPERTY})
_MEMBERS = _FIELDS | {SymbolKind.CONSTRUCTOR, SymbolKind.ENUM_MEMBER}
_WITH_BODY = _FUNCTIONS | _CLASSES | {SymbolKind.MODULE, SymbolKind.NAMESPACE, SymbolKind.PACKAGE, SymbolKind.OBJECT}


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a text holds. `symbols` in the order of the text, a container before its content."""

    symbols: list[SymbolRow]
    chunks: list[ChunkRow]
    had_errors: bool
    partial: Reason | None
    """Why some definitions may be missing."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    capture: str
    """The capture of the definition; empty for a pattern that only finds scopes."""
    kind: int
    rank: int
    is_leaf: bool
    """What stands inside does not belong to it."""
    is_declaration: bool
    """A definition of the same name in the same file replaces it."""
    scope: str
    """The capture of the scope; empty when there is none."""
    captures: int
    """How many captures a plain match has: its definition and its name."""
    as_function: _Pattern | None = None
    """What it is when its declarator is a function's."""


@dataclass(frozen=True, slots=True)
class _Grammar:
    parser: tree_sitter.Parser
    query: tree_sitter.Query
    patterns: tuple[_Pattern, ...]
    nested: re.Pattern[bytes] | None
    body_field: int
    declarator_field: int
    declarators: frozenset[int]
    """Node kinds that a declarator may be or hold."""
    wrappers: frozenset[int]
    """Those of them whose inner declarator is a plain child."""
    function_declarator: int
    parenthesized_declarator: int
    operator_cast: int
    comments: frozenset[int]


_Captures = dict[str, list[tree_sitter.Node]]
_Found = tuple[int, int, int, _Pattern, tree_sitter.Node, tree_sitter.Node, tree_sitter.Node, _Captures | None]
"""start, -end, name start, pattern, whole node, inner node (without decorators), name node, captures beyond those."""


def parse(text: bytes, language: Language, deadline_s: float) -> Parsed:
    """Find the definitions and the chunks of `text` (valid UTF-8).

    `deadline_s` counts from the call; when it has passed the search for definitions stops with what it has and
    `partial` says so. Raises nothing for any text; memory is the parser's.
    """
    stop = time.monotonic() + deadline_s
    grammar = _grammar(language)
    macro_words = _MACROS[language.macros]
    source = macros.blank(text, macro_words) if macro_words else rewrite.rewritten(text, language.rewrites)
    root = grammar.parser.parse(source).root_node
    found, partial = _find(grammar, language, text, root, stop)
    if root.is_error and macro_words and partial is None and len(text) <= _SECOND_TRY_BYTES:
        again = grammar.parser.parse(macros.first_branches(source)).root_node
        if not again.is_error:
            more, partial = _find(grammar, language, text, again, stop)
            found, root = {**found, **more}, again
    symbols, outline = _rows(grammar, language, text, sorted(found.values(), key=_PLACE))
    if partial is None and len(symbols) >= MAX_SYMBOLS:
        partial = Reason.TOO_LARGE
    chunks = chunk.pack(text, *_atoms(grammar, text, root, outline))
    return Parsed(
        symbols, chunk.attach_symbols(chunks, outline.starts, outline.ends, outline.parents), root.has_error, partial
    )


@cache
def _grammar(language: Language) -> _Grammar:
    module = importlib.import_module(language.module)
    with warnings.catch_warnings():
        # The wheels of two grammars still pass their pointer as a number.
        warnings.simplefilter("ignore", DeprecationWarning)
        grammar = tree_sitter.Language(getattr(module, language.function)())
    folder = resources.files("lowtide.work.languages") / (language.folder or language.name)
    source = (folder / "definitions.scm").read_text("utf-8")
    query = tree_sitter.Query(grammar, source)
    data = source.encode()
    patterns = tuple(
        _pattern(data[query.start_byte_for_pattern(index) : query.end_byte_for_pattern(index)].decode())
        for index in range(query.pattern_count)
    )
    prefixes = {*language.comment_types, *language.prefix_types}
    return _Grammar(
        tree_sitter.Parser(grammar),
        query,
        patterns,
        re.compile(language.nested.encode()) if language.nested else None,
        grammar.field_id_for_name(language.body_field) or 0,
        grammar.field_id_for_name("declarator") or 0,
        _kinds_like(grammar, r"(?<!abstract)_declarator$|identifier$|_name$|^operator_cast$"),
        _kinds_like(grammar, r"^(?:parenthesized|reference|attributed)_declarator$"),
        grammar.id_for_node_kind("function_declarator", True) or 0,
        grammar.id_for_node_kind("parenthesized_declarator", True) or 0,
        grammar.id_for_node_kind("operator_cast", True) or 0,
        frozenset(kind for name in prefixes for kind in _kind_ids(grammar, name)),
    )


def _kind_ids(grammar: tree_sitter.Language, name: str) -> Iterator[int]:
    kind = grammar.id_for_node_kind(name, True)
    if kind is not None:
        yield kind


def _kinds_like(grammar: tree_sitter.Language, pattern: str) -> frozenset[int]:
    search = re.compile(pattern).search
    return frozenset(
        kind for kind in range(grammar.node_kind_count) if search(grammar.node_kind_for_id(kind) or "")
    )  # fmt: skip


def _pattern(source: str) -> _Pattern:
    """What a pattern of a query captures, from its source."""
    captures = re.findall(r"@(definition\.[\w-]+|scope(?:\.nested)?)(?![\w.-])", re.sub(r"(?m)^\s*;.*$", "", source))
    definitions = {capture for capture in captures if capture.startswith("definition.")}
    scopes = {capture for capture in captures if capture.startswith("scope")}
    if len(definitions) > 1 or len(scopes) > 1 or not captures:
        raise ValueError(f"a pattern needs one definition or one scope: {source.strip()}")
    capture, scope = next(iter(definitions), ""), next(iter(scopes), "")
    if not capture:
        return _Pattern("", 0, 0, False, False, scope, 1)
    label = capture.removeprefix("definition.")
    as_function = None
    if label in _AS_FUNCTION:
        kind = _AS_FUNCTION[label]
        as_function = _Pattern(capture, *_KINDS[kind], True, kind == "declaration", scope, 3 if scope else 2)
    is_declaration = label == "declaration"
    return _Pattern(
        capture, *_KINDS[label], label in _LEAVES, is_declaration, scope, 3 if scope else 2, as_function
    )  # fmt: skip


def _find(
    grammar: _Grammar, language: Language, text: bytes, root: tree_sitter.Node, stop: float
) -> tuple[dict[int, _Found], Reason | None]:
    """The definitions by the offset of their name; and why the search ended early, if it did."""
    found: dict[int, _Found] = {}
    partial: Reason | None = None
    nested: list[int] | None = None
    pending = [root]
    seen = {root.id}
    cursor = tree_sitter.QueryCursor(grammar.query, match_limit=_MATCH_LIMIT)
    cursor.set_max_start_depth(language.scan_depth or _UNSCOPED_DEPTH)
    windows = _windows(len(text)) if not language.scan_depth else None
    patterns = grammar.patterns
    clock = time.monotonic
    while pending:
        if windows is None:
            node = pending.pop()
        else:
            node = root
            window = next(windows, None)
            if window is None:
                break
            cursor.set_byte_range(*window)
        if clock() > stop:
            partial = Reason.DEADLINE
            break
        for index, captures in cursor.matches(node):
            pattern = patterns[index]
            scope_capture = pattern.scope
            if pattern.capture:
                names = captures.get("name")
                if names:
                    name = names[0]
                elif "declarator" in captures:
                    name, is_function = _declared(grammar, captures["declarator"][0])
                    if is_function and pattern.as_function is not None:
                        pattern = pattern.as_function
                else:
                    continue
                whole = captures[pattern.capture][0]
                start, end = whole.byte_range
                at = name.start_byte
                more = captures if len(captures) > pattern.captures else None
                if more is not None and (tail := more.get("end") or more.get("rest")):
                    end = tail[0].end_byte
                old = found.get(at)
                if old is None:
                    found[at] = (start, -end, at, pattern, whole, whole, name, more)
                elif old[3] is not pattern:
                    found[at] = _merge(old, (start, -end, at, pattern, whole, whole, name, more))
            if scope_capture:
                for scope in captures.get(scope_capture, ()):
                    if scope.id in seen:
                        continue
                    seen.add(scope.id)
                    if scope_capture == "scope.nested" and grammar.nested is not None:
                        if nested is None:
                            nested = [match.start() for match in grammar.nested.finditer(text)]
                        start, end = scope.byte_range
                        first = bisect_left(nested, start)
                        if first == len(nested) or nested[first] >= end:
                            continue
                    pending.append(scope)
        if len(found) >= MAX_SYMBOLS or len(seen) > _MAX_SCOPES:
            partial = Reason.TOO_LARGE
            break
    return found, partial


def _declared(grammar: _Grammar, node: tree_sitter.Node) -> tuple[tree_sitter.Node, bool]:
    """The name inside a declarator of the C family, and whether it is a function's: `*(*f(int))[3]` declares f."""
    is_function = False
    for _ in range(_MAX_DECLARATORS):
        kind = node.kind_id
        inner = None if kind == grammar.operator_cast else node.child_by_field_id(grammar.declarator_field)
        if inner is None:
            if not node.named_child_count or kind == grammar.operator_cast or kind not in grammar.wrappers:
                break
            inner = next((child for child in node.named_children if child.kind_id in grammar.declarators), None)
            if inner is None:
                break
        if kind != grammar.parenthesized_declarator:
            is_function = kind == grammar.function_declarator
        node = inner
    return node, is_function


def _windows(size: int) -> Iterator[tuple[int, int]]:
    """Stretches of the text, searched one by one: between them the deadline is looked at and memory freed."""
    for start in range(0, max(size, 1), _WINDOW_BYTES):
        yield start, min(start + _WINDOW_BYTES, max(size, 1))


def _merge(old: _Found, new: _Found) -> _Found:
    """One symbol from two matches with the same name node: the wider range, the more specific kind, the inner head."""
    wide, narrow = (old, new) if old[:2] <= new[:2] else (new, old)
    pattern = wide[3] if wide[3].rank >= narrow[3].rank else narrow[3]
    more = {**(wide[7] or {}), **(narrow[7] or {})} or None
    return (wide[0], wide[1], wide[2], pattern, wide[4], narrow[5], wide[6], more)


_PLACE = itemgetter(0, 1, 2)


@dataclass(frozen=True, slots=True)
class _Outline:
    """The symbols' places, for the chunks; parallel lists in the order of the symbols."""

    starts: list[int]
    ends: list[int]
    parents: list[int]
    big_starts: list[int]
    """Where definitions begin that should stand alone, ascending."""
    big_lines: dict[int, bool]
    """Their lines; True for a function."""


def _rows(grammar: _Grammar, language: Language, text: bytes, found: list[_Found]) -> tuple[list[SymbolRow], _Outline]:
    rows: list[SymbolRow] = []
    starts: list[int] = []
    ends: list[int] = []
    parents: list[int] = []
    big_starts: list[int] = []
    big_lines: dict[int, bool] = {}
    # One entry a definition around the present one: start, end, kind, qualified name, name, its row, no cuts inside.
    stack: list[tuple[int, int, int, str, str, int, bool]] = []
    top = (0, len(text) + 1, -1, "", "", -1, False)
    body_field = grammar.body_field
    separator = language.name_separator
    has_methods = language.methods
    trim = language.name_trim
    defined = _defined(text, found)
    last: dict[int, int] = {}  # the last row in each container
    open_row = -1  # a definition that lasts until the next of its kind
    for start, negative_end, at, pattern, whole, inner, name_node, captures in found:
        end = -negative_end
        kind = pattern.kind
        lasts = captures is not None and "rest" in captures
        if lasts and any(entry[5] == open_row >= 0 for entry in stack):
            while stack.pop()[5] != open_row:
                pass
            rows[open_row] = (*rows[open_row][:5], *whole.start_point, *rows[open_row][7:])
            ends[open_row] = start
        while stack and (stack[-1][1] <= start or (stack[-1][0] == start and stack[-1][1] == end)):
            stack.pop()
        _, _, parent_kind, container, parent_name, parent_row, is_whole = stack[-1] if stack else top
        name_bytes = text[at : name_node.end_byte]
        if pattern.is_declaration and name_bytes in defined and parent_kind not in _CLASSES:
            continue
        name = name_bytes.decode("utf-8", "ignore")
        name_line, name_column = name_node.start_point
        if trim and (name[:1] in trim or name[-1:] in trim) and (bare := name.strip(trim)):
            name_column += len(name) - len(name.lstrip(trim))
            name = bare
        if kind == SymbolKind.PACKAGE:
            container = ""  # its name is absolute
        if captures is not None and "container" in captures:
            prefix = _dotted((captures["container"][0].text or b"").decode("utf-8", "ignore"), separator)
            container = f"{container}.{prefix}" if container else prefix
            if kind == SymbolKind.FUNCTION and has_methods:
                kind = SymbolKind.METHOD
        if separator and (separator in name or name.startswith("operator")):
            prefix, name = _split_qualified(name, separator)
            if prefix:
                name_line, name_column = name_node.end_point
                name_column -= len(name.encode())
                container = f"{container}.{prefix}" if container else prefix
                parent_name = prefix.rpartition(".")[2]
                if kind == SymbolKind.FUNCTION and has_methods:
                    kind = SymbolKind.METHOD
        if kind in _FUNCTIONS:
            if kind == SymbolKind.FUNCTION and parent_kind in _CLASSES and has_methods:
                kind = SymbolKind.METHOD
            if kind == SymbolKind.METHOD and (
                name in language.constructors or (name == parent_name and language.class_named_constructors)
            ):
                kind = SymbolKind.CONSTRUCTOR
            elif kind == SymbolKind.CONSTRUCTOR and name != parent_name and language.class_named_constructors:
                continue
        elif kind == SymbolKind.VARIABLE:
            if parent_kind in _FUNCTIONS:
                continue
            if parent_kind == SymbolKind.ENUM:
                kind = SymbolKind.ENUM_MEMBER
            elif language.constant_case and name.isupper():
                kind = SymbolKind.CONSTANT
            elif parent_kind in _CLASSES and has_methods:
                kind = SymbolKind.FIELD
        elif kind == SymbolKind.CONSTANT and parent_kind in _FUNCTIONS:
            continue
        elif kind in _FIELDS and parent_kind == SymbolKind.CONSTRUCTOR:
            container = container.rpartition(".")[0]
        if not name:
            continue
        if len(name) > _NAME_CHARS or not name.isidentifier():
            name = _plain(name)
        qualified = f"{container}.{name}" if container else name
        if not kind:
            stack.append((start, end, kind, qualified, name, parent_row, is_whole))
            continue
        if language.joins_clauses and kind in _FUNCTIONS:
            clause = last.get(parent_row, -1)
            if (
                clause >= 0
                and rows[clause][0] == name
                and rows[clause][1] in _FUNCTIONS
                and start - ends[clause] < _CLAUSE_GAP_BYTES
            ):
                rows[clause] = (*rows[clause][:5], *whole.end_point, *rows[clause][7:])
                ends[clause] = end
                stack.append((start, end, kind, qualified, name, clause, is_whole))
                continue
        last[parent_row] = len(rows)
        line, column = whole.start_point
        end_line, end_column = whole.end_point
        if captures is not None and (tail := captures.get("end") or captures.get("rest")):
            end_line, end_column = tail[0].end_point
        body = -1
        if kind in _WITH_BODY:
            if captures is not None and "body" in captures:
                node: tree_sitter.Node | None = captures["body"][0]
            else:
                node = inner.child_by_field_id(body_field) if body_field else None
            if node is not None:
                body = node.start_byte
            signature = describe.signature(text, inner.start_byte, body if body >= 0 else inner.end_byte)
            if body < 0 and kind not in _FUNCTIONS:
                signature = signature.partition("{")[0].rstrip()
            if end - start >= chunk.MIN_BYTES and not is_whole and not lasts:
                is_function = kind in _FUNCTIONS
                big_starts.append(start)
                big_lines[line] = is_function
                is_whole = is_function and end - start <= _SPLIT_BYTES
        else:
            signature = describe.first_line(text, inner.start_byte, inner.end_byte)
        if captures is not None and "doc" in captures:
            doc = describe.last_section((captures["doc"][0].text or b"").decode("utf-8", "ignore"))
        elif kind in _MEMBERS and parent_row >= 0 and rows[parent_row][3] == line:
            doc = ""  # what stands above this line belongs to the container
        else:
            doc = describe.documentation(text, start - column, body, language)
        if not pattern.is_leaf:
            stack.append((start, end, kind, qualified, name, len(rows), is_whole))
        if lasts:
            open_row = len(rows)
        rows.append(
            (name, kind, container, line, column, end_line, end_column, name_line, name_column, signature, doc)
        )  # fmt: skip
        starts.append(start)
        ends.append(end)
        parents.append(parent_row)
        if len(rows) >= MAX_SYMBOLS:
            break
    return rows, _Outline(starts, ends, parents, big_starts, big_lines)


def _defined(text: bytes, found: list[_Found]) -> frozenset[bytes]:
    """Names of the functions that this text defines and not only declares; empty when it declares none."""
    if not any(item[3].is_declaration for item in found):
        return frozenset()
    return frozenset(
        text[item[2] : item[6].end_byte] for item in found if item[3].kind in _FUNCTIONS and not item[3].is_declaration
    )


def _split_qualified(name: str, separator: str) -> tuple[str, str]:
    """Container and name of a qualified name, template arguments left out."""
    match = _OPERATOR.search(name)
    if match is not None:
        # `operator<<`, `operator()`, `operator T*() const`: the last is a conversion, without its parameters.
        operator = match[0] if name[match.end() - 1] == ")" else name[match.start() :].partition("(")[0].strip()
        return _dotted(name[: match.start()], separator), operator
    container, _, last = _without_templates(name).rpartition(separator)
    return _dotted(container, separator), last.strip()


_OPERATOR = re.compile(r"\boperator\b(?:\s*\(\s*\))?")
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


def _plain(name: str) -> str:
    """A name on one line, without quotes around it, at most `_NAME_CHARS`."""
    name = " ".join(name.split())
    if len(name) > 1 and name[0] in "\"'`" and name[-1] == name[0]:
        name = name[1:-1]
    return name[:_NAME_CHARS] or "_"


def _atoms(
    grammar: _Grammar, text: bytes, root: tree_sitter.Node, outline: _Outline
) -> tuple[list[Atom], dict[int, int]]:
    """Where the syntax allows a cut, and the sizes that groups aim at."""
    atoms: list[Atom] = [(0, 0, 0, JOIN)]
    targets: dict[int, int] = {}
    if root.child_count > _MAX_CHILDREN or not text:
        return atoms, targets
    comments = grammar.comments
    big_starts = outline.big_starts
    big_lines = outline.big_lines
    group_count = 1
    above_start = above_end = above_line = -1  # a comment that waits for what it documents
    previous_end = 0
    last_line = -1
    flag = JOIN
    stack = [(iter(root.children), 0)]
    while stack:
        nodes, group = stack[-1]
        for node in nodes:
            start, end = node.byte_range
            if end <= previous_end and start < previous_end:
                continue
            line, column = node.start_point
            is_first = line != last_line and start - column >= previous_end
            if is_first and above_start >= 0 and text.count(b"\n", above_end, start) > 1:
                atoms.append((above_start, above_line, group, JOIN))
                above_start = -1
            if is_first and node.kind_id in comments:
                if above_start < 0:
                    above_start, above_line = start - column, line
                above_end = previous_end = end
                if end - above_start > _SPLIT_BYTES:
                    atoms.append((above_start, above_line, group, JOIN))
                    above_start = -1
                continue
            size = end - (above_start if above_start >= 0 else start)
            is_big = line in big_lines
            descends = False
            if size > _SPLIT_BYTES:
                count = node.child_count
                descends = 0 < count <= _MAX_CHILDREN and len(stack) < _MAX_DEPTH
            elif size > chunk.SOFT_BYTES and not (is_big and big_lines[line]):
                inside = bisect_right(big_starts, start)
                descends = inside < len(big_starts) and big_starts[inside] < end
            if is_first and not (descends and not is_big and above_start < 0):
                if above_start >= 0 and descends and above_end - above_start > _SPLIT_BYTES // 2:
                    atoms.append((above_start, above_line, group, JOIN))
                    above_start = -1
                last_line = line
                flag = (HEAD if descends else ALONE) if is_big else JOIN
                if is_big and descends:
                    group = group_count
                    group_count += 1
                    if big_lines[line]:
                        targets[group] = size // -(-size // chunk.TEXT_BYTES) + 100
                if above_start >= 0:
                    atoms.append((above_start, above_line, group, flag))
                    above_start = -1
                else:
                    atoms.append((start - column, line, group, flag))
            if descends:
                stack.append((iter(node.children), group))
                break
            previous_end = max(previous_end, end)
        else:
            stack.pop()
    if above_start >= 0:
        atoms.append((above_start, above_line, 0, JOIN))
    return atoms, targets
