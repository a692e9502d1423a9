"""Indexes leave the disk by themselves: the right ones, told, and never one that is needed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lowtide.core.disk import DAY_S, Held, Why, default_limit_bytes, leaving
from lowtide.index.inventory import all_indexes
from lowtide.index.removal import remove_leaving, told_removals
from lowtide.index.workspace import Workspace
from lowtide.paths import Places
from lowtide.system.lock import WriterLock

GIB = 1 << 30


def held(name: str, *, gib: int = 1, days: float = 30.0, there: bool = True, is_open: bool = False) -> Held:
    return Held(Path("/") / name, gib * GIB, days * DAY_S, there, is_open)


def names(indexes: list[Held], limit_gib: int) -> list[tuple[str, Why]]:
    return [(index.root.name, why) for index, why in leaving(indexes, limit_gib * GIB)]


def test_the_index_of_a_folder_that_is_gone_leaves_after_a_while() -> None:
    assert names([held("a", there=False, days=13), held("b")], 50) == []
    assert names([held("a", there=False, days=15), held("b")], 50) == [("a", Why.GONE)]
    assert names([held("a", there=False, days=15, is_open=True)], 50) == []


def test_the_least_used_leave_until_the_rest_fits() -> None:
    indexes = [held("old", days=40), held("older", days=90), held("new", days=5), held("gone", there=False)]
    assert names(indexes, 3) == [("gone", Why.GONE)], "what leaves anyway makes room"
    assert names(indexes, 2) == [("gone", Why.GONE), ("older", Why.LIMIT)]
    assert names(indexes, 1) == [("gone", Why.GONE), ("older", Why.LIMIT), ("old", Why.LIMIT)]
    assert names(indexes, 0) == [("gone", Why.GONE)], "no limit"


def test_what_is_open_or_was_just_used_stays_whatever_the_limit_says() -> None:
    assert names([held("open", gib=9, is_open=True), held("used", gib=9, days=1)], 1) == []


@pytest.mark.parametrize(("disk_gib", "limit_gib"), [(10, 2), (500, 25), (8000, 50)])
def test_the_limit_suits_the_disk(disk_gib: int, limit_gib: int) -> None:
    assert default_limit_bytes(disk_gib * GIB) == limit_gib * GIB


def make_index(places: Places, root: Path) -> Path:
    folder = places.index_folder(root)
    with Workspace(root, folder).writing():
        pass
    return folder


def age(folder: Path, days: float) -> None:
    """As if it had been used last so long ago."""
    then = time.time() - days * DAY_S
    for path in folder.iterdir():
        os.utime(path, (then, then))


def test_they_are_removed_and_told_and_one_that_is_written_to_stays(tmp_path: Path) -> None:
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
    roots = [tmp_path / name for name in ("gone", "busy", "here")]
    for root in roots:
        root.mkdir()
    folders = [make_index(places, root) for root in roots]
    for folder in folders:
        age(folder, 20)
    for root in roots[:2]:
        root.rmdir()
    with WriterLock(folders[1] / "lock"):
        assert remove_leaving(places, 0, lambda root: False) == 1
    assert [index.root for index in all_indexes(places)] == sorted(roots[1:])
    assert [entry["root"] for entry in told_removals(places)] == [str(roots[0])]
    age(folders[1], 20)
    assert remove_leaving(places, 1, lambda root: root == roots[2]) == 1
    assert next((entry["root"], entry["why"]) for entry in told_removals(places)) == (str(roots[1]), Why.GONE)
    assert folders[2].exists(), "it is open"


def test_what_was_told_and_cannot_be_read_is_nothing(tmp_path: Path) -> None:
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")
    assert told_removals(places) == []
    places.cache.mkdir()
    (places.cache / "removed.jsonl").write_text("{nothing")
    assert told_removals(places) == []
