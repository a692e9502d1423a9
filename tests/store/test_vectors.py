from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from lowtide.errors import CorruptIndex
from lowtide.store.id_set import IdSet
from lowtide.store.rows import Segment
from lowtide.store.vectors import scan, vector_segments
from lowtide.store.vectors.scan import Ids, Matrix, Query
from lowtide.store.vectors.sketch import SketchDistances, sketch_bytes, sketches
from lowtide.store.vectors.vector_index import Delta, VectorIndex, blocks_of
from lowtide.store.vectors.vector_segments import (
    FlatSegment,
    GraphSegment,
    build_graph,
    merge_flat,
    open_segment,
    write_flat,
)
from lowtide.store.vectors.vectors import predict_graph_bytes, untouched_graph_bytes

DATA = Path(__file__).resolve().parents[1] / "data" / "formats"
NONE: Ids = np.empty(0, np.int64)


def clustered(count: int, dims: int = 64, seed: int = 0) -> Matrix:
    """Vectors around 50 centres, each scaled to int8 by its own largest component."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((50, dims))
    vectors = centres[random.integers(0, 50, count)] + 0.7 * random.standard_normal((count, dims))
    scaled: Matrix = np.rint(vectors / np.abs(vectors).max(1, keepdims=True) * 127).astype(np.int8)
    return scaled


def cosines(matrix: Matrix, vector: Matrix) -> npt.NDArray[np.float64]:
    wide, query = matrix.astype(np.float64), vector.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(query)
    found: npt.NDArray[np.float64] = np.divide(wide @ query, lengths, out=np.zeros(len(wide)), where=lengths > 0)
    return found


def nearest(ids: Ids, matrix: Matrix, vector: Matrix, limit: int) -> list[int]:
    return [int(ids[row]) for row in np.lexsort((ids, -cosines(matrix, vector).round(7)))[:limit]]


def ids_from(start: int, count: int, step: int = 3) -> Ids:
    return np.arange(start, start + step * count, step, dtype=np.int64)


def flat(path: Path, ids: Ids, matrix: Matrix) -> FlatSegment:
    facts = write_flat(path, matrix.shape[1], [(ids, matrix)])
    assert facts is not None
    return FlatSegment(path, facts)


def graph(path: Path, sources: list[FlatSegment], dead: Ids = NONE) -> GraphSegment:
    facts = build_graph(path, sources, dead, lambda: False)
    assert facts is not None
    return GraphSegment(path, facts)


@pytest.mark.parametrize("dims", [1, 3, 8, 33, 64, 256, 300])
def test_flat_search_is_exact(tmp_path: Path, dims: int) -> None:
    matrix, ids = clustered(500, dims), ids_from(10, 500)
    index = VectorIndex([flat(tmp_path / "a", ids, matrix)])
    for query in clustered(5, dims, seed=1):
        found, scores = index.search(query, 20)
        assert found.dtype == np.int64
        assert scores.dtype == np.float32
        expected = np.sort(cosines(matrix, query))[::-1][:20]
        assert np.allclose(scores, expected, atol=1e-6)
        if dims > 8:
            assert found.tolist() == nearest(ids, matrix, query, 20)


def test_facts_name_the_ids(tmp_path: Path) -> None:
    facts = write_flat(tmp_path / "a", 64, [(ids_from(10, 5), clustered(5)), (ids_from(100, 5), clustered(5))])
    assert facts is not None
    assert (facts.kind, facts.first_id, facts.last_id, facts.count) == ("flat", 10, 112, 10)
    assert isinstance(open_segment(tmp_path / "a", facts), FlatSegment)


def test_segments_and_delta_answer_as_one(tmp_path: Path) -> None:
    matrix, ids = clustered(900), ids_from(1, 900)
    delta = Delta(64)
    delta.append(ids[600:], matrix[600:])
    first, second = flat(tmp_path / "a", ids[:300], matrix[:300]), flat(tmp_path / "b", ids[300:600], matrix[300:600])
    index = VectorIndex([second, graph(tmp_path / "g", [first])], delta.rows())
    for query in clustered(20, seed=2):
        found, scores = index.search(query, 10)
        assert found.tolist() == nearest(ids, matrix, query, 10)
        assert (np.diff(scores) <= 0).all()


def test_equal_vectors_come_by_id(tmp_path: Path) -> None:
    same = np.repeat(clustered(1), 40, axis=0)
    index = VectorIndex(
        [flat(tmp_path / "b", ids_from(100, 20), same[:20]), flat(tmp_path / "a", ids_from(1, 20), same[20:])]
    )
    assert index.search(same[0], 25)[0].tolist() == [*ids_from(1, 20).tolist(), *ids_from(100, 20).tolist()[:5]]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("kind", ["flat", "graph"])
def test_only_allowed_ids_are_answered(tmp_path: Path, kind: str, share: float) -> None:
    matrix, ids = clustered(2000), ids_from(1, 2000)
    segment: FlatSegment | GraphSegment = flat(tmp_path / "a", ids, matrix)
    if kind == "graph":
        segment = graph(tmp_path / "g", [flat(tmp_path / "b", ids, matrix)])
    kept = np.sort(np.random.default_rng(3).permutation(2000)[: int(2000 * share)])
    allow = np.sort(np.concatenate([ids[kept], np.array([2, 3, 999_999])]))
    index = VectorIndex([segment])
    for query in clustered(5, seed=4):
        found, _ = index.search(query, 10, IdSet.of(allow))
        assert found.tolist() == nearest(ids[kept], matrix[kept], query, 10)


@pytest.mark.parametrize("kind", ["flat", "graph", "delta"])
def test_dead_ids_are_never_answered(tmp_path: Path, kind: str) -> None:
    matrix, ids = clustered(1000), ids_from(1, 1000)
    query = clustered(1, seed=5)[0]
    dead = np.array(sorted(nearest(ids, matrix, query, 300)), np.int64)
    live = ~np.isin(ids, dead)
    delta = Delta(64)
    segments: list[FlatSegment | GraphSegment] = []
    if kind == "delta":
        delta.append(ids, matrix)
    else:
        segments = [flat(tmp_path / "a", ids, matrix)]
    if kind == "graph":
        segments = [graph(tmp_path / "g", [flat(tmp_path / "b", ids, matrix)])]
    index = VectorIndex(segments, delta.rows(), dead)
    assert index.search(query, 10)[0].tolist() == nearest(ids[live], matrix[live], query, 10)
    assert index.search(query, 10, IdSet.of(ids[:500]))[0].tolist() == nearest(
        ids[:500][live[:500]], matrix[:500][live[:500]], query, 10
    )


def test_more_wanted_than_there_are(tmp_path: Path) -> None:
    matrix, ids = clustered(7), ids_from(1, 7)
    source = flat(tmp_path / "a", ids, matrix)
    for segment in (source, graph(tmp_path / "g", [source])):
        assert sorted(VectorIndex([segment]).search(matrix[0], 100)[0].tolist()) == ids.tolist()
    assert len(VectorIndex([source]).search(matrix[0], 0)[0]) == 0


def test_empty_index_answers_nothing() -> None:
    index = VectorIndex([], Delta(64).rows())
    assert len(index) == 0
    assert index.search(clustered(1)[0], 10)[0].tolist() == []
    assert np.isnan(index.score(clustered(1)[0], ids_from(1, 3))).all()


def test_zero_vectors_are_near_to_nothing(tmp_path: Path) -> None:
    matrix = np.concatenate([np.zeros((5, 64), np.int8), clustered(100)])
    source = flat(tmp_path / "a", ids_from(1, 105), matrix)
    for segment in (source, graph(tmp_path / "g", [source])):
        index = VectorIndex([segment])
        assert index.search(np.zeros(64, np.int8), 10)[0].tolist() == []
        found, scores = index.search(matrix[50], 3)
        assert found[0] == ids_from(1, 105)[50]
        assert np.isfinite(scores).all()
        assert index.score(matrix[50], ids_from(1, 1)).tolist() == [0.0]


def test_query_of_other_dimensions_is_refused(tmp_path: Path) -> None:
    index = VectorIndex([flat(tmp_path / "a", ids_from(1, 10), clustered(10))])
    with pytest.raises(ValueError, match="dimensions"):
        index.search(np.ones(32, np.int8), 5)


def test_scores_are_those_of_the_ids_in_their_order(tmp_path: Path) -> None:
    matrix, ids = clustered(300), ids_from(1, 300)
    first = flat(tmp_path / "a", ids[:100], matrix[:100])
    delta = Delta(64)
    delta.append(ids[200:], matrix[200:])
    index = VectorIndex(
        [graph(tmp_path / "g", [first]), flat(tmp_path / "b", ids[100:200], matrix[100:200])], delta.rows()
    )
    query = clustered(1, seed=6)[0]
    order = np.random.default_rng(7).permutation(300)
    wanted = np.concatenate([ids[order], np.array([2, 5000])])
    scores = index.score(query, wanted)
    assert np.allclose(scores[:300], cosines(matrix[order], query), atol=1e-6)
    assert np.isnan(scores[300:]).all()


def test_sketches_find_nearly_all_that_an_exact_scan_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "EXACT_ROWS", 1000)
    monkeypatch.setattr(scan, "SHORTLIST", 400)
    matrix, ids = clustered(20_000, 128), ids_from(1, 20_000)
    index = VectorIndex([flat(tmp_path / "a", ids, matrix)])
    hits = 0
    for query in clustered(20, 128, seed=8):
        found, scores = index.search(query, 10)
        assert np.allclose(scores, index.score(query, found))
        hits += len(set(found.tolist()) & set(nearest(ids, matrix, query, 10)))
    assert hits >= 195
    allow = ids[::2]
    found, _ = index.search(matrix[101], 10, IdSet.of(allow))
    assert set(found.tolist()) <= set(allow.tolist())


@pytest.mark.parametrize("dims", [1, 32, 100, 256, 300, 600])
def test_sketch_distances_are_counted_bit_by_bit(dims: int) -> None:
    codes = sketches(clustered(50, dims))
    slow = np.unpackbits(codes ^ codes[7], axis=1).sum(axis=1)
    distances = SketchDistances(codes[7], 20)
    found = [int(each) for start in range(0, 50, 20) for each in distances.to(codes[start : start + 20])]
    assert found == slow.tolist()


def test_sketch_does_not_depend_on_length_or_neighbours() -> None:
    matrix = clustered(100, 100)
    whole = sketches(matrix)
    assert whole.shape == (100, sketch_bytes(100)) == (100, 32)
    assert (sketches(matrix[40:41]) == whole[40:41]).all()
    assert (sketches(np.zeros((1, 100), np.int8)) == 0).all()


def test_graph_finds_nearly_all_that_an_exact_scan_finds(tmp_path: Path) -> None:
    matrix, ids = clustered(3000), ids_from(1, 3000)
    index = VectorIndex([graph(tmp_path / "g", [flat(tmp_path / "a", ids, matrix)])])
    hits = sum(
        len(set(index.search(query, 10)[0].tolist()) & set(nearest(ids, matrix, query, 10)))
        for query in clustered(50, seed=9)
    )
    assert hits >= 490


def test_a_graph_is_asked_once_for_what_passes_a_filter_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many more as the filter leaves out; and where comparing every row is sooner done, the graph is left alone."""
    matrix = clustered(4_000)
    built = graph(tmp_path / "g", [flat(tmp_path / "f", ids_from(1, len(matrix)), matrix)])
    asked: list[int] = []
    search = built._graph.search

    def counted(vector: Matrix, wanted: int) -> Ids:
        asked.append(wanted)
        return search(vector, wanted)

    monkeypatch.setattr(built._graph, "search", counted)
    rng = np.random.default_rng(3)
    for scanned, share, expected in ((2, 0.5, 1), (2, 0.01, 0), (4_000, 0.5, 0)):
        monkeypatch.setattr(vector_segments, "_SCANNED", scanned)
        mask = rng.random(len(matrix)) < share
        asked.clear()
        for number in range(20):
            query = Query.prepare(matrix[number])
            rows, _ = built.search(query, 256, mask, graphs=8)
            exact, _ = built.rows.search_rows(query, 256, np.flatnonzero(mask))
            assert len(np.intersect1d(rows, exact)) >= 0.9 * len(exact)
        assert len(asked) == 20 * expected, (scanned, share)
        assert all(wanted >= 2 * 256 for wanted in asked)


def test_graph_is_built_from_many_sources_without_the_dead(tmp_path: Path) -> None:
    matrix, ids = clustered(600), ids_from(1, 600)
    parts = [
        flat(tmp_path / f"{number}", ids[at : at + 200], matrix[at : at + 200])
        for number, at in enumerate((0, 200, 400))
    ]
    dead = ids[[0, 5, 300, 599]]
    built = graph(tmp_path / "g", [parts[2], parts[0], parts[1]], dead)
    live = ~np.isin(ids, dead)
    assert built.rows.ids.tolist() == ids[live].tolist()
    assert (built.rows.matrix == matrix[live]).all()
    assert (built.facts.first_id, built.facts.last_id, built.facts.count) == (ids[1], ids[598], 596)
    again = build_graph(tmp_path / "h", [built], NONE, lambda: False)
    assert again is not None
    assert again.count == 596
    assert sorted(os.listdir(tmp_path)) == ["0", "1", "2", "g", "h"]


def test_graph_in_pieces_holds_every_live_row_once(tmp_path: Path) -> None:
    matrix, ids = clustered(1500, 16), ids_from(1, 1500)
    parts = [flat(tmp_path / "a", ids[:700], matrix[:700]), flat(tmp_path / "b", ids[700:], matrix[700:])]
    dead = ids[::5]
    pieces = [build_graph(tmp_path / f"g{i}", parts, dead, lambda: False, share=(i, 3)) for i in range(3)]
    found = np.concatenate([GraphSegment(tmp_path / f"g{i}", piece).rows.ids for i, piece in enumerate(pieces)])
    assert found.tolist() == ids[~np.isin(ids, dead)].tolist()
    assert [piece.count for piece in pieces if piece] == [400, 400, 400]


def test_cancelled_graph_leaves_nothing(tmp_path: Path) -> None:
    source = flat(tmp_path / "a", ids_from(1, 2000), clustered(2000))
    seen: list[tuple[int, int]] = []
    assert (
        build_graph(
            tmp_path / "g", [source], NONE, lambda: len(seen) == 2, lambda done, total: seen.append((done, total))
        )
        is None
    )
    assert seen == [(512, 2000), (1024, 2000)]
    assert build_graph(tmp_path / "g", [source], source.rows.ids, lambda: False) is None
    assert os.listdir(tmp_path) == ["a"]


def test_merge_joins_and_drops_the_dead(tmp_path: Path) -> None:
    matrix, ids = clustered(10_000, 16), ids_from(1, 10_000)
    cuts = (0, 5000, 5100, 10_000)
    parts = [flat(tmp_path / str(a), ids[a:b], matrix[a:b]) for a, b in pairwise(cuts)]
    dead = ids[::7]
    facts = merge_flat(tmp_path / "m", parts[::-1], dead)
    assert facts is not None
    merged = FlatSegment(tmp_path / "m", facts)
    live = ~np.isin(ids, dead)
    assert merged.rows.ids.tolist() == ids[live].tolist()
    assert (merged.rows.matrix == matrix[live]).all()
    straight = write_flat(tmp_path / "s", 16, [(ids[live], matrix[live])])
    assert straight is not None
    assert straight.crc32 == facts.crc32
    assert merge_flat(tmp_path / "n", parts, ids) is None
    assert not (tmp_path / "n").exists()


def test_writer_refuses_what_does_not_fit(tmp_path: Path) -> None:
    matrix = clustered(10)
    for blocks in (
        [(ids_from(1, 10)[::-1], matrix)],
        [(ids_from(1, 10), matrix), (ids_from(1, 10), matrix)],
        [(ids_from(1, 9), matrix)],
        [(ids_from(1, 10), matrix[:, :32])],
        [(ids_from(1, 10), matrix.astype(np.int16))],
    ):
        with pytest.raises(ValueError):
            write_flat(tmp_path / "a", 64, blocks)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_nothing_to_write_writes_nothing(tmp_path: Path) -> None:
    assert write_flat(tmp_path / "a", 64, []) is None
    assert os.listdir(tmp_path) == []


def test_error_while_rows_are_read_leaves_nothing(tmp_path: Path) -> None:
    def blocks() -> Iterator[tuple[Ids, Matrix]]:
        yield ids_from(1, 10), clustered(10)
        raise CorruptIndex("the catalog broke")

    with pytest.raises(CorruptIndex):
        write_flat(tmp_path / "a", 64, blocks())
    assert os.listdir(tmp_path) == []


def test_catalog_rows_become_blocks() -> None:
    matrix = clustered(9000, 8)
    rows = [(3 * number, row.tobytes()) for number, row in enumerate(matrix)]
    blocks = list(blocks_of(iter(rows), 8))
    assert [len(ids) for ids, _ in blocks] == [1024] * 8 + [808]
    assert (np.concatenate([block for _, block in blocks]) == matrix).all()
    assert list(blocks_of([], 8)) == []
    with pytest.raises(CorruptIndex):
        list(blocks_of([(1, b"123")], 8))


def test_delta_grows_shrinks_and_counts_its_bytes() -> None:
    matrix, ids = clustered(1000, 32), ids_from(1, 1000)
    delta = Delta(32)
    assert delta.anonymous_bytes == 0
    for start in range(0, 1000, 50):
        delta.append(ids[start : start + 50], matrix[start : start + 50])
    before = delta.rows()
    assert 1000 * 44 <= delta.anonymous_bytes <= 1500 * 44
    delta.drop_through(int(ids[899]))
    delta.append(ids[999:] + 1, matrix[:1])
    assert len(delta) == 101
    assert delta.anonymous_bytes < 300 * 44
    assert before.ids.tolist() == ids.tolist()
    assert (before.matrix == matrix).all()
    with pytest.raises(ValueError):
        delta.append(ids[:1], matrix[:1])


def test_released_segments_go_on_answering(tmp_path: Path) -> None:
    matrix, ids = clustered(1000), ids_from(1, 1000)
    source = flat(tmp_path / "a", ids, matrix)
    index = VectorIndex([source, graph(tmp_path / "g", [source])])
    before = index.search(matrix[3], 10)[0].tolist()
    index.release()
    assert index.search(matrix[3], 10)[0].tolist() == before


def test_damaged_vector_segments_are_misses(tmp_path: Path) -> None:
    source = flat(tmp_path / "a", ids_from(1, 500), clustered(500))
    graph(tmp_path / "g", [source])
    for name, kind in (("a", FlatSegment), ("g", GraphSegment)):
        sound = (tmp_path / name).read_bytes()
        for at in range(100, len(sound), len(sound) // 20):
            data = bytearray(sound)
            data[at] ^= 1
            (tmp_path / name).write_bytes(data)
            with pytest.raises(CorruptIndex):
                kind(tmp_path / name)
    with pytest.raises(CorruptIndex):
        open_segment(tmp_path / "a", Segment("a", "other", 1, 1, 1, 1, 1))


def test_golden_files_of_format_1_open_and_answer() -> None:
    matrix, ids = clustered(64, 16, seed=1), ids_from(7, 64)
    flat_segment, graph_segment = FlatSegment(DATA / "flat-1.segment"), GraphSegment(DATA / "graph-1.segment")
    for segment in (flat_segment, graph_segment):
        assert segment.rows.ids.tolist() == ids.tolist()
        assert (segment.rows.matrix == matrix).all()
        found, _ = VectorIndex([segment]).search(matrix[9], 5)
        assert found.tolist() == nearest(ids, matrix, matrix[9], 5)


def test_flat_format_is_as_it_was(tmp_path: Path) -> None:
    write_flat(tmp_path / "a", 16, [(ids_from(7, 64), clustered(64, 16, seed=1))])
    assert (tmp_path / "a").read_bytes() == (DATA / "flat-1.segment").read_bytes()


def test_interrupt_while_a_graph_is_built_ends_the_process_in_order(tmp_path: Path) -> None:
    flat(tmp_path / "a", ids_from(1, 40_000), clustered(40_000))
    code = (
        "import os, signal, sys, threading; from pathlib import Path; import numpy as np;"
        "from lowtide.store.vectors.vector_segments import FlatSegment, build_graph;"
        "folder = Path(sys.argv[1]); source = FlatSegment(folder / 'a');\n"
        "def tell(done, total):\n"
        " if done == 1024: threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try: build_graph(folder / 'g', [source], np.empty(0, np.int64), lambda: False, tell)\n"
        "except KeyboardInterrupt: print('interrupted', os.listdir(folder))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout == "interrupted ['a']\n"
    assert done.returncode == 0


_BUILD = """
import sys
import numpy as np
from lowtide.store.vectors import vectors

def held() -> tuple[int, int]:
    lines = dict(line.split(":") for line in open("/proc/self/status"))
    return int(lines["RssAnon"].split()[0]) << 10, int(lines["VmData"].split()[0]) << 10

count, dims = map(int, sys.argv[1:])
vectors.GraphBuilder(dims)  # the library is loaded
random, builder, before, most = np.random.default_rng(1), vectors.GraphBuilder(dims), held(), (0, 0)
while len(builder) < count:
    builder.add(random.integers(-127, 127, (512, dims)).astype(np.int8))
    most = tuple(map(max, zip(most, held())))
print(most[0] - before[0], most[1] - before[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not say what is mapped")
def test_building_a_graph_maps_no_more_than_is_allowed_for() -> None:
    count, dims = 33_280, 32  # just beyond a doubling
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, f"{count}", f"{dims}"], check=True, capture_output=True, text=True
    )
    anonymous, mapped = map(int, done.stdout.split())
    assert anonymous <= predict_graph_bytes(count, dims)
    assert (
        predict_graph_bytes(count, dims)
        < mapped
        <= (predict_graph_bytes(count, dims) + untouched_graph_bytes(count, dims))
    )
