"""Which folders are watched: those that the walk lists."""

from __future__ import annotations

from pathlib import Path

from lowtide.config.settings import IndexSettings
from lowtide.system.tree.walk import folders


def make(root: Path, *files: str) -> None:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def test_ignored_and_vendored_folders_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "src/deep/a.py", "build/x.py", "node_modules/m/i.js", ".git/HEAD", ".git/objects/aa/b")
    (tmp_path / ".gitignore").write_text("build/\n")
    assert list(folders(tmp_path, IndexSettings())) == [b"", b"src", b"src/deep"]


def test_a_folder_left_out_for_what_it_holds_is_listed_but_not_what_lies_below(tmp_path: Path) -> None:
    make(tmp_path, "env/pyvenv.cfg", "env/lib/a.py")
    assert list(folders(tmp_path, IndexSettings())) == [b"", b"env"]


def test_each_comes_before_it_is_listed(tmp_path: Path) -> None:
    make(tmp_path, "a/x.py", "b/x.py")
    seen = []
    for folder in folders(tmp_path, IndexSettings()):
        seen.append(folder)
        if folder == b"b":
            make(tmp_path, "b/late/x.py")
    assert seen == [b"", b"a", b"b", b"b/late"]


def test_only_gives_what_lies_below_and_around(tmp_path: Path) -> None:
    make(tmp_path, "a/b/c/x.py", "a/z/x.py", "d/x.py")
    assert list(folders(tmp_path, IndexSettings(), [b"a/b"])) == [b"", b"a", b"a/b", b"a/b/c"]


def test_nothing_below_a_root_that_is_gone(tmp_path: Path) -> None:
    assert list(folders(tmp_path / "gone", IndexSettings())) == [b""]
