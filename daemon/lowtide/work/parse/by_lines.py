"""Definitions of a text without a grammar, by the beginnings that its language's table knows.

Comments and strings are made blank first, so that nothing in them begins a definition and no brace in them closes one.

Invariant: time is linear in the text and bounded by `stop`; every offset in the blank text is one in the text itself.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache

import msgspec

from lowtide.languages.language import Language, View
from lowtide.languages.lines import Ends, Head, Lines, lines_of
from lowtide.languages.recovery import BY_INDENTATION, RECOVERIES
from lowtide.models import Reason
from lowtide.work.parse import symbols
from lowtide.work.parse.chunk import ALONE, HEAD, JOIN, Atom
from lowtide.work.parse.cuts import SPLIT_BYTES, Outline
from lowtide.work.parse.kinds import CLASSES, FUNCTIONS, LOCALS, Found, Pattern, SymbolRow, pattern_of
from lowtide.work.parse.node import Captures
from lowtide.work.parse.recover import Places, end_by_indentation, numbered
from lowtide.work.parse.rewrite import BLANK

MOST_BYTES = 4 << 20
_MOST_FOUND = 50_000
_MOST_ROUGH, _ROUGH_BYTES = 5_000, 128
"""Of a text that was given up: at most so many, and one for so many bytes. Each takes a kilobyte, and there is little
room."""
_CHECK_EVERY = 256
_REACH = 4096
"""Bytes behind a head in which its body opens, if it has one."""
_TAB = 8
_LINE_BYTES = 2000
_LONG_LINE = re.compile(rb"^[^\n]{2000}[^\n]+", re.MULTILINE)
_BRACKETS_ALONE = bytes(byte if byte in b"\r\n(){}[]" else 1 for byte in range(256))
_DOLLAR_QUOTE = re.compile(rb"\$(?:[A-Za-z_]\w*)?\$")
_MOST_UNCLOSED = 20
_SEPARATOR = re.compile(rb"[;,{}]")
_BRACKET = re.compile(rb"[{}();\n]")
_PARENTHESIS = re.compile(rb"[()]")
_INSIDE_ONLY = frozenset({"field", "enum-member", "property"})
_LONG_STRINGS = r"\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)"
_LEAVES = frozenset({"field", "enum-member", "property", "key", "variable", "constant", "event"})
_HEADINGS = frozenset({"heading"})
_STATEMENT = re.compile(rb"[();]|^[ \t]*(?:GO|go|Go|/)[ \t]*\r?$", re.MULTILINE)
"""What may end a statement, and the parentheses in which nothing does."""
_BATCH = re.compile(rb"^[ \t]*(?:(?:GO|go|Go|/)[ \t]*\r?$|(?:DELIMITER|delimiter)\b)", re.MULTILINE)
_MODULES = frozenset({"module"})


class _Match(msgspec.Struct, frozen=True):
    start: int
    """The first byte that is not blank."""
    head_end: int
    name: tuple[int, int]
    container: tuple[int, int] | None
    pattern: Pattern
    label: str
    closer: re.Pattern[bytes] | None
    indentation: int


def rough_rows(text: bytes, language: Language, stop: float) -> list[SymbolRow]:
    """Some definitions of a text that its parser was not up to, by the look of their lines: in bounded memory."""
    if language.view is not View.WHOLE or language.name not in RECOVERIES:
        return []
    most = min(_MOST_ROUGH, len(text) // _ROUGH_BYTES)
    return _read(text, language, stop, _rough_table(language.name), most)[0]


def read(text: bytes, language: Language, stop: float) -> tuple[list[SymbolRow], Outline, Reason | None]:
    """The definitions of `text` (valid UTF-8), and where they stand; why some may be missing.

    `stop` is a time of this thread's CPU clock.
    """
    return _read(text, language, stop, _table(language.name), _MOST_FOUND)


def _read(
    text: bytes, language: Language, stop: float, table: _Table, most: int
) -> tuple[list[SymbolRow], Outline, Reason | None]:
    partial: Reason | None = None
    found: list[Found] = []
    if len(text) > MOST_BYTES:
        partial = Reason.TOO_LARGE
    else:
        code = table.tokens.sub(_blank, text) if table.tokens else text
        code = _LONG_LINE.sub(_structure, code)
        code = _without_bodies(code) if table.lines.has_dollar_quotes and b"$" in code else code
        matches, partial = _matches(code, table, stop, most)
        found = _found(text, code, table.lines, matches)
    rows, outline = symbols.rows(text, language, found, 0)
    return rows, outline, partial


def atoms(text: bytes, outline: Outline, language: Language) -> list[Atom]:
    """Where the text may be cut into chunks: before each definition and the comment above it, and behind each."""
    marks = tuple(marker.encode() for marker in language.line_comments)
    found: dict[int, tuple[int, int]] = {0: (0, JOIN)}
    big = set(outline.big_starts)
    for start, end, parent in zip(outline.starts, outline.ends, outline.parents, strict=True):
        line = text.rfind(b"\n", 0, start) + 1
        if text[line:start].strip():
            continue
        flag = JOIN if start not in big else ALONE if end - start <= SPLIT_BYTES else HEAD
        cut = _with_comment(text, line, marks)
        if found.get(cut, (0, JOIN))[1] == JOIN:
            found[cut] = (parent + 1, flag)
        behind = text.find(b"\n", end) + 1
        if flag == ALONE and behind:
            found.setdefault(behind, (parent + 1, JOIN))
    lines = 0
    position = 0
    made: list[Atom] = []
    for cut, (group, flag) in sorted(found.items()):
        lines += text.count(b"\n", position, cut)
        position = cut
        made.append((cut, lines, group, flag))
    return made


def _with_comment(text: bytes, line: int, marks: tuple[bytes, ...]) -> int:
    """Where the comment lines directly above a line begin; the line itself when there are none."""
    while marks and line:
        above = text.rfind(b"\n", 0, line - 1) + 1
        if not text[above : line - 1].lstrip().startswith(marks):
            break
        line = above
    return line


def _blank(match: re.Match[bytes]) -> bytes:
    return match[0].translate(BLANK)


def _structure(match: re.Match[bytes]) -> bytes:
    """A line that is too long to be looked through: of its rest the brackets alone."""
    line = match[0]
    return line[:_LINE_BYTES] + line[_LINE_BYTES:].translate(_BRACKETS_ALONE)


def _without_bodies(code: bytes) -> bytes:
    """A text with what stands between `$tag$` and the next of the same tag blank."""
    edited: bytearray | None = None
    position = 0
    unclosed = 0
    for match in _DOLLAR_QUOTE.finditer(code):
        if match.start() < position or unclosed > _MOST_UNCLOSED:
            continue
        end = code.find(match[0], match.end())
        if end < 0:
            unclosed += 1
            continue
        position = end + len(match[0])
        edited = edited or bytearray(code)
        edited[match.end() : end] = code[match.end() : end].translate(BLANK)
    return bytes(edited) if edited else code


def _matches(code: bytes, table: _Table, stop: float, most: int) -> tuple[list[_Match], Reason | None]:
    """What begins in a blank text, in its order."""
    matches: list[_Match] = []
    heads = table.lines.heads
    # The text is searched with a line feed in front: an offset there is one more than in the text.
    for match in table.search.finditer(b"\n" + code):
        if len(matches) % _CHECK_EVERY == 0 and time.thread_time() > stop:
            return matches, Reason.DEADLINE
        if len(matches) >= most:
            return matches, Reason.TOO_LARGE
        group = match.lastindex or 0
        index, pattern, container = table.groups[group]
        at, end = match.start(group) - 1, match.end(group) - 1
        start = match.start() - 1 + len(match[0]) - len(match[0].lstrip())
        start += code[start : start + 1] in (b"{", b",", b";") and table.lines.is_inline and at > start
        start += len(code[start:at]) - len(code[start:at].lstrip())
        line = code.rfind(b"\n", 0, start) + 1
        indentation = code[line:start]
        if table.lines.ends is Ends.STATEMENT:
            # Behind a semicolon it stands as deep as its line does.
            indentation = indentation[: len(indentation) - len(indentation.lstrip(b" \t"))]
        matches.append(
            _Match(
                start,
                match.end() - 1,
                (at, end),
                (match.start(container) - 1, match.end(container) - 1)
                if container and match.start(container) >= 0
                else None,
                pattern,
                heads[index].label,
                table.closers[index],
                len(indentation.expandtabs(_TAB)) if not indentation.strip() else 0,
            )
        )
    return matches, None


def _found(text: bytes, code: bytes, lines: Lines, matches: Sequence[_Match]) -> list[Found]:
    """Each match with the stretch that it takes; without fields of nothing and what is local to a function."""
    places = Places(text)
    found: list[Found] = []
    open_kinds: list[tuple[int, int]] = []  # end and kind of what is around
    next_starts = _next_starts(matches) if lines.ends is Ends.NEXT else []
    if lines.ends is Ends.STATEMENT:
        next_starts = _statement_ends(code, matches)
    for number, match in enumerate(matches):
        while open_kinds and open_kinds[-1][0] <= match.start:
            open_kinds.pop()
        around = open_kinds[-1][1] if open_kinds else -1
        if match.label in _INSIDE_ONLY and around not in CLASSES:
            continue
        if around in FUNCTIONS and match.pattern.kind in LOCALS:
            continue
        at, name_end = match.name
        if match.label in _LEAVES and match.closer is None:
            is_statement = lines.ends is Ends.STATEMENT
            end = next_starts[number] if is_statement else _line_end(code, name_end, lines)
        elif match.closer is not None:
            closing = match.closer.search(code, match.head_end)
            end = (_line_end_at(code, closing.end()) if closing[0] else closing.start()) if closing else len(code)
        elif next_starts:
            end = next_starts[number]
        else:
            end = _end(code, lines.ends, match)
        end = max(name_end, match.start + len(text[match.start : end].rstrip()))
        if match.label not in _LEAVES and match.label not in _HEADINGS:
            open_kinds.append((end, match.pattern.kind))
        whole = places.span(match.start, end)
        more: Captures | None = {"container": [places.span(*match.container)]} if match.container else None
        found.append((match.start, -end, at, match.pattern, whole, whole, places.span(at, name_end), more))
    found.sort(key=lambda item: item[:3])
    return found


def _next_starts(matches: Sequence[_Match]) -> list[int]:
    """For each match where the next begins that is indented no deeper and is no part of it."""
    ends = [1 << 62] * len(matches)
    waiting: list[int] = []
    for number, match in enumerate(matches):
        if match.label in _LEAVES:
            # A setting beside a function is none of its own.
            while waiting and (above := matches[waiting[-1]]).indentation >= match.indentation:
                if above.pattern.kind not in FUNCTIONS:
                    break
                ends[waiting.pop()] = match.start
            continue
        while waiting and matches[waiting[-1]].indentation >= match.indentation:
            ends[waiting.pop()] = match.start
        waiting.append(number)
    return ends


def _statement_ends(code: bytes, matches: Sequence[_Match]) -> list[int]:
    """For each match where its statement ends; a field with its line, what has a body before what stands no deeper."""
    ends: list[int] = [0] * len(matches)
    limit = len(code)
    batches = [batch.start() for batch in _BATCH.finditer(code)]
    bodies: list[int] = []
    for number, match in enumerate(matches):
        if match.label in _INSIDE_ONLY:
            continue
        while bodies and matches[bodies[-1]].indentation >= match.indentation:
            ends[bodies.pop()] = match.start
        if _has_body(match):
            bodies.append(number)
    for number in reversed(range(len(matches))):
        match = matches[number]
        if match.label in _INSIDE_ONLY:
            ends[number] = min(_line_end_at(code, match.name[1]), limit)
            continue
        if _has_body(match):
            batch = bisect_left(batches, match.name[1])
            ends[number] = min(ends[number] or len(code), batches[batch] if batch < len(batches) else len(code))
        else:
            ends[number] = _statement_end(code, match.name[1], limit)
        limit = match.start
    return ends


def _has_body(match: _Match) -> bool:
    """Whether statements may stand in it."""
    return match.pattern.kind in FUNCTIONS or match.label in _MODULES


def _statement_end(code: bytes, start: int, limit: int) -> int:
    """The semicolon outside of parentheses or the end of a batch; `limit`, where the next statement begins, if none."""
    depth = 0
    for mark in _STATEMENT.finditer(code, start, limit):
        byte = mark[0]
        if byte == b"(":
            depth += 1
        elif byte == b")":
            depth -= 1
        elif byte != b";" or depth <= 0:
            return mark.start()
    return limit


def _line_end_at(code: bytes, offset: int) -> int:
    end = code.find(b"\n", offset)
    return end if end >= 0 else len(code)


def _line_end(code: bytes, name_end: int, lines: Lines) -> int:
    """The end of what holds nothing: its line's, or the semicolon or comma before where several stand on one."""
    end = _line_end_at(code, name_end)
    if lines.is_inline:
        mark = _SEPARATOR.search(code, name_end, end)
        end = mark.start() if mark else end
    return end


def _end(code: bytes, ends: Ends, match: _Match) -> int:
    match ends:
        case Ends.PARENTHESES:
            return _closing(code, code.find(b"(", match.start), _PARENTHESIS)
        case Ends.INDENTATION:
            return end_by_indentation(code, match.start, match.head_end)
        case _:
            return _end_of_braces(code, match)


def _end_of_braces(code: bytes, match: _Match) -> int:
    """Behind the braces that open next; at a semicolon before them, or the end of a line with nothing left open."""
    depth = 0
    for mark in _BRACKET.finditer(code, match.name[1], match.name[1] + _REACH):
        byte = mark[0]
        if byte == b"{":
            return _closing(code, mark.start(), _BRACKET)
        if byte == b"(":
            depth += 1
        elif byte == b")":
            depth -= 1
        elif depth <= 0 and (byte in b";}" or not _goes_on(code, mark.end())):
            return mark.start()
    return _line_end_at(code, match.head_end)


def _goes_on(code: bytes, offset: int) -> bool:
    """Whether the line that begins at `offset` opens the body of what stands above it."""
    return code[offset : offset + _REACH].lstrip()[:1] == b"{"


def _closing(code: bytes, opening: int, brackets: re.Pattern[bytes]) -> int:
    """Behind what closes the bracket at `opening`; the end of the text when nothing does."""
    if opening < 0:
        return len(code)
    opens = code[opening : opening + 1]
    closes = b")" if opens == b"(" else b"}"
    depth = 0
    for mark in brackets.finditer(code, opening):
        if mark[0] == opens:
            depth += 1
        elif mark[0] == closes:
            depth -= 1
            if not depth:
                return mark.end()
    return len(code)


class _Table(msgspec.Struct, frozen=True):
    lines: Lines
    tokens: re.Pattern[bytes] | None
    """Comments and strings."""
    search: re.Pattern[bytes]
    groups: dict[int, tuple[int, Pattern, int]]
    """By the group of a name: the head, what it finds, the group of its container (0: none)."""
    closers: tuple[re.Pattern[bytes] | None, ...]


@cache
def _table(name: str) -> _Table:
    return _table_of(name, lines_of(name))


@cache
def _rough_table(name: str) -> _Table:
    heads = tuple(Head(label, pattern) for label, pattern in RECOVERIES[name])
    skip = _LONG_STRINGS if name in BY_INDENTATION else ""
    return _table_of(name, Lines(heads, Ends.INDENTATION, "\"'", skip, False, False))


def _table_of(name: str, lines: Lines) -> _Table:
    from lowtide.languages import by_name

    language = by_name(name)
    assert language is not None
    joined = numbered(head.pattern for head in lines.heads)
    lead = r"(?:\n|(?<=[{},;(])[ \t]*+)" if lines.is_inline else r"\n"
    if lines.is_inline:
        joined = joined.replace("^[ \\t]*+", "[ \\t]*+")
    search = re.compile((lead + f"(?:{joined})").encode(), re.MULTILINE)
    numbers = search.groupindex
    groups = {
        numbers[f"name{index}"]: (index, pattern_of(head.label), numbers.get(f"container{index}", 0))
        for index, head in enumerate(lines.heads)
    }
    closers = tuple(re.compile(head.closer.encode(), re.MULTILINE) if head.closer else None for head in lines.heads)
    return _Table(lines, _tokens(language, lines), search, groups, closers)


def _tokens(language: Language, lines: Lines) -> re.Pattern[bytes] | None:
    """What is no code: comments, and strings within a line."""
    parts = [lines.skip] if lines.skip else []
    for opening, closing in language.block_comments:
        parts.append(rf"{re.escape(opening)}.*?(?:{re.escape(closing)}|\Z)")
    for quote in lines.quotes:
        parts.append(rf"{quote}(?>(?:[^{quote}\\\n]++|\\[^\n])*){quote}")
    for marker in language.line_comments:
        # A word is a comment's mark only where a line begins.
        parts.append(
            rf"(?:(?m:^)[ \t]*){re.escape(marker)}\b[^\n]*" if marker[-1].isalpha() else rf"{re.escape(marker)}[^\n]*"
        )
    return re.compile("|".join(parts).encode(), re.DOTALL) if parts else None
