"""A function, a variable, a field or a typedef whose head has words too many: one type and one name are left.

Invariant: linear in the head.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto

from lowtide.work.parse.head import (
    CAPITALS,
    DEFINING,
    ELABORATED,
    FIRST_ARGUMENT,
    KEYWORDS,
    SPECIFIERS,
    TAILS,
    TYPES,
    Edit,
    Head,
    Kind,
    Scope,
    Token,
    blank,
    blank_call,
    defined,
    is_called,
)

_WITH_GROUP = frozenset(
    b"decltype typeof __typeof__ _Atomic alignas _Alignas explicit noexcept throw __declspec".split()
)
_PARAMETERS = re.compile(
    rb"\(\s*(?:\)|\.\.\.|(?:const|struct|enum|union|class|typename|void|char|short|int|long|float|double|signed|unsigned|bool"
    rb"|auto|size_t)\b|[\w:]+(?:<[^()]*>)?\s*[*&]+\s*\w*\s*[,)=]|[\w:]+(?:<[^()]*>)?\s+\w)"
)
_POINTER = re.compile(rb"\(\s*(?:\w+\s+)?(?:\w+\s*::\s*)?[*&^]")
_CONVENTION = re.compile(rb"\(\s*(\w+)(?:\s*[*&^]|\s+\w+\s*\)\s*\()")
_MEMBER_POINTER = re.compile(rb"\(\s*([A-Za-z_][\w:<>, ]*::)\s*\*")
_LAST = re.compile(rb"[(,]\s*([A-Za-z_]\w*)\s*\)\Z")
_TYPED = re.compile(rb",[^()]*?[\w*][ \t*]*[ ,*]\s*\w+\s*[,)]")


class _Item(Enum):
    SPECIFIER = auto()
    TYPE = auto()
    NAME = auto()
    GROUP = auto()
    POINTER = auto()
    OTHER = auto()


class Declaration:
    """A function, a variable, a field or a typedef, while it is looked at."""

    def __init__(self, head: Head, tokens: Sequence[Token], changes: list[Edit]) -> None:
        self.head = head
        self.tokens = tokens
        self.changes = changes
        self.items = _items(tokens)

    def read(self) -> None:
        tokens, items = self.tokens, self.items
        begin = 0
        while begin < len(tokens) and tokens[begin].kind is Kind.TEMPLATE:
            begin += 1
        if begin and self.head.end == b";" and len(tokens) > begin and tokens[begin].text in ELABORATED:
            return
        self._conventions()
        stop = self._stop(begin)
        names = [place for place in range(begin, stop) if items[place] is _Item.NAME]
        if not names:
            return
        called = [place for place in names if place + 1 < len(tokens) and items[place + 1] is _Item.GROUP]
        if any(
            _POINTER.match(self.head.text, tokens[place + 1].start) and self._group_follows(place + 2)
            for place in called
        ):
            self._pointer(names, called)
            return
        if called:
            self._function(begin, stop, names, called)
        else:
            self._variable(begin, stop, names)

    def _group_follows(self, place: int) -> bool:
        return place < len(self.tokens) and self.tokens[place].kind in {Kind.GROUP, Kind.SQUARE}

    def _stop(self, begin: int) -> int:
        """Where the types and the name end and values, arrays and qualifiers of a function begin."""
        has_group = False
        for place in range(begin, len(self.tokens)):
            token = self.tokens[place]
            if token.text in {b"=", b",", b":", b"->"} or token.kind in {Kind.BRACES}:
                return place
            if token.kind is Kind.SQUARE and place > begin:
                return place
            if has_group and token.text in TAILS:
                return place
            has_group = has_group or (
                token.kind is Kind.GROUP and place > begin and self.items[place - 1] is _Item.NAME
            )
        return len(self.tokens)

    def _typed(self, begin: int, place: int) -> bool:
        return any(self.items[before] in {_Item.TYPE, _Item.NAME} for before in range(begin, place))

    def _drop(self, place: int) -> None:
        self.changes += blank_call(self.tokens, place)

    def _conventions(self) -> None:
        """`RETURN (CONVENTION *name)(…)`, `TYPE (Class::*name)(…)`: the convention and the class are blanked."""
        for place, token in enumerate(self.tokens[:-1]):
            if token.kind is Kind.GROUP and self.tokens[place + 1].kind is Kind.GROUP:
                convention = _CONVENTION.match(self.head.text, token.start)
                if convention is not None and self.head.is_macro(convention[1]):
                    self.changes.append((convention.start(1), convention.end(1), b""))
                member = _MEMBER_POINTER.match(self.head.text, token.start)
                if member is not None:
                    self.changes.append((member.start(1), member.end(1), b""))

    def _pointer(self, names: list[int], called: list[int]) -> None:
        """`RETURN (*name)(…)`: of the words before it one is a type."""
        type_ = next(place for place in called if self._group_follows(place + 2))
        has_type = any(self.items[place] is _Item.TYPE for place in range(type_))
        for place in names:
            if place < type_:
                self._drop(place)
            elif place == type_ and has_type:
                self.changes.append(blank(self.tokens[place]))

    def _function(self, begin: int, stop: int, names: list[int], called: list[int]) -> None:
        tokens, items, head = self.tokens, self.items, self.head
        if self._named_by_macro(begin, called):
            return
        plain = [place for place in called if not head.is_macro(tokens[place].text.rpartition(b"::")[2])]
        typed = [place for place in plain if self._typed(begin, place)]
        if typed or plain:
            self._named(begin, stop, names, (typed or plain)[0])
            return
        place = called[0]
        if place > begin and items[place - 1] is _Item.NAME and self._typed(begin, place - 1):
            # `type name MACRO(…)`: the arguments are the function's, or the macro's.
            if not _PARAMETERS.match(head.text, tokens[place + 1].start):
                self._variable(begin, stop, names)
            elif not CAPITALS.fullmatch(tokens[place].text):
                self._named(begin, stop, names, place)
            else:
                self.changes.append(blank(tokens[place]))
                self._named(begin, stop, [name for name in names if name != place], place - 1)
        elif self._typed(begin, place) or tokens[place].text == head.class_name:
            if _PARAMETERS.match(head.text, tokens[place + 1].start) or tokens[place].text == head.class_name:
                self._named(begin, stop, names, place)
            elif any(name > place for name in names):
                self._variable(begin, stop, names)
        elif head.end in {b";", b"="} or (place + 2 < len(tokens) and tokens[place + 2].text == b"="):
            self._by_macro(begin, place)
        elif head.end == b"{":
            self._body_by_macro(place)
        elif place + 2 == len(tokens):
            self._drop(place)

    def _named_by_macro(self, begin: int, called: list[int]) -> bool:
        """`STDMETHOD(Name)(…)`, `STDMETHOD_(TYPE, Name)(…)`: read as `STDMETHOD Name(…)`."""
        for place in called:
            word, group = self.tokens[place].text, self.tokens[place + 1]
            if (
                not self._group_follows(place + 2)
                or not CAPITALS.fullmatch(word)
                or b"TEST" in word
                or b"BENCH" in word
            ):
                continue
            name = _LAST.search(self.head.text, group.start, group.end)
            if name is None:
                continue
            begin_of_type = self.tokens[place].start if self._typed(begin, place) else group.start
            self.changes += [(begin_of_type, name.start(1), b""), (name.end(1), group.end, b"")]
            self._tail(place + 3)
            return True
        return False

    def _named(self, begin: int, stop: int, names: list[int], name: int) -> None:
        """Leave the name at `name`, one type before it, and the qualifiers behind."""
        tokens, items = self.tokens, self.items
        last = tokens[name].text.rpartition(b"::")[2]
        needs_no_type = (
            b"~" in tokens[name].text
            or last == b"operator T"
            or (
                last == self.head.class_name
                or (b"::" in tokens[name].text and tokens[name].text.split(b"<")[0].split(b"::")[-2:-1] == [last])
            )
        )
        before = [place for place in names if place < name]
        if needs_no_type:
            for place in before:
                self._drop(place)
        else:
            self._one_type(before, name)
        behind = name + 1
        while behind < len(tokens) and items[behind] is not _Item.GROUP:
            behind += 1
        self._tail(behind + 1)

    def _one_type(self, before: list[int], name: int) -> None:
        """Of the words before the name leave the one that is its type; none when there is a keyword that is."""
        tokens = self.tokens
        has_type = any(self.items[place] is _Item.TYPE for place in range(name))
        kept = -1
        if not has_type:
            plain = [
                place for place in before if not self.head.is_macro(tokens[place].text) and not is_called(tokens, place)
            ]
            kept = plain[-1] if plain else before[-1] if before else -1
        for place in before:
            if place != kept:
                self._drop(place)
            elif is_called(tokens, place):
                self.changes.append(blank(tokens[place + 1]))

    def _tail(self, begin: int) -> None:
        """Blank the macros behind a function's parameters."""
        tokens = self.tokens
        place = begin
        while place < len(tokens):
            token = tokens[place]
            if token.text in {b":", b"=", b"->", b"requires"} or token.kind is Kind.BRACES:
                return
            if self.items[place] is _Item.NAME:
                is_old_style = not self.head.is_cpp and place + 1 < len(tokens) and not self.head.is_macro(token.text)
                if is_old_style and not is_called(tokens, place):
                    return
                self._drop(place)
            elif self.items[place] in {_Item.TYPE, _Item.SPECIFIER} and token.text not in TAILS:
                return
            place += 1

    def _variable(self, begin: int, stop: int, names: list[int]) -> None:
        tokens, items = self.tokens, self.items
        after_type = max((place for place in range(begin, stop) if items[place] is _Item.TYPE), default=-1)
        pointer = max((place for place in range(begin, stop) if items[place] is _Item.POINTER), default=-1)
        free = [place for place in names if not is_called(tokens, place)]
        behind = [place for place in free if place > max(after_type, pointer)]
        if after_type >= 0 or pointer >= 0:
            plain = [place for place in behind if not self.head.is_macro(tokens[place].text)]
            name = plain[0] if plain else behind[0] if behind else -1
        else:
            plain = [place for place in free if not self.head.is_macro(tokens[place].text)]
            if len(plain) >= 2:
                # `attribute type name`, `type name attribute`: told apart by their looks alone.
                name = plain[-1]
            elif len(free) >= 2:
                name = plain[0] if plain and plain[0] != free[0] else free[1]
            else:
                name = -1
        if name < 0:
            return
        self._one_type([place for place in names if place < name], name)
        for place in names:
            if place > name:
                self._drop(place)
        self._later(stop)

    def _later(self, stop: int) -> None:
        """Blank the macros behind arrays and values, and behind the names of later declarators."""
        tokens, items = self.tokens, self.items
        is_value = False
        has_name = True
        for place in range(stop, len(tokens)):
            text = tokens[place].text
            if text == b",":
                is_value = has_name = False
            elif text in {b"=", b":"}:
                is_value = True
            elif items[place] is _Item.NAME and not is_value:
                if has_name:
                    self._drop(place)
                has_name = True

    def _by_macro(self, begin: int, place: int) -> None:
        """A macro is called and nothing else stands there: it defines what it is given, or is no declaration."""
        tokens, head = self.tokens, self.head
        word, group = tokens[place].text, tokens[place + 1]
        is_static = any(token.text in {b"static", b"const", b"extern"} for token in tokens[begin:place])
        has_value = place + 2 < len(tokens)
        is_field = head.scope is Scope.CLASS and not head.is_cpp and word.startswith(b"DECLARE_")
        if is_static or has_value or is_field or DEFINING.fullmatch(word):
            changes = defined(head.text, word, (group.start, group.end))
            if changes:
                self.changes += changes
                return
        if head.scope is Scope.CLASS or head.is_cpp:
            # With what is called on it: `BENCHMARK(name)->Arg(8);`.
            self.changes.append((tokens[place].start, tokens[-1].end, b""))

    def _body_by_macro(self, place: int) -> None:
        """`SYSCALL_DEFINE2(read, int, fd) {` is read as a function `read` in C; in C++ its arguments are blanked."""
        group = self.tokens[place + 1]
        if self.head.is_cpp:
            self.changes.append((group.start + 1, group.end - 1, b""))
            return
        name = FIRST_ARGUMENT.match(self.head.text, group.start)
        if name is not None and _TYPED.match(self.head.text, name.end() - 1, group.end):
            self.changes.append((group.start, name.start(1), b""))
            self.changes.append((name.end() - 1, name.end(), b"("))
            self.changes.append((name.end(), group.end - 1, b""))


def _items(tokens: Sequence[Token]) -> list[_Item]:
    """What each token is in a declaration."""
    items: list[_Item] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        kind = _Item.OTHER
        if token.kind is Kind.WORD:
            if token.text in ELABORATED or token.text in TYPES:
                kind = _Item.TYPE
            elif token.text in SPECIFIERS:
                kind = _Item.SPECIFIER
            else:
                kind = _Item.NAME
        elif token.kind is Kind.GROUP:
            kind = _Item.GROUP
        elif token.text in {b"*", b"&", b"&&", b"^"}:
            kind = _Item.POINTER
        items.append(kind)
        place += 1
        if token.text in _WITH_GROUP and place < len(tokens) and tokens[place].kind is Kind.GROUP:
            items.append(_Item.OTHER)
            place += 1
        elif token.text in ELABORATED and place < len(tokens):
            if token.text == b"enum" and tokens[place].text in {b"class", b"struct"}:
                items.append(_Item.TYPE)
                place += 1
            if place < len(tokens) and tokens[place].kind is Kind.WORD and tokens[place].text not in KEYWORDS:
                items.append(_Item.TYPE)
                place += 1
    return items
