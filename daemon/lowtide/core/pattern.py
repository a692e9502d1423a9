"""Regular expressions as ripgrep reads them: parsed, bounded, and written anew for the engine that matches them.

The syntax is that of Rust's `regex`; the engine is RE2, which matches in linear time and bounded memory and differs
in little: its `\\d`, `\\s`, `\\w` know ASCII only, so they are written as the Unicode classes that ripgrep means.
What the engine cannot do (`x` and `u` flags, classes within classes) is refused in words and never matched in another
sense. Its `\\b` knows ASCII only, too: a pattern with `\\b` is also written for a line in which signs stand for the
borders of words.

Invariant: pure; time and memory are linear in a pattern of at most MOST_CHARACTERS, nested at most MOST_NESTED deep.
Source: https://docs.rs/regex/latest/regex/#syntax, https://github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from enum import Enum, auto

import msgspec

MOST_CHARACTERS = 2048
MOST_NESTED = 50
MOST_REGEX_BYTES = 24 << 20
"""What the up to three forms of a compiled pattern, and what they keep while they look, may take together."""
MOST_REPEATS = 1000
"""RE2 counts no further."""

_DIGIT = r"\p{Nd}"
_SPACE = r"\t-\r \x{85}\x{A0}\p{Z}"
_NO_SPACE = (
    r"\x{0}-\x{8}\x{E}-\x{1F}!-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E}"
    r"\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF}"
)
# Alphabetic is letters, letter numbers, and marks and circled letters, of which the marks are all in M anyway.
_WORD = (
    r"\p{L}\p{Nl}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}"
    r"\x{1F170}-\x{1F189}"
)
_CLASSES = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
_OTHERS = {"D": _DIGIT, "S": _SPACE, "W": _WORD}
"""What these are not, for the outside of brackets."""
_OTHERS_INSIDE = {"D": r"\P{Nd}", "S": _NO_SPACE, "W": r"\W"}
BEGINNING, INNER, LAST = "\n", "\U000f0000", "\U000f0001"
"""Of a marked line: what stands before its first character, behind every other, and behind its last one. No text is
likely to have them."""
BORDER, NO_BORDER = "a", "-"
"""Of a marked line: before each character and at its end, where a word begins or ends, and elsewhere. For an engine
whose words are ASCII there is a border beside `a` and none beside `-`, as what they stand next to is never ASCII."""
_CIRCLED = (
    ("\u24b6", "\u24e9"),
    ("\U0001f130", "\U0001f149"),
    ("\U0001f150", "\U0001f169"),
    ("\U0001f170", "\U0001f189"),
)
_SIGNS = r"\x{F0000}\x{F0001}"
_AT_A_PLACE = rf"(?:[\n{INNER}]|{LAST}[a\-])"
"""A match in a marked line begins between two characters, and not within what one has become."""
_LINE_ENDS = {"^": "(?m:^)", "$": "(?m:$)", "A": "(?m:^)", "z": "(?m:$)"}
"""A line is all that ripgrep looks at: its ends are those of the text, whatever the flag `m` says."""
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_FLAGS = frozenset("imsU")


class PatternError(Exception):
    """A pattern that is none, or one that cannot be matched here; the text says why."""


class Literal(msgspec.Struct, frozen=True):
    """Characters that stand there as they are, in any case if `folded`."""

    text: str
    folded: bool = False


class Separator(msgspec.Struct, frozen=True):
    """Where no word goes on: white space, punctuation, the beginning or the end of a word or a line."""


class Gap(msgspec.Struct, frozen=True):
    """Anything, or nothing."""


class Run(msgspec.Struct, frozen=True):
    """One after the other."""

    parts: tuple[Node, ...]


class Choice(msgspec.Struct, frozen=True):
    """One of these."""

    branches: tuple[Node, ...]


class Repeated(msgspec.Struct, frozen=True):
    """This, at least once."""

    part: Node


Node = Literal | Separator | Gap | Run | Choice | Repeated


class Pattern(msgspec.Struct, frozen=True):
    """A regular expression: what must stand in a line that it matches, and as RE2 takes it."""

    node: Node
    re2: str
    without_borders: str | None = None
    """Of a pattern with `\\b` or `\\B`: without them, which matches more."""
    marked: str | None = None
    """Of such a one: for a line with BORDER or NO_BORDER before every character and at its end. A match begins one
    place's signs too early."""


class _Style(Enum):
    """How a pattern is written."""

    PLAIN = auto()
    WITHOUT_BORDERS = auto()
    MARKED = auto()


def parse(text: str) -> Pattern:
    """The pattern of ripgrep's `text`. PatternError."""
    if len(text) > MOST_CHARACTERS:
        raise PatternError(f"it is longer than {MOST_CHARACTERS:,} characters")
    if not text:
        raise PatternError("it is empty, and matches every line")
    node, plain, has_borders = _written(text, _Style.PLAIN)
    if not has_borders:
        return Pattern(node, plain)
    without, marked = (_written(text, style)[1] for style in (_Style.WITHOUT_BORDERS, _Style.MARKED))
    return Pattern(node, plain, without, marked)


def _written(text: str, style: _Style) -> tuple[Node, str, bool]:
    parser = _Parser(text, style)
    node, re2 = parser.choice(0)
    if parser.at < len(text):
        raise PatternError(f"an unopened group: `)` at {parser.at + 1}")
    return node, f"(?m){_AT_A_PLACE}(?:{re2})" if style is _Style.MARKED else "(?m)" + re2, parser.has_borders


def is_word(character: str) -> bool:
    """Whether ripgrep takes it for a part of a word."""
    if character.isascii():
        return character.isalnum() or character == "_"
    category = unicodedata.category(character)
    if category[0] in "LM" or category in ("Nd", "Nl", "Pc"):
        return True
    return character in "\u200c\u200d" or any(first <= character <= last for first, last in _CIRCLED)


class _Parser:
    """Reads from `at` on; each method returns what it has read, and that for RE2."""

    def __init__(self, text: str, style: _Style) -> None:
        self._text = text
        self._style = style
        self.at = 0
        self.has_borders = False
        self._folds = False

    def choice(self, depth: int) -> tuple[Node, str]:
        if depth > MOST_NESTED:
            raise PatternError(f"groups within groups, more than {MOST_NESTED} deep")
        folds = self._folds
        branches = [self._sequence(depth)]
        while self._take("|"):
            branches.append(self._sequence(depth))
        self._folds = folds
        if len(branches) == 1:
            return branches[0]
        return Choice(tuple(node for node, _ in branches)), "|".join(re2 for _, re2 in branches)

    def _sequence(self, depth: int) -> tuple[Node, str]:
        parts: list[Node] = []
        written: list[str] = []
        while self.at < len(self._text) and self._text[self.at] not in "|)":
            node, re2 = self._repeats(*self._atom(depth))
            written.append(re2)
            parts += node.parts if isinstance(node, Run) else (node,)
        return (parts[0] if len(parts) == 1 else Run(tuple(parts))), "".join(written)

    def _repeats(self, node: Node, re2: str) -> tuple[Node, str]:
        is_repeated = False
        while (found := self._repeat()) is not None:
            least, written = found
            if re2.startswith("(?") and ":" not in re2:
                raise PatternError("nothing to repeat after a flag")
            # RE2 takes no repetition of a repetition; a group in between means the same.
            re2 = (f"(?:{re2})" if is_repeated else re2) + written
            node = Gap() if not least else node if isinstance(node, Separator | Gap) else Repeated(node)
            is_repeated = True
        return node, re2

    def _repeat(self) -> tuple[int, str] | None:
        start = self.at
        if self.at >= len(self._text):
            return None
        if self._text[self.at] in "*+?":
            least = int(self._text[self.at] == "+")
            self.at += 1
        else:
            counted = self._counted()
            if counted is None:
                return None
            least = counted
        self._take("?")
        return least, self._text[start : self.at]

    def _counted(self) -> int | None:
        """The least of `{n}`, `{n,}`, `{n,m}`; None for a brace that is one."""
        end = self._text.find("}", self.at, self.at + 14)
        if self._text[self.at] != "{" or end < 0:
            return None
        least, comma, most = self._text[self.at + 1 : end].partition(",")
        if not (least.isascii() and least.isdigit()) or (most and not (most.isascii() and most.isdigit())):
            return None
        if max(int(least), int(most or 0)) > MOST_REPEATS:
            raise PatternError(f"more than {MOST_REPEATS:,} repetitions")
        if comma and most and int(most) < int(least):
            raise PatternError(f"repetitions from {least} to {most}")
        self.at = end + 1
        return int(least)

    def _atom(self, depth: int) -> tuple[Node, str]:
        character = self._text[self.at]
        self.at += 1
        if character == "(":
            return self._group(depth)
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escape()
        if character == ".":
            return Gap(), self._one("[^\\n]" if self._style is _Style.PLAIN else self._negated("\\n"))
        if character in "^$":
            return Separator(), _LINE_ENDS[character]
        if character in "*+?":
            raise PatternError(f"nothing to repeat before `{character}` at {self.at}")
        return self._literal(character)

    def _literal(self, character: str) -> tuple[Node, str]:
        if character == "\n":
            raise PatternError("a line ends there: a match lies within one line")
        if "\ud800" <= character <= "\udfff":
            raise PatternError("it is not UTF-8")
        return Literal(character, self._folds), self._one(escape(character))

    def _one(self, re2: str) -> str:
        """What matches one character of the text, in a marked line with what stands before and behind it."""
        return rf"(?:[a\-]{re2}(?:{INNER}|{LAST}[a\-]))" if self._style is _Style.MARKED else re2

    def _negated(self, inside: str) -> str:
        return f"[^{inside}{_SIGNS if self._style is _Style.MARKED else ''}]"

    def _group(self, depth: int) -> tuple[Node, str]:
        head = "(?:"
        folds = self._folds
        if self._take("?"):
            if self._take("P<") or (self._next() == "<" and self._next(1) not in ("=", "!") and self._take("<")):
                end = self._text.find(">", self.at)
                name = self._text[self.at : end] if end >= 0 else ""
                if not name.replace(".", "_").replace("[", "_").replace("]", "_").isidentifier():
                    raise PatternError("a group with a bad name")
                self.at = end + 1
            else:
                flags = self._flags()
                if self._take(")"):
                    return Run(()), f"(?{flags})"  # until the end of the group around
                self.at += 1  # the colon
                head = f"(?{flags}:"
        node, re2 = self.choice(depth + 1)
        self._folds = folds
        if not self._take(")"):
            raise PatternError("an unclosed group")
        return node, f"{head}{re2})"

    def _flags(self) -> str:
        """The flags up to `:` or `)`; those that say how the rest is read are kept."""
        start = self.at
        on = True
        while (flag := self._next()) not in (":", ")", ""):
            if flag in "=!<":
                raise PatternError("it looks ahead or behind, which takes no bounded time")
            if flag != "-" and flag not in _FLAGS:
                raise PatternError(f"the flag `{flag}` is not known here; `i`, `m`, `s` and `U` are")
            on = on and flag != "-"
            if flag == "i":
                self._folds = on
            self.at += 1
        if not flag:
            raise PatternError("an unclosed group")
        return self._text[start : self.at]

    def _escape(self) -> tuple[Node, str]:
        letter = self._next()
        if letter and letter in "Az":
            self.at += 1
            return Separator(), _LINE_ENDS[letter]
        if letter in ("b", "B"):
            self.at += 1
            if self._next() == "{":
                raise PatternError("`\\b{...}` is not known here; `\\b` is")
            self.has_borders = True
            written = "(?:)" if self._style is _Style.WITHOUT_BORDERS else "\\" + letter
            return Separator() if letter == "b" else Gap(), written
        if letter and letter in _OTHERS:
            self.at += 1
            return Gap(), self._one(self._negated(_OTHERS[letter]))
        if (inside := self._named_class()) is not None:
            written, is_separator = inside
            return Separator() if is_separator else Gap(), self._one(f"[{written}]")
        return self._literal(self._escaped())

    def _named_class(self) -> tuple[str, bool] | None:
        """A class that an escape names, for the inside of brackets, and whether it is white space alone."""
        letter = self._next()
        if letter in "dsw" and letter:
            self.at += 1
            return _CLASSES[letter], letter == "s"
        if letter in "DSW" and letter:
            self.at += 1
            return _OTHERS_INSIDE[letter], False
        if letter in ("p", "P"):
            end = self.at + 2
            if self._next(1) == "{":
                end = self._text.find("}", self.at) + 1
            name = self._text[self.at : end]
            if len(name) < 2 or len(name) > 40:
                raise PatternError("an unfinished class `\\p`")
            self.at = end
            return "\\" + name, False
        return None

    def _escaped(self) -> str:
        """The one character that an escape stands for."""
        letter = self._next()
        self.at += 1
        if letter in _CONTROLS and letter:
            return _CONTROLS[letter]
        if letter in _HEX_DIGITS and letter:
            return self._hexadecimal(_HEX_DIGITS[letter])
        if not letter:
            raise PatternError("it ends with a backslash")
        if letter.isalnum() or letter in "<>":
            raise PatternError(f"the escape `\\{letter}` is not known")
        return letter

    def _hexadecimal(self, digits: int) -> str:
        if self._take("{"):
            end = self._text.find("}", self.at, self.at + 9)
            number, after = self._text[self.at : max(end, 0)], end + 1
        else:
            number, after = self._text[self.at : self.at + digits], self.at + digits
        try:
            character = chr(int(number, 16))
            character.encode()
        except (ValueError, OverflowError):
            raise PatternError("an escape with bad hexadecimal digits") from None
        self.at = after
        return character

    def _class(self) -> tuple[Node, str]:
        """`[...]`: a single character is that character, and one of separators alone a separator."""
        is_negated = self._take("^")
        written: list[str] = []
        singles: list[str] = []
        only_separators = True
        is_first = True
        while True:
            character = self._next()
            if not character:
                raise PatternError("an unclosed `[`")
            if character == "]" and not is_first:
                self.at += 1
                break
            is_first = False
            if any(self._text.startswith(sign, self.at) for sign in ("&&", "~~")) or self._text.startswith(
                "--", self.at
            ):
                raise PatternError("classes are not combined here: write their characters out")
            if character == "[":
                written.append(self._posix_class())
                only_separators = False
                continue
            first, re2, is_separator = self._item()
            if first is not None and self._next() == "-" and self._next(1) not in ("]", ""):
                self.at += 1
                last, upper, _ = self._item()
                if last is None or last < first:
                    raise PatternError("a range in `[...]` that ends before it begins")
                written.append(f"{re2}-{upper}")
                only_separators = False
                continue
            written.append(re2)
            only_separators = only_separators and is_separator
            if first is not None:
                singles.append(first)
        inside = "".join(written)
        text = self._one(self._negated(inside) if is_negated else f"[{inside}]")
        if not is_negated and len(singles) == len(written) == 1:
            return self._literal(singles[0])[0], text
        return Separator() if only_separators and not is_negated else Gap(), text

    def _item(self) -> tuple[str | None, str, bool]:
        """One character or class inside brackets, for RE2, and whether it separates words."""
        character = self._next()
        self.at += 1
        if character == "\\":
            if (inside := self._named_class()) is not None:
                return None, inside[0], inside[1]
            character = self._escaped()
        return character, escape(character), character.isascii() and not character.isalnum()

    def _posix_class(self) -> str:
        end = self._text.find(":]", self.at)
        if not self._text.startswith("[:", self.at) or not 0 <= end - self.at <= 12:
            raise PatternError("a class within a class: write its characters out, or `\\[` for the bracket")
        found = self._text[self.at : end + 2]
        self.at = end + 2
        return found

    def _next(self, ahead: int = 0) -> str:
        return self._text[self.at + ahead : self.at + ahead + 1]

    def _take(self, sign: str) -> bool:
        if not self._text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True


def escape(text: str) -> str:
    """A text as RE2 takes it for itself."""
    return "".join(_escaped_character(character) for character in text)


def _escaped_character(character: str) -> str:
    if not character.isascii() or character.isalnum() or character in "_ ":
        return character
    return f"\\x{{{ord(character):X}}}" if ord(character) < 32 or character == "\x7f" else "\\" + character


def parts_of(node: Node) -> Sequence[Node]:
    """What stands one after the other in it."""
    return node.parts if isinstance(node, Run) else (node,)
