"""Adversaries by what is in the files: bombs for parsers, for memory, for the result's way back, for encodings and
sizes."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
import zlib
from pathlib import Path

from bench.adversaries.case import Case, Scale, lines, put
from tests.e2e.harness import python_module


def grammar_bombs(root: Path, scale: Scale) -> None:
    """What was measured to take a parser or a query minutes, or gigabytes (and the same ideas in other grammars)."""
    chance = random.Random(3)
    noise = "".join(chr(chance.randrange(32, 127)) if chance.random() < 0.97 else "\n" for _ in range(1_000_000))
    n = scale.pick(4, 1)
    put(
        root,
        {
            "templates.cpp": lines("a<" * 50_000 * n),
            "less.cpp": "int x = " + lines("a<" * 50_000 * n),
            "stars.c": lines("*" * 200_000 * n),
            "casts.c": "int x = " + lines("(a)" * 60_000 * n) + ";",
            "brackets.js": lines("[" * 100_000 * n),
            "arrows.js": lines("a=>" * 60_000 * n),
            "ternary.ts": "x = " + lines("a?b:" * 60_000 * n),
            "generics.ts": lines("type A = B<" * 20_000 * n),
            "jsx.tsx": lines("<a>{" * 50_000 * n),
            "nested.html": lines("<div>" * 100_000 * n, 500),
            "noise.ts": noise,
            "noise.cpp": noise,
            "noise.hs": noise,
            "noise.pl": noise,
            "noise.swift": noise,
            "sum.py": "x = " + "\\\n".join("1+" * 50 for _ in range(1500 * n)) + "1\n",
            "parens.py": "x = " + lines("(" * 50_000 * n),
            "lambdas.py": "x = " + lines("lambda:" * 50_000 * n),
            "indents.py": "".join(" " * (at % 900) + "if x:\n" for at in range(4_000 * n)),
            "strings.py": lines("f'{" * 40_000 * n),
            "yaml.yaml": "".join(" " * (at % 400) + "- a:\n" for at in range(20_000)),
            "anchors.yaml": "a: &a [x]\n" + "".join(f"b{at}: &b{at} [*a, *a]\n" for at in range(40_000)),
            "flow.yaml": lines("{a: " * 60_000 * n),
            "backticks.md": lines("`" * 100_000 * n),
            "quotes.md": lines("> " * 100_000 * n),
            "emphasis.md": lines("*a **b " * 40_000 * n),
            "links.md": lines("[a](" * 40_000 * n),
            "dollars.sh": lines("$(" * 50_000 * n),
            "heredocs.sh": "".join(f"cat <<E{at}\n" for at in range(20_000 * n)),
            "rust.rs": lines("fn f() { " * 20_000 * n),
            "macro.rs": lines("m!{" * 60_000 * n),
            "braces.go": "package p\n" + lines("{" * 100_000 * n),
            "generics.java": lines("A<" * 50_000 * n),
            "interpolation.kt": 'val a = "' + lines("${" * 50_000 * n),
            "interpolation.rb": 'a = "' + lines("#{" * 50_000 * n),
            "interpolation.dart": 'var a = "' + lines("${" * 50_000 * n),
            "closures.swift": lines("{ x in " * 30_000 * n),
            "do.hs": "main = " + lines("do { " * 30_000 * n),
            "types.hs": "f :: " + lines("a -> " * 60_000 * n),
            "given.scala": lines("x match { case " * 15_000 * n),
            "pipes.ex": "x" + lines(" |> f(" * 30_000 * n),
            "where.jl": lines("f(x) where {" * 20_000 * n),
            "tables.lua": "x = " + lines("{" * 100_000 * n),
            "regex.pl": lines("s/(/" * 40_000 * n),
            "blocks.ps1": lines("& { " * 40_000 * n),
            "nested.php": "<?php " + lines("if(a){" * 40_000 * n),
            "linq.cs": lines("from a in " * 20_000 * n),
            "objc.m": "@interface A\n" + lines("[a " * 50_000 * n),
            "nested.zig": lines("comptime {" * 20_000 * n),
            "blocks.tf": lines("a { " * 40_000 * n),
            "rules.css": lines("a{" * 100_000 * n),
            "functions.mk": "a = " + lines("$(call a," * 20_000 * n),
            "tables.toml": lines("[a." * 60_000 * n),
            "table.c": "int t[] = {\n" + ",\n".join(f"0x{at:08x}, 0x{at * 7:08x}" for at in range(90_000)) + "\n};\n",
        },
    )


def json_bombs(root: Path, scale: Scale) -> None:
    """JSON that is deep, wide, of one line, of one string; and what becomes such when it is unpacked."""
    line = root / "line.json"
    root.mkdir(exist_ok=True)
    with line.open("w") as file:
        file.write("[")
        piece = '{"k":[1,2,3,"v"]},' * 1000
        for _ in range(scale.pick(200_000_000, 20_000_000) // len(piece)):
            file.write(piece)
        file.write("0]")
    wide = "[" + ",\n".join(f'{{"key{at}": [{at}, "v"]}}' for at in range(110_000)) + "]"
    deep = lines("[" * 1_900_000 + "]" * 1_900_000)
    bomb = b'{"a":' * 2_000_000
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.json", bytes(64 << 20))
    put(
        root,
        {
            "deep.json": deep,
            "objects.json": lines('{"a":' * 700_000),
            "wide.json": wide,
            "string.json": '{"text": "' + lines("x" * 3_900_000) + '"}',
            "escapes.json": '["' + lines("\\u0041" * 600_000, 240) + '"]',
            "numbers.json": "[" + ",\n".join("1" * 280 for _ in range(13_000)) + "]",
            "commas.json": lines("," * 3_900_000),
            "quotes.json": lines('"' * 3_900_000),
            "minified.json": json.dumps([{"name": f"n{at}", "v": [at]} for at in range(60_000)], separators=(",", ":")),
            "bomb.json.gz": gzip.compress(bomb),
            "bomb.json": zlib.compress(bomb),
            "archive.json": packed.getvalue(),
        },
    )


def long_lines(root: Path, scale: Scale) -> None:
    """Lines of megabytes, with and without anything to cut them at."""
    js = "function f(a){return a+1};var b={c:1,d:[2,3]};" * 1000
    root.mkdir(exist_ok=True)
    with (root / "bundle.js").open("w") as file:
        for _ in range(scale.pick(50_000_000, 10_000_000) // len(js)):
            file.write(js)
    size = 3_900_000
    put(
        root,
        {
            "small-bundle.js": (js * 200)[:size],
            "line.c": "int a = 0" + "+ 1" * (size // 3 - 10) + ";",
            "line.py": "x = [" + "1, " * (size // 3 - 10) + "]",
            "identifier.py": "a" * size,
            "identifier.go": "package p\nvar " + "b" * (size - 20) + " int\n",
            "string.rs": 'const A: &str = "' + "é" * (size // 2 - 20) + '";',
            "spaces.java": " " * size + "class A {}",
            "tabs.txt": "\t" * size,
            "newlines.rb": "\n" * size,
            "returns.c": "int f(void) {\r" + "x();\r" * (size // 6) + "}",
            "crlf.sh": "\r\n" * (size // 2),
            "comment.cpp": "/*" + "*" * (size - 4) + "*/",
            "comment.lua": "--[[" + "]" * (size - 4),
            "text.txt": "word " * (size // 5),
            "cjk.md": "満潮" * (size // 6),
            "emoji.txt": "🌊" * (size // 4),
            "combining.txt": "e" + "\u0301" * (size // 2 - 1),
            "mostly.py": "def first():\n    pass\n" + "x = '" + "y" * 19_000 + "'\n" + "def last():\n    pass\n",
        },
    )


def result_bombs(root: Path, scale: Scale) -> None:
    """Small texts that mean a great deal: what they cost comes after the parse, on the way back and in the store."""
    n = scale.pick(200_000, 200_000)
    name = "n" * 190
    words = [f"w{at:x}" for at in range(400)]
    put(
        root,
        {
            "assignments.py": "".join(f"a{at % 9}=1\n" for at in range(n)),
            "functions.js": "".join("function f(){}\n" for _ in range(n)),
            "semicolons.js": lines("var a;" * n, 280),
            "keys.json": "{\n" + lines('"k":1,' * n, 280) + '"z":1}\n',
            "keys.yaml": "".join(f"k{at}: 1\n" for at in range(n)),
            "keys.toml": "".join(f"k{at}=1\n" for at in range(n)),
            "headings.md": "# a\n" * n,
            "defines.h": "#define A\n" * n,
            "enum.c": "enum e {\n" + lines("A," * n, 280) + "};\n",
            "fields.java": "class A {\n" + lines("int a;" * n, 280) + "}\n",
            "rules.css": lines("a{}" * n, 280),
            "elements.html": lines("<p id=a>" * (n // 4), 280),
            "targets.mk": "a:\n" * n,
            "aliases.sh": "".join("f() { :; }\n" for _ in range(n // 4)),
            "namespaces.cpp": "".join(f"namespace {name}{at} {{\n" for at in range(2_000)) + "int x;\n" + "}\n" * 2_000,
            "classes.java": "".join(f"class {name}{at} {{\n" for at in range(2_000)) + "int x;\n" + "}\n" * 2_000,
            "modules.rb": "".join(f"module {name.upper()}{at}\n" for at in range(2_000)) + "end\n" * 2_000,
            "modules.rs": "".join(f"mod {name}{at} {{\n" for at in range(2_000)) + "fn x() {}\n" + "}\n" * 2_000,
            "nested.json": "".join(f'{{"{name}{at}":\n' for at in range(2_000)) + "1" + "}" * 2_000,
            "nested.py": "".join(" " * at + f"class {name}{at}:\n" for at in range(900)) + " " * 900 + "x = 1\n",
            "nested.md": "".join(f"{'#' * (at % 6 + 1)} {name}\n\ntext\n" for at in range(15_000)),
            "nested.cs": "".join(f"namespace {name}{at} {{ class A{at} {{}}\n" for at in range(1_500)) + "}\n" * 1_500,
            "signatures.c": "".join(f"int f{at}({'int a, ' * 40}int b);\n" for at in range(12_000)),
            "documented.py": "".join(f'def f{at}():\n    """{"doc " * 60}"""\n' for at in range(13_000)),
            "qualified.cpp": "".join("::".join([name] * 18) + f"::f{at}() {{}}\n" for at in range(1_000)),
            "templates.cpp": "".join(
                f"template<class A{at}> struct S{at} {{ int a, b, c, d; }};\n" for at in range(40_000)
            ),
            "words.txt": "".join(
                f"{chr(97 + at % 26)}{at % 10}" + ("\n" if at % 90 == 89 else "") for at in range(1_900_000)
            ),
            "unique.txt": "".join(f"{at:07x} " + ("\n" if at % 30 == 29 else "") for at in range(480_000)),
            "paragraphs.md": "".join(f"{words[at % 400]}\n\n" for at in range(600_000)),
            "cases.py": "".join(f"aB{at}CdEf = xY{at}Zz\n" for at in range(150_000)),
        },
    )


def encodings(root: Path, scale: Scale) -> None:
    """Texts in every encoding, mixed, cut, mislabelled; bytes that are none."""
    text = python_module(1) + "# größe 満潮 🌊\n"
    chance = random.Random(7)
    codecs = (
        "utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be utf-8-sig cp1252 latin-1 koi8-r shift_jis euc_jp "
        "gb18030 big5 hz iso2022_jp cp037 utf-7"
    ).split()
    files: dict[str, str | bytes] = {}
    for codec in codecs:
        data = text.encode(codec, "replace")
        files[f"{codec}.py"] = data
        files[f"{codec}-odd.py"] = data[:-1]
        files[f"{codec}-declared.py"] = f"# coding: {codec}\n".encode() + data
        files[f"{codec}-large.txt"] = (text * 2_000).encode(codec, "replace")[: (4 << 20) - 1]
        files[f"{codec}-mixed.py"] = text.encode() + data
    files |= {
        "bom-only.py": b"\xef\xbb\xbf",
        "bom16-only.py": b"\xff\xfe",
        "two-boms.py": b"\xef\xbb\xbf" * 2 + text.encode(),
        "bom-inside.py": text.encode() + b"\xef\xbb\xbf" + text.encode(),
        "one-nul.py": text.encode() + b"\0",
        "nuls.py": b"\0" * 4096,
        "nul-between.py": b"\0".join(bytes([byte]) for byte in text.encode()),
        "surrogates.py": "x = '\ud800'\n" * 100,
        "overlong.py": b"x = '\xc0\x80'\n" * 100,
        "controls.py": "x = '" + "".join(chr(at) for at in range(1, 32) if at not in (10, 13)) * 100 + "'\n",
        "random.py": chance.randbytes(1 << 20),
        "random.txt": chance.randbytes(3 << 20),
        "high.c": bytes(range(128, 256)) * 4000,
        "escapes.txt": "\x1b[31mred\x1b[0m\n" * 50_000,
        "separators.js": "a\u2028b\u2029\x85c\n" * 10_000,
        "right-to-left.py": "# \u202e\u2066 evil\nx = 1\n",
        "declared-rot13.py": "# coding: rot13\nx = 1\n\xe9\n".encode("latin-1"),
        "declared-unknown.py": "# coding: klingon\nx = '\xe9'\n".encode("latin-1"),
        "zero-width.py": "a\u200b = 1\n" * 10_000,
    }
    put(root, files)


def large_files(root: Path, scale: Scale) -> None:
    """Files of a gigabyte and more: sparse, real text, real code, and some just under the limit."""
    root.mkdir(exist_ok=True)
    for name, size in (("sparse.py", 1 << 30), ("huge-sparse.c", 1 << 40), ("hole.py", 3 << 20)):
        with (root / name).open("wb") as file:
            file.truncate(size)
    block = (python_module(5) * 400).encode()
    for name in ("text.txt", "code.py"):
        with (root / name).open("wb") as file:
            for _ in range(scale.pick(1 << 30, 64 << 20) // len(block)):
                file.write(block)
    put(
        root,
        {f"limit{at}.{kind}": (block * 20)[: (4 << 20) - at] for at in range(3) for kind in ("py", "txt", "cpp", "js")},
    )


def large_files_allowed(root: Path, scale: Scale) -> None:
    """The same where the workspace raises the limit: each is then read, as far as the budget goes."""
    large_files(root, scale)
    (root / "huge-sparse.c").unlink()
    (root / ".lowtide.toml").write_text('[index]\nmax_file_size = "2GiB"\nminified = true\n')
    block = (python_module(6) * 40).encode()
    put(root, {f"large{size}.py": (block * 200)[: size << 20] for size in (6, 10, 16)})


CASES = [
    Case("grammar-bombs", "texts that take a parser minutes or gigabytes", grammar_bombs, limit_s=600),
    Case("json-bombs", "JSON: deep, wide, one line of 200 MB, and packed", json_bombs),
    Case("long-lines", "a minified line of 50 MB; lines of 4 MB in 18 kinds", long_lines),
    Case("result-bombs", "small texts with 200,000 symbols, or names nested 2,000 deep", result_bombs, limit_s=600),
    Case("encodings", "18 encodings: whole, odd, declared, large, mixed; bytes that are none", encodings),
    Case("large-files", "1 GB of text and of code, sparse files up to 1 TB", large_files),
    Case("large-files-allowed", "the same, with max_file_size = 2GiB", large_files_allowed),
]
