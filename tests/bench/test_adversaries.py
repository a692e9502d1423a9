"""The judge of the adversaries: it finds nothing in a sound index, and each thing that is wrong in an unsound one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bench.adversaries import contents, folders, moving, rules, verify
from bench.adversaries.case import Scale, add_bystanders
from tests.e2e.harness import Lowtide


def test_adversaries_have_names_of_their_own() -> None:
    names = [case.name for part in (contents, folders, rules, moving) for case in part.CASES]
    assert len(names) == len(set(names)) > 25


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, verify.Contents]:
    lowtide = Lowtide(tmp_path_factory.mktemp("home"))
    root = tmp_path_factory.mktemp("tree")
    folders.alike_names(root, Scale(quick=True))
    (root / ".gitignore").write_text("*.log\n")
    (root / "ignored.log").write_text("left out\n")
    (root / "empty.py").touch()
    paths = add_bystanders(root)
    lowtide.run("index", root)
    return root, lowtide.home, verify.contents(lowtide.home, paths)


def test_a_sound_index_has_no_problems(indexed: tuple[Path, Path, verify.Contents]) -> None:
    checked = verify.check(*indexed)
    assert checked.problems == []
    assert dict(checked.by_reason) == {"empty": 1}
    assert verify.one_of_each(indexed[1]) == [(b"empty.py", "skipped", "empty")]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("DELETE FROM files WHERE path = CAST('FILE.py' AS BLOB)", "lost: b'FILE.py'"),
        ("UPDATE files SET path = CAST('gone.py' AS BLOB) WHERE path = CAST('i.py' AS BLOB)", "not there: b'gone.py'"),
        ("UPDATE files SET rule = '' WHERE status = 'skipped'", "not explained: b'empty.py'"),
        ("UPDATE chunks SET start_byte = start_byte + 1 WHERE id = 3", "do not cover"),
        ("UPDATE symbols SET more_lines = 99999 WHERE id = 1", "lies outside"),
        ("DELETE FROM symbols WHERE name = 'compute_part_9004_3'", "bystander mm/bystander4.py differs"),
    ],
)
def test_what_is_wrong_is_found(
    indexed: tuple[Path, Path, verify.Contents], tmp_path: Path, change: str, problem: str
) -> None:
    root, home, expected = indexed
    copy = tmp_path / "catalog.sqlite"
    with closing(sqlite3.connect(verify.catalog_of(home))) as good, closing(sqlite3.connect(copy)) as bad:
        good.backup(bad)
        bad.execute(change)
        bad.commit()
    found = verify.check(root, tmp_path, expected).problems
    assert any(problem in line for line in found), found
