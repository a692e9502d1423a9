"""Blanks what a parser without a preprocessor trips over in C and C++.

`BOOST_INLINE size_type index() const BOOST_NOEXCEPT {` declares `index`, not `size_type`; of boost's functions `blank`
finds 8 in 100 more. `first_branches` is for a file that does not parse at all: an `#if` inside a list of base classes.

Invariant: the text keeps its length and its lines, so that every offset holds; `blank` leaves directives alone.
"""

from __future__ import annotations

import re

_WORD = rb"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b"
_NAME = rb"\s+[A-Za-z_~][\w:]*"
_KEYWORD = (
    rb"\s+(?:typename|template|class|struct|explicit|static|inline|virtual|constexpr|void|bool|int|char|unsigned|auto|long"
    rb"|double|float|short|friend|using|namespace|typedef|enum|union|extern|public|private|protected)\b"
)
_KERNEL = (
    rb"__(?:packed|init|initdata|initconst|exit|exitdata|read_mostly|ro_after_init|maybe_unused|always_unused|used|weak"
    rb"|cold|hot|pure|user|iomem|rcu|percpu|force|must_check|must_hold|always_inline|net_init|net_exit|refdata|ref"
    rb"|randomize_layout|latent_entropy|cacheline_aligned|cacheline_aligned_in_smp|sched|kprobes|visible|noreturn"
    rb"|bootdata|bootdata_preserved|cpuidle|meminit|devinit|devexit|cpuinit|cpuinitdata|lockfunc|designated_init)\b"
    # With arguments.
    rb"|__(?:acquires|releases|must_hold|acquire|release|printf|scanf|aligned|section|counted_by|alloc_size)"
    rb"[ \t]*\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)"
)

KERNEL = re.compile(_KERNEL)
"""Attributes of the Linux kernel."""
_ROLES = (
    # Before a keyword, or before a type and what it declares.
    rb"(?=" + _KEYWORD + rb"|" + _NAME + rb"(?:\s*<|[\s*&]+[A-Za-z_~(]))",
    # A word that says what it is, before any name.
    rb"(?<=NLINE|TEXPR|ABLED|_DECL|XPORT|SIBLE|SCARD|CATED|NUSED|LICIT|EVICE|_HOST)(?=" + _NAME + rb")",
    # After a name, before its value.
    rb"(?<=UNUSED_VARIABLE)(?=\s*=)",
    # After a parameter list.
    rb"(?=\s*(?:[{;]|:(?!:)))(?P<tail>)",
    # Before the name of a class.
    rb"(?=" + _NAME + rb"\s*(?:final\s*)?(?:\{|:(?!:)))(?P<head>)",
    # With arguments, after a parameter list.
    rb"(?<=XCEPT|PT_IF|UIRES|IBUTE|CATED|ALIGN)(?=\()(?P<call>)",
    # With arguments, as a parameter's type.
    rb"(?P<type>\([\w:<>, ]*\))(?=[\s*&]+\w+\s*[,)=])",
)
CAPITALS = re.compile(_WORD + rb"(?:" + rb"|".join(_ROLES) + rb")")
"""Words in capitals with an underscore, where a declaration makes sense without them."""

_WORD_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_BEFORE_TAIL = (b")", b"const", b"noexcept", b"override")
_BEFORE_HEAD = (b"class", b"struct", b"union", b"enum")
_REACH = 40
_CALL_BYTES = 1000
_BLANK = bytes(byte if byte == 10 else 32 for byte in range(256))


def blank(text: bytes, macros: re.Pattern[bytes]) -> bytes:
    """`text` with spaces in place of the attribute macros that `macros` finds."""
    edited: bytearray | None = None
    for match in macros.finditer(text):
        start, end = match.span()
        role = match.lastgroup
        if start and text[start - 1] in _WORD_BYTES:
            continue
        if role == "type":
            # `REF(T) x` is read as `REF<T> x`.
            if edited is None:
                edited = bytearray(text)
            edited[match.start(role)], edited[end - 1] = b"<>"
            continue
        if role is not None:
            before = text[max(0, start - _REACH) : start].rstrip()
            if not before.endswith(_BEFORE_HEAD if role == "head" else _BEFORE_TAIL):
                continue
            if role == "call":
                end = _closing(text, end)
        if text[text.rfind(b"\n", 0, start) + 1 : start].lstrip()[:1] == b"#":
            continue
        if edited is None:
            edited = bytearray(text)
        edited[start:end] = text[start:end].translate(_BLANK)
    return text if edited is None else bytes(edited)


def _closing(text: bytes, opening: int) -> int:
    """The end of the parentheses that open at `opening`; `opening` when they do not close soon."""
    depth = 0
    for offset in range(opening, min(len(text), opening + _CALL_BYTES)):
        byte = text[offset]
        if byte == 40:
            depth += 1
        elif byte == 41:
            depth -= 1
            if not depth:
                return offset + 1
    return opening


_DIRECTIVE = re.compile(rb"^[ \t]*#[ \t]*(if|else|elif|endif)[a-z]*\b(?:[^\n\\]|\\\r?\n|\\.)*", re.MULTILINE)


def first_branches(text: bytes) -> bytes:
    """`text` with its conditional directives blanked, and every branch after the first."""
    blanks: list[tuple[int, int]] = []
    depth = 0
    skipped_from, skipped_depth = -1, 0
    for match in _DIRECTIVE.finditer(text):
        start, end = match.span()
        word = match[1]
        if word == b"if":
            depth += 1
        if skipped_from < 0:
            blanks.append((start, end))
            if word.startswith(b"el") and depth:
                skipped_from, skipped_depth = start, depth
        elif word == b"endif" and depth == skipped_depth:
            blanks.append((skipped_from, end))
            skipped_from = -1
        if word == b"endif" and depth:
            depth -= 1
    if skipped_from >= 0:
        blanks.append((skipped_from, len(text)))
    edited = bytearray(text)
    for start, end in blanks:
        edited[start:end] = text[start:end].translate(_BLANK)
    return bytes(edited)
