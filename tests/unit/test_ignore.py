"""Ignore rules, compared with git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowtide.config import IndexSettings
from lowtide.system.walk import explain, walk


def git(*arguments: str, cwd: Path) -> bytes:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, check=True, env=environment).stdout


def listed(root: Path) -> list[bytes]:
    out = git("ls-files", "-co", "--exclude-standard", "-z", cwd=root)
    return sorted(path for path in out.split(b"\0") if path)


def walked(root: Path, **options: object) -> list[bytes]:
    return [stat.path for stat in walk(root, IndexSettings(vendored=True, **options))]  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_global_ignores(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


def make(root: Path, files: dict[str, str]) -> Path:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return root


NASTY = {
    ".gitignore": (
        "# comment\n\n*.log\n!keep.log\n/top.txt\nbuild/\ndoc/*.txt\n**/deep/x\na/**/z\ntrailing   \nkept\\ \n\\#hash\n\\!bang\n"
        "[Tt]emp\n[!a-c]q\n*.[oa]\nfoo[[:digit:]]\nback\\\\slash\nsub/dir/\n.*\n!.gitignore\n!.keep\nwin.txt\r\n?ne\nlast"
    ),
    "a/.gitignore": "!*.log\nlocal\n/anchored\n",
    "a/b/.gitignore": "*\n!.gitignore\n!only.c\n",
    "x.log": "", "keep.log": "", "a/y.log": "", "top.txt": "", "s/top.txt": "", "build/in.c": "", "s/build": "", "doc/a.txt": "",
    "doc/s/a.txt": "", "p/deep/x": "", "deep/x": "", "a/z": "", "a/1/z": "", "a/1/2/z": "", "trailing": "", "kept ": "", "#hash": "",
    "!bang": "", "Temp": "", "temp/t.c": "", "aq": "", "dq": "", "m.o": "", "m.a": "", "m.ao": "", "foo1": "", "foox": "", "sub/dir/f": "",
    "s/sub/dir/f": "", ".hidden": "", ".keep": "", "s/.hidden/x": "", "win.txt": "", "one": "", "none": "", "last": "", "a/local": "",
    "local": "", "a/anchored": "", "a/s/anchored": "", "a/b/only.c": "", "a/b/other.c": "", "a/b/c/only.c": "", "back\\slash": "",
}  # fmt: skip


def test_nasty_rules_are_read_as_git_reads_them(tmp_path: Path) -> None:
    root = make(tmp_path / "r", NASTY)
    git("init", "-q", cwd=root)
    assert walked(root) == listed(root)


def test_walk_of_a_folder_inside_a_repository_obeys_the_rules_above_it(tmp_path: Path) -> None:
    root = make(tmp_path / "r", NASTY)
    git("init", "-q", cwd=root)
    (root / ".git/info").mkdir(exist_ok=True)
    (root / ".git/info/exclude").write_text("1/\n/a/s\n")
    assert walked(root / "a") == listed(root / "a")
    assert walked(root) == listed(root)


def test_file_that_git_tracks_is_seen_although_ignored(tmp_path: Path) -> None:
    root = make(
        tmp_path / "r",
        {".gitignore": "build/\n*.log\n", "build/kept.c": "", "build/other.c": "", "x.log": "", "y.log": ""},
    )
    git("init", "-q", cwd=root)
    git("add", "-f", "build/kept.c", "x.log", cwd=root)
    assert walked(root) == listed(root) == [b".gitignore", b"build/kept.c", b"x.log"]


def test_exclude_file_of_a_worktree_is_that_of_its_repository(tmp_path: Path) -> None:
    main = make(tmp_path / "main", {"a.c": "", "b.tmp": ""})
    git("init", "-q", cwd=main)
    git("-c", "user.name=n", "-c", "user.email=e@e", "commit", "-q", "--allow-empty", "-m", "x", cwd=main)
    (main / ".git/info").mkdir(exist_ok=True)
    (main / ".git/info/exclude").write_text("*.tmp\n")
    git("worktree", "add", "-q", str(tmp_path / "tree"), cwd=main)
    make(tmp_path / "tree", {"c.c": "", "d.tmp": ""})
    assert [path for path in walked(tmp_path / "tree") if path != b".git"] == listed(tmp_path / "tree") == [b"c.c"]


def test_global_excludes_are_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make(tmp_path / "config", {"git/ignore": "*.swp\n"})
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    assert walked(make(tmp_path / "r", {"a.c": "", "a.swp": ""})) == [b"a.c"]


def test_nested_repository_has_its_own_rules(tmp_path: Path) -> None:
    root = make(
        tmp_path / "r",
        {".gitignore": "*.log\n", "inner/.gitignore": "*.c\n", "inner/a.log": "", "inner/a.c": "", "b.log": ""},
    )
    git("init", "-q", cwd=root)
    git("init", "-q", cwd=root / "inner")
    assert walked(root) == [b".gitignore", b"inner/.gitignore", b"inner/a.log"]


def test_lowtideignore_excludes_more_and_takes_back_in(tmp_path: Path) -> None:
    root = make(
        tmp_path / "r",
        {
            ".gitignore": "*.gen\n",
            ".lowtideignore": "*.txt\n!*.gen\n",
            "a.gen": "",
            "a.txt": "",
            "a.c": "",
            "s/b.txt": "",
            "s/.lowtideignore": "!b.txt\n",
        },
    )
    assert walked(root) == [b".gitignore", b".lowtideignore", b"a.c", b"a.gen", b"s/.lowtideignore", b"s/b.txt"]


def test_gitignore_can_be_turned_off(tmp_path: Path) -> None:
    root = make(tmp_path / "r", {".gitignore": "/*\n", "a.c": ""})
    assert walked(root) == []
    assert walked(root, gitignore=False) == [b".gitignore", b"a.c"]


def test_why_names_file_line_and_pattern(tmp_path: Path) -> None:
    root = make(
        tmp_path / "r",
        {
            ".gitignore": "x\n*.log\nbuild/\n",
            "s/a.log": "",
            "build/s/b.c": "",
            "c.c": "",
            "s/.lowtideignore": "d.c\n",
            "s/d.c": "",
        },
    )
    settings_ = IndexSettings()
    for path, rule in (
        (b"s/a.log", ".gitignore:2: *.log"),
        (b"build/s/b.c", ".gitignore:3: build/"),
        (b"s/d.c", "s/.lowtideignore:1: d.c"),
    ):
        found = explain(root, path, settings_)
        assert found is not None
        assert found.rule == rule
    assert explain(root, b"c.c", settings_).reason == "empty"  # type: ignore[union-attr]


names = st.text("abAB.*[]!-\\? #1", min_size=1, max_size=4).filter(lambda s: s not in (".", "..") and "/" not in s)
pieces = st.one_of(
    names,
    st.sampled_from(
        ["*", "**", "?", "[ab]", "[!a]", "[^b]", "*.a", "a*", ".*", "[[:alpha:]]", "[]a]", "\\a", "[a-b]*"]
    ),
)
patterns = st.builds(
    lambda bang, lead, parts, tail: bang + lead + "/".join(parts) + tail,
    st.sampled_from(["", "", "!"]), st.sampled_from(["", "", "/"]), st.lists(pieces, min_size=1, max_size=3), st.sampled_from(["", "", "/", " "]),
)  # fmt: skip
paths = st.lists(st.text("abAB.1", min_size=1, max_size=2).filter(lambda s: s.strip(".")), min_size=1, max_size=3).map(
    "/".join
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(patterns, max_size=5), st.lists(patterns, max_size=3), st.sets(paths, max_size=8))
def test_any_patterns_over_any_tree_are_those_of_git(
    tmp_path_factory: pytest.TempPathFactory, top: list[str], inner: list[str], files: set[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    git("init", "-q", cwd=root)
    for path in files:
        target = root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("x")
        except OSError:  # a file stands where another needs a folder
            continue
    (root / ".gitignore").write_text("\n".join(top))
    if (root / "a").is_dir():
        (root / "a/.gitignore").write_text("\n".join(inner))
    assert walked(root) == listed(root)
