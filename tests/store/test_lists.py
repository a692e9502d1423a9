from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from lowtide.errors import CorruptIndex, StoreError
from lowtide.store.id_set import IdSet
from lowtide.store.vectors.clusters import Centres, find_centres
from lowtide.store.vectors.list_builder import Stages, build_lists, list_file_bytes
from lowtide.store.vectors.list_segment import Element, ListSegment, search_lists
from lowtide.store.vectors.scan import Ids, Matrix, Query, scaled_to_int8
from lowtide.store.vectors.sign_codes import CodeDistances, code_bytes, sign_codes
from lowtide.store.vectors.sketch import mixed
from lowtide.store.vectors.vector_index import Delta, VectorIndex
from lowtide.store.vectors.vector_segments import FlatSegment, open_segment, write_flat
from lowtide.store.vectors.vectors import Panel

Floats = npt.NDArray[np.float32]
DATA = Path(__file__).resolve().parents[1] / "data" / "formats"


def clustered(count: int, dims: int = 96, seed: int = 0) -> Floats:
    """Float vectors around 200 centres."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(7).standard_normal((200, dims))
    made: Floats = (centres[random.integers(0, 200, count)] + 0.7 * random.standard_normal((count, dims))).astype(
        np.float32
    )
    return made


def blocks(vectors: Floats, ids: Ids, rows: int = 1000) -> Iterator[tuple[Ids, Floats]]:
    for start in range(0, len(ids), rows):
        yield ids[start : start + rows], vectors[start : start + rows]


def lists(path: Path, vectors: Floats, first: int = 1, element: Element = Element.INT8) -> ListSegment:
    ids = np.arange(first, first + 2 * len(vectors), 2)
    facts = build_lists(path, blocks(vectors, ids), len(vectors), vectors.shape[1], element)
    return ListSegment(path, facts)


def cosines(vectors: Floats, query: Floats) -> npt.NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    found: npt.NDArray[np.float64] = wide @ query / np.linalg.norm(wide, axis=1) / np.linalg.norm(query)
    return found


def recall(index: VectorIndex, vectors: Floats, queries: Floats, first: int = 1) -> float:
    hits = 0
    for query in queries:
        best = first + 2 * np.argsort(-cosines(vectors, query), kind="stable")[:10]
        hits += len(set(index.search(query, 10)[0].tolist()) & set(best.tolist()))
    return hits / 10 / len(queries)


@pytest.mark.parametrize("dims", [1, 7, 33, 64, 100, 256, 1536])
def test_panel_products_are_exact(dims: int) -> None:
    random = np.random.default_rng(dims)
    for rows, width in ((1, 1), (5, 3), (700, 33)):
        matrix = random.integers(-127, 128, (rows, dims), dtype=np.int8)
        vectors = random.integers(-127, 128, (width, dims), dtype=np.int8)
        assert (Panel(vectors).dots(matrix) == matrix.astype(np.int64) @ vectors.T.astype(np.int64)).all()


@pytest.mark.parametrize("dims", [3, 31, 64, 96, 300, 1536])
def test_sign_codes_are_the_signs_of_the_mixed_vector(dims: int) -> None:
    matrix = scaled_to_int8(clustered(50, dims))
    codes = sign_codes(matrix)
    assert codes.shape == (50, code_bytes(dims))
    assert code_bytes(dims) % 8 == 0
    bits = mixed(matrix).T[:, : 8 * code_bytes(dims)] > 0
    assert (np.unpackbits(codes, axis=1)[:, : bits.shape[1]] == bits).all()
    assert (sign_codes(matrix[:1]) == codes[:1]).all()


def test_code_distances_count_differing_bits() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (5000, 256), dtype=np.uint8)
    distances = CodeDistances(codes[7])
    for runs in ([(0, 5000)], [(3, 3), (7, 8), (100, 1200), (1200, 1300), (4000, 5000)], []):
        rows = np.concatenate([np.arange(*run) for run in runs] or [np.arange(0)])
        expected = np.bitwise_count(codes[rows] ^ codes[7]).sum(axis=1, dtype=np.int64)
        assert distances.to(codes, runs).tolist() == expected.tolist()


def test_centres_are_found_again_with_the_same_seed_and_none_is_lost() -> None:
    sample = scaled_to_int8(clustered(3000))
    centres = find_centres(sample, 100, seed=3)
    assert (centres == find_centres(sample, 100, seed=3)).all()
    assert len(np.unique(Centres(centres).nearest(sample))) > 80
    same = np.repeat(sample[:1], 500, axis=0)
    assert find_centres(same, 10, seed=0).shape == (10, 96)


@pytest.mark.parametrize("element", list(Element))
def test_lists_find_what_is_nearest_and_score_it_exactly(tmp_path: Path, element: Element) -> None:
    vectors = clustered(40_000)
    index = VectorIndex([lists(tmp_path / "a", vectors, element=element)])
    assert recall(index, vectors, clustered(50, seed=1)) > (0.95 if element is Element.INT8 else 0.97)
    query = clustered(1, seed=2)[0]
    ids, scores = index.search(query, 10)
    error = 2e-2 if element is Element.INT8 else 1e-3
    assert np.allclose(scores, cosines(vectors[(ids - 1) // 2], query), atol=error)
    assert index.score(query, ids[::-1]).tolist() == scores[::-1].tolist()


def test_float16_is_nearer_to_the_truth_than_int8(tmp_path: Path) -> None:
    vectors, query = clustered(3000), clustered(1, seed=5)[0]
    errors = []
    for element in Element:
        ids, scores = VectorIndex([lists(tmp_path / element, vectors, element=element)]).search(query, 100)
        errors.append(float(np.abs(scores - cosines(vectors[(ids - 1) // 2], query)).max()))
    assert errors[1] < errors[0] / 4


def test_pieces_answer_as_one_whatever_is_in_which(tmp_path: Path) -> None:
    vectors = clustered(30_000)
    vectors = vectors[np.argsort(vectors[:, 0])]  # the pieces differ in what they hold
    cuts = (0, 9_000, 10_000, 30_000)
    pieces = [lists(tmp_path / str(a), vectors[a:b], first=1 + 2 * a) for a, b in pairwise(cuts)]
    queries = clustered(40, seed=1)
    assert recall(VectorIndex(pieces), vectors, queries) > 0.95


def test_lists_flat_segments_and_delta_answer_together(tmp_path: Path) -> None:
    vectors = clustered(3000)
    whole = scaled_to_int8(vectors)
    ids = 1 + 2 * np.arange(3000)
    flat = write_flat(tmp_path / "f", 96, [(ids[1000:2000], whole[1000:2000])])
    assert flat is not None
    delta = Delta(96)
    delta.append(ids[2000:], whole[2000:])
    index = VectorIndex([lists(tmp_path / "a", vectors[:1000]), FlatSegment(tmp_path / "f", flat)], delta.rows())
    straight = VectorIndex([], Delta.rows(_filled(whole, ids)))
    for query in scaled_to_int8(clustered(10, seed=4)):
        assert index.search(query, 10)[0].tolist() == straight.search(query, 10)[0].tolist()


def _filled(matrix: Matrix, ids: Ids) -> Delta:
    delta = Delta(matrix.shape[1])
    delta.append(ids, matrix)
    return delta


@pytest.mark.parametrize("share", [0.0, 0.02, 0.4])
def test_only_allowed_and_living_ids_are_answered(tmp_path: Path, share: float) -> None:
    vectors = clustered(5000)
    dead = 1 + 2 * np.arange(0, 5000, 3)
    index = VectorIndex([lists(tmp_path / "a", vectors)], dead=dead)
    kept = 1 + 2 * np.sort(np.random.default_rng(1).permutation(5000)[: int(5000 * share)])
    found, _ = index.search(clustered(1, seed=3)[0], 20, allow=IdSet.of(kept))
    assert set(found.tolist()) <= set(kept.tolist()) - set(dead.tolist())
    assert len(found) == min(20, len(np.setdiff1d(kept, dead)))
    everything, _ = index.search(vectors[3], 20)
    assert not set(everything.tolist()) & set(dead.tolist())


def test_more_is_looked_at_where_more_is_wanted(tmp_path: Path) -> None:
    vectors = clustered(60_000)
    segment = lists(tmp_path / "a", vectors)
    queries = clustered(20, seed=1)

    def found(scanned_share: float) -> int:
        hits = 0
        for query in queries:
            rows, _ = search_lists([segment], [None], Query.prepare(query), 10, scanned_share=scanned_share)[0]
            hits += len(set(rows.tolist()) & set(segment.rows.search(Query.prepare(query), 10)[0].tolist()))
        return hits

    assert found(1.0) >= found(0.3) >= 180
    assert len(VectorIndex([segment]).search(queries[0], 3000)[0]) == 3000


def test_vectors_of_zeros_and_single_ones_are_kept(tmp_path: Path) -> None:
    vectors = clustered(3)
    vectors[1] = 0
    index = VectorIndex([lists(tmp_path / "a", vectors), lists(tmp_path / "b", vectors[:1], first=101)])
    ids, scores = index.search(vectors[0], 10)
    assert ids[:2].tolist() == [1, 101]
    assert scores[ids.tolist().index(3)] == 0
    assert len(index.search(np.zeros(96, np.float32), 10)[0]) == 0


def test_lists_are_opened_through_the_manifest_and_released(tmp_path: Path) -> None:
    segment = lists(tmp_path / "a", clustered(2000))
    opened = open_segment(tmp_path / "a", segment.facts)
    assert isinstance(opened, ListSegment)
    index = VectorIndex([opened])
    query = clustered(1, seed=9)[0]
    before = index.search(query, 10)[0].tolist()
    index.release()
    assert index.search(query, 10)[0].tolist() == before
    assert index.anonymous_bytes < 1000


def test_file_size_is_foretold(tmp_path: Path) -> None:
    for element in Element:
        facts = lists(tmp_path / element, clustered(5000), element=element).facts
        assert abs(list_file_bytes(5000, 96, element) / facts.size_bytes - 1) < 0.02


def test_damage_is_a_miss(tmp_path: Path) -> None:
    facts = lists(tmp_path / "a", clustered(500)).facts
    sound = (tmp_path / "a").read_bytes()
    for at in range(100, len(sound), len(sound) // 20):
        data = bytearray(sound)
        data[at] ^= 1
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(CorruptIndex):
            open_segment(tmp_path / "a", facts)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused_and_named(tmp_path: Path, bad: float) -> None:
    vectors = clustered(3000)
    vectors[2345, 6] = bad
    with pytest.raises(StoreError, match="vector 2345"):
        lists(tmp_path / "a", vectors)
    assert os.listdir(tmp_path) == []


def test_wrong_blocks_and_interruption_leave_no_file(tmp_path: Path) -> None:
    vectors, ids = clustered(2000), np.arange(2000)

    def stop(done: int) -> None:
        if done == 2000:
            raise KeyboardInterrupt

    for count in (1999, 2001):
        with pytest.raises(ValueError):
            build_lists(tmp_path / "a", blocks(vectors, ids), count, 96, Element.INT8)
    with pytest.raises(ValueError):
        build_lists(tmp_path / "a", blocks(vectors, ids[::-1]), 2000, 96, Element.INT8)
    with pytest.raises(KeyboardInterrupt):
        build_lists(tmp_path / "a", blocks(vectors, ids), 2000, 96, Element.INT8, alive=stop)
    assert os.listdir(tmp_path) == []


def test_the_same_input_gives_the_same_file(tmp_path: Path) -> None:
    vectors, stages = clustered(2000), Stages()
    ids = np.arange(2000)
    first = build_lists(tmp_path / "a", blocks(vectors, ids), 2000, 96, Element.INT8, stages=stages)
    second = build_lists(tmp_path / "b", blocks(vectors, ids, 1024), 2000, 96, Element.INT8)
    assert first.crc32 == second.crc32
    assert set(stages.seconds) == {"read", "scale", "centres", "assign", "codes", "write"}


def test_golden_file_of_format_1_opens_and_answers() -> None:
    vectors = clustered(300, 16, seed=1)
    segment = ListSegment(DATA / "lists-1.segment")
    assert np.sort(segment.rows.ids).tolist() == list(range(7, 307))
    assert (segment.rows.matrix == scaled_to_int8(vectors)[segment.rows.ids - 7]).all()
    index = VectorIndex([segment])
    for query in clustered(10, 16, seed=2):
        best = 7 + np.argsort(-cosines(vectors, query), kind="stable")[:10]
        assert len(set(index.search(query, 10)[0].tolist()) & set(best.tolist())) >= 9
