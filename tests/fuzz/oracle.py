"""Indexes a batch of files with the real engine and judges what came of each.

Invariant: every check reads the index and the file itself; what the engine reports of its own doing is not believed.
"""

from __future__ import annotations

import functools
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio.from_thread
import pytest
from tests.e2e.harness import python_module
from tests.fuzz.recipes import NAMES, Recipe, sample

import lowtide.index.shared
from lowtide.config.settings import Config
from lowtide.index.jobs import IndexOptions
from lowtide.index.shared import Stay
from lowtide.models import Reason
from lowtide.paths import Places
from lowtide.pool.pool import WorkerPool
from lowtide.read.explain import explain_file
from lowtide.serve.app import opened
from lowtide.store.catalog import Catalog
from lowtide.system import memory
from lowtide.work import sniff
from lowtide.work.parse.chunk import is_filler

ROOM_BYTES = 104 << 20
"""What a budget of 128 MiB leaves for workers beside a daemon of 24; this process is itself the daemon here."""
QUERY_DEADLINE_S = 1.0
_GRACE_S = 0.15
"""A worker over its lease is dead by then, on a machine that does other work beside."""
_BYSTANDERS = ("python", "go", "rust", "json", "cpp", "markdown")


class Judge:
    """One engine that indexes batch after batch. Use as a context manager, from one thread."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="fuzz-home-"))
        self.outcomes: Counter[str] = Counter()
        self.files = 0

    def __enter__(self) -> Judge:
        self._patch = pytest.MonkeyPatch()
        quick = functools.partial(IndexOptions, query_deadline_s=QUERY_DEADLINE_S)
        self._patch.setattr(lowtide.index.shared, "IndexOptions", quick)
        self._portal_manager = anyio.from_thread.start_blocking_portal()
        self._portal = self._portal_manager.__enter__()
        places = Places(self._home / "config", self._home / "cache", self._home / "run")
        self._config = Config(ROOM_BYTES + memory.own_anonymous_bytes())
        self._service_manager = self._portal.wrap_async_context_manager(opened(places, self._config, Stay.BRIEF))
        self._service = self._service_manager.__enter__()
        self._host = self._service.host
        self._bystanders = {f"by{number}.py": python_module(number).encode() for number in range(4)}
        self._bystanders |= {f"by-{name}{suffix(name)}": sample(name) for name in _BYSTANDERS}
        with self._indexed({}) as (db, catalog, _):
            self._expected = _contents(db, catalog)
        return self

    def __exit__(self, *_: object) -> None:
        self._service_manager.__exit__(None, None, None)
        self._portal_manager.__exit__(None, None, None)
        self._patch.undo()
        shutil.rmtree(self._home, ignore_errors=True)

    def judge(self, files: Mapping[str, bytes]) -> list[str]:
        """Index `files` among the bystanders; what is wrong, a line each."""
        # This process grows as Hypothesis works: the room for workers stays.
        self._portal.call(self._host.set_budget, ROOM_BYTES + memory.own_anonymous_bytes(), "a test")
        with _LeaseWatch(self._host.pool) as leases, self._indexed(files) as (db, catalog, workspace):
            problems = list(leases.problems)
            contents = _contents(db, catalog)
            for name, wanted in self._expected.items():
                if contents.get(name) != wanted:
                    problems.append(f"bystander {name}: {str(contents.get(name))[:300]}")
            rows = {
                os.fsdecode(path): rest
                for path, *rest in db.execute("SELECT path, status, reason, rule, id, lines FROM files")
            }
            for name, data in files.items():
                self.files += 1
                if name not in rows:
                    problems.append(f"{name}: lost")
                    continue
                status, reason, rule, file_id, _ = rows[name]
                self.outcomes[f"{status} {reason}".strip()] += 1
                problems += [
                    f"{name}: {problem}"
                    for problem in self._check(workspace, db, catalog, name, data, status, reason, rule, file_id)
                ]
        return problems

    def _check(
        self,
        workspace: Any,
        db: sqlite3.Connection,
        catalog: Catalog,
        name: str,
        data: bytes,
        status: str,
        reason: str,
        rule: str,
        file_id: int,
    ) -> Iterator[str]:
        answer = explain_file(workspace, workspace.root / name, self._config)
        if answer["status"] != status or answer["reason"] != reason:
            yield f"`why` says {answer['status']} {answer['reason']!r}, the index {status} {reason!r}"
        if status not in ("indexed", "skipped", "quarantined"):
            yield f"{status} {reason} {rule}"
        if status != "indexed" and (reason not in list(Reason) or not rule):
            yield f"{status} is not explained: {reason!r} {rule!r}"
        text = sniff.sniff(name.encode(), data, sniff.SniffSettings())
        chunks = db.execute(
            "SELECT start_byte, end_byte FROM chunks WHERE file_id = ? ORDER BY id", (file_id,)
        ).fetchall()
        if isinstance(text, sniff.Skip):
            if status != "skipped" or chunks:
                yield f"{status} with {len(chunks)} chunks, though {text.rule}"
            return
        if status == "skipped":
            yield f"skipped as {reason}, though it is text"
            return
        if chunks or status == "indexed":
            yield from _covers(chunks, text.utf8)
        yield from _lies_inside(catalog, file_id, text.utf8)

    @contextmanager
    def _indexed(self, files: Mapping[str, bytes]) -> Iterator[tuple[sqlite3.Connection, Catalog, Any]]:
        root = Path(tempfile.mkdtemp(prefix="fuzz-tree-"))
        try:
            for name, data in {**self._bystanders, **files}.items():
                (root / name).write_bytes(data)
            self._portal.call(self._service.index, root, "test")
            workspace = self._host.workspace(root)
            try:
                with (
                    closing(sqlite3.connect(f"file:{workspace.catalog_path}?mode=ro", uri=True)) as db,
                    closing(Catalog(workspace.catalog_path, writable=False)) as catalog,
                ):
                    yield db, catalog, workspace
            finally:
                shutil.rmtree(workspace.folder)
        finally:
            shutil.rmtree(root)


def suffix(language: str) -> str:
    """An extension of a language's files."""
    return Recipe(language, ()).name(0).removeprefix("fuzz000")


def _contents(db: sqlite3.Connection, catalog: Catalog) -> dict[str, tuple[list[Any], list[Any]]]:
    """Symbols and chunks, with their addresses, of the bystanders."""
    found = {}
    for file_id, path in db.execute(
        "SELECT id, path FROM files WHERE status = 'indexed' AND path LIKE 'by%'"
    ).fetchall():
        rows = catalog.symbols_of_file(file_id)
        told = catalog.details([row.symbol_id for row in rows])
        symbols = [
            (row.name, row.kind, row.container, row.start_line, row.end_line, told[row.symbol_id].signature)
            for row in rows
        ]
        chunks = db.execute(
            "SELECT start_byte, end_byte, hex(hash) FROM chunks c LEFT JOIN vectors v ON v.id = vector_id WHERE "
            "file_id = ? ORDER BY c.id",
            (file_id,),
        )
        found[os.fsdecode(path)] = (symbols, chunks.fetchall())
    return found


def _covers(chunks: list[tuple[int, int]], utf8: bytes) -> Iterator[str]:
    end = 0
    for start, stop in chunks:
        # Of a long line of data the first piece is kept, and no other.
        if not (start == end or (start > end and is_filler(utf8, end, start))) or stop <= start:
            yield f"a chunk {start}-{stop} after {end}"
            return
        end = stop
    if end != len(utf8) and not is_filler(utf8, end, len(utf8)):
        yield f"its chunks end at {end} of {len(utf8)}"


def _lies_inside(catalog: Catalog, file_id: int, utf8: bytes) -> Iterator[str]:
    lines = utf8.split(b"\n")
    widths: dict[int, int] = {}

    def is_inside(line: int, column: int) -> bool:
        if not 0 <= line < len(lines):
            return False
        if line not in widths:
            widths[line] = len(lines[line].decode("utf-8", "replace"))
        return 0 <= column <= widths[line]

    rows = catalog.symbols_of_file(file_id)
    details = catalog.details([row.symbol_id for row in rows])
    for row in rows:
        told = details[row.symbol_id]
        first, last = (row.start_line, told.start_column), (row.end_line, told.end_column)
        places = (first, last, (row.name_line, row.name_column))
        if not row.name or first > last or not all(is_inside(*place) for place in places):
            yield f"symbol {row.name[:80]!r} at {places} of {len(lines)} lines"
            return


class _LeaseWatch:
    """Looks at the workers beside the pool's own watch: none stays over its lease."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.problems: list[str] = []

    def __enter__(self) -> _LeaseWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        over: dict[int, float] = {}
        probe = memory.KernelProbe()
        while not self._stop.wait(0.004):
            for worker in list(self._pool._busy.values()):
                limit = worker.limit_bytes
                held = probe.anonymous_bytes(worker.pid) or 0
                if limit is None or held <= limit:
                    over.pop(worker.pid, None)
                elif time.monotonic() - over.setdefault(worker.pid, time.monotonic()) > _GRACE_S:
                    self.problems.append(f"worker {worker.pid} holds {held:,} of a lease of {limit:,} bytes")
                    over.pop(worker.pid)


def culprits(judge: Judge, files: Mapping[str, bytes]) -> dict[str, tuple[bytes, list[str]]]:
    """The files that are enough by themselves to make a batch fail."""
    found = {}
    for name, data in files.items():
        if problems := judge.judge({name: data}):
            found[name] = (data, problems)
    return found


__all__ = ["NAMES", "Judge", "culprits"]
