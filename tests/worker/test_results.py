"""What a result takes on its way back: known before it is sent, and asked for when it is more than files usually
need."""

from __future__ import annotations

import os
import signal
import tracemalloc
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.e2e.harness import Lowtide, python_module

from lowtide import wire
from lowtide.errors import WorkerCrashed, WorkerError, WorkerOverBudget
from lowtide.pool.worker import Worker
from lowtide.store.catalog import Catalog
from lowtide.store.rows import Commit, NewVectors
from lowtide.work import index

TEXTS = {
    "keys.toml": "".join(f"k{number}=1\n" for number in range(20_000)),
    "functions.js": "function f(){}\n" * 12_000,
    "signatures.c": "".join(f"int f{number}({'int a, ' * 40}int b);\n" for number in range(3_000)),
    "documented.py": "".join(f'def f{number}():\n    """{"doc " * 60}"""\n' for number in range(3_000)),
    "nested.cpp": "".join(f"namespace {'n' * 180}{number} {{\n" for number in range(60))
    + "int x;\n" * 2_000
    + "}\n" * 60,
    "module.py": "".join(python_module(number) for number in range(60)),
    "words.txt": "".join(f"{number:07d} " + ("\n" if number % 30 == 29 else "") for number in range(60_000)),
}


def task(folder: Path, names: list[str], **settings: int) -> wire.IndexTask:
    paths = [name.encode() for name in names]
    return wire.IndexTask(
        os.fsencode(folder), paths, [b""] * len(paths), dict(settings), 30.0, False, False, False, 16, "", "r"
    )


def run(wanted: wire.IndexTask) -> wire.Done:
    return index.index_files(wanted, lambda _: None, lambda _: [], lambda _: None)


@pytest.mark.parametrize("name", TEXTS)
def test_a_result_takes_no_more_than_was_said(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TEXTS[name])
    done = run(task(tmp_path, [name]))
    (file,) = done.files
    frame = wire.frame(done)
    with closing(Catalog(tmp_path / "catalog.sqlite", writable=True)) as catalog:
        tracemalloc.start()
        decoded = wire.reply_decoder.decode(frame[wire.HEADER.size :])
        assert isinstance(decoded, wire.Done)
        catalog.write([Commit(name.encode(), decoded.files[0], NewVectors(file.chunk_count))], [], [])
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # A worker answers with the file that is too large, and what that needs, when the room is one byte short.
    refused = run(task(tmp_path, [name], result_bytes=1))
    assert (refused.files, refused.error_kind, refused.vector_rows[0]) == ([], "result", 0)
    said = refused.vector_rows[1]
    assert taken <= said <= 6 * taken
    (again,) = run(task(tmp_path, [name], result_bytes=said)).files
    # Of a file that was only just written the change time is not relied on: it is 0 until the file has settled.
    assert msgspec.structs.replace(again, ctime_ns=file.ctime_ns) == file
    assert run(task(tmp_path, [name], result_bytes=said - 1)).error_kind == "result"
    assert file.chunk_count > 0


def test_the_largest_of_a_batch_is_named(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"m{number}.py").write_text(python_module(number))
    (tmp_path / "m3.py").write_text("".join(f"a{number} = 1\n" for number in range(5_000)))
    refused = run(task(tmp_path, [f"m{number}.py" for number in range(5)], result_bytes=200_000))
    assert (refused.error_kind, refused.vector_rows[0]) == ("result", 3)


def test_a_file_of_very_many_symbols_is_indexed_whole_and_so_is_its_batch(tmp_path: Path) -> None:
    """Its result takes many times what a file of its size usually does."""
    root = tmp_path / "tree"
    root.mkdir()
    for number in range(20):
        (root / f"m{number}.py").write_text(python_module(number))
    (root / "many.js").write_text("function f(){}\n" * 2_000)
    (root / "more.toml").write_text(TEXTS["keys.toml"])
    lowtide = Lowtide(tmp_path / "home")
    report = lowtide.json("--budget", "256MiB", "index", root)
    assert report["files"]["indexed"] == 22
    assert report["files"]["quarantined"] == 0
    assert report["peak_anon_bytes"] <= 256 << 20
    assert lowtide.json("why", root / "more.toml")["symbols"] == 20_000
    assert lowtide.json("why", root / "many.js")["symbols"] == 2_000


@pytest.mark.parametrize(
    ("code", "peak", "kind"),
    [
        (-signal.SIGSEGV, 60 << 20, WorkerOverBudget),
        (-signal.SIGBUS, 79 << 20, WorkerOverBudget),
        (-signal.SIGSEGV, 20 << 20, WorkerCrashed),
        (-signal.SIGABRT, 20 << 20, WorkerOverBudget),
        (1, 79 << 20, WorkerCrashed),
    ],
)
def test_a_segmentation_fault_near_the_limit_is_a_matter_of_memory(
    monkeypatch: pytest.MonkeyPatch, code: int, peak: int, kind: type[WorkerError]
) -> None:
    """Grammars and bindings that do not look at what an allocation gives them end so."""
    worker = Worker.__new__(Worker)
    worker.limit_bytes, worker.base_bytes, worker.peak_bytes, worker.killed_for = 80 << 20, 16 << 20, peak, None
    monkeypatch.setattr(worker, "kill", lambda: code)
    assert type(worker._ended()) is kind
