"""Names as people paste them: out of a definition, a call, a stack trace, a sentence.

`def foo(self):`, `Parser.parse(`, `(*Server).ListenAndServe`, `std::vector<int>::push_back` and `Policy next_delay`
all mean a name, and most of them what it stands in. A query of several words can also be one name by its letters
(`http resp` for `HttpResponse`): then there are two readings, and both are looked for.

Invariant: pure; the readings of a query of one word without signs are that word.
"""

from __future__ import annotations

import re

from lowtide.core.match import Band
from lowtide.core.symbol_rank import split_query

MOST_CHARACTERS = 1024
MOST_WORDS = 6
"""More words are no name with what it stands in."""
SAME_NAME = Band.EXACT + 0.5
"""The score of a name that is the one that was asked for, spelt otherwise: behind those that are spelt so."""
KEYWORDS = frozenset(
    "def class func function fn fun sub method proc procedure struct enum union trait impl interface"
    " protocol record object type typedef typealias module package namespace mod macro const constexpr let"
    " var val static public private protected internal abstract final sealed virtual override inline"
    " extern export default async await unsafe pub new return import from using include require use"
    " defmodule defp defmacro defn defun define template operator extension actor data newtype instance".split()
)
_OWN = frozenset({"self", "this", "$this", "cls", "super", "crate", "Self"})
"""Names of what one is in: they say nothing about where that is."""
_RECEIVER = re.compile(r"\(\s*(?:\w+\s+)?[*&]?\s*([\w.:]+)(?:\[[^\]]*\])?\s*\)\s*\.?\s*(?=\w)")
"""Go's: `(*Server).Close`, `(s *Server) Close(`."""
_GENERIC = re.compile(r"<[^<>()=]*>|\[[^\[\]]*\]")
_ARROW = re.compile(r"(?<=\w)->(?=\w)")
_DOTTED = re.compile(r"\w+(?:\.\w+)+")
_SAYS_SOMETHING = re.compile(r"[^\s(){}\[\]<>,;:.\"'`]")
_TAIL = re.compile(r"[{;].*|,\s.*|\s[=:]+\s.*|(?<!:):(?:\s.*|$)|\s->.*|\s=>.*", re.DOTALL)
_QUOTES = ("`", '"', "'")
_NAME = re.compile(r"[^\s(){}\[\]<>,;=\"`]+")


def readings(query: str) -> list[list[str]]:
    """What a query may mean, the likelier first: names from the outermost in; nothing for a query without a name."""
    text = query.strip()[:MOST_CHARACTERS]
    for quote in _QUOTES:
        if len(text) > 2 and text.startswith(quote) and text.endswith(quote):
            text = text[1:-1].strip()
    pasted = _pasted(text)
    plain = split_query(text)
    found = [pasted] if pasted else []
    if not _SAYS_SOMETHING.search(text):
        return []
    # A name by its letters, blanks left out: what is no code by its signs.
    if plain and plain != pasted and not set("(){}<>;,=*&@:") & set(text):
        found.append(plain)
    if len(plain) > 1 and _DOTTED.fullmatch(text):
        found.append([text])  # a package's or a module's whole name
    return found or ([plain] if plain else [])


def _pasted(text: str) -> list[str]:
    words = text.split()
    while len(words) > 1 and words[0].strip("@&*#").lower() in KEYWORDS:
        words = words[1:]
    if words and "operator" in words[-1]:
        return split_query(words[-1])
    text = _RECEIVER.sub(lambda match: f"{match[1]}.", _ARROW.sub(".", " ".join(words)), count=1)
    text = text.lstrip("@&*(").strip()
    is_call = "(" in text and not text.startswith("operator")
    text = text.partition("(")[0] if is_call else text
    while (shorter := _GENERIC.sub("", text)) != text:
        text = shorter
    text = _TAIL.sub("", text).strip().rstrip(".,;:)")
    words = _NAME.findall(text)
    if is_call:
        words = words[-1:]  # before it stands what it returns
    if not words or len(words) > MOST_WORDS:
        return []
    parts = [part.strip("*&") for word in words for part in split_query(word)]
    while len(parts) > 1 and parts[0] in _OWN:
        parts = parts[1:]
    return [part for part in parts if part]


def without_separators(name: str) -> str:
    """`http_client` and `http-client` as `HTTPClient` has its letters; the name itself when there are none to leave."""
    bare = re.sub(r"(?<=[^\W_])[_-]+(?=[^\W_])", "", name)
    return bare if len(bare) > 1 else name


def is_same_name(one: str, other: str) -> bool:
    """Whether two names differ only in how they are spelt: `foo_bar`, `fooBar`, `FooBar`."""
    return without_separators(one).lower() == without_separators(other).lower()
