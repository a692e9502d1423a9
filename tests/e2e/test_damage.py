"""A damaged index is noticed and made anew; a full or read-only disk loses nothing."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.harness import Lowtide, python_module

Tree = Callable[..., Path]
MODULES = 24
BY_MEANING = ("--mode", "semantic", "compute the figure of part 17")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lowtide, Path]:
    """A home with the index of a tree, for copies of it to be damaged."""
    root = tmp_path_factory.mktemp("tree")
    for number in range(MODULES):
        (root / f"m{number}.py").write_text(python_module(number))
    lowtide = Lowtide(tmp_path_factory.mktemp("made"))
    lowtide.run("index", root)
    return lowtide, root


@pytest.fixture(scope="module")
def sound_hits(made: tuple[Lowtide, Path]) -> list[dict[str, Any]]:
    lowtide, root = made
    hits: list[dict[str, Any]] = lowtide.json("search", *BY_MEANING, root)["hits"]
    return hits


@pytest.fixture
def indexed(made: tuple[Lowtide, Path], tmp_path: Path) -> tuple[Lowtide, Path]:
    """A copy of its own; the tree is everybody's, and nobody changes it."""
    return Lowtide(Path(shutil.copytree(made[0].home, tmp_path / "home"))), made[1]


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    if how == "bit flip":
        data[middle] ^= 0x10
    elif how == "zeroed page":
        data[4096:8192] = bytes(min(4096, len(data) - 4096))
    elif how == "truncated":
        del data[middle:]
    elif how == "random page":
        data[4096:8192] = random.Random(1).randbytes(4096)
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["bit flip", "zeroed page", "truncated", "removed"])
def test_damaged_segment_is_a_miss_and_made_anew(
    indexed: tuple[Lowtide, Path], sound_hits: list[dict[str, Any]], how: str
) -> None:
    lowtide, root = indexed
    segments = list(lowtide.index_folder().glob("*.seg"))
    assert len(segments) == 2
    for segment in segments:
        segment.unlink() if how == "removed" else damage(segment, how)
    # Names are read from the catalog; vectors are nowhere else: words answer, and it is said.
    meanwhile = lowtide.json("search", *BY_MEANING, root)
    assert "by meaning is missing" in meanwhile["degraded"]
    assert {hit["path"] for hit in meanwhile["hits"]} & {hit["path"] for hit in sound_hits}
    assert lowtide.json("symbols", "compute_part_3_7", root)["symbols"][0]["name"] == "compute_part_3_7"
    assert lowtide.json("status", root)["health"] == "error"
    report = lowtide.json("index", root)
    assert report["files"]["indexed"] == MODULES
    assert "made anew" in " ".join(report["messages"])
    assert lowtide.json("index", root)["files"]["indexed"] == 0
    assert lowtide.json("status", root)["health"] == "ok"
    assert not set(segments) & set(lowtide.index_folder().glob("*.seg"))
    assert lowtide.json("search", *BY_MEANING, root)["hits"] == sound_hits


@pytest.mark.parametrize("how", ["zeroed page", "truncated", "random page", "noise"])
def test_damaged_catalog_is_told_and_built_anew(indexed: tuple[Lowtide, Path], how: str) -> None:
    lowtide, root = indexed
    catalog = lowtide.index_folder() / "catalog.sqlite"
    if how == "noise":
        catalog.write_bytes(b"not a database" * 1000)
    else:
        damage(catalog, how)
    out = lowtide.run("search", "compute the figure", root, code=None)
    assert "Traceback" not in out.stderr
    lowtide.run("status", root, code=None)
    lowtide.json("index", root)
    assert lowtide.json("status", root)["health"] == "ok"
    assert lowtide.json("symbols", "compute_part_3_7", root)["symbols"]
    assert lowtide.json("index", root)["files"]["unchanged"] == MODULES


def test_index_of_a_newer_version_is_refused_and_left_alone(indexed: tuple[Lowtide, Path]) -> None:
    lowtide, root = indexed
    catalog = lowtide.index_folder() / "catalog.sqlite"
    with closing(sqlite3.connect(catalog)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for command in (["index", str(root)], ["search", "x", str(root)]):
        error = lowtide.json(*command, code=1)["error"]
        assert error["kind"] == "index-too-new"
        assert "upgrade" in error["remedy"]
    assert catalog.exists()
    lowtide.json("clear", root)
    lowtide.json("index", root)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True
        ).returncode
    ):
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_is_told_and_nothing_committed_is_lost(small_disk: Path, tree: Tree) -> None:
    lowtide = Lowtide(small_disk)
    small = tree({f"m{n}.py": python_module(n) for n in range(10)})
    lowtide.run("index", small)
    for number in range(10, 400):
        (small / f"m{number}.py").write_text(python_module(number, 20))
    out = lowtide.run("--json", "index", small, code=1)
    assert "disk is full" in out.stdout
    assert "Traceback" not in out.stderr
    assert lowtide.json("symbols", "compute_part_3_7", small)["symbols"]
    for number in range(10, 400):
        (small / f"m{number}.py").unlink()
    shutil.rmtree(lowtide.home / "cache" / "nothing", ignore_errors=True)
    (lowtide.home / "filler").unlink(missing_ok=True)
    lowtide.run("clear", small)
    lowtide.run("index", small)
    assert lowtide.json("status", small)["health"] == "ok"


def test_daemon_outlives_a_full_disk_and_goes_on_when_there_is_room(small_disk: Path, tree: Tree) -> None:
    lowtide = Lowtide(small_disk, {"LOWTIDE_EMBEDDED": "0"})
    small = tree({f"m{n}.py": python_module(n) for n in range(10)})
    try:
        lowtide.run("index", small)
        pid = lowtide.json("daemon", "status")["pid"]
        for number in range(10, 400):
            (small / f"m{number}.py").write_text(python_module(number, 20))
        assert "disk is full" in lowtide.run("--json", "index", small, code=1).stdout
        assert lowtide.json("symbols", "compute_part_3_7", small)["symbols"]
        for number in range(10, 400):
            (small / f"m{number}.py").unlink()
        lowtide.run("clear", small)
        assert lowtide.json("index", small)["files"]["indexed"] == 10
        assert lowtide.json("daemon", "status")["pid"] == pid
    finally:
        lowtide.run("daemon", "stop", code=None)


def test_read_only_index_is_searched_and_not_written(small_disk: Path, tree: Tree) -> None:
    lowtide = Lowtide(small_disk)
    root = tree({f"m{n}.py": python_module(n) for n in range(5)})
    lowtide.run("index", root)
    # Who has asked before has left a lock there.
    assert lowtide.json("search", "compute the figure", root)["hits"]
    (root / "new.py").write_text("x = 1\n")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    error = lowtide.json("index", root, code=1)["error"]
    assert error["remedy"]
    assert lowtide.json("symbols", "compute_part_3_7", root)["symbols"]
    assert lowtide.json("search", "compute the figure", root)["hits"]


@pytest.mark.parametrize("question", [("search",), ("symbols",), ("refs",), ("search", "--exact")], ids=" ".join)
def test_without_the_daemon_damage_is_told_with_what_mends_it(
    indexed: tuple[Lowtide, Path], question: tuple[str, ...]
) -> None:
    lowtide, root = indexed
    catalog = lowtide.index_folder() / "catalog.sqlite"
    catalog.write_bytes(catalog.read_bytes()[:4096] + b"\xaa" * (1 << 16))
    done = lowtide.run(*question, "Holder7", root, code=1)
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("run `lowtide index`: it builds it anew\n")
    assert lowtide.json("plan", root)["files"] == MODULES, "what is to be made can be told all the same"
    if question == ("refs",):
        # A question that waits for what is on the disk has it built anew.
        assert "Holder7" in lowtide.run(*question, "--fresh", "Holder7", root).stdout
    else:
        assert lowtide.json("index", root)["files"]["indexed"] == MODULES
        assert "Holder7" in lowtide.run(*question, "Holder7", root).stdout
