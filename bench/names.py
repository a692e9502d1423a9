"""Symbol search at each keystroke: time to answer, time and memory to write the segments.

    python -m bench.names TREE [--count 1000000] [--segments 3]

Names come from universal-ctags over TREE; when they are too few, words of theirs are put together to more. A keystroke
is every beginning of a name typed from its first character on, of its humps, or of a part of it.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from lowtide.store.names.name_search import NameIndex
from lowtide.store.names.names import NameSegment, write_names

KINDS = {"f": 12, "m": 6, "s": 23, "t": 5, "d": 14, "e": 22, "v": 13, "p": 12, "g": 10, "c": 5}


def ctags(tree: Path) -> Iterator[tuple[str, int]]:
    """Names with kinds, in the order of files."""
    command = ["ctags", "-R", "--sort=no", "--fields=k", "--kinds-C=+p", "-f", "-", str(tree)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith("!"):
                columns = line.rstrip("\n").split("\t")
                yield columns[0], KINDS.get(columns[-1], 13)


def make_names(tree: Path, count: int) -> list[tuple[str, int]]:
    """`count` names, real ones first."""
    real = []
    for pair in ctags(tree):
        real.append(pair)
        if len(real) == count:
            return real
    chance = random.Random(1)
    words = [
        word for name, _ in real[:: max(1, len(real) // 200_000)] for word in re.findall(r"[A-Za-z][a-z]*|\d+", name)
    ]
    while len(real) < count:
        name, kind = chance.choice(real)
        if chance.random() < 0.4:
            real.append((name, kind))
        else:
            real.append((f"{name}_{chance.choice(words)}"[:120], kind))
    return real


def anonymous_mib() -> float:
    info = psutil.Process().memory_info()
    return (info.rss - info.shared) / 2**20


def typed(names: list[tuple[str, int]], way: str, queries: int) -> list[str]:
    """What is in the box after each key."""
    chance = random.Random(2)
    keys: list[str] = []
    for _ in range(queries):
        name = chance.choice(names)[0]
        if way == "humps":
            name = "".join(word[:1] for word in re.findall(r"[A-Za-z][a-z]*|\d+", name))
        elif way == "part":
            name = name[len(name) // 3 :]
        elif way == "scattered":
            name = name[::2]
        keys += [name[: end + 1] for end in range(min(len(name), 16))]
    return keys


def percentile(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1e3, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--segments", type=int, default=3)
    parser.add_argument("--limit", type=int, default=600)
    parser.add_argument("--queries", type=int, default=60)
    arguments = parser.parse_args()
    names = make_names(arguments.tree, arguments.count)
    symbols = [(number, name, kind) for number, (name, kind) in enumerate(names, 1)]
    with tempfile.TemporaryDirectory() as folder:
        parts, size = [], 0
        before, started = anonymous_mib(), time.process_time()
        step = -(-len(symbols) // arguments.segments)
        for start in range(0, len(symbols), step):
            facts = write_names(Path(folder) / str(start), iter(symbols[start : start + step]))
            assert facts is not None
            size += facts.size_bytes
        wrote, grown = time.process_time() - started, anonymous_mib() - before
        started = time.perf_counter()
        parts = [NameSegment(Path(folder) / str(start)).rows for start in range(0, len(symbols), step)]
        opened = time.perf_counter() - started
        index = NameIndex(parts)
        report: dict[str, object] = {
            "symbols": len(index),
            "distinct": sum(len(part.masks) for part in parts),
            "segments": len(parts),
            "write_us_per_symbol": round(wrote / len(symbols) * 1e6, 2),
            "write_anon_mib": round(grown, 1),
            "bytes_per_symbol": round(size / len(symbols), 1),
            "open_ms": round(opened * 1e3, 1),
        }
        for way in ("name", "humps", "part", "scattered"):
            keys = typed(names, way, arguments.queries)
            times, found = [], 0
            for key in keys:
                started = time.perf_counter()
                found += len(index.search(key, arguments.limit))
                times.append(time.perf_counter() - started)
            slowest = keys[max(range(len(times)), key=times.__getitem__)]
            report[way] = {
                "keys": len(keys),
                "p50_ms": percentile(times, 0.5),
                "p95_ms": percentile(times, 0.95),
                "max_ms": percentile(times, 1),
                "slowest": slowest,
                "found": round(found / len(keys), 1),
            }
    json.dump(report, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
