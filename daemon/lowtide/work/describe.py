"""What a definition says of itself: its signature and its documentation, taken from the text around it.

Invariant: looks at a bounded number of bytes around one place, never at the whole text.
"""

from __future__ import annotations

import re

from lowtide.work.languages.language import DocStyle, Language

SIGNATURE_CHARS = 240
DOC_CHARS = 400
_WINDOW_BYTES = 1600
_ABOVE_LINES = 60

_DOCSTRING = re.compile(
    rb"[rRuU]{0,2}(?:\"\"\"(.*?)(?:\"\"\"|\Z)|'''(.*?)(?:'''|\Z)|\"([^\"\n]*)\"|'([^'\n]*)')", re.DOTALL
)
_MARKER = re.compile(r"^[ \t]*(?:/\*[*!]*<?|\*+(?!/)|//[/!]*<?|[#%;]+!?|--+[ \t]*[|^]?)?[ \t]?")
_CLOSING = re.compile(r"\s*(?:</(?:summary|remarks|para)>|\*+/|-+\}|\]\]|-->|#>|=#|\"\"\")\s*$")
_RULE = re.compile(r"[-=*#~/_+\s]*$|\.(?:SYNOPSIS|DESCRIPTION)$")
_POD_HEADING = re.compile(r"^=(?:head\d|item|over|pod)\b[^\n]*$", re.MULTILINE)
_TAG = re.compile(r"[@\\](?:param|return|throws|exception|tparam|see|since|author|deprecated|file|endcode)\b")
_BRIEF = re.compile(r"^<(?:summary|remarks|para)>\s*|^[@\\](?:brief|summary|short|description|details)\s+")


def signature(text: bytes, start: int, end: int) -> str:
    """The text of a definition up to its body, white space folded, at most `SIGNATURE_CHARS`."""
    folded = " ".join(text[start : min(end, start + _WINDOW_BYTES)].decode("utf-8", "ignore").split())
    return folded if len(folded) <= SIGNATURE_CHARS else folded[:SIGNATURE_CHARS]


def first_line(text: bytes, start: int, end: int) -> str:
    """The first line of text[start:end], white space folded, at most `SIGNATURE_CHARS`."""
    newline = text.find(b"\n", start, end)
    return signature(text, start, newline if newline >= 0 else end)


def docstring(text: bytes, body: int) -> str:
    """The first paragraph of the string that begins a body; empty when there is none."""
    if text[body : body + 1] not in b"\"'rRuU":
        return ""
    match = _DOCSTRING.match(text, body, body + _WINDOW_BYTES)
    if match is None:
        return ""
    return paragraph((match[match.lastindex or 1] or b"").decode("utf-8", "ignore").splitlines())


def doc_above(text: bytes, line_start: int, language: Language) -> str:
    """The first paragraph of the comment directly above the line that starts at `line_start`; empty when there is none."""
    end = line_start - 1
    while True:
        if end < 0:
            return ""
        start = text.rfind(b"\n", 0, end) + 1
        line = text[start:end].strip()
        if not line:
            return ""
        shown = line[:120].decode("utf-8", "ignore")
        if not (language.above_skip and shown.startswith(language.above_skip)):
            break
        end = start - 1
    if language.line_comments and shown.startswith(language.line_comments):
        return _line_comment(text, start, end, language)
    for opening, closing in language.block_comments:
        if line.endswith(closing.encode()):
            doc = _block_comment(text, start, end, opening.encode(), language)
            return doc.rstrip(closing) if closing[0] == '"' else doc
    return ""


def _line_comment(text: bytes, start: int, end: int, language: Language) -> str:
    markers = tuple(marker.encode() for marker in language.line_comments)
    first = start
    for _ in range(_ABOVE_LINES):
        above = text.rfind(b"\n", 0, first - 1) + 1 if first else 0
        if not first or not text[above : first - 1].lstrip().startswith(markers):
            break
        first = above
    return paragraph(_clean(text[first : min(end, first + _WINDOW_BYTES)]))


def _block_comment(text: bytes, start: int, end: int, opening: bytes, language: Language) -> str:
    first = start
    for _ in range(_ABOVE_LINES):
        line = text[first : end if first == start else text.find(b"\n", first)].strip()
        if line.startswith(opening) and (first < start or len(line) > len(opening)):
            body = text[first : min(end, first + _WINDOW_BYTES)].decode("utf-8", "ignore").strip()
            return paragraph(_clean(body.removeprefix(opening.decode()).encode()))
        if opening in line or not first:
            return ""
        first = text.rfind(b"\n", 0, first - 1) + 1
    return ""


def _clean(comment: bytes) -> list[str]:
    return [_CLOSING.sub("", _MARKER.sub("", line, count=1)) for line in comment.decode("utf-8", "ignore").splitlines()]


def paragraph(lines: list[str]) -> str:
    """The first paragraph of some lines, white space folded, at most `DOC_CHARS`."""
    words: list[str] = []
    for line in lines:
        stripped = line.strip()
        if words and (not stripped or _TAG.match(stripped)):
            break
        if not stripped or _RULE.match(stripped) or (not words and _TAG.match(stripped)):
            continue
        words += _BRIEF.sub("", stripped).split() if not words else stripped.split()
    return " ".join(words)[:DOC_CHARS]


def last_section(text: str) -> str:
    """The first paragraph of a text, after its last heading where it is documentation in Perl's form."""
    return paragraph(_POD_HEADING.split(text[-_WINDOW_BYTES:].partition("\n=cut")[0])[-1].splitlines())


def documentation(text: bytes, line_start: int, body: int, language: Language) -> str:
    """The documentation of the definition whose first line starts at `line_start` and whose body starts at `body`."""
    if language.doc_style is DocStyle.NONE:
        return ""
    if language.doc_style is DocStyle.DOCSTRING and body >= 0:
        found = docstring(text, body)
        if found:
            return found
    return doc_above(text, line_start, language) if line_start else ""
