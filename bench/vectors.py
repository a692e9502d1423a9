"""Vector segments: time to search, recall, time to open and build, memory.

    python -m bench.vectors [--counts 34000,200000,1390000] [--kinds flat,graph,mixed] [--tree TREE]

Without TREE the vectors are synthetic: clusters in 64 of 256 dimensions plus noise, queries apart from them. With TREE
they are chunks of its C files, embedded by the default model, and the queries are sentences: what real searches look
like, and what graphs find much harder. Every kind is opened and searched in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from lowtide.store.rows import Segment
from lowtide.store.vectors.scan import Ids, Matrix, Query
from lowtide.store.vectors.vector_index import VectorIndex
from lowtide.store.vectors.vector_segments import FlatSegment, build_graph, open_segment, write_flat
from lowtide.store.vectors.vectors import predict_graph_bytes

DIMS = 256
QUERIES = 200
SENTENCES = (
    "allocate a buffer and grow it when it is full",
    "register the driver with the bus",
    "free all pages of the cache",
    "wait until the device is ready or a timeout passes",
    "compare two strings without case",
    "copy data from user space",
    "compute the checksum of a packet",
    "send a message to the firmware and read its answer",
    "lock order and deadlock",
    "parse the options of the mount command",
    "handle an interrupt",
    "convert a time stamp to nanoseconds",
    "look up an inode by number",
    "print statistics for debugging",
    "set the brightness of the panel",
    "encrypt a block with aes",
    "resume from suspend",
    "add an entry to a hash table",
    "walk the page table",
    "update the reference count",
)


def synthetic(count: int) -> tuple[Iterator[tuple[Ids, Matrix]], Matrix]:
    random = np.random.default_rng(1)
    basis = random.standard_normal((64, DIMS)).astype(np.float32)
    centres = random.standard_normal((2000, 64)).astype(np.float32)

    def scaled(vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Matrix:
        rounded: Matrix = np.rint(vectors / np.abs(vectors).max(axis=1, keepdims=True) * 127).astype(np.int8)
        return rounded

    def blocks() -> Iterator[tuple[Ids, Matrix]]:
        for start in range(0, count, 8192):
            rows = min(8192, count - start)
            inner = centres[random.integers(0, 2000, rows)] + 0.8 * random.standard_normal((rows, 64)).astype(
                np.float32
            )
            noise = 2.0 * random.standard_normal((rows, DIMS)).astype(np.float32)
            yield np.arange(start + 1, start + rows + 1), scaled(inner @ basis + noise)

    queries = centres[random.integers(0, 2000, QUERIES)] + 1.2 * random.standard_normal((QUERIES, 64)).astype(
        np.float32
    )
    return blocks(), scaled(queries @ basis)


def embedded(count: int, tree: Path) -> tuple[Iterator[tuple[Ids, Matrix]], Matrix]:
    from lowtide.work.model.embed import load_encoder
    from lowtide.work.model.encoder import Side, document_words
    from lowtide.work.words import split_words

    encoder = load_encoder()

    def documents() -> Iterator[str]:
        for path in sorted(tree.rglob("*.[ch]"), key=lambda path: hash(path.name)):
            if path.is_file() and path.stat().st_size < 400_000:
                lines = path.read_bytes().decode("utf-8", "replace").encode().splitlines(keepends=True)
                text = b"".join(lines)
                cuts = np.cumsum([0, *(sum(map(len, lines[at : at + 18])) for at in range(0, len(lines), 18))]).tolist()
                for words in split_words(text, cuts):
                    yield document_words("", words)

    def blocks() -> Iterator[tuple[Ids, Matrix]]:
        start, batch = 0, []
        for document in documents():
            batch.append(document)
            if len(batch) == 4096 or start + len(batch) == count:
                yield np.arange(start + 1, start + len(batch) + 1), encoder.encode_words(batch, Side.DOCUMENT)
                start, batch = start + len(batch), []
                if start == count:
                    return
        sys.exit(f"{tree} has only {start + len(batch)} chunks")

    return blocks(), encoder.encode(list(SENTENCES), Side.QUERY)


def anonymous_bytes() -> int:
    info = psutil.Process().memory_info()
    return int(info.rss - info.shared)


def percentile(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1e3, 2)


def search(folder: Path, facts: list[Segment], truth: Path) -> dict[str, float]:
    """In a process of its own: open, search, compare."""
    before, started = anonymous_bytes(), time.perf_counter()
    segments = [open_segment(folder / each.name, each) for each in facts]
    opened = time.perf_counter() - started
    index = VectorIndex(segments)
    queries, right = np.load(folder / "queries.npy"), np.load(truth)
    index.search(queries[0], 10)
    times, hits = [], 0
    for query, best in zip(queries, right, strict=True):
        started = time.perf_counter()
        found, _ = index.search(query, 300)
        times.append(time.perf_counter() - started)
        hits += len(set(found[:10].tolist()) & set(best.tolist()))
    held = anonymous_bytes() - before
    return {
        "open_ms": round(opened * 1e3, 1),
        "p50_ms": percentile(times, 0.5),
        "p95_ms": percentile(times, 0.95),
        "recall_at_10": round(hits / right.size, 4),
        "anon_mib": round(held / 2**20, 1),
        "charged_mib": round(index.anonymous_bytes / 2**20, 1),
        "file_mib": round(index.mapped_bytes / 2**20, 1),
    }


def build(folder: Path, source: Segment, part: tuple[int, int], target: str) -> dict[str, object]:
    """In a process of its own: one graph, and what building it took."""
    segment = FlatSegment(folder / source.name, source)
    before, started, peak = anonymous_bytes(), time.process_time(), [0]

    def progress(done: int, total: int) -> None:
        peak[0] = max(peak[0], anonymous_bytes())

    facts = build_graph(folder / target, [segment], np.empty(0, np.int64), lambda: False, progress, share=part)
    assert facts is not None
    peak[0] = max(peak[0], anonymous_bytes())
    return {
        "cpu_us_per_vector": round((time.process_time() - started) / facts.count * 1e6, 1),
        "peak_bytes_per_vector": round((peak[0] - before) / facts.count, 1),
        "predicted_bytes_per_vector": round(predict_graph_bytes(facts.count, segment.dims) / facts.count, 1),
        "facts": columns(facts),
    }


def columns(facts: Segment) -> list[object]:
    return [facts.name, str(facts.kind), facts.first_id, facts.last_id, facts.count, facts.size_bytes, facts.crc32]


def in_own_process(name: str, *values: object) -> dict[str, object]:
    command = [sys.executable, __file__, "--call", name, json.dumps(values)]
    answer: dict[str, object] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def measure(count: int, kinds: list[str], tree: Path | None, folder: Path) -> None:
    blocks, queries = embedded(count, tree) if tree else synthetic(count)
    np.save(folder / "queries.npy", queries)
    started = time.process_time()
    flat = write_flat(folder / "flat", DIMS, blocks)
    assert flat is not None
    wrote = time.process_time() - started
    rows = FlatSegment(folder / "flat", flat).rows
    right = []
    for query in queries:
        scores = rows.cosines(Query.prepare(query), np.arange(len(rows)))
        right.append(rows.ids[np.argsort(-scores, kind="stable")[:10]])
    np.save(folder / "truth.npy", np.array(right))
    common = [str(folder), str(folder / "truth.npy")]
    print(
        json.dumps({"vectors": count, "kind": "write flat", "cpu_us_per_vector": round(wrote / count * 1e6, 2)}),
        flush=True,
    )
    if "flat" in kinds:
        print(
            json.dumps({"vectors": count, "kind": "flat", **in_own_process("search", [columns(flat)], *common)}),
            flush=True,
        )
    if "graph" in kinds or "mixed" in kinds:
        pieces = max(1, -(-count // 700_000))
        made = [in_own_process("build", str(folder), columns(flat), [i, pieces], f"graph{i}") for i in range(pieces)]
        facts = [piece.pop("facts") for piece in made]
        print(json.dumps({"vectors": count, "kind": "build graph", "pieces": pieces, **made[0]}), flush=True)
        print(json.dumps({"vectors": count, "kind": "graph", **in_own_process("search", facts, *common)}), flush=True)
        if "mixed" in kinds and pieces > 1:
            first = Segment(*facts[0])  # type: ignore[misc]
            half = int(np.searchsorted(rows.ids, first.last_id, side="right"))
            rest = write_flat(folder / "rest", DIMS, [(rows.ids[half:], rows.matrix[half:])])
            assert rest is not None
            found = in_own_process("search", [facts[0], columns(rest)], *common)
            print(json.dumps({"vectors": count, "kind": "one graph, rest flat", **found}), flush=True)


def call(name: str, values: list[object]) -> None:
    """What `in_own_process` runs."""
    if name == "search":
        facts, folder, truth = values
        made = [Segment(*row) for row in facts]  # type: ignore[attr-defined]
        print(json.dumps(search(Path(str(folder)), made, Path(str(truth)))))
    else:
        folder, row, part, target = values
        print(json.dumps(build(Path(str(folder)), Segment(*row), tuple(part), str(target))))  # type: ignore


def main() -> None:
    if len(sys.argv) == 4 and sys.argv[1] == "--call":
        call(sys.argv[2], json.loads(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="34000,200000,1390000")
    parser.add_argument("--kinds", default="flat,graph,mixed")
    parser.add_argument("--tree", type=Path)
    arguments = parser.parse_args()
    for count in map(int, arguments.counts.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            measure(count, arguments.kinds.split(","), arguments.tree, Path(folder))


if __name__ == "__main__":
    main()
