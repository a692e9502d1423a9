"""The globs of a question: what people expect of them, and what ripgrep says where that is the same."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowtide.errors import UsageError
from lowtide.system.tree.globs import MOST_CHARACTERS, MOST_GLOBS, Globs

PATHS = (
    "a.c",
    "a.h",
    "b.py",
    "README",
    "src/a.c",
    "src/a.h",
    "src/net/io.c",
    "src/net/test_io.py",
    "lib/src/x.py",
    "test/test_a.py",
    "docs/{a}.md",
    "docs/#note",
    "docs/!x",
    "docs/a b ",
    "docs/\udcff.txt",
)


def taken(*globs: str) -> set[str]:
    chosen = Globs(globs)
    return {path for path in PATHS if chosen.take(path.encode("utf-8", "surrogateescape"))}


def those(*needles: str) -> set[str]:
    return {path for path in PATHS if any(needle in path for needle in needles)}


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (["*"], set(PATHS)),
        (["**"], set(PATHS)),
        (["."], set(PATHS)),
        (["./"], set(PATHS)),
        (["*.py"], those(".py")),
        (["*.{c,h}"], those(".c", ".h")),
        (["{a,b{.py,.rs}}*"], {"a.c", "a.h", "b.py", "src/a.c", "src/a.h", "docs/a b "}),
        (["src"], those("src/")),
        (["src/"], those("src/")),
        (["/src"], {"src/a.c", "src/a.h", "src/net/io.c", "src/net/test_io.py"}),
        (["src/**"], {"src/a.c", "src/a.h", "src/net/io.c", "src/net/test_io.py"}),
        (["./src/**"], {"src/a.c", "src/a.h", "src/net/io.c", "src/net/test_io.py"}),
        (["src/*.c"], {"src/a.c"}),
        (["src/**/*.c"], {"src/a.c", "src/net/io.c"}),
        (["**/net"], those("net/")),
        (["a.c/"], set()),
        (["../src"], set()),
        (["a.?"], {"a.c", "a.h", "src/a.c", "src/a.h"}),
        (["a.[ch]"], {"a.c", "a.h", "src/a.c", "src/a.h"}),
        (["a.[!c]"], {"a.h", "src/a.h"}),
        (["!src"], set(PATHS) - those("src/")),
        (["!*.c", "!*.h"], set(PATHS) - those(".c", ".h")),
        (["*.c", "src"], {"a.c", *those("src/")}),
        (["src", "!*.c"], those("src/") - those(".c")),
        (["!*.c", "src"], those("src/")),
        (["!src", "*.c"], {"a.c"}),
        (["*.c", "!src"], {"a.c"}),
        (["!src", "src/a.c"], set()),
        (["!src/**", "src/a.c"], {"src/a.c"}),
        (["src", "!src/net", "*.py"], those("src/a", "src/x") | {"b.py", "test/test_a.py"}),
        (["docs/\\{a\\}.md"], {"docs/{a}.md"}),
        (["[{]a}.md"], {"docs/{a}.md"}),
        (["#note"], {"docs/#note"}),
        (["\\!x"], {"docs/!x"}),
        (["a b "], {"docs/a b "}),
        (["\udcff.txt"], {"docs/\udcff.txt"}),
    ],
)
def test_globs_mean_what_people_expect(globs: list[str], expected: set[str]) -> None:
    assert taken(*globs) == expected


def test_the_order_of_the_paths_does_not_matter() -> None:
    globs = ["src", "!src/net", "*.py", "!lib/**/x.py"]
    forwards, backwards = Globs(globs), Globs(globs)
    encoded = [path.encode("utf-8", "surrogateescape") for path in PATHS]
    assert [forwards.take(path) for path in encoded] == [backwards.take(path) for path in encoded[::-1]][::-1]


@pytest.mark.parametrize(
    "globs",
    [
        ["*" * 10_000],
        ["a"] * (MOST_GLOBS + 1),
        ["{a,b}" * 12],
        ["{" * 200 + "}" * 200],
        ["{a"],
        [""],
        ["!"],
        ["[a"],
        ["a\\"],
        ["a\0b"],
        ["x" * (MOST_CHARACTERS + 1)],
        ["[[:nothing:]]"],
    ],
)
def test_globs_that_cannot_be_taken_are_refused(globs: list[str]) -> None:
    with pytest.raises(UsageError):
        Globs(globs)


@pytest.mark.parametrize("glob", ["*a" * 1_500, "**/a/" * 700, "?*" * 1_500, "{" + "a*," * 90 + "b}"])
def test_no_glob_takes_long(glob: str) -> None:
    began = time.process_time()
    globs = Globs([glob])
    for path in (b"a" * 4_000 + b"b", b"a/" * 2_000 + b"b"):
        globs.take(path)
    assert time.process_time() - began < 5


NAMES = ("a", "b", "ab", "a.c", "b.h", "c.py")
PIECES = st.sampled_from((*NAMES, "*", "?", "*.c", "a*", "[ab]", "[!a]*", "**", "{a,b}", "*.{c,h}"))
GLOBS = st.builds(
    lambda leave, root, parts, end: leave + root + "/".join(parts) + ("" if parts[-1] == "**" else end),
    st.sampled_from(("", "", "!")),
    st.sampled_from(("", "", "/")),
    st.lists(PIECES, min_size=1, max_size=3),
    st.sampled_from(("", "", "/")),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("globs")
    folders = [root / outer / inner for outer in ("a", "b", "ab", "d.c") for inner in ("a", "c.py", "b/ab")]
    for folder in folders:
        folder.mkdir(parents=True)
    for folder in [*folders, *(folder.parent for folder in folders)]:
        for name in NAMES:
            if not (folder / name).is_dir():
                (folder / name).write_text("")
    for name in ("a.c", "b.h", "c.py", "x"):
        (root / name).write_text("")
    return root


@pytest.mark.skipif(shutil.which("rg") is None, reason="ripgrep is not installed")
@settings(max_examples=60, deadline=None)
@given(globs=st.lists(GLOBS, min_size=1, max_size=3))
def test_ripgrep_takes_the_same(tree: Path, globs: Sequence[str]) -> None:
    """A folder that is named takes what is below it: to ripgrep that must be said."""
    arguments = []
    for glob in globs:
        arguments += ["-g", glob]
        if not glob.startswith("!"):
            bare = glob.rstrip("/")
            arguments += ["-g", f"{bare}/**" if "/" in bare else f"**/{bare}/**"]
    command = ["rg", "--files", "--hidden", "--no-ignore", *arguments]
    out = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert out.returncode in (0, 1), out.stderr
    chosen = Globs(globs)
    files = sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file())
    assert {path for path in files if chosen.take(path.encode())} == set(out.stdout.split())
