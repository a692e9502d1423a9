"""Finds the heads of the declarations in a C or C++ text, for `declarators` to say what in them is a macro.

Not a parser: it knows namespaces, classes, enums and where a body ends, and looks at nothing in a body. What it makes
of a text is parsed again; it is asked only for texts that a parser without a preprocessor cannot read.

Invariant: the text keeps its length and its lines; the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

import msgspec

from lowtide.work.parse import brackets, declarators, statements
from lowtide.work.parse.brackets import COMMENT, DIRECTIVE, STRING
from lowtide.work.parse.head import KEYWORDS, Edit, Head, Kind, Scope, Token
from lowtide.work.parse.rewrite import BLANK

_TOKEN = re.compile(
    rb"(?:[ \t\r\n\f\v]+|\\\r?\n|"
    + COMMENT
    + rb")*(?:(?P<directive>"
    + DIRECTIVE
    + rb")|(?P<string>(?:u8|[uUL])?(?:"
    + STRING
    + rb"))|(?P<word>[A-Za-z_$~\x80-\xff][\w$\x80-\xff]*)|(?P<number>\.?\d(?:[\w.]|'\w|(?<=[eEpP])[-+])*)"
    rb"|(?P<mark>::|->|&&|\|\||<<=?|>=|<=|==|.)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_ANGLE = re.compile(rb"[<>(){};\"']|->|<[<=]|>=")
_OPERATOR = re.compile(
    rb"\s*(?:\(\s*\)|\[\s*\]|[^\w\s(;{]+|(?:new|delete)\b\s*(?:\[\s*\])?|\"\"\s*\w+|co_await\b|[\w:][\w:<>,\s*&]*(?=\())?"
)
_DIRECTIVE_LINE = re.compile(rb"^[ \t]*#", re.MULTILINE)
_CONVERSION = re.compile(rb"\s+(?!(?:new|delete|co_await)\b)[A-Za-z_]")
_MAX_TOKENS = 250
_MAX_ANGLE_BYTES = 4_000
_ACCESS = frozenset(b"public private protected".split())
_ALONE = frozenset(b"end optional required private public protected package".split())
"""What `@` begins and nothing ends."""
_SIGNALS = re.compile(rb"signals|[A-Z][A-Z_]*(?:SIGNALS|SLOTS)")


class Dialect(Enum):
    """Whose heads they are; named as the languages are."""

    C = "c"
    CPP = "cpp"
    OBJC = "objc"


class _Frame(msgspec.Struct):
    """A namespace, a class or an enum that is open."""

    scope: Scope
    end: int
    """The offset of its closing brace."""
    name: bytes = b""
    head: list[Token] | None = None
    """Of a class, what stands before its body: its declarators follow."""


class Readable(msgspec.Struct):
    """A text that a parser without a preprocessor reads better."""

    text: bytes
    branches: list[tuple[int, int]] = msgspec.field(default_factory=list)
    """The branches of conditionals that it does without."""
    bodies: list[tuple[int, int]] = msgspec.field(default_factory=list)
    """What stands between the braces of functions."""
    edits: list[tuple[int, int]] = msgspec.field(default_factory=list)
    """Where it differs from the text."""

    def without_bodies(self) -> bytes:
        """The text with nothing in the functions that were looked at."""
        edited = bytearray(self.text)
        for start, end in self.bodies:
            edited[start:end] = edited[start:end].translate(BLANK)
        return bytes(edited)


def readable(text: bytes, dialect: Dialect, sound: Sequence[tuple[int, int]] = ()) -> Readable:
    """`text` without what a parser of C or C++ trips over: macros in heads, torn conditionals, modules.

    `sound`: declarations that it does not trip over, in order: they are passed over.
    """
    return _Reader(text, dialect, sound).read()


class _Reader:
    def __init__(self, text: bytes, dialect: Dialect, sound: Sequence[tuple[int, int]]) -> None:
        found = brackets.match(text, sound)
        self._sound = sound
        self._edits: list[tuple[int, int]] = []
        self._angles = len(text)
        """How many brackets may still be looked at for the ends of template arguments."""
        self._closing = found.closing
        self._conditionals = found.conditionals
        self._edited = bytearray(text)
        self._branches: list[tuple[int, int]] = []
        self._bodies: list[tuple[int, int]] = []
        self._is_cpp = dialect is Dialect.CPP
        self._is_objc = dialect is Dialect.OBJC
        for conditional in found.torn:
            self._cut(conditional)
        self._text = bytes(self._edited)
        self._frames = [_Frame(Scope.FILE, len(text))]
        self._head: list[Token] = []

    def read(self) -> Readable:
        """Look at the whole text."""
        text, size = self._text, len(self._text)
        token_at, sound = _TOKEN.match, self._sound
        at = number = 0
        next_sound = sound[0][0] if sound else size
        while at < size:
            match = token_at(text, at)
            kind = match.lastgroup if match is not None else None
            if match is None or kind is None:
                break
            start, end = match.span(kind)
            if start >= next_sound:
                while number < len(sound) and sound[number][0] < start:
                    number += 1
                if number < len(sound) and sound[number][0] == start and self._passes(sound[number]):
                    at = sound[number][1]
                    number += 1
                    next_sound = sound[number][0] if number < len(sound) else size
                    continue
                number += number < len(sound) and sound[number][0] == start
                next_sound = sound[number][0] if number < len(sound) else size
            at = self._take(kind, start, end)
            if len(self._head) > _MAX_TOKENS:
                self._head.clear()
        self._finish(b"}")
        return Readable(bytes(self._edited), self._branches, self._bodies, self._edits)

    def _passes(self, sound: tuple[int, int]) -> bool:
        """Whether a sound declaration is passed over: nothing is open before it. Else its own brackets are needed."""
        if self._head and self._skipped(self._present(b"}")) == len(self._text):
            self._head = []
        if not self._head:
            return True
        found = brackets.match(self._text, within=sound)
        self._closing.update(found.closing)
        self._conditionals.update(found.conditionals)
        return False

    def _take(self, kind: str, start: int, end: int) -> int:
        """Take in a token; where the next is looked for."""
        head = self._head
        if kind == "directive":
            return self._directive(start, end)
        if kind == "word":
            return self._word(start, end)
        if kind == "string":
            head.append(Token(Kind.STRING, start, end, b""))
            return end
        if kind == "number":
            head.append(Token(Kind.MARK, start, end, b"0"))
            return end
        mark = self._text[start:end]
        scope = self._frames[-1].scope
        if (
            self._is_objc
            and mark in {b"@", b"-", b"+"}
            and not self._text[self._text.rfind(b"\n", 0, start) + 1 : start].strip()
        ):
            # `@interface`, `- (void)method`: what stands before them has no end of its own.
            self._finish(b"}")
            head = self._head
        if mark == b";":
            self._finish(b";")
        elif mark == b"{":
            return self._brace(start)
        elif mark == b"}":
            if len(self._frames) > 1:
                self._leave()
            else:
                self._finish(b"}")
        elif mark in {b"(", b"["}:
            close = self._closing.get(start)
            if close is not None:
                head.append(Token(Kind.GROUP if mark == b"(" else Kind.SQUARE, start, close + 1, b""))
                return close + 1
            head.append(Token(Kind.MARK, start, end, mark))
        elif mark == b"<" and head and head[-1].kind is Kind.WORD:
            return self._arguments(start)
        elif mark == b"," and scope is Scope.ENUM:
            self._finish(b",")
        elif mark == b":" and scope is Scope.CLASS and self._is_access(start):
            head.clear()
        else:
            head.append(Token(Kind.MARK, start, end, mark))
        return end

    def _is_access(self, colon: int) -> bool:
        """Whether the head is `public`, `public slots`, `Q_SIGNALS`; what the grammar does not know is blanked."""
        head = self._head
        if not head or len(head) > 3 or any(token.kind is not Kind.WORD for token in head):
            return False
        access = next((place for place, token in enumerate(head) if token.text in _ACCESS), -1)
        if access < 0 and not (len(head) == 1 and _SIGNALS.fullmatch(head[0].text)):
            return False
        for place, token in enumerate(head):
            if place != access:
                self._edit(token.start, token.end if access >= 0 else colon + 1, b"")
        return True

    def _word(self, start: int, end: int) -> int:
        """A word, joined with what qualifies it: `a::b`, `~A`, `operator()`."""
        text, head = self._text, self._head
        word = text[start:end]
        if word == b"operator":
            match = _OPERATOR.match(text, end)
            if match is not None:
                is_conversion = _CONVERSION.match(match[0]) is not None
                word = b"operator T" if is_conversion else b"operator"
                end = match.end()
        if len(head) == 1 and head[0].text == b"@" and word in _ALONE:
            head.clear()
            return end
        if head:
            last = head[-1]
            if last.kind is Kind.MARK and last.text == b"::":
                if word == b"template":
                    return end
                first = len(head) - 1
                if first and head[first - 1].kind is Kind.WORD and head[first - 1].text not in KEYWORDS:
                    first -= 1
                joined = head[first]
                del head[first:]
                prefix = joined.text if joined.kind is Kind.WORD else b""
                head.append(Token(Kind.WORD, joined.start, end, prefix + b"::" + word))
                return end
        head.append(Token(Kind.WORD, start, end, word))
        return end

    def _arguments(self, start: int) -> int:
        """`<…>` behind a word: taken with `template`, and with the name that it belongs to."""
        head = self._head
        end = self._angle_end(start)
        if end < 0:
            head.append(Token(Kind.MARK, start, start + 1, b"<"))
            return start + 1
        last = head[-1]
        if last.text == b"template":
            head[-1] = Token(Kind.TEMPLATE, last.start, end, b"")
        else:
            head[-1] = Token(Kind.WORD, last.start, end, last.text + b"<>")
        return end

    def _angle_end(self, start: int) -> int:
        depth = 0
        at = start
        text = self._text
        while self._angles > 0:
            self._angles -= 1
            match = _ANGLE.search(text, at, start + _MAX_ANGLE_BYTES)
            if match is None:
                return -1
            mark = match[0]
            at = match.end()
            if mark == b"<":
                depth += 1
            elif mark == b">":
                depth -= 1
                if not depth:
                    return at
            elif mark in {b"(", b"{"}:
                close = self._closing.get(match.start())
                if close is None:
                    return -1
                at = close + 1
            elif mark in {b";", b"}", b")"}:
                return -1
            elif mark in {b'"', b"'"}:
                close = text.find(mark, at)
                if close < 0:
                    return -1
                at = close + 1
        return -1

    def _brace(self, start: int) -> int:
        """An opening brace: the body of what the head declares, or a value in it."""
        head, frame = self._head, self._frames[-1]
        close = self._closing.get(start, len(self._text))
        words = {token.text for token in head if token.kind is Kind.WORD}
        if b"namespace" in words:
            self._namespace()
            self._frames.append(_Frame(Scope.FILE, close))
            return start + 1
        if (len(head) == 2 and head[0].text == b"extern") or (len(head) == 1 and head[0].text == b"export"):
            if head[0].text == b"export" or not self._is_cpp:
                # `export { … }`; Objective-C's grammar has no classes in `extern "C" {`.
                self._edit(head[0].start, start + 1, b"")
                self._edit(close, close + 1, b"")
            self._frames.append(_Frame(Scope.FILE, close))
            head.clear()
            return start + 1
        if head and (head[-1].text == b"requires" or (len(head) > 1 and head[-2].text == b"requires")):
            head.append(Token(Kind.BRACES, start, close + 1, b""))
            return close + 1
        self._without_requirements()
        if len(head) > 1 and head[0].text == b"@":
            # The variables of `@interface A {`.
            self._frames.append(_Frame(Scope.CLASS, close))
            head.clear()
            return start + 1
        marks = {token.text for token in head if token.kind is Kind.MARK}
        is_value = bool(head) and head[-1].kind is Kind.WORD and any(token.kind is Kind.BRACES for token in head)
        if b"=" not in marks and not is_value:
            begin = self._skipped(self._present(b"{"))
            rest = [token for token in head if token.start >= begin]
            key = declarators.opens_class(rest, is_cpp=self._is_cpp)
            if key >= 0:
                return self._class(rest, key, start, close)
            groups = [place for place, token in enumerate(head) if token.kind is Kind.GROUP]
            is_initialiser = b":" in marks and head[-1].kind is Kind.WORD and groups
            if groups and not is_initialiser and frame.scope is not Scope.ENUM:
                self._finish(b"{")
                self._bodies.append((start + 1, close))
                return close + 1
        if not head:
            return close + 1
        if _DIRECTIVE_LINE.search(self._text, start, close):
            # The grammar knows no conditional in a value, and the value says nothing of what is defined.
            self._edit(start + 1, close, b"")
        head.append(Token(Kind.BRACES, start, close + 1, b""))
        return close + 1

    def _without_requirements(self) -> None:
        """Take `requires A<T> && (B<T>)` out of the head."""
        head = self._head
        begin = next((place for place, token in enumerate(head) if token.text == b"requires"), -1)
        while begin >= 0 and self._is_cpp:
            end = begin + 1
            while end < len(head):
                while end < len(head) and head[end].text in {b"!", b"requires"}:
                    end += 1
                is_expression = (
                    end + 1 < len(head) and head[end].kind is Kind.GROUP and head[end + 1].kind is Kind.BRACES
                )
                end += 2 if is_expression else 1
                if end >= len(head) or head[end].text not in {b"&&", b"||", b"|"}:
                    break
                end += 2 if head[end].text == b"|" else 1
            end = min(end, len(head))
            self._edit(head[begin].start, head[end - 1].end, b"")
            del head[begin:end]
            begin = next((place for place, token in enumerate(head) if token.text == b"requires"), -1)

    def _skipped(self, head: Head) -> int:
        """Blank the macros that stand in front on lines of their own; where the head begins behind them."""
        changes: list[Edit] = []
        rest = statements.without_statements(head, changes)
        for change in changes:
            self._edit(*change)
        return rest[0].start if rest else len(self._text)

    def _class(self, head: list[Token], key: int, start: int, close: int) -> int:
        changes: list[Edit] = []
        present = self._present(b"{", head)
        name = declarators.class_name(present, key, changes)
        for change in changes:
            self._edit(*change)
        scope = Scope.ENUM if head[key].text == b"enum" else Scope.CLASS
        name = name.partition(b"<")[0].rpartition(b"::")[2]
        self._frames.append(_Frame(scope, close, name, [*head, Token(Kind.BRACES, start, close + 1, b"")]))
        self._head = []
        return start + 1

    def _namespace(self) -> None:
        """Blank what stands around a namespace's name: `namespace std VISIBILITY(default) {`."""
        head = self._head
        key = next(place for place, token in enumerate(head) if token.text == b"namespace")
        named = False
        for place, token in enumerate(head):
            if token.kind is Kind.WORD and token.text not in {b"inline", b"namespace"}:
                if place > key and not named:
                    named = place + 1 == len(head) or head[place + 1].kind is not Kind.GROUP
                    if named:
                        continue
                self._edit(token.start, token.end, b"")
            elif token.kind is Kind.GROUP:
                self._edit(token.start, token.end, b"")
        head.clear()

    def _present(self, end: bytes, tokens: list[Token] | None = None) -> Head:
        frame = self._frames[-1]
        return Head(self._text, self._head if tokens is None else tokens, frame.scope, frame.name, end, self._is_cpp)

    def _finish(self, end: bytes) -> None:
        """The head is complete."""
        self._without_requirements()
        if self._head:
            for change in declarators.edits(self._present(end)):
                self._edit(*change)
            self._head = []

    def _leave(self) -> None:
        """A closing brace: what it closes goes on when that was a class."""
        self._finish(b"}")
        frame = self._frames.pop()
        if frame.head is not None:
            self._head = [*frame.head]

    def _directive(self, start: int, end: int) -> int:
        conditional = self._conditionals.get(start)
        if conditional is None:
            return end
        if self._is_objc and not conditional.is_cut:
            # The grammar knows none among the methods of a class; their branches can all stay.
            self._edit(start, end, b"")
            return end
        is_first = conditional.directives[0][0] == start
        if self._head and self._head[0].text == b"@":
            # `@interface A : B`, `@end`: nothing ends them.
            self._finish(b"}")
        if self._head and not conditional.is_cut:
            # A head that only a conditional ends: macros that stand alone, or a declaration that is torn.
            if self._skipped(self._present(b"}")) == len(self._text):
                self._head = []
                return end
            self._cut(conditional)
            if not is_first:
                return conditional.directives[-1][1]
            return (
                conditional.directives[conditional.kept][1] if conditional.kept < len(conditional.directives) else end
            )
        if conditional.is_cut and not is_first:
            return conditional.directives[-1][1]
        return end

    def _cut(self, conditional: brackets.Conditional) -> None:
        """Leave one branch of a conditional."""
        conditional.is_cut = True
        for start, end in conditional.cuts():
            self._edit(start, end, b"")
            self._branches.append((start, end))

    def _edit(self, start: int, end: int, text: bytes) -> None:
        self._edits.append((start, end))
        self._edited[start:end] = text or self._edited[start:end].translate(BLANK)
