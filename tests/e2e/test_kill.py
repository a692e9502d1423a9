"""Killed at any moment, it goes on where it was; interrupted, it is gone within a second.

The long form kills 200 times: `LOWTIDE_KILLS=200 python -m pytest tests/e2e/test_kill.py`.
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
import tantivy
from tests.e2e.contents import vector_data
from tests.e2e.harness import Lowtide, python_module

from lowtide.store.details import BLOCK

KILLS = int(os.environ.get("LOWTIDE_KILLS", "12"))
FILES = 240


@pytest.fixture
def modules(tree: Callable[..., Path]) -> Path:
    return tree({f"pkg{n % 12}/module{n}.py": python_module(n, 20) for n in range(FILES)})


def query(lowtide: Lowtide, sql: str) -> list[Any]:
    catalogs = list(lowtide.home.glob("**/catalog.sqlite"))
    if not catalogs:
        return []
    with closing(sqlite3.connect(f"file:{catalogs[0]}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.OperationalError as error:  # killed before the tables were made
            if "no such table" in str(error):
                return []
            raise


def committed(lowtide: Lowtide) -> dict[bytes, int]:
    return dict(query(lowtide, "SELECT path, indexed_at_ns FROM files WHERE status = 'indexed'"))


def assert_whole(lowtide: Lowtide) -> None:
    """No row without its vector, no chunk without its words, no half-written file."""
    assert (
        query(lowtide, "SELECT 1 FROM chunks WHERE vector_id IS NULL OR vector_id NOT IN (SELECT id FROM vectors)")
        == []
    )
    assert query(lowtide, "SELECT 1 FROM chunks WHERE file_id NOT IN (SELECT id FROM files)") == []
    assert (
        query(lowtide, "SELECT 1 FROM files f WHERE chunks <> (SELECT count(*) FROM chunks WHERE file_id = f.id)") == []
    )
    assert (
        query(lowtide, "SELECT 1 FROM files f WHERE symbols <> (SELECT count(*) FROM symbols WHERE file_id = f.id)")
        == []
    )
    for rows in ("symbol", "chunk"):
        outside = (
            f"SELECT 1 FROM {rows}s t LEFT JOIN files f ON f.id = t.file_id"
            f" WHERE f.id IS NULL OR t.id - f.first_{rows}_id NOT BETWEEN 0 AND f.{rows}s - 1"
        )
        assert query(lowtide, outside) == []
    blocks = query(lowtide, f"SELECT coalesce(sum((symbols + {BLOCK - 1}) / {BLOCK}), 0) FROM files")
    if not blocks:
        return  # killed before the tables were made
    (wanted,) = blocks
    assert query(lowtide, "SELECT count(*) FROM details") == [wanted]
    pending = {first for (first,) in query(lowtide, "SELECT first_chunk_id FROM file_words")}
    written = {first for (first,) in query(lowtide, "SELECT min(id) FROM chunks GROUP BY file_id")}
    dead = {first for (first,) in query(lowtide, "SELECT first_chunk_id FROM dead_words")}
    named = [name for (name,) in query(lowtide, "SELECT name FROM segments WHERE kind = 'lexical'")]
    held = set().union(*(files_of(lowtide.index_folder() / name) for name in named))
    assert written == pending | (held - dead)
    assert not pending & held


def files_of(generation: Path) -> set[int]:
    """The files that a generation of the lexical index holds, by their first chunks."""
    searcher = tantivy.Index.open(str(generation)).searcher()
    found = searcher.search(tantivy.Query.all_query(), max(1, searcher.num_docs)).hits
    return {int(number or 0) for number in searcher.fast_field_values("file", [address for _, address in found])}


def workers_of(home: Path) -> list[psutil.Process]:
    """Worker processes that belong to this test's home, however orphaned."""
    found = []
    for process in psutil.process_iter():
        try:
            if "lowtide.work" in process.cmdline() and process.environ().get("LOWTIDE_HOME") == str(home):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def assert_no_workers(home: Path) -> None:
    _, alive = psutil.wait_procs(workers_of(home), timeout=2)
    # One that has ended and that nobody has reaped yet is gone all the same.
    assert not [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def wait_for_commit(lowtide: Lowtide, process: subprocess.Popen[str], more_than: int) -> None:
    """Until more files are committed than before, or the run has ended."""
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        if len(committed(lowtide)) > more_than:
            return
        time.sleep(0.005)


def test_killed_at_random_points_it_loses_nothing(lowtide: Lowtide, modules: Path) -> None:
    chance = random.Random(7)
    runs = 0
    while runs < KILLS:
        before = committed(lowtide)
        process = lowtide.start("index", modules, "-q")
        if chance.random() < 0.6:
            wait_for_commit(lowtide, process, len(before))
        time.sleep(chance.random() * 0.6)
        process.kill()
        process.communicate()
        assert_no_workers(lowtide.home)
        runs += 1
        assert_whole(lowtide)
        after = committed(lowtide)
        assert {path: after.get(path) for path in before} == before, "a committed file was done again"
        if len(after) == FILES:  # it had finished before the kill: begin again
            lowtide.run("clear", modules)
    report = lowtide.json("index", modules)
    assert report["files"]["indexed"] + report["files"]["unchanged"] == FILES
    assert_whole(lowtide)
    folder = lowtide.index_folder()
    named = {name for (name,) in query(lowtide, "SELECT name FROM segments")}
    others = {
        path.name
        for path in folder.iterdir()
        if path.name not in ("lock", "root", "compared") and not path.name.startswith("catalog.sqlite")
    }
    assert others == named, "an orphan file was left"
    hit = lowtide.json("symbols", "compute_part_17_3", modules)["symbols"][0]
    assert hit["path"] == "pkg5/module17.py"


def test_resumed_index_equals_a_fresh_one(lowtide: Lowtide, modules: Path, tmp_path: Path) -> None:
    process = lowtide.start("index", modules, "-q")
    wait_for_commit(lowtide, process, 0)
    process.kill()
    process.communicate()
    assert 0 < len(committed(lowtide)) < FILES
    lowtide.run("index", modules)
    fresh = Lowtide(tmp_path / "fresh")
    fresh.run("index", modules)
    symbols = (
        "SELECT f.path, s.name, s.kind, s.container, s.start_line, s.end_line FROM symbols s"
        " JOIN files f ON f.id = s.file_id ORDER BY 1, 5, 2"
    )
    assert query(lowtide, symbols) == query(fresh, symbols)
    chunks = (
        "SELECT f.path, c.start_byte, c.end_byte, v.hash, v.id FROM chunks c JOIN files f ON f.id = c.file_id"
        " JOIN vectors v ON v.id = c.vector_id ORDER BY 1, 2"
    )
    one, other = (
        [(*row, data[number]) for *row, number in query(each, chunks)]
        for each in (lowtide, fresh)
        for data in [vector_data(each.index_folder() / "catalog.sqlite")]
    )
    assert [row[:4] for row in one] == [row[:4] for row in other]
    # Sums of floats depend on what stood in the same batch: a component may be rounded the other way.
    for (*_, left), (*_, right) in zip(one, other, strict=True):
        assert all(abs(a - b) in (0, 1, 255) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_is_gone_within_a_second_and_keeps_what_was_committed(
    lowtide: Lowtide, modules: Path, number: int
) -> None:
    process = lowtide.start("index", modules, "-q")
    wait_for_commit(lowtide, process, 0)
    asked = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=10)
    assert time.monotonic() - asked < 1.0
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert_no_workers(lowtide.home)
    kept = committed(lowtide)
    assert 0 < len(kept) < FILES
    assert lowtide.json("index", modules)["files"]["unchanged"] == len(kept)


def test_second_writer_is_told_who_writes_and_readers_go_on(lowtide: Lowtide, modules: Path) -> None:
    lowtide.run("index", modules)
    with (lowtide.index_folder() / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate()
        lock.write("4242\n")
        lock.flush()
        for command in ("index", "clear"):
            answer = lowtide.json(command, modules, code=5)
            assert answer["error"]["kind"] == "locked"
            assert "4242" in answer["error"]["message"]
        assert lowtide.json("search", "compute the figure", modules)["hits"]
    assert lowtide.json("index", modules)["files"]["unchanged"] == FILES


def test_killed_worker_costs_no_file(lowtide: Lowtide, modules: Path) -> None:
    process = lowtide.start("--json", "index", modules)
    killed = 0
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        for worker in workers_of(lowtide.home):
            if killed < 3 and len(committed(lowtide)) > 0:
                worker.kill()
                killed += 1
        time.sleep(0.05)
    process.communicate()
    assert killed
    assert process.returncode == 0
    counts = lowtide.json("index", modules)["files"]
    assert counts["unchanged"] + counts["quarantined"] == FILES
    assert counts["quarantined"] == 0
