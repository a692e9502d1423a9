"""How many of the definitions that universal-ctags finds does Lowtide find?

A ctags tag counts as found when Lowtide has a symbol of the same name in the same file whose name is within one line of
it (white space in a name is not compared: `operator ()`). The kind is not compared: the two call things differently.

    python bench/recall.py --python django --python cpython/Lib --javascript web --typescript web --c linux/fs ...
    python bench/recall.py -v 10 --go go            # and ten misses of each kind

Compared are the kinds in `KINDS`, by ctags' names. Left out, and why:

- Locals (constants, variables, typedefs in functions), parameters, labels, imports, `using`, headers: nobody looks
  them up in a workspace.
- C and C++ prototypes and extern variables (off in ctags too): Lowtide has them when the file does not define them.
- Anonymous structs and the like (`__anon…`): names that ctags makes up.
- Go's embedded fields, Rust's `impl` blocks: they define no name.
- Minified files, which Lowtide does not index.

ctags 5.9 is itself wrong in some languages, and these of its tags are not compared (`_is_doubtful`):

- JavaScript: it calls any object literal a class, any word in a method a field, and does not say that a constant
  stands in a function. Compared are classes on a line with `class`, fields on a line that begins with them (indented
  once), and the first constant or variable declared at the start of a line. TypeScript's constants likewise.
- TypeScript: an overload's signature counts as found when the function that implements it is: Lowtide keeps the one.
- Rust: the name of a static is taken to be what follows a lifetime (`static S: &'static str` is `str`).
- C and C++: attribute macros (`__packed`, `__read_mostly`) are not told to it, so they are told here (`-I`).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from lowtide.work import languages, parse

_ROWS = ("function", "class", "method", "field", "enum member", "constant", "macro")

KINDS: dict[str, dict[str, str]] = {
    "python": {"function": "function", "class": "class", "member": "method", "variable": "constant", "field": "field"},
    "javascript": {
        "function": "function",
        "generator": "function",
        "class": "class",
        "method": "method",
        "getter": "method",
        "setter": "method",
        "field": "field",
        "constant": "constant",
        "variable": "constant",
    },
    "typescript": {
        "function": "function",
        "generator": "function",
        "class": "class",
        "interface": "class",
        "enum": "class",
        "alias": "class",
        "namespace": "class",
        "method": "method",
        "property": "field",
        "enumerator": "enum member",
        "constant": "constant",
        "variable": "constant",
    },
    "c": {
        "function": "function",
        "struct": "class",
        "union": "class",
        "enum": "class",
        "typedef": "class",
        "member": "field",
        "enumerator": "enum member",
        "variable": "constant",
        "macro": "macro",
    },
    "java": {
        "class": "class",
        "interface": "class",
        "enum": "class",
        "annotation": "class",
        "method": "method",
        "field": "field",
        "enumConstant": "enum member",
    },
    "go": {
        "func": "function",
        "struct": "class",
        "interface": "class",
        "type": "class",
        "talias": "class",
        "methodSpec": "method",
        "member": "field",
        "const": "constant",
        "var": "constant",
    },
    "rust": {
        "function": "function",
        "struct": "class",
        "enum": "class",
        "interface": "class",
        "typedef": "class",
        "module": "class",
        "method": "method",
        "field": "field",
        "enumerator": "enum member",
        "constant": "constant",
        "variable": "constant",
        "macro": "macro",
    },
}
KINDS["cpp"] = {**KINDS["c"], "class": "class", "namespace": "class"}

_LOCAL = {"variable", "constant", "const", "var", "property", "typedef", "alias"}
"""Kinds that are locals when they stand in a function."""

_EXTENSIONS = {
    "python": {".py"},
    "javascript": {".js", ".mjs", ".jsx"},
    "typescript": {".ts"},
    "c": {".c", ".h"},
    "cpp": {".hpp", ".cpp", ".cc", ".ipp", ".hh", ".cxx"},
    "java": {".java"},
    "go": {".go"},
    "rust": {".rs"},
}
_CTAGS = {
    "python": "Python", "javascript": "JavaScript", "typescript": "TypeScript", "c": "C", "cpp": "C++",
    "java": "Java", "go": "Go", "rust": "Rust",
}  # fmt: skip


_ATTRIBUTE_MACROS = (
    "BOOST_ASIO_UNUSED_VARIABLE,"
    "__packed,__init,__initdata,__initconst,__exit,__exitdata,__read_mostly,__ro_after_init,__cacheline_aligned,"
    "__cacheline_aligned_in_smp,__randomize_layout,__user,__rcu,__percpu,__must_check,__maybe_unused"
)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in KINDS:
        options.add_argument(f"--{name}", action="append", type=Path, default=[])
    options.add_argument(
        "--files", type=int, default=2000, help="at most so many files a language, drawn with a fixed seed"
    )
    options.add_argument("-v", "--verbose", type=int, default=0, metavar="N", help="show N misses of each kind")
    given = options.parse_args()
    chosen = {name: getattr(given, name) for name in KINDS if getattr(given, name)}
    if not chosen:
        options.error("name at least one tree")
    print("| language | kind | ctags | found | recall |\n|---|---|--:|--:|--:|")
    for name, trees in chosen.items():
        _compare(name, _draw(trees, _EXTENSIONS[name], given.files), given.verbose)
    return 0


def _draw(trees: list[Path], extensions: set[str], count: int) -> list[Path]:
    files = [
        path
        for tree in trees
        for path in sorted(tree.rglob("*"))
        if path.suffix in extensions and path.is_file() and not path.is_symlink() and path.stat().st_size <= 1 << 20
    ]
    files = [path for path in files if not _is_minified(path)]
    if len(files) > count:
        files = sorted(random.Random(0).sample(files, count))
    return files


def _is_minified(path: Path) -> bool:
    if path.suffix not in {".js", ".mjs", ".jsx", ".ts"}:
        return False
    text = path.read_bytes()
    return (
        ".min." in path.name
        or len(text) > 200 * (text.count(b"\n") + 1)
        or any(len(line) > 5000 for line in text.splitlines())
    )


def _compare(name: str, files: list[Path], shown: int) -> None:
    wanted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    misses: dict[str, list[str]] = defaultdict(list)
    tags = _tags(name, files)
    for path in files:
        if path not in tags:
            continue
        text = path.read_bytes()
        try:
            text.decode()
        except UnicodeDecodeError:
            continue
        language = languages.by_name(name) if path.suffix != ".h" else languages.language_for(bytes(path), text[:4096])
        assert language is not None
        if name == "c" and language.name != "c":
            continue
        lines: dict[str, list[int]] = defaultdict(list)
        for row in parse.parse(text, language, 60.0).symbols:
            lines["".join(row[0].split())].append(row[7] + 1)
        for tag_name, line, kind in tags[path]:
            row = KINDS[name][kind]
            wanted[row] += 1
            reach = 1 << 30 if name == "typescript" and kind == "function" else 1
            if any(abs(line - other) <= reach for other in lines.get("".join(tag_name.split()), ())):
                found[row] += 1
            else:
                misses[row].append(f"{path}:{line}: {kind} {tag_name}")
    for row in _ROWS:
        if wanted[row]:
            print(f"| {name} | {row} | {wanted[row]:,} | {found[row]:,} | {found[row] / wanted[row]:.3f} |")
            for miss in random.Random(0).sample(misses[row], min(shown, len(misses[row]))):
                print("   ", miss)
    sys.stdout.flush()


def _is_doubtful(name: str, kind: str, tag: dict[str, str]) -> bool:
    line = tag.get("pattern", "")
    if name in {"javascript", "typescript"}:
        if kind in {"constant", "variable"}:
            return not re.match(
                r"/\^(?:export\s+)?(?:declare\s+)?(?:const|let|var)\s+" + re.escape(tag["name"]) + r"\b", line
            )
        if name == "javascript" and kind == "class":
            return not re.search(r"\bclass\b", line)
        if name == "javascript" and kind == "field":
            return not re.match(r"/\^(?:\t|  )(?:static\s+)?" + re.escape(tag["name"]) + r"\s*(?:=[^=]|;|\$/)", line)
    if name == "rust" and kind == "variable":
        return not re.search(
            r"\^\s*(?:pub(?:\([^)]*\))?\s+)?static\s+(?:mut\s+)?" + re.escape(tag["name"]) + r"\b", line
        )
    return False


def _tags(name: str, files: list[Path]) -> dict[Path, list[tuple[str, int, str]]]:
    """ctags' tags of each file: name, line (from 1), kind."""
    tags: dict[Path, list[tuple[str, int, str]]] = defaultdict(list)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
        listing.writelines(f"{path}\n" for path in files)
        listing.flush()
        command = [
            "ctags", "--output-format=json", "--fields=+nKs", "--extras=-{anonymous}{qualified}",
            "-f", "-", "-I", _ATTRIBUTE_MACROS, f"--language-force={_CTAGS[name]}", "-L", listing.name,
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8", errors="replace"
        ) as run:
            assert run.stdout is not None
            for line in run.stdout:
                try:
                    tag = json.loads(line)
                except ValueError:
                    continue
                kind = tag.get("kind", "")
                if kind not in KINDS[name] or "name" not in tag or tag["name"].startswith("__anon"):
                    continue
                if _is_doubtful(name, kind, tag):
                    continue
                if name == "python" and kind == "variable" and tag.get("scopeKind") == "class":
                    kind = "field"
                if tag.get("scopeKind") in {"function", "method", "func"} and kind in _LOCAL:
                    continue
                tags[Path(tag["path"])].append((tag["name"], int(tag["line"]), kind))
    return tags


if __name__ == "__main__":
    raise SystemExit(main())
