"""Open texts in their worker: parsed by their changes, the same as parsed anew, whatever happens to the worker."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from lowtide import languages, wire
from lowtide.core.budget import MIB, Budget
from lowtide.core.ladder import Ladder
from lowtide.core.positions import Units
from lowtide.errors import WorkerError
from lowtide.pool.pool import WorkerPool
from lowtide.read.unsaved.documents import DocumentReader, Documents
from lowtide.system.memory import own_anonymous_bytes
from lowtide.work import documents
from lowtide.work.parse import parse, symbols
from lowtide.work.parse.kinds import SymbolRow

SAMPLES = sorted((Path(__file__).resolve().parents[1] / "data/languages").glob("*/sample.*"))
PIECES = [
    b"\n",
    b"(",
    b"}",
    b"x",
    b"\n\n",
    b'"',
    b" def f(): ...\n",
    b"/* ",
    "é😀".encode(),
    b"#if A\n",
    b"MY_API void g();\n",
]


def _definitions(rows: Sequence[SymbolRow]) -> list[SymbolRow]:
    """Without what an outline shows around some of them."""
    return [row for row in rows if row[1]]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.parent.name)
def test_any_edits_parsed_one_by_one_equal_a_fresh_parse(sample: Path) -> None:
    text = sample.read_bytes()
    language = languages.language_for(os.fsencode(sample), text)
    assert language is not None
    rng = random.Random(sample.name)
    reading = None
    for _ in range(12):
        rows, reading = parse.parse_again(text, language, 10.0, reading)
        assert rows == parse.parse_again(text, language, 10.0, None)[0]
        assert _definitions(rows) == parse.parse(text, language, 10.0).symbols
        start = rng.randrange(len(text))
        whole = text[:start].decode("utf-8", "ignore").encode()
        end = min(len(text), start + rng.choice([0, 0, 1, 40]))
        text = whole + rng.choice(PIECES) + text[end:].decode("utf-8", "ignore").encode()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.parent.name)
def test_edits_between_and_inside_definitions_equal_a_fresh_parse(sample: Path) -> None:
    once = sample.read_bytes()
    once += b"" if once.endswith(b"\n") else b"\n"
    language = languages.language_for(os.fsencode(sample), once)
    assert language is not None
    lines = once.splitlines(keepends=True)
    text = once * 3
    rng = random.Random(sample.name)
    reading = None
    for number in range(60):
        rows, reading = parse.parse_again(text, language, 10.0, reading)
        assert rows == parse.parse_again(text, language, 10.0, None)[0]
        assert _definitions(rows) == parse.parse(text, language, 10.0).symbols
        if number % 15 == 14:
            text = once * 3  # else most of it does not parse any more
            continue
        now = text.splitlines(keepends=True)
        at = rng.randrange(len(now))
        match rng.randrange(5):
            case 0:
                now[at:at] = [b"\n"] * rng.randrange(1, 3)
            case 1:
                first = rng.randrange(len(lines))
                now[at:at] = lines[first : first + rng.randrange(1, 12)]
            case 2:
                del now[at : at + rng.randrange(1, 4)]
            case 3:
                now[at] = now[at].replace(b"a", b"\xc3\xa9e", 1)
            case 4:
                now[at:at] = [now[at]]
        text = b"".join(now)


def test_an_edit_of_a_long_text_reads_only_what_is_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"".join(b"# About %d.\ndef function_%d(a):\n    return a\n\n\n" % (n, n) for n in range(500))
    language = languages.language_called("python")
    assert language is not None
    _, reading = parse.parse_again(text, language, 10.0, None)
    seen: list[int] = []
    rows_of = symbols.rows

    def counted(text: bytes, language: Any, found: Any, *more: Any, **named: Any) -> Any:
        seen.append(len(found))
        return rows_of(text, language, found, *more, **named)

    monkeypatch.setattr(symbols, "rows", counted)
    for place in (b"About 0.", b"About 250.", b"return a\n\n\n# About 300", b"def function_499"):
        text = text.replace(place, place + b" x\ny = 1\n" if place.startswith(b"About") else b"zz = 1\n" + place)
        rows, reading = parse.parse_again(text, language, 10.0, reading)
        assert seen[-1] < 10
        assert rows == parse.parse(text, language, 10.0).symbols


def beside(room_mib: int) -> int:
    """A budget with so much room beside this process, whatever other tests have left in it; 40 is room for a worker and
    no more than a small tree."""
    return own_anonymous_bytes() + room_mib * MIB


async def with_documents(total_bytes: int, test: Any) -> None:
    budget = Budget(total_bytes)
    async with WorkerPool(budget, Ladder(2)) as pool, anyio.create_task_group() as group:
        await test(Documents(DocumentReader(pool), "editor", group), pool)
        group.cancel_scope.cancel()


def names(rows: Any) -> list[str]:
    return [row[0] for row in rows]


def test_a_killed_worker_costs_a_parse_and_nothing_else(tmp_path: Path) -> None:
    async def test(documents: Documents, pool: WorkerPool) -> None:
        documents.units = Units.UTF8
        document = documents.open("file:///a.py", tmp_path / "a.py", "python", 1, "def one(): ...\n")
        assert document is not None
        assert names(await documents.symbols(document)) == ["one"]
        (worker,) = [figure.pid for figure in pool.processes() if figure.role == "worker"]
        documents.change(document.uri, 2, [(((1, 0), (1, 0)), "def two(): ...\n")])
        assert names(await documents.symbols(document)) == ["one", "two"]
        assert [figure.pid for figure in pool.processes() if figure.role == "worker"] == [worker], "it is kept"
        os.kill(worker, signal.SIGKILL)
        documents.change(document.uri, 3, [(((0, 4), (0, 7)), "first")])
        with anyio.move_on_after(20):
            while True:
                try:
                    assert names(await documents.symbols(document)) == ["first", "two"]
                    break
                except WorkerError:
                    continue  # it took the worker that was just killed
        assert names(document.symbols) == ["first", "two"]

    asyncio.run(with_documents(beside(300), test))


def test_chunks_and_symbols_of_one_text_agree() -> None:
    async def test(documents: Documents, pool: WorkerPool) -> None:
        document = documents.open("untitled:1", None, "python", 1, "def one():\n    return 1\n")
        assert document is not None
        (chunk,) = await documents.chunks(document)
        assert chunk[:4] == (0, 24, 0, 1)
        assert document.chunk_symbols[chunk[4]][0] == "one"
        plain = documents.open("untitled:2", None, "no-such-language", 1, "words\n")
        assert plain is not None
        assert list(await documents.symbols(plain)) == []

    asyncio.run(with_documents(beside(300), test))


def test_a_budget_without_room_says_so() -> None:
    async def test(documents: Documents, pool: WorkerPool) -> None:
        document = documents.open("untitled:1", None, "python", 1, "def one(): ...\n" * 100_000)
        assert document is not None
        with pytest.raises(WorkerError):
            await documents.symbols(document)
        assert await documents.symbols_soon(document, 5.0) == ()

    asyncio.run(with_documents(beside(40), test))


def test_open_texts_are_bounded() -> None:
    async def test(documents: Documents, pool: WorkerPool) -> None:
        assert documents.open("untitled:1", None, "text", 1, "x" * (20 << 20)) is not None
        assert documents.open("untitled:2", None, "text", 1, "x" * (20 << 20)) is None
        documents.close("untitled:1")
        assert documents.open("untitled:2", None, "text", 1, "x" * (20 << 20)) is not None

    asyncio.run(with_documents(beside(300), test))


def test_lines_that_end_in_a_lone_carriage_return_are_lines() -> None:
    text = b"// a comment\rfunction one() {\r  return 1;\r}\r\rfunction two() {}\r"
    outline = documents.read(wire.DocumentTask("key", b"a.js", "", text, 10.0, False, True)).outline
    assert outline is not None
    assert [(row[0], row[3], row[5]) for row in outline.symbols] == [("one", 1, 3), ("two", 5, 5)]
