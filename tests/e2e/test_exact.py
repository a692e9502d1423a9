"""Exact search, uses of a name, and code like some lines: as commands, with the daemon and without."""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.harness import Lowtide
from tests.e2e.test_terminal import OURS, on_a_terminal

SOURCES = {
    "src/client.py": (
        "class RetryPolicy:\n    def next_delay(self, attempt):\n        return 2**attempt\n\n\n"
        "def send(request, policy):\n    # retries: one more each time\n    return policy.next_delay(request.tries)\n"
    ),
    "src/server.c": "struct node { struct node *next; };\n\nvoid cut(struct node *node)\n{\n\tnode->next = NULL;\n}\n",
    "notes.md": "# Notes\n\nThe policy's next_delay is doubled.\nnode->next = NULL ends a list.\n",
}


@pytest.fixture(params=["daemon", "embedded"])
def asked(
    request: pytest.FixtureRequest, lowtide: Lowtide, tree: Callable[..., Path]
) -> Iterator[tuple[Lowtide, Path]]:
    root = tree(SOURCES)
    lowtide.json("index", root, "--embedded")
    lowtide.environment["LOWTIDE_EMBEDDED"] = "0" if request.param == "daemon" else "1"
    yield lowtide, root
    lowtide.run("daemon", "stop", code=None)


@pytest.fixture(scope="module", params=["daemon", "embedded"])
def only_asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lowtide, Path]]:
    """The same, of a tree that nobody changes."""
    lowtide = Lowtide(tmp_path_factory.mktemp("home"), {"LOWTIDE_EMBEDDED": "0" if request.param == "daemon" else "1"})
    root = tmp_path_factory.mktemp("asked") / "tree"
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    lowtide.json("index", root, "--embedded")
    yield lowtide, root
    lowtide.run("daemon", "stop", code=None)


def places(answer: dict[str, object]) -> list[tuple[str, int]]:
    hits = answer["hits"]
    assert isinstance(hits, list)
    return [(hit["path"], hit["start_line"]) for hit in hits]


def test_lines_are_found_as_they_are_now(asked: tuple[Lowtide, Path]) -> None:
    lowtide, root = asked
    answer = lowtide.json("search", "--exact", "->next = NULL", root)
    assert places(answer) == [("notes.md", 4), ("src/server.c", 5)]
    (hit,) = lowtide.json("search", "--exact", "->next = NULL", root, "-t", "c", "-C", "1")["hits"]
    assert (hit["column"], hit["name"], hit["kind"]) == (6, "cut", "function")
    assert (hit["before"], hit["snippet"], hit["after"]) == (["{"], "\tnode->next = NULL;", ["}"])
    assert hit["snippet"][slice(*hit["marks"][0])] == "->next = NULL"
    answer = lowtide.json("search", "--regex", r"\bnext_\w+\(", root, "-k", "method")
    assert places(answer) == [("src/client.py", 2)]
    answer = lowtide.json("search", "--regex", r"next_delay", root, "-m", "1", "-g", "!*.md")
    assert places(answer) == [("src/client.py", 2)]
    assert answer["truncated"] is True
    (root / "src/server.c").write_text("int moved_here;\n\nvoid cut(void) {}\n")
    assert places(lowtide.json("search", "--exact", "->next = NULL", root, "--fresh")) == [("notes.md", 4)]
    assert places(lowtide.json("search", "--exact", "moved_her", root)) == [("src/server.c", 1)]


def test_several_folders_are_asked_at_once(only_asked: tuple[Lowtide, Path], tree: Callable[..., Path]) -> None:
    lowtide, root = only_asked
    other = tree({"a.py": "def other_delay():\n    return next_delay\n"}, "other")
    lowtide.json("index", other, "--embedded")
    hits = lowtide.json("search", "--exact", "next_delay", root, other)["hits"]
    assert [(Path(hit["root"]).name, hit["path"]) for hit in hits] == [
        ("tree", "notes.md"),
        ("tree", "src/client.py"),
        ("tree", "src/client.py"),
        ("other", "a.py"),
    ]
    answer = lowtide.json("search", "delay", root, other, "-m", "3")
    assert {Path(hit["root"]).name for hit in answer["hits"]} == {"tree", "other"}
    assert [hit["score"] for hit in answer["hits"]] == sorted((hit["score"] for hit in answer["hits"]), reverse=True)
    said = lowtide.run("search", "--exact", "other_delay", root, other, "--format", "vimgrep").stdout
    assert said == f"{other}/a.py:1:5:def other_delay():\n"


def test_a_folder_inside_a_workspace_means_what_is_below_it(only_asked: tuple[Lowtide, Path]) -> None:
    lowtide, root = only_asked
    assert places(lowtide.json("search", "--exact", "next_delay", root / "src")) == [
        ("src/client.py", 2),
        ("src/client.py", 8),
    ]
    assert {path for path, _ in places(lowtide.json("search", "next delay list", root / "src"))} <= {
        "src/client.py",
        "src/server.c",
    }
    assert places(lowtide.json("search", "--exact", "next", root / "src", root / "src", "-g", "*.c"))
    assert len(places(lowtide.json("search", "--exact", "next_delay", root / "src", root))) == 3


def test_uses_of_a_name_are_shown_with_what_holds_them(only_asked: tuple[Lowtide, Path]) -> None:
    lowtide, root = only_asked
    refs = lowtide.json("refs", "next_delay", root)["refs"]
    assert [(ref["path"], ref["line"], ref["definition"]) for ref in refs] == [
        ("src/client.py", 2, True),
        ("src/client.py", 8, False),
        ("notes.md", 3, False),
    ]
    assert refs[1]["holder"] == "send"
    said = lowtide.run("refs", "next_delay", root, "--format", "vimgrep", cwd=root).stdout
    assert said.splitlines()[1] == "src/client.py:8:19:    return policy.next_delay(request.tries)"


def test_code_like_a_definition_is_found_without_itself(asked: tuple[Lowtide, Path]) -> None:
    lowtide, root = asked
    (root / "again.py").write_text("def other_delay(attempt):\n    return 2**attempt\n")
    answer = lowtide.json("similar", f"{root}/src/client.py:3", "--fresh")
    assert answer["query"] == "src/client.py:2-3"
    assert places(answer)[0] == ("again.py", 1)
    assert ("src/client.py", 2) not in places(answer)
    for place, code in ((f"{root}/src/client.py", 2), (f"{root}/src/client.py:9-2", 2), (f"{root}/src/none.py:1", 3)):
        assert lowtide.run("similar", place, root, code=None).returncode == code


def test_what_cannot_be_looked_for_is_refused_in_one_line(only_asked: tuple[Lowtide, Path]) -> None:
    lowtide, root = only_asked
    for arguments in (
        ["--regex", "("],
        ["--regex", "a(?=b)"],
        ["--exact", ""],
        ["--exact", "a\nb"],
        ["--exact", "a", "--regex", "b"],
    ):
        said = lowtide.run("search", *arguments, root, code=2)
        assert said.stdout == ""
        assert said.stderr.startswith("lowtide: ")
        assert said.stderr.count("\n") == 1
    assert lowtide.json("search", "--regex", "[", root, code=2)["error"]["kind"] == "usage"


def test_a_pipe_gets_plain_lines_and_a_terminal_marks(lowtide: Lowtide, tree: Callable[..., Path]) -> None:
    root = tree(SOURCES)
    lowtide.json("index", root)
    said = lowtide.run("search", "--exact", "next_delay", root, "-C", "1", "-t", "python").stdout
    assert said == (
        "src/client.py-1-class RetryPolicy:\nsrc/client.py:2:    def next_delay(self, attempt):\n"
        "src/client.py-3-        return 2**attempt\n--\nsrc/client.py-7-    # retries: one more each time\n"
        "src/client.py:8:    return policy.next_delay(request.tries)\n"
    )
    said = on_a_terminal(lowtide, "search", "--exact", "next_delay", root)
    assert "\x1b[31m\x1b[1mnext_delay\x1b[0m" in said
    assert OURS.sub("", said).startswith("notes.md\n3:The policy's next_delay")
    for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_a_terminal(lowtide, "search", "next delay", root, **more)


def test_lines_of_an_old_mac_are_counted_alike_by_all_that_tells_of_them(
    lowtide: Lowtide, tree: Callable[..., Path]
) -> None:
    root = tree({})
    (root / "old.py").write_bytes(b"import os\r\rdef tide_height():\r    return os\r\rprint(tide_height())\r")
    lowtide.json("index", root, "--embedded")
    asked = ("tide_height", root, "--embedded")
    (symbol,) = lowtide.json("symbols", *asked)["symbols"]
    (hit,) = lowtide.json("search", *asked)["hits"]
    assert (symbol["line"], hit["start_line"]) == (3, 1)
    assert hit["snippet"].split("\n")[2] == "def tide_height():"
    assert places(lowtide.json("search", "--exact", *asked)) == [("old.py", 3), ("old.py", 6)]
    assert [use["line"] for use in lowtide.json("refs", *asked)["refs"]] == [3, 6]


BODY = "".join(random.Random(3).choices(string.ascii_letters + string.digits, k=700))
KEY = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(BODY[at : at + 64] for at in range(0, 700, 64))
KEY += "\n-----END PRIVATE KEY-----\n"
NUMBERS = ",".join(f"0.{number * 7919 % 1_000_003:06}" for number in range(1500))
USERS = [f"({number},'user{number}')" for number in range(180)]
LONG = {
    "app.py": "def main():\n    return 1\n" * 100
    + f"ICON = 'data:image/png;base64,{'QUJD' * 900}'; ICON_FALLBACK_NAME = 'x'\n",
    "seed.sql": "CREATE TABLE users (id int);\n" * 5
    + f"INSERT INTO users VALUES {','.join(USERS)},(999,'zelda_admin');\n",
    "table.js": "var before = 1;\n" * 60 + f"var weights=[{NUMBERS},3.25519];lastWeightLoaded(weights,[{NUMBERS}]);\n",
    "rule.c": f"/*{'=' * 4000}ruled_off*/\nint one(void) {{ return 1; }}\n",
    "deep.js": "var one = 1;\n" * 60 + f"var deep={'[' * 3000}innermostThing{']' * 3000};\n",
    "cut.txt": f"title\n{'x-' * 740}acrossTheCutStandsThis{'-y' * 900}\n",
    "dense.py": "one = 1\n" * 90 + f"NOISE = '{'a1' * 45_000}.quaint_ending.{'b2' * 1500}'\n",
    "keyed_test.py": f"def before_the_sample():\n    return 1\nSAMPLE = '''\n{KEY}'''\ndef behind_the_sample():\n"
    + "    return SAMPLE\n"
    + "".join(f"assert {number} == {number}\n" for number in range(12)),
    "one_chunk.py": f"# {'what a sample is for ' * 8}\nfirst_and_alone = 1\n"
    + f"SAMPLE = '''\n{KEY}'''\nlast_and_alone = 2\n",
    "book.ipynb": json.dumps(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "source": ["shown = 1\n"],
                    "outputs": [{"text": ["printed_result_line"], "image/png": BODY[::-1] * 6 + "/pictureEnd"}],
                }
            ],
            "metadata": {"language_info": {"name": "python"}},
            "nbformat": 4,
        }
    ),
}
"""What lies behind much that no chunk is made of."""


@pytest.fixture(scope="module")
def long_lines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lowtide, Path]:
    lowtide = Lowtide(tmp_path_factory.mktemp("home"), {"LOWTIDE_EMBEDDED": "1"})
    root = tmp_path_factory.mktemp("long") / "tree"
    root.mkdir()
    for name, text in LONG.items():
        (root / name).write_text(text)
    lowtide.json("index", root)
    return lowtide, root


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("zelda_admin", "seed.sql"),
        ("user179'", "seed.sql"),
        ("ICON_FALLBACK_NAME", "app.py"),
        ("3.25519]", "table.js"),
        ("lastWeightLoaded", "table.js"),
        ("=ruled_off", "rule.c"),
        ("innermostThing", "deep.js"),
        ("acrossTheCutStandsThis", "cut.txt"),
        ("quaint_ending", "dense.py"),
        ("before_the_sample", "keyed_test.py"),
        ("behind_the_sample", "keyed_test.py"),
        ("first_and_alone", "one_chunk.py"),
        ("last_and_alone", "one_chunk.py"),
        ("printed_result_line", "book.ipynb"),
        ("/pictureEnd", "book.ipynb"),
    ],
)
def test_what_stands_in_a_long_line_is_found(long_lines: tuple[Lowtide, Path], text: str, path: str) -> None:
    lowtide, root = long_lines
    (line,) = [number for number, line in enumerate(LONG[path].split("\n"), 1) if text in line]
    assert places(lowtide.json("search", "--exact", text, root)) == [(path, line)]
    assert places(lowtide.json("search", "--regex", re.escape(text), root)) == [(path, line)]
    if text.isidentifier():
        uses = lowtide.json("refs", text, root)["refs"]
        assert [(use["path"], use["line"]) for use in uses] == [(path, line)]


def test_lines_of_a_key_are_not_shown_beside_what_is_found(long_lines: tuple[Lowtide, Path]) -> None:
    lowtide, root = long_lines
    around = lowtide.json("search", "--exact", "SAMPLE = '''", root, "-C", "4")["hits"]
    assert len(around) == 2
    alike = lowtide.json("search", "--regex", "[A-Za-z0-9]{30}", root, "-g", "*.py", "-C", "4")["hits"]
    assert not any(BODY[at : at + 40] in json.dumps([around, alike]) for at in range(0, 640, 64))
    assert lowtide.json("refs", BODY[:64], root)["refs"] == []
