"""What training makes of the bags: comments without their first sentence, questions' words taken out, near functions
together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch", reason="training needs torch: pip install -r model/requirements.txt")

from model.corpus import REST, Batches, Corpus

TEXTS = {
    "header": [[2]] * 8,
    "code": [[10 + n // 4, 20 + n // 4, 30 + n] for n in range(8)],
    "masked": [[30 + n] for n in range(8)],
    "sentence": [[40, 41], [42], [40], [43], [44], [45], [46], [47]],
    "doc": [[40, 41, 41, 50], [42, 51], [40], [43, 52], [44], [45], [46], [47]],
    "name": [[30 + n] for n in range(8)],
}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    arrays: dict[str, npt.NDArray[np.generic]] = {"project": np.zeros(8, np.int32), "has": np.ones(8, bool)}
    for column, texts in TEXTS.items():
        distinct = [np.unique(text, return_counts=True) for text in texts]
        arrays[f"{column}_tokens"] = np.concatenate([tokens for tokens, _ in distinct]).astype(np.uint16)
        arrays[f"{column}_counts"] = np.concatenate([counts for _, counts in distinct]).astype(np.uint8)
        arrays[f"{column}_offsets"] = np.concatenate([[0], np.cumsum([len(tokens) for tokens, _ in distinct])])
    with (tmp_path / "bags.npz").open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return Corpus(tmp_path / "bags.npz", np.random.default_rng(0))


def texts(corpus: Corpus, columns: tuple[str, ...], rows: npt.NDArray[np.int64]) -> list[list[int]]:
    tokens, starts, _ = corpus.bag(columns, rows)
    return [part.tolist() for part in np.split(tokens.numpy(), starts.numpy()[1:])]


def test_the_rest_of_a_comment_is_what_its_first_sentence_does_not_say(corpus: Corpus) -> None:
    rows = np.arange(4)
    assert texts(corpus, (REST,), rows)[:2] == [[41, 50], [51]]
    assert texts(corpus, ("header", REST, "code"), rows)[0] == [2, 10, 20, 30, 41, 50]
    assert texts(corpus, ("header", REST, "code"), rows)[2] == [2, 10, 20, 32]


def test_a_questions_words_are_taken_out_of_the_documents_that_are_chosen(corpus: Corpus) -> None:
    rows = np.arange(8)
    question = corpus.bag(("code",), rows)
    chosen = rows < 4
    lengths = np.zeros(8)
    for _ in range(200):
        _, starts, weights = corpus.bag(("code",), rows, without=(question, chosen))
        lengths += np.diff(np.append(starts.numpy(), len(weights)))
    assert (lengths[4:] == 600).all()
    assert ((lengths[:4] > 240) & (lengths[:4] < 360)).all()


def test_groups_of_near_functions_are_still_all_functions(corpus: Corpus) -> None:
    vectors = np.random.default_rng(1).normal(size=(64, 16)).astype(np.float32)
    rows = np.tile(np.arange(8), 12)
    batches = Batches(corpus, rows, 96, 48, 1.0, lambda chosen: vectors[chosen])
    assert sorted(batches.take().tolist()) == sorted(rows.tolist())


def test_batches_go_on_where_their_state_was_taken(corpus: Corpus) -> None:
    rows = np.tile(np.arange(8), 60)
    batches, others = (Batches(corpus, rows, 96, 48, 0.0, lambda _: np.zeros((0, 0), np.float32)) for _ in range(2))
    batches.take()
    others.restore(batches.state())
    assert len(batches.state()["lengths"]) > 2
    assert others.take().tolist() == batches.take().tolist()
    others.restore(batches.state())
    assert others.state()["lengths"] == batches.state()["lengths"]
