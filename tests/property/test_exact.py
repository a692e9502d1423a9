"""Exact search finds what ripgrep finds in the same files, whatever is looked for."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.property.test_same_as_fresh import index

from lowtide.answers import TextAnswer
from lowtide.index.workspace import Workspace
from lowtide.models import SymbolKind
from lowtide.paths import Places
from lowtide.read.exact import TextRequest
from lowtide.read.filters import Filter
from lowtide.read.snapshot import Snapshot

NAMES = (
    "retries generalizations relational http_client HTTPServer parseURLs URLs kmalloc"
    " devm_kmalloc_array retry Retry getHTTPResponse_v2 stories story happy happier happily nodes"
    " node freed freeing stability biliti élan naïveté 用户登录 x86_64 i18n Ünicode tries trying tried"
    " alloc alloc2 foo_bar FooBar FOO_BAR fooBars a1b2 struct hopping controlled"
).split()
SIGNS = ["(", ")", " ", "  ", "->", ".", "::", "_", "[0]", " = ", ";", "\t", '"', "*", "+", "\\", "$", "é", "-"]


def make_line(chance: random.Random) -> str:
    return "".join(
        chance.choice(NAMES) + chance.choice(SIGNS) + ("" if chance.random() < 0.7 else chance.choice(NAMES))
        for _ in range(chance.randrange(1, 8))
    )


def data_lines() -> list[str]:
    """Lines of which chunks are made of the beginning alone, or cut within words: noise, and names in it."""
    chance = random.Random(11)

    def noise(kind: str) -> str:
        signs = {"base64": "ABCdef012+/", "numbers": "0123456789.,", "ruler": "=", "brackets": "[[({", "letters": "qRs"}
        return "".join(chance.choices(signs[kind], k=chance.randrange(600, 2500)))

    return [
        "".join(noise(kind) + chance.choice(SIGNS).strip() + chance.choice(NAMES) for _ in range(3))
        for kind in ("base64", "numbers", "ruler", "brackets", "letters")
        for _ in range(3)
    ]


DATA_LINES = data_lines()


class Searched:
    """An index of a small tree with all kinds of lines, and both ways to look through it."""

    def __init__(self, folder: Path) -> None:
        chance = random.Random(7)
        self.root = folder / "tree"
        self.root.mkdir()
        self.lines: list[str] = []
        for number in range(40):
            lines = [make_line(chance) for _ in range(chance.randrange(1, 40))]
            if number % 7 == 0:
                lines += [" ".join(make_line(chance) for _ in range(60))]  # longer than a chunk
            if number % 8 == 3:
                lines += ["x = 1"] * 60 + DATA_LINES[number // 8 * 3 :][:3]
            self.lines += lines
            end = "\r\n" if number % 5 == 1 else "\n"
            text = end.join(lines) + (end if number % 3 else "")
            data = text.encode("utf-16" if number % 11 == 5 else "utf-8-sig" if number % 11 == 6 else "utf-8")
            (self.root / f"f{number}.{['c', 'txt', 'py'][number % 3]}").write_bytes(data)
        index(self.root, folder)
        places = Places(folder / "config", folder / "cache", folder / "run")
        self.workspace = Workspace(self.root, places.index_folder(self.root))

    def found(self, text: str, *, is_regex: bool = False) -> TextAnswer:
        with closing(Snapshot(self.workspace)) as snapshot:
            return anyio.run(snapshot.find_text, TextRequest(text, is_regex, limit=100_000))

    def lines_of(self, text: str, *, is_regex: bool) -> set[tuple[str, int]]:
        return {(hit.path, hit.line) for hit in self.found(text, is_regex=is_regex).hits}

    def by_ripgrep(self, text: str, *, is_regex: bool) -> set[tuple[str, int]] | None:
        """None for a pattern that it refuses."""
        how = [] if is_regex else ["-F"]
        done = subprocess.run(
            ["rg", "--no-config", "-n", "-0", "--no-heading", *how, "-e", text, "."], cwd=self.root, capture_output=True
        )
        if done.returncode == 2:
            return None
        rows = re.findall(rb"(?m)^\./([^\0\n]+)\0(\d+):", done.stdout)
        return {(os.fsdecode(path), int(number)) for path, number in rows}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return Searched(tmp_path_factory.mktemp("exact"))


def test_a_lone_carriage_return_ends_a_line_where_nothing_else_does(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    lines = ["def first():", "    pass", "", "def second():", "    first()", ""]
    (root / "cr.py").write_bytes("\r".join(lines).encode())
    (root / "wide.py").write_bytes("\r".join(lines).encode("utf-16"))
    (root / "crlf.py").write_bytes("\r\n".join(lines).encode())
    (root / "long.txt").write_bytes(b"a line of it\r" * 120_000 + b"def second():\r")
    # What shows progress has such returns in one long line; line feeds come later.
    (root / "stray.txt").write_bytes(b"10 %\r" * 250_000 + b"end\ndef second():\n" + b"a usual line\n" * 9000)
    index(root, tmp_path)
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
    with closing(Snapshot(Workspace(root, places.index_folder(root)))) as snapshot:
        answer = anyio.run(snapshot.find_text, TextRequest("def second()", limit=100, context=1))
    assert {hit.path: hit.line for hit in answer.hits} == {
        "cr.py": 4,
        "crlf.py": 4,
        "long.txt": 120_001,
        "stray.txt": 2,
        "wide.py": 4,
    }
    assert {hit.path: hit.text for hit in answer.hits if hit.path.endswith(".py")} == dict.fromkeys(
        ("cr.py", "wide.py", "crlf.py"), "def second():"
    )
    assert {hit.after for hit in answer.hits if hit.path.endswith(".py")} == {("    first()",)}


def test_lines_of_other_kinds_take_nothing_of_what_is_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    method = "    def turn_{0}(self):\n        return turned({0})\n\n    turned_{0} = turn_{0}\n\n"
    for name in "ab":
        methods = "".join(method.format(number) for number in range(60))
        (root / f"{name}.py").write_text(f"turned = int\n\n\nclass Wheel:\n{methods}")
    index(root, tmp_path)
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")

    def asked(limit: int, *kinds: SymbolKind) -> TextAnswer:
        with closing(Snapshot(Workspace(root, places.index_folder(root)))) as snapshot:
            return anyio.run(snapshot.find_text, TextRequest("turn", limit=limit, narrow=Filter(kinds=kinds)))

    everything = asked(100_000).hits
    for kind in (SymbolKind.METHOD, SymbolKind.CLASS, SymbolKind.FIELD, SymbolKind.ENUM):
        there = tuple(hit for hit in everything if hit.kind == kind.label)
        for limit in (1, 3, 8, 100):
            answer = asked(limit, kind)
            assert answer.hits == there[:limit]
            assert answer.degraded is None
            assert answer.truncated == (len(there) > limit)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_endless_line_does_not_keep_a_question(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    grows = root / "old_mac.py"
    grows.write_bytes("def needle():\r    return 1\r".encode(encoding))
    index(root, tmp_path)
    os.truncate(grows, 1 << 40)
    monkeypatch.setattr("lowtide.read.exact.LONGEST_S", 0.5)
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
    with closing(Snapshot(Workspace(root, places.index_folder(root)))) as snapshot:
        answer = anyio.run(snapshot.find_text, TextRequest("needle"))
    assert answer.truncated
    assert "looked through" in (answer.degraded or "")


needs_ripgrep = pytest.mark.skipif(shutil.which("rg") is None, reason="ripgrep is not installed")


@st.composite
def parts_of_lines(draw: st.DrawFn) -> str:
    """A part of some line, cut anywhere."""
    if draw(st.integers(0, 3)) == 0:
        line = draw(st.sampled_from(DATA_LINES))
        start = draw(st.integers(0, len(line) - 1))
        return line[start : start + draw(st.integers(1, 300))]
    line = (
        make_line(random.Random(draw(st.integers(0, 10_000)))) if draw(st.booleans()) else draw(st.sampled_from(NAMES))
    )
    start = draw(st.integers(0, max(0, len(line) - 1)))
    return line[start : draw(st.integers(start + 1, len(line)))]


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """A pattern made of parts of lines, in which some characters stand for more than themselves."""

    def blur(character: str) -> str:
        return draw(
            st.sampled_from(
                [re.escape(character)] * 12 + [".", r"\w", r"\S", f"{re.escape(character)}+", r"[a-z_]", "x?"]
            )
        )

    pieces = ["".join(map(blur, draw(parts_of_lines()))) for _ in range(draw(st.integers(1, 3)))]
    joined = draw(st.sampled_from(["|", ".*", r"\s*", r"\b", r"[^a-z]", ""])).join(pieces)
    around = draw(st.sampled_from(["{}", r"\b{}\b", "({})", "(?i){}", "^.*{}", "{}$", r"\B{}", "(?:{})+"]))
    return around.replace("{}", joined)


@settings(max_examples=120, deadline=None)
@given(text=parts_of_lines())
def test_a_text_is_found_in_every_line_that_has_it(searched: Searched, text: str) -> None:
    files = {path.name: path.read_bytes() for path in searched.root.iterdir()}
    there = {
        (name, number)
        for name, data in files.items()
        for number, line in enumerate(data.decode("utf-16" if data[:1] == b"\xff" else "utf-8-sig").split("\n"), 1)
        if text in line
    }
    assert searched.lines_of(text, is_regex=False) == there


@needs_ripgrep
@settings(max_examples=120, deadline=None)
@given(text=parts_of_lines())
def test_a_text_is_found_as_ripgrep_finds_it(searched: Searched, text: str) -> None:
    assert searched.lines_of(text, is_regex=False) == searched.by_ripgrep(text, is_regex=False)


@needs_ripgrep
@settings(max_examples=200, deadline=None)
@given(text=patterns())
@example(r"r\bx?\bx?")
@example(r"\b(?:\bé?)+\b$")
@example(r"^\B?\b\bé|\b\B")
@example(r"(?-m)^\b.*é\b\b?$")
@example(r"\A\w+|\w+\z")
@example(r"(?i)\bÜ?\b\bnicode?\b\b")
def test_a_pattern_is_found_as_ripgrep_finds_it(searched: Searched, text: str) -> None:
    theirs = searched.by_ripgrep(text, is_regex=True)
    if theirs is not None:
        assert searched.lines_of(text, is_regex=True) == theirs


def test_a_rare_text_is_looked_for_in_few_files(searched: Searched) -> None:
    (searched.root / "rare.py").write_text("def quarterly_zebra_audit():\n    return 1\n")
    index(searched.root, searched.root.parent)
    for text in ("zebra_aud", "rterly_zebra", "def quarterly_zebra_audit("):
        answer = searched.found(text)
        assert [(hit.path, hit.line, hit.name) for hit in answer.hits] == [("rare.py", 1, "quarterly_zebra_audit")]
        assert answer.files_read == 1
