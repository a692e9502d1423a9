"""How names are spelt, by language: which signs beside letters, digits and `_` are part of one.

`save!` is one name in Ruby and a name with an operator in C; `http-client` is one in Lisp and CSS, and a difference in
Go. `$` is a name's own in JavaScript and Java, and a sigil, which no definition has, in PHP, Perl and shells.

Invariant: data and text only. A language that is not named here has the plain rule: letters, digits, `_` and `$`.
"""

from __future__ import annotations

import re
from functools import cache

import msgspec

MOST_NAME_CHARACTERS = 255


class Spelling(msgspec.Struct, frozen=True):
    """`inside`: signs anywhere in a name but at its beginning and end; `front`: before it; `ends`: one behind it."""

    inside: str = ""
    front: str = ""
    ends: str = ""
    always: bool = True
    """Whether a sign inside joins two names into one wherever it stands; else only where one is defined so: a shell's
    `a-b` is a function's name, and a string of two variables."""
    sigils: bool = False
    """Whether a `$` in front is a sign of use, and no part of the name."""


_PLAIN = Spelling()
_LISP = Spelling(inside="-?!*+/<>=.%&'", front="-*+<>=%&?!", ends="?!*+<>='%&-")
_SHELL = Spelling(inside="-.", always=False, sigils=True)
_DASHES = Spelling(inside="-", front="-")
_SPELLINGS = {
    **dict.fromkeys(("clojure", "scheme", "racket", "commonlisp", "common-lisp", "elisp", "emacs-lisp", "lisp"), _LISP),
    **dict.fromkeys(("css", "scss", "less", "sass", "html", "vue", "svelte", "xml", "nix", "cobol"), _DASHES),
    **dict.fromkeys(("yaml", "toml", "json", "hcl", "ini"), Spelling(inside="-")),
    **dict.fromkeys(("bash", "shell", "fish", "make", "cmake", "powershell"), _SHELL),
    **dict.fromkeys(("php", "perl", "hack"), Spelling(sigils=True)),
    **dict.fromkeys(("ruby", "elixir", "crystal"), Spelling(ends="?!")),
    "julia": Spelling(ends="!"),
    **dict.fromkeys(("haskell", "ocaml", "fsharp", "f-sharp", "elm", "purescript", "agda"), Spelling(ends="'")),
    **dict.fromkeys(("javascript", "typescript", "tsx"), Spelling(front="#")),
    "r": Spelling(inside=".", always=False),
}
_WORD = "A-Za-z0-9_$\\x80-\\xff"
"""Bytes of a word in UTF-8."""
_SIGILS = re.compile(r"[$@%&#]+(?=\w)")
_QUALIFIER = re.compile(r"([\w$]+)[?!]?\s*(?:\?\.|&\.|\.|::|->|#|\\|(?<=\w):)\s*\Z")


class NameAt(msgspec.Struct, frozen=True):
    """A name in a line as it may be spelt, and the name that qualifies it there."""

    name: str
    qualifier: str


def names_at(text: str, place: int, language: str = "") -> list[NameAt]:
    """The name at a character of a line, or just before it: as its language spells it, then what else it may be defined
    as; nothing where no name is."""
    word = _around(_pattern(_PLAIN), text, place)
    whole = _around(_pattern(_SPELLINGS.get(language, _PLAIN)), text, place) or word
    found: dict[str, NameAt] = {}
    matches = [match for match in (whole, word) if match is not None]
    for name, start in [
        *((match[0], match.start()) for match in matches),
        *((_SIGILS.sub("", match[0], count=1), match.start()) for match in matches),
    ]:
        found.setdefault(name, NameAt(name, _qualifier(text, start)))
    return list(found.values())


def _qualifier(text: str, start: int) -> str:
    before = _QUALIFIER.search(text, max(0, start - MOST_NAME_CHARACTERS), start)
    return before[1] if before else ""


def standing_alone(name: bytes, language: str = "") -> re.Pattern[bytes]:
    """Finds a name, in UTF-8, where it is not a part of another."""
    spelling = _SPELLINGS.get(language, _PLAIN)
    shown = name.decode("latin-1")
    inside = re.escape("".join(sign for sign in spelling.inside if spelling.always or sign in shown))
    in_front = _WORD.replace("$", "") if spelling.sigils else _WORD
    before = f"(?<![{in_front}])" + (f"(?<![{_WORD}][{inside}])" if inside else "")
    behind = f"(?![{_WORD}])" + (f"(?![{inside}]+[{_WORD}])" if inside else "")
    if spelling.ends:
        behind += f"(?![{re.escape(spelling.ends)}](?![=~]))"
    return re.compile((before + re.escape(shown) + behind).encode("latin-1"))


def _around(pattern: re.Pattern[str], text: str, place: int) -> re.Match[str] | None:
    start = max(0, place - MOST_NAME_CHARACTERS)
    for match in pattern.finditer(text, start, place + MOST_NAME_CHARACTERS):
        if match.start() > place:
            return None
        if place <= match.end():
            return match
    return None


@cache
def _pattern(spelling: Spelling) -> re.Pattern[str]:
    inside, front, ends = (re.escape(signs) for signs in (spelling.inside, spelling.front, spelling.ends))
    middle = f"(?:[{inside}]+[\\w$]+)*" if inside else ""
    head = f"[{front}]*" if front else ""
    tail = f"(?:[{ends}](?![=~]))*" if ends else ""
    return re.compile(f"{head}[\\w$]+{middle}{tail}")
