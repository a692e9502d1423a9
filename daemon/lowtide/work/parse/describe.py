"""What a definition says of itself: its signature and its documentation, taken from the text around it.

Invariant: looks at a bounded number of bytes around one place, never at the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lowtide.languages.language import DocStyle, Language

SIGNATURE_CHARS = 240
DOC_CHARS = 400
_WINDOW_BYTES = 1200
_ABOVE_LINES = 60
_ABOVE_SKIPS = 10
"""A file may hold a thousand lines that begin with `template` or `@`, each a definition."""
_COMMENT_BYTES = 8000

_DOCSTRING = re.compile(
    rb"[rRuU]{0,2}(?:\"\"\"(.*?)(?:\"\"\"|\Z)|\'\'\'(.*?)(?:\'\'\'|\Z)|\"([^\"\n]*)\"|'([^'\n]*)')", re.DOTALL
)
_MARKER = re.compile(r"(?:/\*[*!]*<?|\*+(?!/)|//[/!]*<?|[#%;]+!?(?!>)|--+[ \t]*[|^]?)[ \t]?")
_CLOSING = re.compile(r"\s*(?:</(?:summary|remarks|para)>|\*+/|-+\}|\]\]|-->|#>|=#|\"\"\")\s*$")
_CLOSINGS = (">", "*/", "-}", "]]", "=#", '"""')
_RULE = re.compile(r"[-=*#~/_+\s]*$|\.(?:SYNOPSIS|DESCRIPTION)$")
_POD_HEADING = re.compile(r"^=(?:head\d|item|over|pod)\b[^\n]*$", re.MULTILINE)
_TAG = re.compile(r"[@\\](?:param|return|throws|exception|tparam|see|since|author|deprecated|file|endcode)\b|@[\w.]+:")
_BRIEF = re.compile(r"^<(?:summary|remarks|para)>\s*|^[@\\](?:brief|summary|short|description|details)\s+")
_OPENING = re.compile(rb"\{[ \t]*(?://[^\n]*)?\n")
_CODE_FIRST = re.compile(rb"\A[ \t]*\n(?:(?:    |\t)[^\n]*\n)+[ \t]*\n")
_QUOTES = (b'"', b"'", b"r", b"R", b"u", b"U")
_NEWLINE = 10
_QUOTE = 34


def signature(text: bytes, start: int, end: int) -> str:
    """The text of a definition up to its body, white space folded, at most `SIGNATURE_CHARS`."""
    shown = (
        text[start : end if end - start < _WINDOW_BYTES else start + _WINDOW_BYTES].decode("utf-8", "ignore").strip()
    )
    if "\n" in shown or "  " in shown or "\t" in shown:
        shown = " ".join(shown.split())
    return shown if len(shown) <= SIGNATURE_CHARS else shown[:SIGNATURE_CHARS]


def opening(text: bytes, start: int, end: int) -> int:
    """Where a definition without a node for its body opens it: the first brace that ends a line, else `end`."""
    match = _OPENING.search(text, start, min(end, start + _WINDOW_BYTES))
    return match.start() if match is not None else end


def first_line(text: bytes, start: int, end: int) -> str:
    """The first line of text[start:end], white space folded, at most `SIGNATURE_CHARS`."""
    newline = text.find(b"\n", start, end)
    return signature(text, start, newline if newline >= 0 else end)


def paragraph(lines: Iterable[str]) -> str:
    """The first paragraph of some lines, white space folded, at most `DOC_CHARS`."""
    kept: list[str] = []
    room = DOC_CHARS
    for line in lines:
        stripped = line.strip()
        if not stripped:
            if kept:
                break
            continue
        if not stripped[0].isalnum():
            if _TAG.match(stripped):
                if kept:
                    break
                continue
            if _RULE.match(stripped):
                continue
            if not kept:
                stripped = _BRIEF.sub("", stripped)
        kept.append(stripped)
        room -= len(stripped)
        if room < 0:
            break
    return " ".join(" ".join(kept).split())[:DOC_CHARS]


def last_section(text: str) -> str:
    """The first paragraph of a text, after its last heading where it is documentation in Perl's form."""
    return paragraph(_POD_HEADING.split(text[-_WINDOW_BYTES:].partition("\n=cut")[0])[-1].splitlines())


class Docs:
    """Finds the documentation of a language's definitions."""

    def __init__(self, language: Language) -> None:
        self._has_docstrings = language.doc_style is DocStyle.DOCSTRING
        self._has_none = language.doc_style is DocStyle.NONE
        self._line_markers = tuple(marker.encode() for marker in language.line_comments)
        self._blocks = tuple((opening.encode(), closing.encode()) for opening, closing in language.block_comments)
        self._is_slashes = language.line_comments == ("//",)
        self._closings = tuple(closing for _, closing in self._blocks)
        markers = b"|".join(map(re.escape, self._line_markers))
        self._comments = re.compile(
            rb"(?:[ \t]+(?:" + markers + rb")[^\n\"'`]*(?=\n))?(?:\n[ \t]*(?:" + markers + rb")[^\n]*)*\s*\Z"
        )
        self._skipped = tuple(prefix.encode() for prefix in language.above_skip)

    def signature(self, text: bytes, start: int, body: int) -> str:
        """The text of a definition up to its body, without the comments before the body."""
        for marker in self._line_markers:
            if text.find(marker, start, body) >= 0:
                comments = self._comments.search(text, max(start, body - _WINDOW_BYTES), body)
                if comments is not None:
                    body = comments.start()
                break
        return signature(text, start, body)

    def of(self, text: bytes, line_start: int, body: int) -> str:
        """The documentation of the definition whose first line starts at `line_start` and whose body starts at
        `body`."""
        if self._has_none:
            return ""
        if self._has_docstrings and body >= 0 and text.startswith(_QUOTES, body):
            found = _docstring(text, body)
            if found:
                return found
        # An empty line above, as above most functions: nothing to look for.
        if line_start < 2 or text[line_start - 2] == _NEWLINE:
            return ""
        return self._above(text, line_start)

    def _above(self, text: bytes, line_start: int) -> str:
        """The first paragraph of the comment directly above a line; empty when there is none."""
        end = line_start - 1
        for _ in range(_ABOVE_SKIPS):
            if end <= 0:
                return ""
            start = text.rfind(b"\n", 0, end) + 1
            line = text[start:end].strip()
            if not (self._skipped and line.startswith(self._skipped)):
                break
            end = start - 1
        else:
            return ""
        if line.startswith(self._line_markers):
            return self._line_comment(text, start, end)
        if line.endswith(self._closings):
            for opening, closing in self._blocks:
                if line.endswith(closing):
                    if opening == b"/*":
                        return _c_comment(text, end)
                    doc = _block_comment(text, start, end, opening)
                    return doc.rstrip(closing.decode()) if closing[0] == 34 else doc
        return ""

    def _line_comment(self, text: bytes, start: int, end: int) -> str:
        first = start
        for _ in range(_ABOVE_LINES):
            if not first:
                break
            above = text.rfind(b"\n", 0, first - 1) + 1
            if not text[above : first - 1].lstrip().startswith(self._line_markers):
                break
            first = above
        lines = _lines(text, first, end)
        if self._is_slashes and text.find(b"<", first, end) < 0:
            return paragraph([line.strip().lstrip("/!<") for line in lines])
        return paragraph(_cleaned(lines))


def _docstring(text: bytes, body: int) -> str:
    """The first paragraph of the string that begins a body; empty when there is none."""
    match = _DOCSTRING.match(text, body, body + _WINDOW_BYTES)
    if match is None:
        return ""
    return paragraph((match[match.lastindex or 1] or b"").decode("utf-8", "ignore").splitlines())


def _c_comment(text: bytes, end: int) -> str:
    """The comment that `*/` ends at `end`, when it begins its line."""
    start = text.rfind(b"/*", max(0, end - _COMMENT_BYTES), end)
    if start < 0 or text[text.rfind(b"\n", 0, start) + 1 : start].strip():
        return ""
    return paragraph(_cleaned(_lines(text, start + 2, end)))


def _block_comment(text: bytes, start: int, end: int, opening: bytes) -> str:
    first = start
    for _ in range(_ABOVE_LINES):
        line = text[first : end if first == start else text.find(b"\n", first)].strip()
        if line.startswith(opening) and (first < start or len(line) > len(opening)):
            body = text[first : min(end, first + _WINDOW_BYTES)].strip().removeprefix(opening)
            # Julia's documentation begins with the signature, indented.
            body = _CODE_FIRST.sub(b"", body) if opening[0] == _QUOTE else body
            return paragraph(_cleaned(_lines(body, 0, len(body))))
        if (opening in line and line != opening) or not first:
            return ""
        first = text.rfind(b"\n", 0, first - 1) + 1
    return ""


def _lines(text: bytes, start: int, end: int) -> list[str]:
    return text[start : min(end, start + _WINDOW_BYTES)].decode("utf-8", "ignore").splitlines()


def _cleaned(lines: list[str]) -> Iterator[str]:
    """The lines of a comment without its markers."""
    for line in lines:
        stripped = line.strip()
        if stripped and not stripped[0].isalnum():
            marker = _MARKER.match(stripped)
            if marker is not None:
                stripped = stripped[marker.end() :]
        yield _CLOSING.sub("", stripped) if stripped.endswith(_CLOSINGS) else stripped


_docs: dict[str, Docs] = {}


def docs_for(language: Language) -> Docs:
    """The finder of a language's documentation."""
    found = _docs.get(language.name)
    if found is None:
        found = _docs[language.name] = Docs(language)
    return found
