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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter

import tree_sitter

from lowtide.languages.language import Language, Macros, View
from lowtide.languages.queries import query_of
from lowtide.models import Reason
from lowtide.work.parse import (
    by_lines,
    chunk,
    cuts,
    heads,
    macros,
    made,
    members,
    recover,
    rewrite,
    second,
    splice,
    symbols,
    views,
)
from lowtide.work.parse.chunk import ChunkRow
from lowtide.work.parse.kinds import LOCALS, Found, Pattern, SymbolRow, pattern_of
from lowtide.work.parse.symbols import MAX_SYMBOLS

_UNSCOPED_DEPTH = 200
"""Deeper than this no definition is looked for: a node's cost in a query grows with its depth."""
_MATCH_LIMIT = 4096
_WINDOW_BYTES = 1 << 18
_MAX_WINDOWS = 4
"""Each window passes over the children before it: more would cost more than they save."""
_NO_LIMIT = (1 << 32) - 1
_MAX_SCOPES = 100_000
_WIDE = 5_000
_WIDE_COST = 10**9
_OUTSIDE = frozenset(
    "translation_unit linkage_specification declaration_list preproc_if preproc_ifdef preproc_else ERROR".split()
)
_MAX_DECLARATORS = 16
_MAX_INSIDES = 2_000
"""Nodes of a text whose insides are read as texts of their own."""
_clock = time.thread_time
"""What deadlines are told by: a busy machine takes no file's symbols."""
_MACROS = {Macros.NONE: None, Macros.KERNEL: macros.KERNEL, Macros.CAPITALS: macros.CAPITALS, Macros.HEADS: None}


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a text holds. `symbols` in the order of the text, a container before its content."""

    symbols: list[SymbolRow]
    chunks: list[ChunkRow]
    had_errors: bool
    partial: Reason | None
    """Why some definitions may be missing."""
    readable: bytes | None = None
    """What people wrote of the text, as long as it is and with blanks for the rest, when that is not all of it."""


@dataclass(frozen=True, slots=True)
class _Grammar:
    parser: tree_sitter.Parser
    query: tree_sitter.Query
    patterns: tuple[Pattern, ...]
    function_query: tree_sitter.Query
    """The query without the patterns of locals and of mere scopes, for a search of a function to its full depth."""
    nested: tuple[Callable[[bytes, int, int], re.Match[bytes] | None], ...]
    body_field: int
    declarator_field: int
    declarators: frozenset[int]
    """Node kinds that a declarator may be or hold."""
    wrappers: frozenset[int]
    """Those of them whose inner declarator is a plain child."""
    function_declarator: int
    parenthesized_declarator: int
    operator_cast: int
    structured_binding: int
    comments: frozenset[int]
    is_local: bool
    """Whether a definition is told by what it is made of and what stands above it, wherever the text has others."""
    holders: frozenset[int]
    """Node kinds of the C family that hold declarations, or the heads of such."""
    functions: frozenset[int]
    """Those of them that end in a body."""
    function_declarators: frozenset[int]
    texts: frozenset[int]
    """Node kinds whose text is no code: comments, strings and what they are made of."""
    inside_parser: tree_sitter.Parser
    """Reads what stands inside a node as a text of its own."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A parsed text, kept so that its next version is parsed by its changes alone."""

    language: Language
    source: bytes
    tree: tree_sitter.Tree
    kept: splice.Rows | None
    """Its rows, when those of the next version may be made from them."""


def parse(text: bytes, language: Language, deadline_s: float) -> Parsed:
    """Find the definitions and the chunks of `text` (valid UTF-8).

    `deadline_s` is CPU time of this thread, without the grammar's loading; when it has passed the search for
    definitions stops with what it has and `partial` says so. Raises nothing for any text, ImportError for a grammar
    that cannot be loaded; memory is the parser's.
    """
    stop = _clock() + deadline_s
    if language.view is View.CELLS:
        return _parse_cells(text, stop)
    if not language.module:
        return _parse_by_lines(text, text, language, stop)
    return _parse(text, views.scripts(text) if language.view is View.SCRIPTS else text, language, stop)


def _parse(text: bytes, seen: bytes, language: Language, stop: float) -> Parsed:
    """`seen`: what the grammar sees of the text."""
    load(language)
    rows, outline, root, partial, _ = _read(text, seen, language, stop, None, with_extensions=False)
    atoms, targets, leads = cuts.atoms(text, root, outline, _grammar(language).comments)
    chunks = chunk.pack(text, atoms, targets)
    # A definition begins at the comment that documents it, and above that its overload signatures.
    starts = []
    for number, (row, start) in enumerate(zip(rows, outline.starts, strict=True)):
        first, line = outline.overloads.get(number, (start, row[3]))
        starts.append(min(first, leads.get(line, first)))
    chunks = chunk.attach_symbols(chunks, starts, outline.ends, outline.parents, symbols.frames(rows))
    return Parsed(rows, chunks, root.has_error, partial)


def _parse_cells(text: bytes, stop: float) -> Parsed:
    """A notebook, in the language of its cells."""
    cells = views.notebook(text)
    if cells.language is None or cells.language.view is not View.WHOLE:
        parsed = Parsed([], chunk.chunk_lines(cells.readable), False, None)
    elif cells.language.module:
        parsed = _parse(cells.readable, cells.code, cells.language, stop)
    else:
        parsed = _parse_by_lines(cells.readable, cells.code, cells.language, stop)
    moved = views.Moved(cells.readable, text)
    return Parsed(
        moved.rows(parsed.symbols), moved.chunks(parsed.chunks), parsed.had_errors, parsed.partial, cells.readable
    )


def _parse_by_lines(text: bytes, seen: bytes, language: Language, stop: float) -> Parsed:
    rows, outline, partial = by_lines.read(seen, language, stop)
    chunks = chunk.pack(text, by_lines.atoms(text, outline, language), {})
    chunks = chunk.attach_symbols(chunks, outline.starts, outline.ends, outline.parents, symbols.frames(rows))
    return Parsed(rows, chunks, False, partial)


def parse_again(
    text: bytes, language: Language, deadline_s: float, before: Reading | None
) -> tuple[list[SymbolRow], Reading | None]:
    """The definitions of `text` alone, and what makes its next version cheap. Errors as for `parse`.

    Beside the definitions there is a row of kind 0 for what only holds some: a block that extends a type.
    """
    stop = _clock() + deadline_s
    if language.view is View.CELLS:
        return _parse_cells(text, stop).symbols, None
    if not language.module:
        return by_lines.read(text, language, stop)[0], None
    if before is not None and before.language is not language:
        before = None
    load(language)
    reading = _reread(text, language, stop, before) if before is not None else None
    if reading is not None and reading.kept is not None:
        return list(reading.kept.rows), reading
    seen = views.scripts(text) if language.view is View.SCRIPTS else text
    rows, _, _, _, reading = _read(text, seen, language, stop, before, with_extensions=True)
    return rows, reading


def _reread(text: bytes, language: Language, stop: float, before: Reading) -> Reading | None:
    """The next version of a text by what has changed in it alone; None when it must be read whole."""
    grammar = _grammar(language)
    if before.kept is None:
        return None
    old, edit = _edited(before, text)
    tree = grammar.parser.parse(text, old)
    root = tree.root_node
    if root.has_error or _is_costly(root):
        return None
    changed = old.changed_ranges(tree)
    first = min([edit.start, *(place.start_byte for place in changed)])
    end = max([edit.new_end, *(place.end_byte for place in changed)])
    window = splice.window(root, text, first, end, grammar.comments)
    if window is None:
        return None
    found, partial = _find(grammar, language, text, root, stop, window)
    if partial is not None:
        return None
    low, high = window
    _add_members(grammar, language, text, root, found, window)
    ordered = sorted((item for item in found.values() if low <= item[0] < high), key=_PLACE)
    rows, outline = symbols.rows(text, language, ordered, grammar.body_field, with_extensions=True)
    lines = text.count(b"\n", edit.start, edit.new_end) - before.source.count(b"\n", edit.start, edit.old_end)
    kept = splice.splice(before.kept, splice.Rows(rows, outline.starts, outline.ends), edit, low, high, lines)
    return None if kept is None else Reading(language, text, tree, kept)


def _read(
    text: bytes, seen: bytes, language: Language, stop: float, before: Reading | None, *, with_extensions: bool
) -> tuple[list[SymbolRow], cuts.Outline, tree_sitter.Node, Reason | None, Reading]:
    grammar = _grammar(language)
    macro_words = _MACROS[language.macros]
    source = macros.blank(seen, macro_words) if macro_words else rewrite.rewritten(seen, language.rewrites)
    if macro_words:
        source = macros.declare_made(macros.blank_null_directives(source))
    if language.macros is Macros.CAPITALS:
        source = macros.blank_class_macros(source)
    if language.macros is Macros.KERNEL:
        source = macros.blank_linux(source)
    tree = grammar.parser.parse(source, _edited(before, source)[0]) if before else grammar.parser.parse(source)
    root = tree.root_node
    if before and root.has_error:
        # What the parser makes of a broken text depends on how it came there, and is better when it sees all of it
        # anew.
        tree = grammar.parser.parse(source)
        root = tree.root_node
    reads_heads = language.macros is not Macros.NONE
    source_read = source
    if reads_heads and root.has_error and len(text) <= second.MAX_BYTES:
        best = second.read(source, tree, _reader(grammar, language, text, stop), heads.Dialect(language.name))
        source_read, root, found, partial = best.source, best.tree.root_node, best.found, best.partial
    else:
        found, partial = _find(grammar, language, text, root, stop)
    if root.has_error and partial is None:
        recover.recover(source_read, language, root, found, _code_test(grammar, root), stop)
    if reads_heads:
        _name_by_macros(language, text, root, found)
    _add_members(grammar, language, text, root, found, (0, len(text)))
    ordered = sorted(found.values(), key=_PLACE)
    del found
    rows, outline = symbols.rows(text, language, ordered, grammar.body_field, with_extensions=with_extensions)
    if partial is None and len(rows) >= MAX_SYMBOLS:
        partial = Reason.TOO_LARGE
    is_sound = source_read == text and source == text and not root.has_error and partial is None and grammar.is_local
    kept = splice.Rows(rows, outline.starts, outline.ends) if is_sound and not language.joins_clauses else None
    return rows, outline, root, partial, Reading(language, source, tree, kept)


def _reader(grammar: _Grammar, language: Language, text: bytes, stop: float) -> second.Reader[tree_sitter.Tree]:
    """Reads a text of the C family a second time: see `second`."""

    def parse(source: bytes, before: tree_sitter.Tree | None) -> tree_sitter.Tree:
        return grammar.parser.parse(source, before) if before is not None else grammar.parser.parse(source)

    def find(tree: tree_sitter.Tree) -> tuple[dict[int, Found], Reason | None]:
        return _find(grammar, language, text, tree.root_node, stop)

    return second.Reader(parse, find, grammar.holders, grammar.functions, grammar.function_declarators)


def _name_by_macros(language: Language, text: bytes, root: tree_sitter.Node, found: dict[int, Found]) -> None:
    """Give the functions that macros make their names, and drop what has none."""

    def body_of(brace: int) -> tree_sitter.Node | None:
        mark = root.descendant_for_byte_range(brace, brace + 1)
        body = mark.parent if mark is not None else None
        if body is None or body.type != "compound_statement" or body.start_byte != brace:
            return None
        holder = body.parent
        return body if holder is None or holder.type in _OUTSIDE else None

    made.name_by_arguments(text, found)
    if root.has_error:
        made.find_calls(text, found, body_of, is_cpp=language.name == "cpp")
        second.drop_misnamed(text, found)


def _edited(before: Reading, source: bytes) -> tuple[tree_sitter.Tree, splice.Edit]:
    """The old tree, told what has changed: one stretch, from the first byte that differs to the last."""
    old = before.source
    edit = splice.difference(old, source)
    tree = before.tree.copy()
    points = splice.point(source, edit.start), splice.point(old, edit.old_end), splice.point(source, edit.new_end)
    tree.edit(edit.start, edit.old_end, edit.new_end, *points)
    return tree, edit


def _add_members(
    grammar: _Grammar,
    language: Language,
    text: bytes,
    root: tree_sitter.Node,
    found: dict[int, Found],
    within: tuple[int, int],
) -> None:
    """Add the fields that methods set on their own object."""
    if language.members:
        members.add(text, language.members, found, _code_test(grammar, root), within)


def _code_test(grammar: _Grammar, root: tree_sitter.Node) -> Callable[[int], bool]:
    """Says of an offset whether the tree has no comment and no string there."""
    texts = grammar.texts

    def is_code(offset: int) -> bool:
        node = root.descendant_for_byte_range(offset, offset + 1)
        return node is None or node.kind_id not in texts

    return is_code


_grammars: dict[str, _Grammar] = {}


def _grammar(language: Language) -> _Grammar:
    known = _grammars.get(language.name)
    if known is None:
        try:
            known = _grammars[language.name] = _load(language)
        except (OSError, AttributeError, ValueError) as error:
            # Half of an upgrade, or a grammar that its queries do not fit.
            raise ImportError(f"the grammar of {language.name} cannot be used: {error}") from error
    return known


def load(language: Language) -> bool:
    """Load the grammar of `language` and its queries; False when it was loaded already. ImportError when it cannot
    be."""
    if language.name in _grammars or not language.module:
        return False
    _grammar(language)
    return True


def _load(language: Language) -> _Grammar:
    module = importlib.import_module(language.module)
    with warnings.catch_warnings():
        # The wheels of two grammars still pass their pointer as a number.
        warnings.simplefilter("ignore", DeprecationWarning)
        grammar = tree_sitter.Language(getattr(module, language.function)())
    source = query_of(language)
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
        _function_query(grammar, source, patterns) if language.searches_functions else query,
        tuple(
            re.compile(source.encode(), re.MULTILINE).search
            for source in (language.nested, *language.nested_any)
            if source
        ),
        grammar.field_id_for_name(language.body_field) or 0,
        grammar.field_id_for_name("declarator") or 0,
        _kinds_like(grammar, r"(?<!abstract)_declarator$|identifier$|_name$|^operator_cast$"),
        _kinds_like(grammar, r"^(?:parenthesized|reference|attributed)_declarator$"),
        grammar.id_for_node_kind("function_declarator", True) or 0,
        grammar.id_for_node_kind("parenthesized_declarator", True) or 0,
        grammar.id_for_node_kind("operator_cast", True) or 0,
        grammar.id_for_node_kind("structured_binding_declarator", True) or -1,
        frozenset(kind for name in prefixes for kind in _kind_ids(grammar, name)),
        not re.search(r"@(?:rest|declarator)\b", source) and not any(pattern.is_declaration for pattern in patterns),
        _kinds_like(
            grammar,
            r"^(?:namespace_definition|linkage_specification|preproc_(?:if|ifdef|else|elif|elifdef)|instance_variables?"
            r"|.*_specifier|(?:(?:field|method|property|template|alias|friend|struct|protocol)_)?declaration(?:_list)?|enumerator(?:_list)?|type_definition|(?:function|method)_definition"
            r"|(?:class|protocol)_(?:interface|implementation)|implementation_definition"
            r"|.*_declarator|qualified_identifier)$",
        ),
        _kinds_like(grammar, r"^(?:function|method)_definition$"),
        _kinds_like(grammar, r"_declarator$|^operator_cast$|^method_(?:type|parameter)$"),
        _kinds_like(grammar, r"comment|string|heredoc|^preproc_arg$|^text$|^pod$"),
        tree_sitter.Parser(grammar),
    )


def _function_query(grammar: tree_sitter.Language, source: str, patterns: tuple[Pattern, ...]) -> tree_sitter.Query:
    query = tree_sitter.Query(grammar, source)
    for index, pattern in enumerate(patterns):
        if not pattern.capture or pattern.kind in LOCALS:
            query.disable_pattern(index)
    return query


def _kind_ids(grammar: tree_sitter.Language, name: str) -> Iterator[int]:
    kind = grammar.id_for_node_kind(name, True)
    if kind is not None:
        yield kind


def _kinds_like(grammar: tree_sitter.Language, pattern: str) -> frozenset[int]:
    search = re.compile(pattern).search
    return frozenset(kind for kind in range(grammar.node_kind_count) if search(grammar.node_kind_for_id(kind) or ""))


def _pattern(source: str) -> Pattern:
    """What a pattern of a query captures, from its source."""
    captures = re.findall(
        r"@(definition\.[\w-]+|scope(?:\.nested|\.inside)?)(?![\w.-])", re.sub(r"(?m)^\s*;.*$", "", source)
    )
    definitions = {capture for capture in captures if capture.startswith("definition.")}
    scopes = {capture for capture in captures if capture.startswith("scope")}
    if len(definitions) > 1 or len(scopes) > 1 or not captures:
        raise ValueError(f"a pattern needs one definition or one scope: {source.strip()}")
    capture, scope = next(iter(definitions), ""), next(iter(scopes), "")
    if not capture:
        return Pattern("", 0, 0, False, False, scope, 1)
    return pattern_of(capture.removeprefix("definition."), scope)


def _find(
    grammar: _Grammar,
    language: Language,
    text: bytes,
    root: tree_sitter.Node,
    stop: float,
    within: tuple[int, int] | None = None,
) -> tuple[dict[int, Found], Reason | None]:
    """The definitions by the offset of their name; and why the search ended early, if it did.

    `within`: only what reaches into these bytes.
    """
    found: dict[int, Found] = {}
    partial: Reason | None = None
    pending = [] if _is_costly(root) else [root]
    pending_functions: list[tree_sitter.Node] = []
    if not pending:
        partial = Reason.COSTLY
    seen = {root.id}
    cursor = tree_sitter.QueryCursor(grammar.query, match_limit=_MATCH_LIMIT)
    cursor.set_max_start_depth(language.scan_depth or _UNSCOPED_DEPTH)
    function_cursor: tree_sitter.QueryCursor | None = None
    patterns = grammar.patterns
    nested = grammar.nested
    windows: list[tuple[int, int]] = []  # what is left of a large scope
    insides: list[tree_sitter.Node] = []  # kept, for a node's id is its place in memory
    node, present = root, cursor
    while windows or pending or pending_functions:
        if not windows:
            present.set_byte_range(0, _NO_LIMIT)
            if pending:
                node, present = pending.pop(), cursor
            else:
                node = pending_functions.pop()
                if function_cursor is None:
                    function_cursor = tree_sitter.QueryCursor(grammar.function_query, match_limit=_MATCH_LIMIT)
                    function_cursor.set_max_start_depth(_UNSCOPED_DEPTH)
                present = function_cursor
            start, end = node.byte_range
            windows = [within] if within and node is root else _windows(start, end)
        if windows:
            present.set_byte_range(*windows.pop())
        if _clock() > stop:
            partial = Reason.DEADLINE
            break
        for index, captures in present.matches(node):
            pattern = patterns[index]
            scope_capture = pattern.scope
            if pattern.capture:
                if "name" in captures:
                    name = captures["name"][0]
                elif "declarator" in captures:
                    name, is_function = _declared(grammar, captures["declarator"][0])
                    if name.kind_id == grammar.structured_binding:
                        continue  # another pattern finds each of its names
                    if is_function and pattern.as_function is not None:
                        pattern = pattern.as_function
                else:
                    continue
                whole = inner = captures[pattern.capture][0]
                start, end = whole.byte_range
                at = name.start_byte
                more = None
                if len(captures) > pattern.captures:
                    more = captures
                    if "inner" in captures:
                        inner = captures["inner"][0]
                    if tail := captures.get("end") or captures.get("rest"):
                        end = tail[0].end_byte
                if at not in found:
                    found[at] = (start, -end, at, pattern, whole, inner, name, more)
                elif found[at][3] is not pattern:
                    found[at] = _merge(found[at], (start, -end, at, pattern, whole, inner, name, more))
            if scope_capture in captures:
                for scope in captures[scope_capture]:
                    if scope_capture != "scope" and nested:
                        start, end = scope.byte_range
                        for matches in nested:
                            if matches(text, start, end) is not None:
                                break
                        else:
                            continue
                    if scope.id in seen:
                        continue
                    seen.add(scope.id)
                    if scope_capture == "scope.inside":
                        if len(insides) < _MAX_INSIDES:
                            insides.append(_inside(grammar, language, text, scope, found, stop))
                            pending.append(insides[-1])
                        continue
                    if _is_costly(scope):
                        partial = Reason.COSTLY
                        continue
                    if scope_capture == "scope.nested" and language.searches_functions:
                        pending_functions.append(scope)
                    else:
                        pending.append(scope)
        if len(found) >= MAX_SYMBOLS or len(seen) > _MAX_SCOPES:
            partial = Reason.TOO_LARGE
            break
    return found, partial


def _inside(
    grammar: _Grammar, language: Language, text: bytes, node: tree_sitter.Node, found: dict[int, Found], stop: float
) -> tree_sitter.Node:
    """What stands between a node's brackets, read as a text of its own; every place in it is one of the whole text.

    What does not parse so is added to `found` by its looks.
    """
    first, last = node.children[0], node.children[-1]
    place = tree_sitter.Range(first.end_point, last.start_point, first.end_byte, last.start_byte)
    grammar.inside_parser.included_ranges = [place]
    root = grammar.inside_parser.parse(text).root_node
    if root.has_error:
        recover.recover_inside(text, language, found, (first.end_byte, last.start_byte), stop)
    return root


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
    return node, is_function or node.kind_id == grammar.operator_cast


def _windows(start: int, end: int) -> list[tuple[int, int]]:
    """Stretches of a large node to search one by one, the last first; empty for a small one.

    Between them the deadline is looked at, and the memory of what was found is freed.
    """
    if end - start <= _WINDOW_BYTES:
        return []
    size = max(_WINDOW_BYTES, (end - start) // _MAX_WINDOWS + 1)
    return [(at, min(at + size, end)) for at in range(start, end, size)][::-1]


def _is_costly(node: tree_sitter.Node) -> bool:
    """Whether a query of the node would not end: for each child it looks for the next that has a name."""
    count = node.child_count
    return count > _WIDE and count * count // (node.named_child_count + 1) > _WIDE_COST


def _merge(old: Found, new: Found) -> Found:
    """One symbol from two matches with the same name node: the wider range, the more specific kind, the inner head."""
    wide, narrow = (old, new) if old[:2] <= new[:2] else (new, old)
    pattern = wide[3] if wide[3].rank >= narrow[3].rank else narrow[3]
    more = {**(wide[7] or {}), **(narrow[7] or {})} or None
    return (wide[0], wide[1], wide[2], pattern, wide[4], narrow[5], wide[6], more)


_PLACE = itemgetter(0, 1, 2)
