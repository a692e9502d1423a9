"""Which language a header is in, and what a mode line names: by the code, not by what stands in its comments.

Invariant: linear in the text; in a text of C, which most headers are, little more than a search for some words.
"""

from __future__ import annotations

import re

HEAD_BYTES = 1 << 16
"""So much of a text is enough to know its language: a licence may be long."""
_CPP_LINES = tuple(
    (needle, re.compile(pattern))
    for needle, pattern in (
        (b"class ", rb"class[ \t]+(?:\w+[ \t]+)?\w+[ \t]*(?:final[ \t]*)?(?:[:{;]|\r?\n)"),
        (b"namespace", rb"namespace\b"),
        (b"template", rb"template[ \t]*<"),
        (b"using ", rb"using[ \t]+(?:namespace\b|\w+[ \t]*=)"),
        (b"public", rb"public[ \t]*:"),
        (b"private:", rb"private:"),
        (b"protected:", rb"protected:"),
        (b'"C++"', rb"extern[ \t]+\"C\+\+\""),
        (b"#include <", rb"#include <[\w/]+>"),
        (b".h", rb"#[ \t]*include[ \t]*[<\"][\w./-]+\.(?:hpp|hh|hxx)[>\"]"),
        (b"virtual ", rb"virtual[ \t]+\w+[ \t*&:<]"),
        (b"explicit ", rb"explicit[ \t]+\w+[ \t*&:<(]"),
        (b"friend ", rb"friend[ \t]+\w+[ \t*&:<]"),
    )
)
_CPP_WORDS = tuple(
    (needle, re.compile(pattern))
    for needle, pattern in (
        (b"::", rb"::~?[A-Za-z_]\w*[ \t]*[(<{;&*>]"),
        (b") const", rb"\) const(?:[ \t]+(?:noexcept|override|final)\b)?\s*[{;=]"),
        (b"default;", rb"\)[ \t]*=[ \t]*default;"),
        (b"delete;", rb"\)[ \t]*=[ \t]*delete;"),
        (b"operator", rb"operator[ \t]*[-+*/=<>!\[&|^~(]+[)\]]?[ \t]*\("),
        (b"enum class ", rb"enum class \w"),
        (b"enum struct ", rb"enum struct \w"),
        (b"_cast<", rb"(?:static|const|reinterpret|dynamic)_cast<"),
        (b"const ", rb"const [A-Za-z_]\w*[ \t]*&[ \t]*\w"),
    )
)
"""What stands in C++ and never in C: at the start of a line, and anywhere; with what is looked for first, for speed."""
_STRUCT = re.compile(rb"struct(?:[ \t]+\w+)*\s*\{([^{}]*)")
_MEMBER = re.compile(
    rb"(?:\A|;)\s*(?:\w+[ \t]+)*\w[\w:<>]*[ \t*&]+(?!__|[A-Z_\d]+\()[A-Za-z_]\w*\([^()]*\)\s*[;{]"
    rb"|~\w+\(\)|(?:\A|;)\s*[A-Z]\w*\(\)[ \t]*[;{:]"
)
"""A function in a struct, a destructor, a constructor without parameters."""
_OBJC_HEADER = re.compile(
    rb"^[ \t]*(?:@(?:interface|protocol)[ \t]+\w|#[ \t]*import[ \t]*[<\"]|NS_ASSUME_NONNULL_BEGIN\b"
    rb"|typedef[ \t]+NS_(?:CLOSED_|ERROR_)?(?:ENUM|OPTIONS)[ \t]*\()",
    re.MULTILINE,
)
_OBJC_NAMES = re.compile(rb"^[ \t]*@class[ \t]+\w", re.MULTILINE)
_NO_CODE = re.compile(rb"(\"(?:[^\"\\\n]|\\.)*\")|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)")
_HEADER = re.compile(
    rb"\s*#[ \t]*(?:pragma[ \t]+once\b|include[ \t]*[<\"]|if[ \t]+!?defined\b"
    rb"|if(?:n?def)[ \t]+\w+\s+#[ \t]*(?:define|include|pragma)\b)"
)
_MODE_LINES = 5
_EMACS = re.compile(rb"-\*-[ \t]*(?:[^\n]*?\bmode:[ \t]*)?([\w+#-]+?)[ \t]*(?:;[^\n]*)?-\*-", re.IGNORECASE)
_VIM = re.compile(rb"\b(?:vim?|ex):[^\n]*?\b(?:ft|filetype|syntax|syn)=([\w+#-]+)")


def told(head: bytes) -> str:
    """The language that a mode line in the first lines names, as Emacs and Vim read it; empty when there is none."""
    lines = b"\n".join(head[:2048].split(b"\n", _MODE_LINES)[:_MODE_LINES])
    match = _EMACS.search(lines) or _VIM.search(lines)
    return match[1].decode("ascii", "replace").lower() if match is not None else ""


def is_header(head: bytes) -> bool:
    """Whether a text without an extension is a header of C++: the first of its code is a directive."""
    return _HEADER.match(_code(head)) is not None


_FAMILY = {"c": "c", "c++": "cpp", "cpp": "cpp", "cuda": "cpp", "objc": "objc", "objective-c": "objc"}


def language_of(head: bytes) -> str:
    """What a header called `.h` holds: `c`, `cpp` or `objc`."""
    family = _FAMILY.get(told(head))
    if family is not None:
        return family
    may_be_objc = any(needle in head for needle in (b"@interface", b"@protocol", b"@class", b"import", b"NS_"))
    if not may_be_objc and not _is_cpp(head):
        return "c"
    code = _code(head)
    if may_be_objc and _OBJC_HEADER.search(code):
        return "objc"
    if _is_cpp(code):
        return "cpp"
    return "objc" if may_be_objc and _OBJC_NAMES.search(code) else "c"


def _is_cpp(text: bytes) -> bool:
    """Whether something stands in it that C has not; its comments are searched too."""
    return (
        any(needle in text and pattern.search(text) for needle, pattern in _CPP_WORDS)
        or any(needle in text and _begins_line(text, pattern) for needle, pattern in _CPP_LINES)
        or any(b"(" in match[1] and _MEMBER.search(match[1] + b"{") for match in _STRUCT.finditer(text))
    )


def _begins_line(text: bytes, pattern: re.Pattern[bytes]) -> bool:
    """Whether the pattern matches at the start of a line, or behind `inline`."""
    for match in pattern.finditer(text):
        before = text[text.rfind(b"\n", 0, match.start()) + 1 : match.start()].strip()
        if not before or before == b"inline":
            return True
    return False


def _code(head: bytes) -> bytes:
    """The text without its comments."""
    return _NO_CODE.sub(rb"\1 ", head)
