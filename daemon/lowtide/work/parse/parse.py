"""Text -> symbols and chunks: parsed, searched for definitions, read again where that helps, and cut.

Invariant: one file at a time, in a process that the parent may kill; time and memory grow with the text, never with
the depth of its tree, save inside the parser's own call, which cannot be stopped (the parent's deadline does).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from lowtide.languages.language import Language, Macros, View
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
from lowtide.work.parse.find import clock, find, is_costly
from lowtide.work.parse.grammar import Grammar, SyntaxNode, Tree, grammar_of, load
from lowtide.work.parse.kinds import Found, SymbolRow
from lowtide.work.parse.symbols import MAX_SYMBOLS

_OUTSIDE = frozenset(
    "translation_unit linkage_specification declaration_list preproc_if preproc_ifdef preproc_else ERROR".split()
)
_MACROS = {Macros.NONE: None, Macros.KERNEL: macros.KERNEL, Macros.CAPITALS: macros.CAPITALS, Macros.HEADS: None}


class Parsed(msgspec.Struct, frozen=True):
    """What a text holds. `symbols` in the order of the text, a container before its content."""

    symbols: list[SymbolRow]
    chunks: list[ChunkRow]
    had_errors: bool
    partial: Reason | None
    """Why some definitions may be missing."""
    readable: bytes | None = None
    """What people wrote of the text, as long as it is and with blanks for the rest, when that is not all of it."""


class Reading(msgspec.Struct, frozen=True):
    """A parsed text, kept so that its next version is parsed by its changes alone."""

    language: Language
    source: bytes
    tree: Tree
    kept: splice.Rows | None
    """Its rows, when those of the next version may be made from them."""


def parse(text: bytes, language: Language, deadline_s: float) -> Parsed:
    """Find the definitions and the chunks of `text` (valid UTF-8).

    `deadline_s` is CPU time of this thread, without the grammar's loading; when it has passed the search for
    definitions stops with what it has and `partial` says so. Raises nothing for any text, ImportError for a grammar
    that cannot be loaded; memory is the parser's.
    """
    stop = clock() + deadline_s
    if language.view is View.CELLS:
        return _parse_cells(text, stop)
    if not language.module:
        return _parse_by_lines(text, text, language, stop)
    return _parse(text, views.scripts(text) if language.view is View.SCRIPTS else text, language, stop)


def _parse(text: bytes, seen: bytes, language: Language, stop: float) -> Parsed:
    """`seen`: what the grammar sees of the text."""
    load(language)
    rows, outline, root, partial, _ = _read(text, seen, language, stop, None, with_extensions=False)
    atoms, targets, leads = cuts.atoms(text, root, outline, grammar_of(language).comments)
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
    stop = clock() + deadline_s
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
    grammar = grammar_of(language)
    if before.kept is None:
        return None
    old, edit = _edited(before, text)
    tree = grammar.parser.parse(text, old)
    root = tree.root_node
    if root.has_error or is_costly(root):
        return None
    changed = old.changed_ranges(tree)
    first = min([edit.start, *(place.start_byte for place in changed)])
    end = max([edit.new_end, *(place.end_byte for place in changed)])
    window = splice.window(root, text, first, end, grammar.comments)
    if window is None:
        return None
    found, partial = find(grammar, language, text, root, stop, window)
    if partial is not None:
        return None
    low, high = window
    _add_members(grammar, language, text, root, found, window)
    ordered = sorted(item for item in found.values() if low <= item[0] < high)
    rows, outline = symbols.rows(text, language, ordered, grammar.body_field, with_extensions=True)
    lines = text.count(b"\n", edit.start, edit.new_end) - before.source.count(b"\n", edit.start, edit.old_end)
    kept = splice.splice(before.kept, splice.Rows(rows, outline.starts, outline.ends), edit, low, high, lines)
    return None if kept is None else Reading(language, text, tree, kept)


def _read(
    text: bytes, seen: bytes, language: Language, stop: float, before: Reading | None, *, with_extensions: bool
) -> tuple[list[SymbolRow], cuts.Outline, SyntaxNode, Reason | None, Reading]:
    grammar = grammar_of(language)
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
        found, partial = find(grammar, language, text, root, stop)
    if root.has_error and partial is None:
        recover.recover(source_read, language, root, found, _code_test(grammar, root), stop)
    if reads_heads:
        _name_by_macros(language, text, root, found)
    _add_members(grammar, language, text, root, found, (0, len(text)))
    ordered = sorted(found.values())  # by their places: no two have their name at one
    del found
    rows, outline = symbols.rows(text, language, ordered, grammar.body_field, with_extensions=with_extensions)
    if partial is None and len(rows) >= MAX_SYMBOLS:
        partial = Reason.TOO_LARGE
    is_sound = source_read == text and source == text and not root.has_error and partial is None and grammar.is_local
    kept = splice.Rows(rows, outline.starts, outline.ends) if is_sound and not language.joins_clauses else None
    return rows, outline, root, partial, Reading(language, source, tree, kept)


def _reader(grammar: Grammar, language: Language, text: bytes, stop: float) -> second.Reader[Tree]:
    """Reads a text of the C family a second time: see `second`."""

    def parse(source: bytes, before: Tree | None) -> Tree:
        return grammar.parser.parse(source, before) if before is not None else grammar.parser.parse(source)

    def find_in(tree: Tree) -> tuple[dict[int, Found], Reason | None]:
        return find(grammar, language, text, tree.root_node, stop)

    return second.Reader(parse, find_in, grammar.holders, grammar.functions, grammar.function_declarators)


def _name_by_macros(language: Language, text: bytes, root: SyntaxNode, found: dict[int, Found]) -> None:
    """Give the functions that macros make their names, and drop what has none."""

    def body_of(brace: int) -> SyntaxNode | None:
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


def _edited(before: Reading, source: bytes) -> tuple[Tree, splice.Edit]:
    """The old tree, told what has changed: one stretch, from the first byte that differs to the last."""
    old = before.source
    edit = splice.difference(old, source)
    tree = before.tree.copy()
    points = splice.point(source, edit.start), splice.point(old, edit.old_end), splice.point(source, edit.new_end)
    tree.edit(edit.start, edit.old_end, edit.new_end, *points)
    return tree, edit


def _add_members(
    grammar: Grammar,
    language: Language,
    text: bytes,
    root: SyntaxNode,
    found: dict[int, Found],
    within: tuple[int, int],
) -> None:
    """Add the fields that methods set on their own object."""
    if language.members:
        members.add(text, language.members, found, _code_test(grammar, root), within)


def _code_test(grammar: Grammar, root: SyntaxNode) -> Callable[[int], bool]:
    """Says of an offset whether the tree has no comment and no string there."""
    texts = grammar.texts

    def is_code(offset: int) -> bool:
        node = root.descendant_for_byte_range(offset, offset + 1)
        return node is None or node.kind_id not in texts

    return is_code
