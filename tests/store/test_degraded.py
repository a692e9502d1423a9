"""What an answer lacks is said once: by the index, and by what lies over it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import anyio
import pytest
from tests.store.indexes import make_index, vector_of

from lowtide.errors import ModelError
from lowtide.models import Mode
from lowtide.read.overlay import Overlay
from lowtide.read.request import SearchRequest
from lowtide.read.snapshot import Embedding, Snapshot

OF_TEXTS = "unsaved texts by words alone: the model is not there"


@pytest.mark.parametrize(
    ("is_broken", "recipe", "said"),
    [
        (False, "tests", OF_TEXTS),
        # Nothing at all can be compared by meaning, and that is said already.
        (True, "tests", "no semantic search: the model is not there"),
        (False, "another", "no semantic search: the index is another model's until it is brought up to date"),
    ],
)
def test_what_texts_lack_is_said_where_the_rest_is_compared_by_meaning(
    tmp_path: Path, is_broken: bool, recipe: str, said: str
) -> None:
    async def encode(text: str) -> bytes:
        if is_broken:
            raise ModelError("the model is not there")
        return vector_of(text)

    request = SearchRequest("parse retry", Mode.HYBRID, over=Overlay(lacks=(OF_TEXTS,)))
    with closing(Snapshot(make_index(tmp_path, 20))) as snapshot:
        answer = anyio.run(snapshot.search, request, Embedding(encode, recipe))
    assert answer.hits
    assert answer.degraded == said


def test_what_is_to_be_embedded_anew_was_not_indexed_without_embeddings(tmp_path: Path) -> None:
    async def encode(text: str) -> bytes:
        return vector_of(text)

    workspace = make_index(tmp_path, 20)
    with workspace.writing() as (catalog, _):
        assert workspace.settle_model(catalog, "another")
        assert catalog.counts().to_renew == catalog.counts().held == 20
    with closing(Snapshot(workspace)) as snapshot:
        answer = anyio.run(snapshot.search, SearchRequest("parse retry", Mode.HYBRID), Embedding(encode, "another"))
    assert answer.degraded == "no vectors yet: they are to be made"
