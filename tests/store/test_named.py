"""What a question names is found as the definition of that name, whether a chunk was named after it or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import anyio
import numpy as np
import pytest
from tests.store.indexes import make_index, vector_of

from lowtide.answers import Hit
from lowtide.models import FileStatus, Group, Mode, SymbolKind
from lowtide.read.concepts import Concepts
from lowtide.read.filters import Filter
from lowtide.read.request import SearchRequest
from lowtide.read.snapshot import Embedding, Snapshot
from lowtide.store.rows import Commit, NewVectors
from lowtide.wire import FileResult, pack_chunks, pack_symbols, pack_words

CLASS, METHOD, FUNCTION, VARIABLE = SymbolKind.CLASS, SymbolKind.METHOD, SymbolKind.FUNCTION, SymbolKind.VARIABLE

SHELF = [
    (CLASS, "", "Shelf", 0, 60),
    (METHOD, "Shelf", "take", 2, 20),
    (METHOD, "Shelf", "put_back", 21, 24),
    (METHOD, "Shelf", "is_full", 25, 28),
    (METHOD, "Shelf", "sweep", 30, 60),
    (FUNCTION, "", "shelf", 62, 64),
    (VARIABLE, "", "sweep", 65, 65),
    (FUNCTION, "", "TAKE", 66, 70),
]
CHUNKS = [(0, 20, 1), (21, 29, 2), (30, 45, 4), (46, 60, 4), (61, 70, -1)]
"""First line, last line, and the definition that it is named after: none after the class, `is_full` or `shelf`."""


def write(root: Path, path: str, symbols: Sequence[tuple[SymbolKind, str, str, int, int]]) -> Commit:
    lines = [f"line {number} of the shelf, no such book {number}" for number in range(71)]
    for _, _, name, first, _ in symbols:
        lines[first] = f"{name} begins here"
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("\n".join(lines) + "\n")
    texts = ["\n".join(lines[first : last + 1]) for first, last, _ in CHUNKS]
    rows = [
        (name, int(kind), container, first, 0, last, 1, first, 0, f"{kind.label} {name}", "")
        for kind, container, name, first, last in symbols
    ]
    result = FileResult(
        *((root / path).stat().st_size, (root / path).stat().st_mtime_ns, 3, 4, b"c", "python", "utf-8", 71),
        *(FileStatus.INDEXED, "", "", len(rows), pack_symbols(rows)),
        pack_chunks([(starts[first], starts[last + 1], first, last, symbol) for first, last, symbol in CHUNKS]),
        b"".join(bytes([number]) * 15 + path.encode()[-4:-3] for number in range(len(CHUNKS))),
        pack_words(texts, [symbols[each][2] if each >= 0 else "" for _, _, each in CHUNKS], path),
    )
    vectors = b"".join(map(vector_of, texts))
    return Commit(path.encode(), result, NewVectors(len(texts), range(len(texts)), vectors))


@pytest.fixture
def snapshot(tmp_path: Path) -> Iterator[Snapshot]:
    made = make_index(tmp_path, 20)
    other = [(FUNCTION, "", "take", 0, 20), *SHELF[2:]]
    with made.writing() as (catalog, _):
        catalog.write([write(made.root, "src/shelf.py", SHELF), write(made.root, "src/other.py", other)], [], [])
    with closing(Snapshot(made)) as opened:
        yield opened


def ask(snapshot: Snapshot, request: SearchRequest, concepts: Concepts | None = None) -> Sequence[Hit]:
    async def encode(text: str) -> bytes:
        return vector_of(text)

    async def play() -> Sequence[Hit]:
        return (await snapshot.search(request, Embedding(encode, "tests", None, concepts))).hits

    return anyio.run(play)


@pytest.mark.parametrize(
    ("query", "path", "name", "kind"),
    [
        ("Shelf", "src/shelf.py", "Shelf", "class"),
        ("shelf", "src/", "shelf", "function"),
        ("Shelf.take", "src/shelf.py", "take", "method"),
        ("is_full", "src/", "is_full", "method"),
        ("IS_FULL()", "src/", "is_full", "method"),
        ("TAKE", "src/", "TAKE", "function"),
        ("Shelf.sweep", "src/", "sweep", "method"),
        ("where is is_full decided", "src/", "is_full", "method"),
    ],
)
def test_the_very_name_comes_first(snapshot: Snapshot, query: str, path: str, name: str, kind: str) -> None:
    first = ask(snapshot, SearchRequest(query, Mode.LEXICAL))[0]
    assert (first.name, first.kind) == (name, kind)
    assert first.path.startswith(path)


def test_a_term_that_is_a_name_leads_to_its_definition(snapshot: Snapshot) -> None:
    hits = ask(snapshot, SearchRequest("quite another matter", Mode.LEXICAL, terms=("is_full",)))
    assert hits[0].name == "is_full"


def test_plain_words_lead_to_what_the_trade_calls_it(snapshot: Snapshot) -> None:
    query, terms = "how is what nobody needs any longer got rid of", b"broom sweep\n"
    vector = np.frombuffer(vector_of(query), np.int8)
    card = Concepts(np.array([0, len(terms)], np.uint32), vector[None, :], np.frombuffer(terms, np.uint8))
    with_card, without = (list(ask(snapshot, SearchRequest(query), each)) for each in (card, None))
    named = next(hit for hit in with_card if "concept_name" in hit.signals)
    assert named.name == "sweep"
    assert named.signals["concept"] > 0
    assert [hit.name for hit in with_card].index("sweep") < [*(hit.name for hit in without), "sweep"].index("sweep")
    for request, concepts in ((SearchRequest(query), None), (SearchRequest(query, Mode.SEMANTIC), card)):
        assert not any("concept" in signal for hit in ask(snapshot, request, concepts) for signal in hit.signals)


@pytest.mark.parametrize("query", ["line 49 of the shelf", "src/shelf.py:50", "/home/eve/lib/src/shelf.py:50"])
def test_what_was_pasted_leads_to_its_lines(snapshot: Snapshot, query: str) -> None:
    first = ask(snapshot, SearchRequest(query))[0]
    assert first.start_line <= 50 <= first.end_line
    assert first.signals.get("verbatim") or first.signals.get("frame")


def test_a_stack_trace_puts_the_innermost_frame_first(snapshot: Snapshot) -> None:
    trace = 'Traceback (most recent call last):\n  File "/x/src/other.py", line 3, in take\n    a()\n'
    hits = ask(snapshot, SearchRequest(trace + '  File "/x/src/shelf.py", line 32, in sweep\n    b()\nKeyError: 1'))
    assert [(hit.path, hit.name) for hit in hits[:2]] == [("src/shelf.py", "sweep"), ("src/other.py", "take")]


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("kind", "names"),
    [(CLASS, {"Shelf"}), (METHOD, {"take", "put_back", "is_full", "sweep"}), (VARIABLE, {"sweep"})],
)
def test_a_kind_finds_definitions_that_no_chunk_is_named_after(
    snapshot: Snapshot, mode: Mode, kind: SymbolKind, names: set[str]
) -> None:
    narrow = Filter(kinds=(kind,), globs=("src/shelf.py",))
    hits = ask(snapshot, SearchRequest("shelf is_full book", mode, 100, narrow))
    assert hits
    assert {hit.kind for hit in hits} == {kind.label}
    assert {hit.name for hit in hits} <= names


def test_one_hit_a_file_on_request(snapshot: Snapshot) -> None:
    hits = ask(snapshot, SearchRequest("line of the shelf book", Mode.LEXICAL, 50, group=Group.FILE))
    paths = [hit.path for hit in hits]
    assert len(set(paths)) == len(paths)
    assert all(hit.more > 0 for hit in hits if hit.path == "src/shelf.py")
    assert all(hit.more == 0 for hit in ask(snapshot, SearchRequest("line of the shelf book", Mode.LEXICAL, 50)))
