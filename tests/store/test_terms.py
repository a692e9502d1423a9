"""What is given beside a question is looked for, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from tests.store.indexes import make_index, put, vector_of

from lowtide.models import Mode
from lowtide.read.request import SearchRequest
from lowtide.read.snapshot import Embedding, Snapshot


@pytest.fixture
def snapshot(tmp_path: Path) -> Iterator[Snapshot]:
    made = make_index(tmp_path, 20)
    with made.writing() as (catalog, _):
        put(made, catalog, "src/lock.py", "python", ["compare_and_swap a row", "something else"])
    with closing(Snapshot(made)) as opened:
        yield opened


def first(snapshot: Snapshot, request: SearchRequest) -> str:
    async def encode(text: str) -> bytes:
        return vector_of(text)

    async def play() -> str:
        answer = await snapshot.search(request, Embedding(encode, "tests"))
        return answer.hits[0].path

    return anyio.run(play)


@pytest.mark.parametrize("given", [{"terms": ("compareAndSwap",)}, {"phrasings": ("swap when they compare alike",)}])
def test_terms_and_phrasings_lead_where_the_question_alone_does_not(
    snapshot: Snapshot, given: dict[str, tuple[str, ...]]
) -> None:
    question = "retry while the budget lasts"
    assert first(snapshot, SearchRequest(question, Mode.LEXICAL)) != "src/lock.py"
    assert first(snapshot, SearchRequest(question, Mode.LEXICAL, **given)) == "src/lock.py"  # type: ignore[arg-type]


def test_the_vector_is_of_question_phrasings_and_terms(snapshot: Snapshot) -> None:
    asked: list[str] = []

    async def encode(text: str) -> bytes:
        asked.append(text)
        return vector_of(text)

    request = SearchRequest("one row", terms=("lock",), phrasings=("a record",))
    anyio.run(snapshot.search, request, Embedding(encode, "tests"))
    assert asked == ["one row\na record\nlock"]
