"""Flat segments, graphs or lists for long vectors? What each costs to build and to search, and what it finds.

    python -m bench.lists [--count 100000] [--dims 1536] [--kinds lists,flat,graph] [--shares 0.03,0.06,0.12,0.24]

Test data of `lowtide.bulk.sources`; recall@10 against all rows compared in float32, for 200 held-out queries. Each kind
is built and searched in a process of its own. `--shares`: how much of the rows the lists that are looked at hold.
Prints one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from lowtide.bulk.sources import BLOCK_ROWS, ClusteredSource
from lowtide.store.vectors import list_segment
from lowtide.store.vectors.list_builder import build_lists
from lowtide.store.vectors.list_segment import Element, ListSegment
from lowtide.store.vectors.scan import Ids, Matrix, Query, scaled_to_int8
from lowtide.store.vectors.vector_index import VectorIndex
from lowtide.store.vectors.vector_segments import FlatSegment, GraphSegment, build_graph, write_flat

QUERIES = 200


def rows_of(source: ClusteredSource) -> Iterator[tuple[Ids, Matrix]]:
    for start in range(0, source.count, BLOCK_ROWS):
        stop = min(source.count, start + BLOCK_ROWS)
        yield np.arange(start, stop), scaled_to_int8(source.read(start, stop))


def truth(source: ClusteredSource) -> list[list[int]]:
    queries = source.queries(QUERIES)
    best_ids, best = np.zeros((QUERIES, 0), np.int64), np.zeros((QUERIES, 0), np.float32)
    for start in range(0, source.count, BLOCK_ROWS):
        rows = source.read(start, min(source.count, start + BLOCK_ROWS))
        cosines = queries @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T
        best = np.concatenate([best, cosines], axis=1)
        best_ids = np.concatenate([best_ids, np.tile(np.arange(start, start + len(rows)), (QUERIES, 1))], axis=1)
        order = np.argsort(-best, axis=1)[:, :10]
        best, best_ids = np.take_along_axis(best, order, 1), np.take_along_axis(best_ids, order, 1)
    nearest: list[list[int]] = best_ids.tolist()
    return nearest


def anonymous_bytes() -> int:
    info = psutil.Process().memory_info()
    return int(info.rss - info.shared)


def search(ask: Callable[[np.ndarray], Ids], source: ClusteredSource, right: list[list[int]]) -> dict[str, float]:
    times, hits = [], 0
    queries = source.queries(QUERIES)
    for turn in range(2):
        for query, best in zip(queries, right, strict=True):
            began = time.perf_counter()
            found = ask(query)
            if turn:
                times.append(time.perf_counter() - began)
                hits += len(set(found.tolist()) & set(best))
    times.sort()
    return {
        "p50_ms": round(times[len(times) // 2] * 1e3, 2),
        "p95_ms": round(times[int(0.95 * len(times))] * 1e3, 2),
        "recall_at_10": round(hits / 10 / QUERIES, 4),
    }


def one(kind: str, source: ClusteredSource, folder: Path, shares: list[float]) -> None:
    """Build and search one kind, here."""
    right = json.loads((folder / "truth.json").read_text())
    source.read(0, 1)
    before, peak = anonymous_bytes(), 0

    def look(*_: int) -> None:
        nonlocal peak
        peak = max(peak, anonymous_bytes() - before)

    if kind == "graph":
        flat = write_flat(folder / "source", source.dims, rows_of(source))
        assert flat is not None
    began = time.process_time()
    segment = build(kind, source, folder, look)
    cpu = time.process_time() - began
    figures: dict[str, object] = {
        "kind": kind,
        "count": source.count,
        "dims": source.dims,
        "cpu_us_a_vector": round(cpu / source.count * 1e6, 1),
        "peak_bytes_a_vector": round(peak / source.count),
        "file_bytes_a_vector": round(segment.facts.size_bytes / source.count),
    }
    if isinstance(segment, ListSegment):
        list_segment.LEAST_SCANNED = 0
        for share in shares:
            figures["scanned_share"] = share
            print(json.dumps({**figures, **search(partial(ask_lists, segment, share), source, right)}), flush=True)
    else:
        index = VectorIndex([segment])
        print(json.dumps({**figures, **search(lambda query: index.search(query, 10)[0], source, right)}), flush=True)


def ask_lists(segment: ListSegment, share: float, query: np.ndarray) -> Ids:
    """Search with another share of the rows than the store's own."""
    rows, _ = list_segment.search_lists([segment], [None], Query.prepare(query), 10, scanned_share=share)[0]
    return np.asarray(segment.rows.ids[rows])


def build(
    kind: str, source: ClusteredSource, folder: Path, look: Callable[..., None]
) -> FlatSegment | GraphSegment | ListSegment:
    path = folder / kind
    if kind == "graph":
        facts = build_graph(path, [FlatSegment(folder / "source")], np.empty(0, np.int64), lambda: False, look)
        assert facts is not None
        return GraphSegment(path, facts)
    if kind == "flat":
        facts = write_flat(path, source.dims, rows_of(source))
        assert facts is not None
        return FlatSegment(path, facts)
    floats = (
        (np.arange(start, stop), source.read(start, stop))
        for start in range(0, source.count, BLOCK_ROWS)
        for stop in [min(source.count, start + BLOCK_ROWS)]
    )
    return ListSegment(path, build_lists(path, floats, source.count, source.dims, Element.INT8, alive=look))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dims", type=int, default=1_536)
    parser.add_argument("--kinds", default="lists,flat,graph")
    parser.add_argument("--shares", default="0.03,0.06,0.12,0.24")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    source = ClusteredSource(args.count, args.dims)
    if args.one:
        one(args.one, source, args.folder, [float(share) for share in args.shares.split(",")])
        return
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "truth.json").write_text(json.dumps(truth(source)))
        for kind in args.kinds.split(","):
            command = [sys.executable, __file__, "--one", kind, "--folder", folder, "--shares", args.shares]
            subprocess.run([*command, "--count", str(args.count), "--dims", str(args.dims)], check=True)


if __name__ == "__main__":
    main()
