"""Ignore rules, compared with git itself."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.walked import make

from lowtide.config.settings import IndexSettings
from lowtide.system.tree.ignore import MAX_IGNORE_BYTES, rules_of
from lowtide.system.tree.scope import Judge
from lowtide.system.tree.walk import explain, walk

pytestmark = pytest.mark.usefixtures("no_global_ignores")


def git(*arguments: str, cwd: Path) -> bytes:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, check=True, env=environment).stdout


def listed(root: Path) -> list[bytes]:
    out = git("ls-files", "-co", "--exclude-standard", "-z", cwd=root)
    return sorted(path for path in out.split(b"\0") if path)


def walked(root: Path, **options: object) -> list[bytes]:
    return [stat.path for stat in walk(root, IndexSettings(vendored=True, **options))]  # type: ignore[arg-type]


def files_of(root: Path) -> list[bytes]:
    return [os.fsencode(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]


NASTY = {
    ".gitignore": (
        "# comment\n\n*.log\n!keep.log\n/top.txt\nbuild/\ndoc/*.txt\n**/deep/x\na/**/z\ntrailing   \nkept\\ \n"
        "\\#hash\n\\!bang\n"
        "[Tt]emp\n[!a-c]q\n*.[oa]\nfoo[[:digit:]]\nback\\\\slash\nsub/dir/\n.*\n!.gitignore\n!.keep\nwin.txt\r\n?ne\n"
        "last"
    ),
    "a/.gitignore": "!*.log\nlocal\n/anchored\n",
    "a/b/.gitignore": "*\n!.gitignore\n!only.c\n",
    "x.log": "",
    "keep.log": "",
    "a/y.log": "",
    "top.txt": "",
    "s/top.txt": "",
    "build/in.c": "",
    "s/build": "",
    "doc/a.txt": "",
    "doc/s/a.txt": "",
    "p/deep/x": "",
    "deep/x": "",
    "a/z": "",
    "a/1/z": "",
    "a/1/2/z": "",
    "trailing": "",
    "kept ": "",
    "#hash": "",
    "!bang": "",
    "Temp": "",
    "temp/t.c": "",
    "aq": "",
    "dq": "",
    "m.o": "",
    "m.a": "",
    "m.ao": "",
    "foo1": "",
    "foox": "",
    "sub/dir/f": "",
    "s/sub/dir/f": "",
    ".hidden": "",
    ".keep": "",
    "s/.hidden/x": "",
    "win.txt": "",
    "one": "",
    "none": "",
    "last": "",
    "a/local": "",
    "local": "",
    "a/anchored": "",
    "a/s/anchored": "",
    "a/b/only.c": "",
    "a/b/other.c": "",
    "a/b/c/only.c": "",
    "back\\slash": "",
}


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


@pytest.mark.parametrize("version", [2, 4])
def test_tracked_files_are_read_from_every_index_version(tmp_path: Path, version: int) -> None:
    files = {f"{folder}/{name}.log": "x" for folder in ("build", "build/deep/er", "z") for name in ("a", "b", "cé")}
    root = make(tmp_path / "r", {".gitignore": "build/\n*.log\n", **files})
    git("init", "-q", cwd=root)
    git("update-index", f"--index-version={version}", cwd=root)
    git("add", "-f", "build/deep", "z/b.log", cwd=root)
    expected = sorted([b".gitignore", b"z/b.log", *(f"build/deep/er/{name}.log".encode() for name in ("a", "b", "cé"))])
    assert walked(root) == listed(root) == expected
    assert walked(root / "build") == sorted(path.removeprefix(b"build/") for path in files_of(root / "build"))


def test_tracked_files_of_a_split_index_are_seen(tmp_path: Path) -> None:
    root = make(tmp_path / "r", {".gitignore": "*.log\n", "a.log": "", "b.log": "", "c.log": ""})
    git("init", "-q", cwd=root)
    git("add", "-f", "a.log", cwd=root)
    git("update-index", "--split-index", cwd=root)
    git("add", "-f", "b.log", cwd=root)
    assert walked(root) == listed(root) == [b".gitignore", b"a.log", b"b.log"]


def test_tracked_files_of_a_sha256_repository_are_seen(tmp_path: Path) -> None:
    root = make(tmp_path / "r", {".gitignore": "*.log\n", "a.log": "", "b.log": ""})
    git("init", "-q", "--object-format=sha256", cwd=root)
    git("add", "-f", "a.log", cwd=root)
    assert walked(root) == listed(root) == [b".gitignore", b"a.log"]


def test_ignored_submodule_is_walked_by_its_own_rules(tmp_path: Path) -> None:
    inner = make(tmp_path / "inner", {".gitignore": "*.tmp\n", "a.c": "", "b.tmp": ""})
    commit = ("-c", "user.name=n", "-c", "user.email=e@e", "commit", "-q", "-m", "x")
    git("init", "-q", cwd=inner)
    git("add", ".", cwd=inner)
    git(*commit, cwd=inner)
    root = make(tmp_path / "r", {".gitignore": "mods/sub\n", "mods.c": "", "mods/other.c": ""})
    git("init", "-q", cwd=root)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "-f", str(inner), "mods/sub", cwd=root)
    make(root / "mods/sub", {"b.tmp": "", "new.c": ""})
    inside = [b"mods/sub/.gitignore", b"mods/sub/a.c", b"mods/sub/new.c"]
    assert [path for path in walked(root) if path.startswith(b"mods/sub/")] == inside
    assert [path for path in walked(root) if not path.startswith(b"mods/sub/")] == [
        path for path in listed(root) if path != b"mods/sub"
    ]


@pytest.mark.parametrize(
    "index", [b"", b"DIRC", b"DIRC\0\0\0\x02\0\0\xff\xff" + b"x" * 200, b"DIRC\0\0\0\x09\0\0\0\x01"]
)
def test_damaged_index_costs_only_what_it_held(tmp_path: Path, index: bytes) -> None:
    root = make(tmp_path / "r", {".gitignore": "*.log\n", "a.log": "", "a.c": ""})
    git("init", "-q", cwd=root)
    (root / ".git/index").write_bytes(index)
    assert walked(root) == [b".gitignore", b"a.c"]


def test_case_is_ignored_where_the_repository_says_so(tmp_path: Path) -> None:
    files = {"a.log": "", "b.LOG": "", "Build/x": "", "s/Temp1": "", "s/top": "", "keep.c": ""}
    root = make(tmp_path / "r", {".gitignore": "*.Log\nbuild/\nTEMP?\n/S/Top\n", **files})
    git("init", "-q", cwd=root)
    assert set(walked(root)) == set(listed(root)) == {b".gitignore", *(os.fsencode(path) for path in files)}
    git("config", "core.ignorecase", "true", cwd=root)
    assert walked(root) == listed(root) == [b".gitignore", b"keep.c"]


def test_repository_that_ignores_the_root_has_no_say_in_it(tmp_path: Path) -> None:
    home = make(tmp_path / "home", {".gitignore": "*\n", "src/project/a.c": "", "src/project/b.log": ""})
    git("init", "-q", cwd=home)
    make(home / "src/project", {".gitignore": "*.log\n"})
    assert walked(home) == []
    assert walked(home / "src/project") == [b".gitignore", b"a.c"]


def test_exclude_file_of_a_worktree_is_that_of_its_repository(tmp_path: Path) -> None:
    main = make(tmp_path / "main", {"a.c": "", "b.tmp": ""})
    git("init", "-q", cwd=main)
    git("-c", "user.name=n", "-c", "user.email=e@e", "commit", "-q", "--allow-empty", "-m", "x", cwd=main)
    (main / ".git/info").mkdir(exist_ok=True)
    (main / ".git/info/exclude").write_text("*.tmp\n")
    git("worktree", "add", "-q", str(tmp_path / "tree"), cwd=main)
    make(tmp_path / "tree", {"c.c": "", "d.tmp": ""})
    assert walked(tmp_path / "tree") == listed(tmp_path / "tree") == [b"c.c"]


def test_excludes_file_that_git_is_configured_with_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make(tmp_path / "home", {".gitconfig": "[core]\n\texcludesFile = ~/mine\n", "mine": "*.swp\n/b\n"})
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    assert walked(make(tmp_path / "r", {"a.c": "", "a.swp": "", "b": "", "s/b": ""})) == [b"a.c", b"s/b"]


def test_rules_hold_without_git_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make(tmp_path / "r", {".gitignore": "*.log\n", "a.log": "", "b.log": "", "c.c": ""})
    git("init", "-q", cwd=root)
    git("add", "-f", "a.log", cwd=root)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert walked(root) == [b".gitignore", b"a.log", b"c.c"]


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


def test_lowtideignore_excludes_also_what_git_tracks_against_its_rules(tmp_path: Path) -> None:
    root = make(
        tmp_path / "r",
        {".gitignore": "*.log\nb/\n", ".lowtideignore": "x.log\n", "x.log": "", "y.log": "", "b/x.log": ""},
    )
    git("init", "-q", cwd=root)
    git("add", "-f", "x.log", "y.log", "b/x.log", cwd=root)
    assert walked(root) == [b".gitignore", b".lowtideignore", b"y.log"]


def test_lowtideignore_takes_back_a_folder_but_not_a_file_below_an_ignored_one(tmp_path: Path) -> None:
    root = make(
        tmp_path / "r",
        {".gitignore": "out/\ngen/\n", ".lowtideignore": "!out/\n!gen/a.c\n", "out/a.c": "", "gen/a.c": ""},
    )
    assert walked(root) == [b".gitignore", b".lowtideignore", b"out/a.c"]


def test_exclude_and_include_of_the_configuration_come_first(tmp_path: Path) -> None:
    root = make(
        tmp_path / "r",
        {
            ".lowtideignore": "!b.txt\n",
            "a.py": "",
            "b.txt": "",
            "src/c.py": "",
            "src/d.txt": "",
            "src/deep/e.txt": "",
            "lib/f.py": "",
        },
    )
    assert walked(root, exclude=("*.txt", "lib/")) == [b".lowtideignore", b"a.py", b"src/c.py"]
    assert walked(root, include=("src/",)) == [b"src/c.py", b"src/d.txt", b"src/deep/e.txt"]
    assert walked(root, include=("src/", "!deep/"), exclude=("*.py",)) == [b"src/d.txt"]
    assert walked(root, include=("*.py", "!/lib/**")) == [b"a.py", b"src/c.py"]
    why = explain(root, b"b.txt", IndexSettings(include=("src/",)))
    assert why is not None
    assert why.rule == "not in `include` of the configuration"


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


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 40 + "b", "a" * 250),
        ("**/a/" * 40 + "b", "a/" * 120 + "c"),
        ("*a*/" * 20 + "b", ("a" * 100 + "/") * 20 + "c"),
        ("**/*a*a*a*/" * 10 + "b", ("a" * 30 + "/") * 30 + "c"),
    ],
)
def test_no_pattern_takes_longer_than_its_path_is_long(pattern: str, path: str) -> None:
    rules = rules_of([pattern, f"/{pattern}"], "x")
    start = time.process_time()
    for _ in range(20):
        assert rules.find(path.encode(), path.rpartition("/")[2].encode(), False) is None
    assert time.process_time() - start < 2


def test_huge_ignore_file_is_obeyed_as_far_as_the_limit_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = "".join(f"name{number}\n" for number in range(60_000))
    assert len(lines) > MAX_IGNORE_BYTES
    root = make(tmp_path / "r", {".gitignore": "first\n" + lines + "last\n", "first": "", "last": "", "name7": ""})
    assert walked(root) == [b".gitignore", b"last"]
    assert "ignore-file-cut" in caplog.text


def test_posix_classes_hold_the_bytes_that_git_says(tmp_path: Path) -> None:
    names = [bytes([byte]) for byte in range(1, 256) if byte not in b"./"]
    classes = "alnum alpha blank cntrl digit graph lower print punct space upper xdigit".split()
    root = tmp_path / "r"
    for name in classes:
        (root / name).mkdir(parents=True)
        (root / name / ".gitignore").write_text(f"[[:{name}:]]\n")
        for byte in names:
            (root / name).joinpath(os.fsdecode(byte)).touch()
    git("init", "-q", cwd=root)
    assert walked(root) == listed(root)


names = st.text("abAB.*[]!-\\? #1", min_size=1, max_size=4).filter(lambda s: s not in (".", "..") and "/" not in s)
pieces = st.one_of(
    names,
    st.sampled_from(
        [
            "*",
            "**",
            "a**",
            "?",
            "[ab]",
            "[!a]",
            "[^b]",
            "*.a",
            "a*",
            ".*",
            "[[:alpha:]]",
            "[]a]",
            "[b-a]",
            "\\a",
            "[a-b]*",
        ]
    ),
)
patterns = st.builds(
    lambda bang, lead, parts, tail: bang + lead + "/".join(parts) + tail,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(pieces, min_size=1, max_size=3),
    st.sampled_from(["", "", "/", " "]),
)
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


def test_rules_of_repositories_inside_each_other_are_bounded_together(tmp_path: Path) -> None:
    """Each holds all of its rules while what is inside is walked: together they are held to the limit of one."""
    folder = tmp_path
    rules = "".join(f"rule-{number}-*.z?\n" for number in range(12_000))
    for _ in range(12):
        git("init", "-q", cwd=folder)
        (folder / ".git" / "info" / "exclude").write_text(rules)
        (folder / ".gitignore").write_text(rules)
        folder = folder / "inner"
        folder.mkdir()
    judge = Judge(os.fsencode(tmp_path), IndexSettings())
    scope, path = judge.outermost(), b""
    for _ in range(12):
        scope = judge.enter(path, scope, frozenset({b".git", b".gitignore"}))
        assert scope.read_bytes <= MAX_IGNORE_BYTES
        path = path + b"/inner" if path else b"inner"
    assert scope.read_bytes > MAX_IGNORE_BYTES // 2
