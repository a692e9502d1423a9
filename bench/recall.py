"""How many of the definitions that universal-ctags finds does Lowtide find?

A ctags tag counts as found when Lowtide has a symbol of the same name in the same file whose name is within one line of
it (white space in a name is not compared: `operator ()`). "Same kind" is the share of those found whose kind fits the
row (`FITTING`).

The other way round, a name that Lowtide has and ctags has nowhere in the file is wrong when its looks say so (`wrong`):
a keyword, a space or a bracket in it, a macro in capitals that is called. What else ctags has not is counted and not
judged.

    python -m bench.recall --python django --python cpython/Lib --javascript web --typescript web --c linux/fs ...
    python -m bench.recall -v 10 --go go            # and ten misses of each kind
    python -m bench.recall --save ...               # and write bench/results/recall.md

Compared are the kinds in `KINDS`, by ctags' names. Not compared, by their nature:

- Locals (constants, variables, typedefs in functions), parameters, labels, imports, `using`, headers: nobody looks
  them up in a workspace.
- C and C++ prototypes and extern variables (off in ctags too): Lowtide has them when the file does not define them.
- Anonymous structs and the like (`__anon…`): names that ctags makes up.
- Go's embedded fields, Rust's `impl` blocks: they define no name.
- Minified files, which Lowtide does not index.

Where ctags 5.9 is itself wrong its tag is left out, and counted under its reason (`_doubt`). Read otherwise, and
counted too:

- TypeScript: an overload's signature counts as found when the function that implements it is: Lowtide keeps the one.
- C and C++: `SYSCALL_DEFINE2(read, …) {` and `TEST_CASE(name) {` are named by their macro in ctags, and by what the
  macro is told to define in Lowtide: found when a function by the name of its first argument begins there.
- C++: `TEST(Suite, Name) {` is found when a function by the name of its second argument begins there.
- C++: to these trees belong headers called `.h` and without an extension, in whatever language Lowtide takes them for.
- C and C++: attribute macros (`__packed`, `__read_mostly`) are not known to ctags, so it is told them here (`-I`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from bench.revision import commit

from lowtide import languages
from lowtide.models import SymbolKind
from lowtide.work.parse import parse
from lowtide.work.parse.kinds import SymbolRow

_HERE = Path(__file__).resolve().parent

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

_FUNCTIONS = {SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.CONSTRUCTOR, SymbolKind.OPERATOR}
_VALUES = {SymbolKind.CONSTANT, SymbolKind.VARIABLE, SymbolKind.FIELD, SymbolKind.PROPERTY}
FITTING: dict[str, set[SymbolKind]] = {
    "function": _FUNCTIONS,
    "method": _FUNCTIONS,
    "class": {
        SymbolKind.CLASS,
        SymbolKind.STRUCT,
        SymbolKind.INTERFACE,
        SymbolKind.ENUM,
        SymbolKind.NAMESPACE,
        SymbolKind.MODULE,
    },
    # A field that holds a function is a method; Python's enum members are variables to ctags.
    "field": {*_VALUES, SymbolKind.METHOD, SymbolKind.ENUM_MEMBER},
    "enum member": {SymbolKind.ENUM_MEMBER},
    # A constant that holds a function or a class is that.
    "constant": {*_VALUES, SymbolKind.FUNCTION, SymbolKind.CLASS},
    "macro": {SymbolKind.CONSTANT, SymbolKind.FUNCTION},
}

_LOCAL = {"variable", "constant", "const", "var", "property", "typedef", "alias"}
"""Kinds that are locals when they stand in a function."""

_EXTENSIONS = {
    "python": {".py"},
    "javascript": {".js", ".mjs", ".jsx"},
    "typescript": {".ts"},
    "c": {".c", ".h"},
    "cpp": {".hpp", ".cpp", ".cc", ".ipp", ".hh", ".cxx", ".h", ".tcc", ".inl", ".cu", ".cuh", ""},
    "java": {".java"},
    "go": {".go"},
    "rust": {".rs"},
}
_CTAGS = {
    "python": "Python",
    "javascript": "JavaScript",
    "typescript": "TypeScript",
    "c": "C",
    "cpp": "C++",
    "java": "Java",
    "go": "Go",
    "rust": "Rust",
}


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
    options.add_argument("--save", action="store_true", help="write bench/results/recall.md")
    given = options.parse_args()
    chosen = {name: getattr(given, name) for name in KINDS if getattr(given, name)}
    if not chosen:
        options.error("name at least one tree")
    tables: list[str] = []
    judged: list[str] = []
    left_out: Counter[tuple[str, str]] = Counter()
    for name, trees in chosen.items():
        files = _draw(trees, _EXTENSIONS[name], given.files)
        rows, verdict = _compare(name, files, given.verbose, left_out)
        tables += rows
        judged.append(verdict)
    head = "| language | kind | ctags | found | recall | same kind |\n|---|---|--:|--:|--:|--:|"
    reasons = [f"| {name} | {reason} | {count:,} |" for (name, reason), count in sorted(left_out.items())]
    reasons_head = "| language | reason | tags |\n|---|---|--:|"
    judged_head = "| language | symbols | not in ctags | wrong | share of the symbols |\n|---|--:|--:|--:|--:|"
    print("\n".join([head, *tables, "", judged_head, *judged, "", reasons_head, *reasons]))
    if given.save:
        above = os.path.commonpath([tree.parent for trees in chosen.values() for tree in trees])
        sources = [
            f"{name}: {', '.join(str(tree.relative_to(above)) for tree in trees)}" for name, trees in chosen.items()
        ]
        _save(
            "\n".join([head, *tables]),
            "\n".join([judged_head, *judged]),
            "\n".join([reasons_head, *reasons]),
            sources,
            given.files,
        )
    return 0


def _save(table: str, judged: str, reasons: str, sources: list[str], files: int) -> None:
    version = subprocess.run(["ctags", "--version"], capture_output=True, text=True, check=True)
    name = version.stdout.split(",")[0].partition("(")[0].strip()
    (_HERE / "results" / "recall.md").write_text(
        f"""# Definitions found, against universal-ctags

Made by `python -m bench.recall --save` at {commit()}, against {name}; how tags are compared stands there.
At most {files:,} files a language, drawn with a fixed seed, from: {"; ".join(sources)}.

{table}

Names that Lowtide has and ctags has nowhere in the file; wrong are those that are no name by their looks:

{judged}

Tags left out or read otherwise, because ctags is wrong or names the thing differently:

{reasons}
""",
        encoding="utf-8",
    )


def _draw(trees: list[Path], extensions: set[str], count: int) -> list[Path]:
    files = [
        path
        for tree in trees
        for path in sorted(tree.rglob("*"))
        if path.suffix in extensions and path.is_file() and not path.is_symlink() and path.stat().st_size <= 1 << 20
    ]
    files = [path for path in files if not _is_minified(path) and (path.suffix or _is_header(path))]
    if len(files) > count:
        files = sorted(random.Random(0).sample(files, count))
    return files


def _is_header(path: Path) -> bool:
    """Whether a file without an extension is one of C++, by the lines that no other text has."""
    return (
        re.search(rb"^#[ \t]*(?:include[ \t]*[<\"]|ifndef[ \t]+\w+\s+#[ \t]*define\b)", path.read_bytes()[:16384], re.M)
        is not None
    )


def _is_minified(path: Path) -> bool:
    if path.suffix not in {".js", ".mjs", ".jsx", ".ts"}:
        return False
    text = path.read_bytes()
    return (
        ".min." in path.name
        or len(text) > 200 * (text.count(b"\n") + 1)
        or any(len(line) > 5000 for line in text.splitlines())
    )


def _compare(name: str, files: list[Path], shown: int, left_out: Counter[tuple[str, str]]) -> tuple[list[str], str]:
    """The rows of one language, and its row of the names that ctags has not."""
    wanted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    fitting: Counter[str] = Counter()
    misses: dict[str, list[str]] = defaultdict(list)
    wrongs: list[str] = []
    symbol_count = unknown_count = 0
    tags = _tags(name, files, left_out)
    for path in files:
        text = path.read_bytes()
        try:
            text.decode()
        except UnicodeDecodeError:
            continue
        language = languages.by_name(name)
        if name in {"c", "cpp"}:
            language = languages.language_for(bytes(path), text)
            if name == "c" and (language is None or language.name != "c"):
                continue
        symbols = [] if language is None else parse.parse(text, language, 60.0).symbols
        symbol_count += len(symbols)
        names = {"".join(tag_name.split()) for tag_name, _, _ in tags.get(path, ())}
        unknown = [row for row in symbols if "".join(row[0].split()) not in names]
        unknown_count += len(unknown)
        lines = text.split(b"\n")
        wrongs += [f"{path}:{row[7] + 1}: {row[0]}" for row in unknown if wrong(name, row, lines)]
        places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for symbol in symbols:
            places["".join(symbol[0].split())].append((symbol[7] + 1, symbol[1]))
        for tag_name, line, kind in tags.get(path, ()):
            row = KINDS[name][kind]
            wanted[row] += 1
            here, is_read_otherwise = _here(name, tag_name, line, kind, lines, places)
            if not here and name == "cpp" and kind == "function" and _is_in_front(tag_name, line, symbols):
                left_out[name, "a macro in front of a function called its name"] += 1
                wanted[row] -= 1
                continue
            left_out[name, "read otherwise: a function named by the macro that makes it"] += is_read_otherwise
            if here:
                found[row] += 1
                fitting[row] += any(symbol in FITTING[row] for symbol in here)
            else:
                misses[row].append(f"{path}:{line}: {kind} {tag_name}")
    rows = []
    for row in _ROWS:
        if wanted[row]:
            share = f"{fitting[row] / found[row]:.3f}" if found[row] else ""
            rows.append(
                f"| {name} | {row} | {wanted[row]:,} | {found[row]:,} | {found[row] / wanted[row]:.3f} | {share} |"
            )
            for miss in random.Random(0).sample(misses[row], min(shown, len(misses[row]))):
                print("   ", miss, flush=True)
    for place in random.Random(0).sample(wrongs, min(shown, len(wrongs))):
        print("    wrong", place, flush=True)
    wrong_share = f"{len(wrongs) / max(1, symbol_count):.2%}"
    return rows, f"| {name} | {symbol_count:,} | {unknown_count:,} | {len(wrongs):,} | {wrong_share} |"


def _here(
    name: str, tag_name: str, line: int, kind: str, lines: list[bytes], places: dict[str, list[tuple[int, int]]]
) -> tuple[list[int], bool]:
    """The kinds of the symbols that a tag names, and whether they bear another name: that which a macro gives them."""
    reach = 1 << 30 if name == "typescript" and kind == "function" else 1
    here = [symbol for at, symbol in places.get("".join(tag_name.split()), ()) if abs(line - at) <= reach]
    if here or name not in {"c", "cpp"} or kind != "function" or not _MACRO.fullmatch(tag_name):
        return here, False
    arguments = re.search(
        re.escape(tag_name).encode() + rb"\s*\(\s*(?:(\w+)\s*(?:,\s*(\w+))?|(?:\w+\s*,\s*)?\"([^\"]*)\")",
        b"\n".join(lines[line - 1 : line + 1]),
    )
    if arguments is None:
        return here, False
    named = ["".join(word.decode("utf-8", "replace").split()) for word in arguments.groups() if word]
    here = [symbol for word in named for at, symbol in places.get(word, ()) if abs(line - at) <= reach]
    return here, bool(here)


def _is_in_front(tag_name: str, line: int, symbols: list[SymbolRow]) -> bool:
    """Whether a tag is a macro in the head of a function that has another name."""
    return _MACRO.fullmatch(tag_name.lstrip("_")) is not None and any(
        row[1] in _FUNCTIONS and row[3] - 1 <= line <= row[7] + 2 for row in symbols
    )


def wrong(language: str, row: SymbolRow, lines: list[bytes]) -> bool:
    """Whether the looks of a symbol that ctags does not know say that it is none."""
    name, line, column = row[0], row[7], row[8]
    if language not in {"c", "cpp"} or name.startswith("operator"):
        return False
    text = lines[line].decode("utf-8", "replace")[column:]
    if text.startswith('"'):
        return False  # a test that is named by a string
    if name in _KEYWORDS or re.search(r"[\s()\[\]{}<>]", name):
        return True
    behind = text[len(name) :].lstrip()
    is_define = re.match(rb"\s*#\s*define\b", lines[line]) is not None
    return _MACRO.fullmatch(name) is not None and len(name) > 2 and behind.startswith("(") and not is_define


_KEYWORDS = frozenset(
    "alignas alignof asm auto bool break case catch char class const constexpr const_cast continue decltype default"
    " delete do double dynamic_cast else enum explicit extern false float for friend goto if inline int long mutable"
    " namespace noexcept nullptr operator private protected public register reinterpret_cast return short signed sizeof"
    " static static_assert static_cast struct switch template this thread_local throw true try typedef typeid"
    " typename union unsigned using virtual void volatile while".split()
)
_MACRO = re.compile(r"[A-Z][A-Z0-9_]*")


def _doubt(name: str, kind: str, tag: dict[str, str]) -> str:
    """Why a tag is not to be trusted; empty when it is."""
    line = tag.get("pattern", "")
    word = re.escape(tag["name"])
    if name in {"javascript", "typescript"} and kind in {"constant", "variable"}:
        # Nothing in the tag tells a constant of a function from one of the module.
        if not re.match(r"/\^(?:export\s+)?(?:declare\s+)?(?:const|let|var)\s+" + word + r"\b", line):
            return "a constant that does not begin its line: a local, or a later name of the same declaration"
    elif name == "javascript" and kind == "class":
        if not re.search(r"\bclass\b", line):
            return "an object literal, or a function with a prototype, called a class"
    elif name == "javascript" and kind == "field":
        if tag.get("scopeKind") != "class" or not re.match(
            r"/\^(?:\t|  )(?:static\s+)?#?" + word + r"\s*(?:=[^=]|;)", line
        ):
            return "any word in a method or an import called a field"
    elif (
        name == "rust"
        and kind == "variable"
        and not re.search(r"\^\s*(?:pub(?:\([^)]*\))?\s+)?static\s+(?:mut\s+)?" + word + r"\b", line)
    ):
        return "what follows a lifetime called a static (`S: &'static str` is `str`)"
    elif (
        name in {"c", "cpp"}
        and kind in {"variable", "member"}
        and (tag["name"].startswith("__") or _MACRO.fullmatch(tag["name"].lstrip("_")))
        and re.search(r"\w[\s*\])]+" + word + r"(?:\([^)]*\))?\s*[;=\[{,$]", line)
    ):
        return "an attribute macro behind a name called a variable (`int x __weak;`)"
    elif (
        name == "cpp"
        and kind == "member"
        and re.search(r"\busing\s+" + word + r"\b|\busing\b[^;]*::\s*" + word + r"\b", line)
    ):
        return "what `using` names called a member"
    return ""


def _tags(name: str, files: list[Path], left_out: Counter[tuple[str, str]]) -> dict[Path, list[tuple[str, int, str]]]:
    """ctags' tags of each file: name, line (from 1), kind."""
    tags: dict[Path, list[tuple[str, int, str]]] = defaultdict(list)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
        listing.writelines(f"{path}\n" for path in files)
        listing.flush()
        command = [
            "ctags",
            "--output-format=json",
            "--fields=+nKs",
            "--extras=-{anonymous}{qualified}",
            "-f",
            "-",
            "-I",
            _ATTRIBUTE_MACROS,
            f"--language-force={_CTAGS[name]}",
            "-L",
            listing.name,
        ]
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
                if name == "python" and kind == "variable" and tag.get("scopeKind") == "class":
                    kind = "field"
                if tag.get("scopeKind") in {"function", "method", "func"} and kind in _LOCAL:
                    continue
                reason = _doubt(name, kind, tag)
                if reason:
                    left_out[name, reason] += 1
                    continue
                tags[Path(tag["path"])].append((tag["name"], int(tag["line"]), kind))
    return tags


if __name__ == "__main__":
    raise SystemExit(main())
