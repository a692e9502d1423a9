"""The source trees of the scenarios: generated from a seed, or put together from real ones.

Invariant: the same arguments make the same tree, byte by byte; no text occurs twice, so that no vector is shared.
Invariant: real trees are read, never written: their files are copied.
"""

from __future__ import annotations

import os
import random
import shutil
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

SOURCES = frozenset(
    ".py .pyi .c .h .cc .cpp .hpp .ipp .go .java .js .ts .tsx .rs .rb .php .kt .swift .cs .lua .sh .scala".split()
)
INDEX_EVERYTHING = "[index]\ngenerated = true\nvendored = true\nminified = true\n"
"""A user's configuration with which a source file is indexed whatever it looks like; more of `[index]` may follow."""

_VERBS = """accept allocate append archive assign attach balance bind build cache cancel check clamp clone collect
commit compare compile compose compress connect convert copy count decode defer delete detach dispatch
drain encode enqueue estimate evict expand export fetch filter flush fold format gather import index
insert inspect join limit link load locate lookup map measure merge migrate normalize notify parse patch
plan poll prune publish purge read rebuild reconcile reduce register reject release render repair replay
report reserve reset resolve restore retry rotate route sample scan schedule seal select send serialize
settle shard shift sign sort split store stream submit sync trace track transfer trim unpack update
validate verify visit wait warm watch weigh wrap write yield""".split()
_NOUNS = """account address alias anchor archive article asset badge basket batch binding blob block border bucket
budget buffer bundle button cache calendar canvas card cargo cart catalog cell certificate channel chart
checksum chunk circuit claim clause client cluster column command comment commit contract cookie counter
coupon credential currency cursor customer dataset deadline delivery device dialog digest directory
discount domain draft edge element endpoint engine entry envelope epoch event exchange field filter flow
folder forecast form fragment frame gateway glyph graph grid group handle header heap histogram hook host
image index interval invoice item journal kernel key label lane layer layout lease ledger lexer license
limit line link list locale lock log lookup mailbox manifest margin marker matrix member message metric
mirror mode module monitor mutex namespace node note notice number object offset option order origin
outbox owner packet page palette panel parcel parser partition password patch path patient payload
payment peer permit phase picture pipeline pixel plan player plugin pointer policy pool port portal
prefix price printer profile project promise property proxy query queue quota range rank rate ratio
reader receipt record region registry release replica report request resource response result review role
route row rule sample scanner schedule schema scope score screen script section secret segment sensor
sequence server session setting shape shard shelf shipment signal slot socket source span stack stage
station status step stock storage stream stripe student subject summary supplier switch symbol table tag
target task tenant term text theme thread ticket timeline timer token topic tower trace track transaction
transfer tree trigger tuple unit update upload user vector vendor version view viewport visit volume
voucher wallet warehouse watcher widget window worker workspace writer zone""".split()
_STATES = (
    "stale pending partial remote local shared frozen empty active expired nested signed cached dirty final ready"
).split()
Maker = Callable[[random.Random, str], str]


def generate(
    folder: Path, files: int, functions: int, seed: int = 7, suffixes: Sequence[str] = (".py", ".ts", ".go", ".java")
) -> int:
    """Write `files` files of `functions` functions or methods each, 40 to a folder, languages in turn; returns the
    bytes.
    """
    size = 0
    for number in range(files):
        suffix = suffixes[number % len(suffixes)]
        text = source(random.Random(f"{seed}:{number}"), suffix, number, functions)
        path = (
            folder
            / f"{_NOUNS[number // 40 % len(_NOUNS)]}_{number // 40}"
            / f"{_NOUNS[number % len(_NOUNS)]}_{number}{suffix}"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        size += len(text)
    return size


def source(rng: random.Random, suffix: str, number: int, functions: int) -> str:
    """The text of one file."""
    subject = f"{rng.choice(_STATES)} {rng.choice(_NOUNS)}"
    head, foot, make, sign = _SHAPES[suffix]
    name = _camel(f"{subject} {number}")
    parts = [f"{sign} Keeps every {subject}: {_sentence(rng)}\n", head.format(name=name, module=f"m{number}")]
    seen: set[str] = set()
    while len(seen) < functions:
        words = f"{rng.choice(_VERBS)} {rng.choice(_STATES)} {rng.choice(_NOUNS)} {rng.choice(_NOUNS)}"
        if words not in seen:
            seen.add(words)
            parts.append(make(rng, words).replace("{name}", name))
    parts.append(foot)
    return "\n".join(parts)


def _camel(words: str) -> str:
    return "".join(word.title() for word in words.split())


def _lower(words: str) -> str:
    text = _camel(words)
    return text[0].lower() + text[1:]


def _snake(words: str) -> str:
    return "_".join(words.split())


def _sentence(rng: random.Random) -> str:
    """A sentence that a person might write above a function, with a number in it that makes it the only one."""
    one, two, three = rng.choice(_NOUNS), rng.choice(_NOUNS), rng.choice(_NOUNS)
    forms = (
        f"the {one} is {rng.choice(_VERBS)}ed before its {two}, unless the {three} is {rng.choice(_STATES)}",
        f"{rng.choice(_VERBS)} the {one} of a {two} once, then {rng.choice(_VERBS)} what the {three} still holds",
        f"at most {rng.randrange(2, 4000)} of a {two} go to one {one}; the {rng.choice(_STATES)} {three} waits",
        f"a {rng.choice(_STATES)} {one} counts as {rng.choice(_STATES)} after {rng.randrange(2, 900)} ms without a "
        f"{three}",
    )
    return f"{rng.choice(forms)} (see {rng.randrange(1 << 24):06x})."


def _python(rng: random.Random, words: str) -> str:
    a, b, c = (rng.choice(_NOUNS) for _ in range(3))
    body = rng.choice(
        (
            f"    for {a}_item in sorted({a}s, key=lambda each: each.{b}):\n        if {a}_item.{c} is None:\n        "
            f"    continue\n"
            f"        found.append({a}_item.{c} * {rng.randrange(2, 99)})\n",
            f"    while {b}_left > {rng.randrange(9)}:\n        {c} = {a}s.pop()\n        {b}_left -= {c}.{b}_count\n"
            f"        if {c}.is_{rng.choice(_STATES)}:\n            found.append({c})\n",
            f"    with {a}s.{rng.choice(_VERBS)}({rng.randrange(100)}) as {c}:\n        "
            f"found.extend({c}.{rng.choice(_VERBS)}_{b}s())\n"
            f'    if not found:\n        raise LookupError(f"no {a} has a {b}: {{{b}_left}}")\n',
        )
    )
    return (
        f"def {_snake(words)}({a}s, {b}_left={rng.randrange(1, 500)}, *, {c}_limit=None):\n"
        f'    """{_sentence(rng).capitalize()}"""\n    found = []\n{body}'
        f"    return found[: {c}_limit] if {c}_limit else found\n\n"
    )


def _typescript(rng: random.Random, words: str) -> str:
    a, b, c = (rng.choice(_NOUNS) for _ in range(3))
    return (
        f"/** {_sentence(rng).capitalize()} */\n"
        f"export async function {_lower(words)}({a}s: Map<string, number>, {b}Limit = {rng.randrange(1, 900)}): "
        f"Promise<string[]> {{\n"
        f"  const {c}s: string[] = [];\n  for (const [{a}Name, {b}] of {a}s) {{\n"
        f"    if ({b} > {b}Limit || {a}Name.startsWith('{rng.choice(_STATES)}')) {{\n"
        f"      {c}s.push(`${{{a}Name}}:{rng.choice(_VERBS)}`);\n    }}\n  }}\n"
        f"  await {rng.choice(_VERBS)}Later({c}s.length * {rng.randrange(2, 50)});\n  return {c}s;\n}}\n"
    )


def _go(rng: random.Random, words: str) -> str:
    a, b, c = (rng.choice(_NOUNS) for _ in range(3))
    name = _camel(words)
    return (
        f"// {name}: {_sentence(rng)}\nfunc (s *{{name}}) {name}({a}s []int64, limit int) (total int64, err error) {{\n"
        f"\tfor at, value := range {a}s {{\n\t\tif at >= limit || value == {rng.randrange(1, 9000)} {{\n"
        f'\t\t\treturn total, fmt.Errorf("{rng.choice(_STATES)} {b} at %d of {c}", at)\n\t\t}}\n'
        f"\t\ttotal += value * s.{rng.choice(_VERBS)}Factor({rng.randrange(2, 300)})\n\t}}\n\treturn total, nil\n}}\n"
    )


def _java(rng: random.Random, words: str) -> str:
    a, b, c = (rng.choice(_NOUNS) for _ in range(3))
    return (
        f"    /** {_sentence(rng).capitalize()} */\n"
        f"    public static List<String> {_lower(words)}(Map<String, Integer> {a}s, int {b}Limit) {{\n"
        f"        List<String> {c}s = new ArrayList<>();\n        for (Map.Entry<String, Integer> entry : "
        f"{a}s.entrySet()) {{\n"
        f"            if (entry.getValue() > {b}Limit + {rng.randrange(1, 700)}) {{\n"
        f'                {c}s.add(entry.getKey() + ".{rng.choice(_VERBS)}");\n            }}\n        }}\n'
        f"        return {c}s;\n    }}\n"
    )


def _cpp(rng: random.Random, words: str) -> str:
    a, b, c = (rng.choice(_NOUNS) for _ in range(3))
    return (
        f"/// {_sentence(rng).capitalize()}\ntemplate <typename {_camel(a)}, typename Allocator = "
        f"std::allocator<{_camel(a)}>>\n"
        f"inline std::size_t {_snake(words)}(const std::vector<{_camel(a)}, Allocator>& {a}s, std::size_t {b}_limit = "
        f"{rng.randrange(1, 900)}) {{\n"
        f"    std::size_t {c}_count = 0;\n    for (const auto& each : {a}s) {{\n"
        f"        if (each.{b}() > {b}_limit) {{ {c}_count += each.{rng.choice(_VERBS)}({rng.randrange(2, 99)}); }}\n "
        f"   }}\n"
        f"    return {c}_count;\n}}\n"
    )


_SHAPES: dict[str, tuple[str, str, Maker, str]] = {
    ".py": ("from __future__ import annotations\n", "", _python, "#"),
    ".ts": ("import {{ readFile }} from 'node:fs/promises';\n", "", _typescript, "//"),
    ".go": ('package {module}\n\nimport "fmt"\n\ntype {name} struct {{\n\tfactor int64\n}}\n', "", _go, "//"),
    ".java": ("import java.util.*;\n\npublic final class {name} {{\n", "}", _java, "//"),
    ".hpp": ("#pragma once\n#include <cstddef>\n#include <vector>\n\nnamespace {module} {{\n", "}", _cpp, "//"),
}


def sources(tree: Path) -> Iterator[Path]:
    """The source files of a real tree by path; links and folders of version control are left out."""
    for folder, folders, names in os.walk(tree):
        folders[:] = sorted(name for name in folders if name not in (".git", ".hg", ".svn"))
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix in SOURCES and not path.is_symlink():
                yield path


def sample(tree: Path, count: int, target: Path, seed: int = 7) -> int:
    """Copy `count` source files of a tree, drawn with a seed; returns the bytes."""
    found = list(sources(tree))
    chosen = random.Random(seed).sample(found, min(count, len(found)))
    return sum(_copy(path, target / path.relative_to(tree)) for path in chosen)


def window(sizes: Sequence[int], count: int, total: int) -> int | None:
    """Where `count` neighbours of the descending `sizes` begin that sum to `total` or as little more as can be.

    None when even the largest `count` do not.
    """
    sums = [0, *accumulate(sizes)]
    spans = [sums[start + count] - sums[start] for start in range(len(sizes) - count + 1)]
    # Sums fall with the start: the last that still reaches the total.
    start = bisect_left(spans, True, key=lambda span: span < total) - 1
    return start if start >= 0 else None


def compose(trees: Sequence[Path], count: int, total: int, target: Path, most_bytes: int) -> int:
    """Copy `count` real source files of at most `most_bytes` that together hold `total` bytes; returns their bytes.

    SystemExit when the trees have not that much.
    """
    found = sorted(
        (
            (path.stat().st_size, os.fspath(path), tree.name, path.relative_to(tree))
            for tree in trees
            for path in sources(tree)
            if 0 < path.stat().st_size <= most_bytes
        ),
        key=lambda entry: (-entry[0], entry[1]),
    )
    start = window([entry[0] for entry in found], count, total)
    if start is None:
        raise SystemExit(f"seeds: {', '.join(tree.name for tree in trees)} have not {count:,} files of {total:,} bytes")
    return sum(_copy(Path(path), target / name / inner) for _, path, name, inner in found[start : start + count])


def _copy(path: Path, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return target.stat().st_size


def smallest(tree: Path, count: int, least_bytes: int, target: Path) -> int:
    """Copy the `count` smallest source files of a tree that hold at least `least_bytes`; returns their bytes."""
    sized = sorted((path.stat().st_size, os.fspath(path), path) for path in sources(tree))
    chosen = [path for size, _, path in sized if size >= least_bytes][:count]
    return sum(_copy(path, target / path.relative_to(tree)) for path in chosen)
