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
from lowtide.work import chunk, describe
from lowtide.work.chunk import ALONE, HEAD, JOIN, Atom, ChunkRow
from lowtide.work.languages.language import Language

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
_MAX_DEPTH = 100
_SPLIT_BYTES = chunk.MAX_BYTES - 60
_NAME_CHARS = 200

_KINDS: dict[str, tuple[int, int]] = {
    # capture -> (kind, how specific it is)
    "variable": (SymbolKind.VARIABLE, 0),
    "constant": (SymbolKind.CONSTANT, 1),
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
}
_FUNCTIONS = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.CONSTRUCTOR, SymbolKind.OPERATOR})
_CLASSES = frozenset({SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.INTERFACE, SymbolKind.ENUM, 0})
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
    scope: str
    """The capture of the scope; empty when there is none."""


@dataclass(frozen=True, slots=True)
class _Grammar:
    parser: tree_sitter.Parser
    query: tree_sitter.Query
    patterns: tuple[_Pattern, ...]
    nested: re.Pattern[bytes] | None
    body_field: int
    comments: frozenset[int]


_Captures = dict[str, list[tree_sitter.Node]]
_Found = tuple[int, int, int, int, int, tree_sitter.Node, tree_sitter.Node, tree_sitter.Node, _Captures]
"""start, -end, name start, kind, rank, whole node, inner node (without its decorators), name node, captures."""


def parse(text: bytes, language: Language, deadline_s: float) -> Parsed:
    """Find the definitions and the chunks of `text` (valid UTF-8).

    `deadline_s` counts from the call; when it has passed the search for definitions stops with what it has and
    `partial` says so. Raises nothing for any text; memory is the parser's.
    """
    stop = time.monotonic() + deadline_s
    grammar = _grammar(language)
    tree = grammar.parser.parse(text)
    root = tree.root_node
    found, partial = _find(grammar, language, text, root, stop)
    symbols, outline = _rows(grammar, language, text, found)
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
        frozenset(kind for name in prefixes for kind in _kind_ids(grammar, name)),
    )


def _kind_ids(grammar: tree_sitter.Language, name: str) -> Iterator[int]:
    kind = grammar.id_for_node_kind(name, True)
    if kind is not None:
        yield kind


def _pattern(source: str) -> _Pattern:
    """What a pattern of a query captures, from its source."""
    source = re.sub(r"(?m);.*$", "", source)
    captures = re.findall(r"@(definition\.[\w-]+|scope(?:\.nested)?)(?![\w.-])", source)
    definitions = [capture for capture in captures if capture.startswith("definition.")]
    scopes = [capture for capture in captures if capture.startswith("scope")]
    if len(definitions) > 1 or len(scopes) > 1 or not captures:
        raise ValueError(f"a pattern needs one definition or one scope: {source.strip()}")
    kind, rank = _KINDS[definitions[0].removeprefix("definition.")] if definitions else (0, 0)
    return _Pattern(definitions[0] if definitions else "", kind, rank, scopes[0] if scopes else "")


def _find(
    grammar: _Grammar, language: Language, text: bytes, root: tree_sitter.Node, stop: float
) -> tuple[list[_Found], Reason | None]:
    found: dict[int, _Found] = {}
    patterns = grammar.patterns
    nested: list[int] | None = None
    pending = [root]
    seen: set[int] = set()
    cursor = tree_sitter.QueryCursor(grammar.query, match_limit=_MATCH_LIMIT)
    cursor.set_max_start_depth(language.scan_depth or _UNSCOPED_DEPTH)
    windows = _windows(len(text)) if not language.scan_depth else None
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
            return sorted(found.values(), key=_PLACE), Reason.DEADLINE
        for index, captures in cursor.matches(node):
            pattern = patterns[index]
            capture = pattern.capture
            if capture:
                names = captures.get("name")
                if names:
                    whole = captures[capture][0]
                    name = names[0]
                    start, end = whole.byte_range
                    at = name.start_byte
                    old = found.get(at)
                    if old is None:
                        found[at] = (start, -end, at, pattern.kind, pattern.rank, whole, whole, name, captures)
                    elif old[5] != whole or old[4] != pattern.rank:
                        found[at] = _merge(
                            old, (start, -end, at, pattern.kind, pattern.rank, whole, whole, name, captures)
                        )
            if pattern.scope:
                for scope in captures.get(pattern.scope, ()):
                    if scope.id in seen:
                        continue
                    seen.add(scope.id)
                    if pattern.scope == "scope.nested" and grammar.nested is not None:
                        if nested is None:
                            nested = [match.start() for match in grammar.nested.finditer(text)]
                        start, end = scope.byte_range
                        first = bisect_left(nested, start)
                        if first == len(nested) or nested[first] >= end:
                            continue
                    pending.append(scope)
        if len(found) >= MAX_SYMBOLS or len(seen) > _MAX_SCOPES:
            return sorted(found.values(), key=_PLACE), Reason.TOO_LARGE
    return sorted(found.values(), key=_PLACE), None


def _windows(size: int) -> Iterator[tuple[int, int]]:
    """Stretches of the text, searched one by one: between them the deadline is looked at and memory freed."""
    for start in range(0, max(size, 1), _WINDOW_BYTES):
        yield start, min(start + _WINDOW_BYTES, max(size, 1))


def _merge(old: _Found, new: _Found) -> _Found:
    """One symbol from two matches with the same name node: the wider range, the more specific kind, the inner head."""
    wide, narrow = (old, new) if old[:2] <= new[:2] else (new, old)
    kind, rank = max((old[3:5], new[3:5]), key=_RANK)
    return (wide[0], wide[1], wide[2], kind, rank, wide[5], narrow[6], wide[7], {**wide[8], **narrow[8]})


_PLACE = itemgetter(0, 1, 2)
_RANK = itemgetter(1)


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
    for start, negative_end, at, kind, _rank, whole, inner, name_node, captures in found:
        end = -negative_end
        while stack and (stack[-1][1] <= start or (stack[-1][0] == start and stack[-1][1] == end)):
            stack.pop()
        _, _, parent_kind, container, parent_name, parent_row, is_whole = stack[-1] if stack else top
        name = text[at : name_node.end_byte].decode("utf-8", "ignore")
        name_line, name_column = name_node.start_point
        belongs = captures.get("container")
        if belongs:
            prefix = _dotted((belongs[0].text or b"").decode("utf-8", "ignore"), separator)
            container = f"{container}.{prefix}" if container else prefix
            if kind == SymbolKind.FUNCTION and has_methods:
                kind = SymbolKind.METHOD
        if separator and separator in name:
            prefix, name = _split_qualified(name, separator)
            if prefix:
                name_line, name_column = name_node.end_point
                name_column -= len(name.encode())
                container = f"{container}.{prefix}" if container else prefix
                parent_name = prefix.rpartition(".")[2]
                if kind == SymbolKind.FUNCTION:
                    kind = SymbolKind.METHOD
        if kind in _FUNCTIONS:
            if kind == SymbolKind.FUNCTION and parent_kind in _CLASSES and has_methods:
                kind = SymbolKind.METHOD
            if kind == SymbolKind.METHOD and (
                name in language.constructors or (name == parent_name and language.class_named_constructors)
            ):
                kind = SymbolKind.CONSTRUCTOR
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
        if not name:
            continue
        if len(name) > _NAME_CHARS or not name.isidentifier():
            name = _plain(name)
        qualified = f"{container}.{name}" if container else name
        if not kind:
            stack.append((start, end, kind, qualified, name, parent_row, is_whole))
            continue
        line, column = whole.start_point
        end_line, end_column = whole.end_point
        body = -1
        if kind in _WITH_BODY:
            bodies = captures.get("body")
            node = bodies[0] if bodies else (inner.child_by_field_id(body_field) if body_field else None)
            if node is not None:
                body = node.start_byte
            signature = describe.signature(text, inner.start_byte, body if body >= 0 else end)
            if end - start >= chunk.MIN_BYTES and not is_whole:
                is_function = kind in _FUNCTIONS
                big_starts.append(start)
                big_lines[line] = is_function
                is_whole = is_function and end - start <= _SPLIT_BYTES
        else:
            signature = describe.first_line(text, inner.start_byte, end)
        docs = captures.get("doc")
        if docs:
            doc = describe.paragraph((docs[0].text or b"").decode("utf-8", "ignore").splitlines())
        else:
            doc = describe.documentation(text, start - column, body, language)
        stack.append((start, end, kind, qualified, name, len(rows), is_whole))
        rows.append(
            (name, kind, container, line, column, end_line, end_column, name_line, name_column, signature, doc)
        )  # fmt: skip
        starts.append(start)
        ends.append(end)
        parents.append(parent_row)
        if len(rows) >= MAX_SYMBOLS:
            break
    return rows, _Outline(starts, ends, parents, big_starts, big_lines)


_TEMPLATE = re.compile(r"<[^<>]*>")


def _split_qualified(name: str, separator: str) -> tuple[str, str]:
    """Container and name of a qualified name, template arguments left out of the container."""
    bare = name
    if "<" in name and "operator" not in name:
        shorter = _TEMPLATE.sub("", bare)
        while shorter != bare:
            bare, shorter = shorter, _TEMPLATE.sub("", shorter)
    before, operator, after = bare.partition("operator")
    if operator and not (before[-1:].isalnum() or before[-1:] == "_") and not (after[:1].isalnum() or after[:1] == "_"):
        return _dotted(before.removesuffix(separator), separator), operator + after
    container, _, last = bare.rpartition(separator)
    return _dotted(container, separator), last.strip()


def _dotted(name: str, separator: str) -> str:
    """A qualified name as its parts joined by `.`, without template arguments and what is no name."""
    if "<" in name:
        name = _TEMPLATE.sub("", name)
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
