"""What the fuzzer makes files of: fragments, nesting, real text that is damaged, and encodings; as small recipes.

Invariant: a recipe is a value that Hypothesis draws; the same recipe always makes the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hypothesis import strategies as st
from tests.property.test_parse import PIECES
from tests.samples import samples

from lowtide.languages import LANGUAGES

MOST_BYTES = 300_000
OPENERS = [
    "(",
    "[",
    "{",
    "<",
    "a<",
    "((",
    "{[",
    "if(",
    "f(",
    "$(",
    "${",
    "#{",
    "`${",
    "do ",
    "fn(){",
    "class A{",
    "<div>",
    "<a b='",
    '"',
    "'",
    "/*",
    "<!--",
    '"""',
    'r#"',
    '@"',
    "-",
    "!",
    "*",
    "&",
    "a?b:",
    "a=>",
    "\\",
    "|",
    "not ",
    "lambda:",
    "- ",
    "> ",
    "  ",
    "- - ",
    "#",
    "[a](",
    "**",
    "@(",
    "begin ",
    "case x of ",
    "module A\n",
    "namespace a{",
    "=begin\n",
    "<<A\n",
    "#if 1\n",
    "%w(",
    "q{",
    "s/",
    "1+",
    "a.b.",
    "a::",
    "A<B,",
]
WIDE = [
    "a",
    "x ",
    "0",
    "1,",
    "=",
    ";",
    "é",
    "日",
    "🌊",
    "\u0301",
    "\t",
    "\r",
    "\r\n",
    "\n",
    "\\\n",
    '\\"',
    "{}",
    "a=1\n",
    "/",
    "%",
    "~",
    "\u2028",
    "k:1,",
    "#\n",
    "x=(1\n",
]
ENCODINGS = ["utf-8"] * 12 + [
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "latin-1",
    "cp1252",
    "shift_jis",
    "gb18030",
    "koi8-r",
    "utf-7",
]
DAMAGES = ["none"] * 10 + ["cut", "nul", "nuls", "bom inside", "bytes", "half", "odd"]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file: `kind` says what, `index`, `count` and `seed` which of it, `text` is as it is."""

    kind: str
    index: int = 0
    count: int = 0
    seed: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One file: its language, its parts, the encoding it is written in, and the damage done last."""

    language: str
    parts: tuple[Part, ...]
    encoding: str = "utf-8"
    damage: str = "none"

    def name(self, number: int) -> str:
        """A file name that the registry knows as of this language."""
        language = next(language for language in LANGUAGES if language.name == self.language)
        return f"fuzz{number:03d}{language.extensions[0]}"


NAMES = [language.name for language in LANGUAGES if language.extensions and language.name in samples()]

_parts = st.one_of(
    st.builds(Part, st.just("piece"), st.integers(0, len(PIECES) - 1), st.integers(1, 40)),
    st.builds(Part, st.just("sample"), st.integers(0, 400), st.integers(1, 60)),
    st.builds(Part, st.just("nest"), st.integers(0, len(OPENERS) - 1), st.sampled_from([3, 30, 300, 3_000, 20_000])),
    st.builds(Part, st.just("wide"), st.integers(0, len(WIDE) - 1), st.sampled_from([10, 1_000, 30_000])),
    st.builds(Part, st.just("real"), st.integers(0, 1 << 16), st.integers(1, 30), st.integers(0, 1 << 30)),
    st.builds(Part, st.just("text"), text=st.text(max_size=30)),
)
recipes = st.builds(
    Recipe,
    st.sampled_from(NAMES),
    st.lists(_parts, min_size=1, max_size=6).map(tuple),
    st.sampled_from(ENCODINGS),
    st.sampled_from(DAMAGES),
)
"""Any file of any language."""


class Sources:
    """The real text that files are made from: the golden samples, and, when given, the files of a tree."""

    def __init__(self, tree: Path | None = None, seed: int = 0) -> None:
        self._files: list[Path] = []
        if tree is not None:
            found = [path for path in tree.rglob("*") if path.is_file() and 0 < path.stat().st_size <= MOST_BYTES]
            random.Random(seed).shuffle(found)
            self._files = found[:4_000]

    def real(self, language: str, index: int) -> bytes:
        """A real file: of the tree, else a sample of any language, mostly of this one."""
        if self._files and index % 4:
            return self._files[index % len(self._files)].read_bytes()
        return sample(language if index % 3 else NAMES[index % len(NAMES)])

    def make(self, recipe: Recipe) -> bytes:
        """The bytes of a file."""
        made = bytearray()
        for part in recipe.parts:
            made += self._part(recipe.language, part)
            if len(made) > MOST_BYTES:
                break
        data = bytes(made[:MOST_BYTES])
        if recipe.encoding != "utf-8":
            data = data.decode("utf-8", "replace").encode(recipe.encoding, "replace")
        return _damaged(data, recipe.damage)

    def _part(self, language: str, part: Part) -> bytes:
        match part.kind:
            case "piece":
                return (PIECES[part.index] * part.count).encode("utf-8", "replace")
            case "sample":
                rows = sample(language).splitlines(keepends=True)
                start = part.index % len(rows)
                return b"".join(rows[start : start + part.count])
            case "nest":
                opener = OPENERS[part.index]
                # A line now and then, so that it is not left out as minified.
                return "\n".join([opener * 50] * (part.count // 50) + [opener * (part.count % 50)]).encode()
            case "wide":
                return (WIDE[part.index] * part.count).encode()
            case "real":
                return mutated(self.real(language, part.index), part.count, part.seed)
            case _:
                return part.text.encode("utf-8", "replace")


@lru_cache(maxsize=64)
def sample(language: str) -> bytes:
    """The golden sample of a language."""
    return samples()[language].read_bytes()


def mutated(data: bytes, count: int, seed: int) -> bytes:
    """`data` with `count` changes such as editors, merges and broken disks make, and some that only enemies do."""
    chance = random.Random(seed)
    for _ in range(count):
        if not data or len(data) > MOST_BYTES:
            break
        start = chance.randrange(len(data))
        end = min(len(data), start + chance.choice((1, 3, 20, 200, 2_000)))
        data = data[:start] + chance.choice(_CHANGES)(data[start:end], chance) + data[end:]
    return data


_Change = Callable[[bytes, random.Random], bytes]
_CHANGES: Sequence[_Change] = (
    lambda part, chance: b"",
    lambda part, chance: part * chance.choice((2, 10, 100)),
    lambda part, chance: part[::-1],
    lambda part, chance: bytes(byte ^ 1 << chance.randrange(8) for byte in part[:20]) + part[20:],
    lambda part, chance: part.replace(b"\n", b""),
    lambda part, chance: part.replace(b" ", b"\n"),
    lambda part, chance: b"".join(chance.sample(rows := part.splitlines(keepends=True), len(rows))),
    lambda part, chance: chance.choice(PIECES).encode("utf-8", "replace") + part,
    lambda part, chance: part + chance.choice(OPENERS).encode() * chance.choice((1, 5, 200)),
    lambda part, chance: part.translate(None, b")}]>\"'`;"),
    lambda part, chance: chance.randbytes(chance.randrange(40)),
    lambda part, chance: part.upper(),
    lambda part, chance: sample(chance.choice(NAMES))[: chance.randrange(1, 2_000)],
    lambda part, chance: b"<<<<<<< a\n" + part + b"\n=======\n" + part + b"\n>>>>>>> b\n",
)


def _damaged(data: bytes, damage: str) -> bytes:
    middle = len(data) // 2
    match damage:
        case "cut":
            return data[: len(data) * 3 // 4 + 1]
        case "nul":
            return data[:middle] + b"\0" + data[middle:]
        case "nuls":
            return data[:middle] + b"\0" * 600 + data[middle:]
        case "bom inside":
            return data[:middle] + b"\xef\xbb\xbf" + data[middle:]
        case "bytes":
            return data[:middle] + bytes(range(128, 256)) + data[middle:]
        case "half":
            return data[:middle] + data[middle:].decode("utf-8", "replace").encode("utf-16-le")
        case "odd":
            return data[1:]
        case _:
            return data
