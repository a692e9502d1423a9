"""How fast and how large is the encoder? Prints chunks per CPU-second and anonymous memory on one core.

    python -m bench.embed TREE [--model FOLDER] [--chunk-bytes 700] [--seconds 5] [--json]
    python -m bench.embed TREE --questions FILE

With `--questions` (a file of JSON lines with a `query`, such as model/questions.jsonl) it measures the other side: what
a process that answers questions pays for the model, its vectors and the comparison of 50 chunks word by word with each.

Files of TREE are cut at line ends into chunks of about `--chunk-bytes`; what is timed is everything from bytes to int8
vectors: splitting into words, header, tokens, model. Memory is `rss - shared` of this process, over what it was with
numpy.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil

from lowtide.work.words import split_words

SUFFIXES = {".py", ".js", ".ts", ".go", ".c", ".h", ".cc", ".cpp", ".hpp", ".java", ".rs"}

GROUP = 256
"""Chunks handed to the encoder at once, over several files."""


def anonymous_bytes() -> int:
    """Anonymous resident bytes of this process, as the budget counts them."""
    memory = psutil.Process().memory_info()
    return int(memory.rss - memory.shared)


@contextmanager
def watched() -> Iterator[list[int]]:
    """Looks every millisecond; the list holds what was seen once it ends. A model needs more while it loads than
    after."""
    seen = [anonymous_bytes()]
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.001):
            seen.append(anonymous_bytes())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def read_files(tree: Path, limit_bytes: int) -> list[tuple[str, bytes]]:
    """Source files of `tree`, evenly spread over it, up to `limit_bytes`."""
    paths = sorted(
        path for path in tree.rglob("*") if path.suffix in SUFFIXES and path.is_file() and not path.is_symlink()
    )
    sizes = sum(path.stat().st_size for path in paths)
    step = max(1, round(sizes / limit_bytes))
    files = []
    for path in paths[::step]:
        try:
            files.append((str(path.relative_to(tree)), path.read_text("utf-8").encode()))
        except UnicodeDecodeError:
            continue
    return files


def boundaries(text: bytes, chunk_bytes: int) -> list[int]:
    """Offsets at line ends that cut `text` into chunks of about `chunk_bytes`."""
    cuts = [0]
    while cuts[-1] < len(text):
        end = text.find(b"\n", min(cuts[-1] + chunk_bytes, len(text)))
        cuts.append(len(text) if end < 0 else end + 1)
    return cuts


def ask(tree: Path, questions: Path) -> dict[str, float]:
    """What asking costs: anonymous MiB beyond a process with numpy, and CPU milliseconds a question."""
    chunks = [
        text[start:end].decode()
        for _, text in read_files(tree, 1_000_000)
        for start, end in pairwise(boundaries(text, 700))
    ]
    queries = [json.loads(line)["query"] for line in questions.read_text("utf-8").splitlines()]
    split_words(b"warm up", [0, 7])
    np.sort(np.random.default_rng(0).random(1000))
    bare = anonymous_bytes()
    from lowtide.work.model.encoder import Side
    from lowtide.work.model.model_folder import default_model, read_model
    from lowtide.work.model.static_model import StaticModel
    from lowtide.work.words import split_texts

    with watched() as seen:
        model = StaticModel.open(read_model(default_model()))
        if model is None:
            sys.exit("the default model is not a static one")
        loaded = anonymous_bytes()
        encode_s = near_s = 0.0
        for number, query in enumerate(queries):
            before = time.process_time()
            model.encode([query], Side.QUERY)
            between = time.process_time()
            model.closeness(query, split_texts([chunks[(50 * number + place) % len(chunks)] for place in range(50)]))
            encode_s, near_s = encode_s + between - before, near_s + time.process_time() - between
    return {
        "questions": len(queries),
        "encode_cpu_ms": round(1000 * encode_s / len(queries), 3),
        "closeness_cpu_ms": round(1000 * near_s / len(queries), 3),
        "anon_loaded_mib": round((loaded - bare) / 2**20, 1),
        "anon_after_mib": round((anonymous_bytes() - bare) / 2**20, 1),
        "anon_peak_mib": round((max(seen) - bare) / 2**20, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--chunk-bytes", type=int, default=700)
    parser.add_argument("--batch-rows", type=int)
    parser.add_argument("--questions", type=Path, help="measure asking instead")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if args.questions:
        show(ask(args.tree, args.questions), as_json=args.json)
        return
    files = read_files(args.tree, 30_000_000)
    if not files:
        sys.exit(f"no source files under {args.tree}")

    split_words(b"warm up", [0, 7])
    np.sort(np.random.default_rng(0).random(1000))
    bare = anonymous_bytes()
    from lowtide.work.model.embed import load_encoder
    from lowtide.work.model.encoder import Side, document_text, document_words

    started = time.perf_counter()
    with watched() as highest:
        encoder = load_encoder(args.model)
    load_s = time.perf_counter() - started
    loaded = anonymous_bytes()

    encode = encoder.encode_words if encoder.takes_words else encoder.encode
    chunks = text_bytes = 0
    split_s = 0.0
    peak = max(loaded, *highest)
    deadline = time.perf_counter() + args.seconds
    cpu = time.process_time()
    waiting: list[str] = []
    for _, text in files:
        cuts = boundaries(text, args.chunk_bytes)
        for first in range(0, len(cuts) - 1, GROUP):
            part = cuts[first : first + GROUP + 1]
            if encoder.takes_words:
                before = time.process_time()
                spans = split_words(text, part)
                split_s += time.process_time() - before
                waiting += [document_words(f"Name.of_chunk{number}", span) for number, span in enumerate(spans)]
            else:
                waiting += [document_text("name", text[start:end].decode()) for start, end in pairwise(part)]
            if len(waiting) >= GROUP:
                encode(waiting, Side.DOCUMENT, args.batch_rows)
                waiting.clear()
            peak = max(peak, anonymous_bytes())
        chunks += len(cuts) - 1
        text_bytes += len(text)
        if time.perf_counter() > deadline:
            break
    encode(waiting, Side.DOCUMENT, args.batch_rows)
    cpu_s = time.process_time() - cpu
    cache = encoder.statistics()
    result = {
        "model": encoder.name,
        "dims": encoder.dims,
        "recipe": encoder.recipe,
        "load_s": round(load_s, 3),
        "chunks": chunks,
        "mean_chunk_bytes": round(text_bytes / max(chunks, 1)),
        "cpu_s": round(cpu_s, 3),
        "chunks_per_cpu_s": round(chunks / cpu_s),
        "split_words_share": round(split_s / cpu_s, 3),
        "anon_loaded_mib": round((loaded - bare) / 2**20, 1),
        "anon_peak_mib": round((peak - bare) / 2**20, 1),
        "cache_words": cache.words,
        "cache_hit_rate": round(cache.hits / max(cache.hits + cache.misses, 1), 4),
        "cache_evictions": cache.evictions,
    }
    show(result, as_json=args.json)


def show(result: Mapping[str, object], *, as_json: bool) -> None:
    """One JSON object, or a line for each figure."""
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
