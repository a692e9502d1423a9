"""The head of a declaration in C, C++ or Objective-C as tokens, and what a word in it looks like.

Invariant: data and looks only; what follows from them is said in `statements`, `declarators` and `declaration`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto

import msgspec


class Kind(Enum):
    """What a token of a head is."""

    WORD = auto()
    """A name, with what qualifies it: `a::b<c>::d`."""
    GROUP = auto()
    """Parentheses with what is in them."""
    SQUARE = auto()
    BRACES = auto()
    """Braces that hold a value, or the body of a class that is behind."""
    TEMPLATE = auto()
    """`template <…>`, or the arguments behind a name."""
    STRING = auto()
    MARK = auto()
    """Anything else."""


class Token(msgspec.Struct):
    """One token of a head: its bytes in the text."""

    kind: Kind
    start: int
    end: int
    text: bytes
    """Of a word and a mark; empty for the others."""


class Scope(Enum):
    """What a declaration stands in."""

    FILE = auto()
    CLASS = auto()
    ENUM = auto()


class Head(msgspec.Struct, frozen=True):
    """A declaration up to its `;`, its body, or the end of what it stands in."""

    text: bytes
    tokens: Sequence[Token]
    scope: Scope
    class_name: bytes
    """Of the class it stands in."""
    end: bytes
    """`;`, `{`, `}` or `,`."""
    is_cpp: bool

    def is_macro(self, word: bytes) -> bool:
        """Whether a word looks like one."""
        return is_macro(word, is_cpp=self.is_cpp)


Edit = tuple[int, int, bytes]
"""First byte, end, and what comes in between: blanks when empty."""

TYPES = frozenset(
    b"void char short int long float double signed unsigned bool _Bool auto wchar_t char8_t char16_t char32_t"
    b" size_t ssize_t __int128 u8 u16 u32 u64 s8 s16 s32 s64 decltype typeof __typeof__ __auto_type _Complex".split()
)
ELABORATED = frozenset(b"struct class union enum typename".split())
SPECIFIERS = frozenset(
    b"static extern inline const volatile constexpr consteval constinit virtual explicit friend typedef register"
    b" mutable thread_local _Thread_local __thread restrict __restrict __restrict__ __inline __inline__ __const"
    b" __volatile__ __extension__ _Noreturn _Atomic alignas _Alignas __declspec static_cast final override noexcept"
    b" throw try requires __signed__ __forceinline template".split()
)
TAILS = frozenset(b"const volatile noexcept override final throw try requires".split())
"""What may stand behind a function's parameters."""
_COMMON_NAMES = b"size_t ssize_t u8 u16 u32 u64 s8 s16 s32 s64 final override import module requires concept"
KEYWORDS = (
    TYPES
    | ELABORATED
    | SPECIFIERS
    | frozenset(b"namespace using operator public private protected if else for while do switch case default".split())
    | frozenset(b"return goto break continue sizeof new delete this true false nullptr static_assert export".split())
    | frozenset([b"catch"])
) - frozenset(_COMMON_NAMES.split())
"""What names nothing."""
CAPITALS = re.compile(rb"_*[A-Z][A-Z0-9]*_?[A-Z0-9_]+|[A-Z]{3,}(?:_\w+)?")
_UNDERSCORED = re.compile(rb"__(?!(?:[us]?(?:int)?\d+|[bl]e\d+)\b)[a-z]\w*(?<!_t)(?<!\d\d)|____\w+")
_UNDERSCORED_CPP = re.compile(rb"__[a-z]\w*__|____\w+|__(?:declspec|forceinline|attribute|packed|aligned|unused)")
_LOWER = re.compile(
    rb"noinline\w*|notrace|asmlinkage|noreturn|nonstring|fastcall|\w*_(?:api|export|attr|attribute|aligned|packed|unused)"
)
DEFINING = re.compile(rb"DEFINE_\w+")
FIRST_ARGUMENT = re.compile(rb"\(\s*([A-Za-z_]\w*)\s*[,)]")
_LATER = re.compile(rb",\s*([A-Za-z_]\w*)\s*[,)]")


def is_macro(word: bytes, *, is_cpp: bool) -> bool:
    """Whether a word looks like a macro: where another can be the type or the name, it is that.

    C++'s own headers call everything `__name`; in C it is a macro more often than not.
    """
    underscored = _UNDERSCORED_CPP if is_cpp else _UNDERSCORED
    return (CAPITALS.fullmatch(word) or underscored.fullmatch(word) or _LOWER.fullmatch(word)) is not None


def is_called(tokens: Sequence[Token], place: int) -> bool:
    return place + 1 < len(tokens) and tokens[place + 1].kind is Kind.GROUP


def has_group(tokens: Sequence[Token]) -> bool:
    return any(token.kind is Kind.GROUP for token in tokens)


def blank(token: Token) -> Edit:
    return token.start, token.end, b""


def blank_call(tokens: Sequence[Token], place: int) -> list[Edit]:
    """Edits that blank the word at `place`, with its arguments when it is called."""
    behind = place + 2 if is_called(tokens, place) else place + 1
    return [blank(token) for token in tokens[place:behind]]


def is_alone(text: bytes, start: int, end: int) -> bool:
    """Whether nothing but blanks and a comment stand on the lines of text[start:end] beside it."""
    line = text.rfind(b"\n", 0, start) + 1
    if text[line:start].strip():
        return False
    stop = text.find(b"\n", end)
    behind = (text[end:] if stop < 0 else text[end:stop]).strip()
    return not behind or behind.startswith((b"//", b"/*"))


def defined(text: bytes, macro: bytes, arguments: tuple[int, int], *, is_closed: bool = True) -> list[Edit]:
    """Edits that leave of a macro's arguments the name that it defines; none when they hold none.

    `arguments`: from the opening parenthesis to behind the closing one; `is_closed`: a `;` or a value follows already.
    """
    start, end = arguments
    first = FIRST_ARGUMENT.match(text, start)
    if first is not None and (first[1] in TYPES or b"PER_CPU" in macro or b"FLEX_ARRAY" in macro):
        first = None
    name = first or _LATER.search(text, start, end)
    if name is None or name[1] in KEYWORDS:
        return []
    return [(start, name.start(1), b""), (name.end(1), end - 1, b""), (end - 1, end, b" " if is_closed else b";")]
