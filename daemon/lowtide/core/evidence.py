"""What the words of a file must be for a text or a pattern to stand in it: how exact search asks the lexical index.

The index has words as `work/words.py` splits them. A literal text tells some of them whole (`retry` in `_retry(`),
and of those at its ends a part: in `uest_time` a word that ends with `uest`, and one that begins with `time`. Where a
word begins can depend on what stands around the text; what is not certain there is not claimed.

Invariant: pure; a file in which the pattern matches a line satisfies its evidence, as far as words are ASCII.
"""

from __future__ import annotations

from enum import Enum, auto

import msgspec

from lowtide.core.pattern import Choice, Gap, Literal, Node, Repeated, Separator, parts_of


class WordPart(msgspec.Struct, frozen=True):
    """A word that has `text` in it, from its beginning on if `begins`, to its end if `ends`. Lower case, ASCII."""

    text: str
    begins: bool
    ends: bool


class Each(msgspec.Struct, frozen=True):
    """All of these hold."""

    parts: tuple[Evidence, ...]


class Either(msgspec.Struct, frozen=True):
    """One of these holds."""

    parts: tuple[Evidence, ...]


Evidence = WordPart | Each | Either


class _Border(Enum):
    """Whether a word begins at a place."""

    YES = auto()
    NO = auto()
    MAYBE = auto()


def evidence_of(node: Node) -> Evidence | None:
    """What a line that the pattern matches must have; None when that cannot be told."""
    if isinstance(node, Choice):
        found = [evidence_of(branch) for branch in node.branches]
        known = tuple(dict.fromkeys(each for each in found if each is not None))
        return None if len(known) == 0 or None in found else known[0] if len(known) == 1 else Either(known)
    if isinstance(node, Repeated):
        return evidence_of(node.part)
    if isinstance(node, Gap | Separator):
        return None
    parts: list[Evidence] = []
    run = ""
    for part in parts_of(node):
        if isinstance(part, Separator):
            run += " "
        elif isinstance(part, Literal) and not (part.folded and part.text.isalpha()):
            run += part.text
        else:
            parts += word_parts(run)
            # A folded letter may begin a word or not, whatever stands beside it.
            run = ""
            inner = None if isinstance(part, Literal) else evidence_of(part)
            if inner is not None:
                parts += inner.parts if isinstance(inner, Each) else (inner,)
    parts += word_parts(run)
    unique = tuple(dict.fromkeys(parts))
    return None if not unique else unique[0] if len(unique) == 1 else Each(unique)


def word_parts(text: str) -> list[WordPart]:
    """The words, and parts of words, that a text holds wherever it stands."""
    found: list[WordPart] = []
    start, begins = 0, _border(text, 0) is _Border.YES
    for place in range(1, len(text) + 1):
        border = _border(text, place)
        if border is _Border.NO:
            continue
        part = text[start:place]
        ends = border is _Border.YES
        if part.isascii() and part.isalnum():
            found.append(WordPart(part.lower(), begins, ends))
        start, begins = place, ends
    return found


def _border(text: str, place: int) -> _Border:
    """Whether a word begins, or one ends, before the character at `place`: the rules of `work/words.py`."""
    before, after = text[place - 1 : place] if place else "", text[place : place + 1]
    known = [character for character in (before, after) if character]
    if any(character.isascii() and not character.isalnum() for character in known):
        return _Border.YES
    if len(known) < 2 or not (before + after).isascii():
        return _Border.MAYBE
    if before.isdigit() != after.isdigit() or (before.islower() and after.isupper()):
        return _Border.YES
    if not (before.isupper() and after.isupper()):
        return _Border.NO
    following, second = text[place + 1 : place + 2], text[place + 2 : place + 3]
    if not following:
        return _Border.MAYBE
    if not (following.isascii() and following.islower()):
        return _Border.NO
    if following != "s":
        return _Border.YES
    if not second:
        return _Border.MAYBE
    return _Border.YES if second.isascii() and second.islower() else _Border.NO
