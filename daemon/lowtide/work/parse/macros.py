"""Blanks what a parser without a preprocessor trips over in C and C++.

`BOOST_INLINE size_type index() const BOOST_NOEXCEPT {` declares `index`, not `size_type`; of boost's functions `blank`
finds 8 in 100 more. What it leaves is looked at when the parser has errors: see `second`.

Invariant: the text keeps its length and its lines, so that every offset holds; directives are left alone.
"""

from __future__ import annotations

import re

from lowtide.work.parse import head

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
    rb"|irq_entry|softirq_entry|nonstring|page_aligned_bss|page_aligned_data|net_initconst|net_initdata|lsm_ro_after_init"
    rb"|__cacheline_\w+|bootdata|bootdata_preserved|cpuidle|meminit|devinit|devexit|cpuinit|cpuinitdata|lockfunc|designated_init)\b"
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
    # On lines of its own, before a declaration.
    rb"(?P<alone>[ \t]*$)",
    rb"(?P<statement>\()",
)
CAPITALS = re.compile(_WORD + rb"(?:" + rb"|".join(_ROLES) + rb")", re.MULTILINE)
"""Words in capitals with an underscore, where a declaration makes sense without them."""

_WORD_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_BEFORE_TAIL = (b")", b"const", b"noexcept", b"override")
_BEFORE_HEAD = (b"class", b"struct", b"union", b"enum")
_OPENS = re.compile(rb"NAMESPACE|BEGIN|END|OPEN|CLOSE")
_DECLARATION = re.compile(rb"[ \t]*\r?\n\s*(?:\}|#|(?://[^\n]*\n\s*)*" + _KEYWORD.removeprefix(rb"\s+") + rb")")
_REACH = 40
_LINE_FEED = 10
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
        if text[text.rfind(b"\n", 0, start) + 1 : start].lstrip()[:1] == b"#":
            continue
        if role == "type":
            # `REF(T) x` is read as `REF<T> x`.
            if edited is None:
                edited = bytearray(text)
            edited[match.start(role)], edited[end - 1] = b"<>"
            continue
        if role in {"alone", "statement"}:
            line = text.rfind(b"\n", 0, start) + 1
            if text[line:start].strip():
                continue
            if role == "statement":
                end = _closing(text, end - 1)
                if _DECLARATION.match(text, end) is None:
                    continue
            elif not _OPENS.search(text, start, end):
                continue
        elif role is not None:
            before = text[max(0, start - _REACH) : start].rstrip()
            if not before.endswith(_BEFORE_HEAD if role == "head" else _BEFORE_TAIL):
                continue
            if role == "call":
                end = _closing(text, end)
        if edited is None:
            edited = bytearray(text)
        edited[start:end] = text[start:end].translate(_BLANK)
    return text if edited is None else bytes(edited)


_LINUX = (
    # What is looked for first, and what is blanked.
    (b"noin", re.compile(rb"\bnoin(?:line\w*|str)\b")),
    (b"notrace", re.compile(rb"\bnotrace\b")),
    (b"asmlinkage", re.compile(rb"\basmlinkage\b")),
    (b"SEC(", re.compile(rb"\bSEC\(\"[^\"\n]*\"\)")),
    (b"module_", re.compile(rb"^module_\w+\([^;\n]*\)(?=[ \t]*\r?$)", re.MULTILINE)),
)
_MADE = (
    re.compile(rb"static[ \t]+(?:const[ \t]+)?([A-Z][A-Z\d]*_[A-Z\d_]*)(\()"),
    re.compile(rb"(DEFINE_\w+)(\()"),
)


_NULL_DIRECTIVE = re.compile(rb"#(?=[ \t]*(?:/[*/]|\r?$))", re.MULTILINE)


def blank_null_directives(text: bytes) -> bytes:
    """`text` without `#` alone on a line, or before a comment: the grammars do not know it."""
    edited: bytearray | None = None
    before = -1  # on the line of another one none is alone
    for match in _NULL_DIRECTIVE.finditer(text):
        at = match.start()
        line = text.rfind(b"\n", max(before, 0), at)
        is_first = line >= 0 or before < 0
        before = at
        if is_first and not text[line + 1 : at].strip(b" \t"):
            edited = edited or bytearray(text)
            edited[at : at + 1] = b" "
    return text if edited is None else bytes(edited)


def blank_linux(text: bytes) -> bytes:
    """`text` without the Linux kernel's attributes without underscores, which keep many of its files from parsing."""
    edited: bytearray | None = None
    for needle, pattern in _LINUX:
        if needle in text:
            for match in pattern.finditer(text):
                if text[text.rfind(b"\n", 0, match.start()) + 1 : match.start()].lstrip()[:1] != b"#":
                    edited = edited or bytearray(text)
                    edited[match.start() : match.end()] = match[0].translate(_BLANK)
    return text if edited is None else bytes(edited)


_CLASS = tuple(
    re.compile(key + rb"[ \t]+(?!class\b|struct\b)(\w+)[ \t]+(?!final\b)(\w+)\s*(\{|;)")
    for key in (rb"class", rb"struct", rb"enum")
)


def blank_class_macros(text: bytes) -> bytes:
    """`text` with one of two words before a class's body, which without bases parses as a function's."""
    edited: bytearray | None = None
    for pattern in _CLASS:
        for match in pattern.finditer(text):
            if match[3] == b"{" or match[1].isupper():
                is_second = head.is_macro(match[2], is_cpp=True) and not head.is_macro(match[1], is_cpp=True)
                start, end = match.span(2 if is_second and match[3] == b"{" else 1)
                edited = edited or bytearray(text)
                edited[start:end] = text[start:end].translate(_BLANK)
    return text if edited is None else bytes(edited)


def declare_made(text: bytes) -> bytes:
    """`text` with what `static MAKE_X(name, …);` and `DEFINE_X(name);` make read as `static MAKE_X name;`."""
    edited: bytearray | None = None
    for pattern in _MADE if b"DEFINE_" in text else _MADE[:1]:
        for match in pattern.finditer(text):
            start, opening = match.start(), match.start(2)
            if start and text[start - 1] != _LINE_FEED:
                continue
            end = _closing(text, opening)
            if end == opening or text[end : end + 1] != b";":
                continue
            for low, high, new in head.defined(text, match[1], (opening, end)):
                edited = edited or bytearray(text)
                edited[low:high] = new or edited[low:high].translate(_BLANK)
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
