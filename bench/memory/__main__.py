"""The memory benchmark: Lowtide and its peers in the same cgroup, in the same run.

    python -m bench.memory --trees FOLDER [--peers FOLDER] [--retrieval PREFIX] [--quick] [--save] [--plot]

For each tree and each budget (96, 128, 192, 256, 512 MiB), in a memory cgroup of the budget and 32 MiB, sampled every
20 ms: time, peak and idle anonymous memory, how far over the budget, how long a cancel takes, and a branch switch of
2,000 files where --switch names the tree. Peers have no budget of their own: each runs once without a limit, and then
under the limits that are smaller than what it took. `--peers` is a virtual environment with them (docs/memory.md has
the commands); one that is not there is left out, and said. `--retrieval` is a set of questions with one right answer
each. `--quick` is django at 96 and 256 MiB. `--save` appends to bench/results/memory.jsonl and renews the tables of
docs/memory.md; `--plot` draws what is there into docs/images (matplotlib).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.memory.lowtide_engine import LowtideEngine
from bench.memory.measure import MIB, Engine, Figures, Job
from bench.memory.peer_clangd import Clangd
from bench.memory.peer_ctags import Ctags
from bench.memory.peer_ripgrep import Ripgrep
from bench.memory.peer_semble import Semble
from bench.memory.report import made_by, newest, retrieval_table, table
from bench.memory.retrieval import ndcg
from bench.revision import ROOT, commit
from bench.seeds.run import DOCUMENT
from bench.seeds.scenario import between

RESULTS = ROOT / "bench" / "results" / "memory.jsonl"
TREES = ("django", "cpython", "go", "boost", "jdk")
BUDGETS_MIB = (96, 128, 192, 256, 512)
SWITCH_FILES = 2_000
NOT_JUDGED = "Not measured yet: `--retrieval PREFIX` does."


def engines(peers: Path, switch_files: int) -> list[Engine]:
    """All there are; `missing` tells which can run."""
    programs = peers / "bin"
    return [
        LowtideEngine(switch_files),
        Semble(programs / "python"),
        Ctags(),
        Clangd(programs / "clangd"),
        Ripgrep(programs / "rg"),
    ]


def worth_running(budgets: Iterable[int], natural: Figures) -> list[int]:
    """The budgets whose cgroup is smaller than what an engine without a budget took by itself."""
    if natural.peak_bytes is None or natural.outcome.startswith("ended"):
        return []
    return [budget for budget in budgets if budget + 32 * MIB < natural.peak_bytes]


def measure(engine: Engine, tree: Path, budget_bytes: int | None, timeout_s: float) -> Figures:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="lowtide-memory-") as folder:
        return engine.run(Job(tree, budget_bytes, Path(folder), timeout_s))


def run_tree(
    tree: Path, chosen: Sequence[Engine], budgets: Sequence[int], timeout_s: float, tell: Callable[[Figures], None]
) -> None:
    """Every engine on one tree: under each budget, or for a peer once without a limit and then under those that
    bind."""
    for engine in chosen:
        if not engine.suits(tree):
            continue
        if engine.has_budget:
            for budget in budgets:
                tell(measure(engine, tree, budget, timeout_s))
            continue
        natural = measure(engine, tree, None, timeout_s)
        tell(natural)
        for budget in worth_running(budgets, natural):
            tell(measure(engine, tree, budget, timeout_s))


def judge(prefix: str, budgets: Sequence[int], tell: Callable[[Figures], None]) -> None:
    """Retrieval at each budget."""
    for budget in budgets:
        with tempfile.TemporaryDirectory(prefix="lowtide-memory-") as folder:
            score, degraded = ndcg(prefix, budget, Path(folder))
        detail = {"ndcg10": round(score, 4), "degraded": degraded}
        tell(Figures("retrieval", Path(prefix).name, budget, "done", detail=detail))


def save(figures: Sequence[Figures]) -> None:
    """Append to the log and renew the tables of the document."""
    machine = {
        "commit": commit(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    with RESULTS.open("a") as file:
        for each in figures:
            file.write(json.dumps(each.as_json(**machine)) + "\n")


def write_document() -> None:
    """Renew the tables of docs/memory.md from the log."""
    entries = newest(RESULTS.read_text("utf-8").splitlines())
    text = between(DOCUMENT.read_text("utf-8"), "memory", f"{made_by(entries)}\n\n{table(entries)}")
    DOCUMENT.write_text(between(text, "retrieval", retrieval_table(entries) or NOT_JUDGED), "utf-8")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", type=Path, default=os.environ.get("LOWTIDE_TREES"), help="the folder of the trees")
    parser.add_argument("--only", nargs="*", default=TREES, metavar="NAME", help="trees, by their names in that folder")
    parser.add_argument("--budgets", nargs="*", type=int, default=BUDGETS_MIB, metavar="MIB")
    parser.add_argument("--engines", nargs="*", metavar="WORD", help="only engines whose names begin so")
    parser.add_argument("--peers", type=Path, default=Path("peers"), help="a virtual environment with the peers")
    parser.add_argument(
        "--switch", nargs="*", default=(), metavar="NAME", help="trees on which a branch switch is measured"
    )
    parser.add_argument("--retrieval", metavar="PREFIX", help="PREFIX_corpus.jsonl.gz and PREFIX_queries.jsonl.gz")
    parser.add_argument(
        "--timeout", type=float, default=900.0, metavar="S", help="the most that one run of a peer may take"
    )
    parser.add_argument("--quick", action="store_true", help="django at 96 and 256 MiB")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--plot", action="store_true", help="draw the newest figures of bench/results/memory.jsonl")
    args = parser.parse_args(argv)
    if args.quick:
        args.only, args.budgets = ("django",), (96, 256)
    if args.trees is None:
        parser.error("name the folder of the trees: --trees FOLDER, or LOWTIDE_TREES")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended all the same
    budgets = [mib * MIB for mib in args.budgets]
    done: list[Figures] = []

    def tell(figures: Figures) -> None:
        done.append(figures)
        print(
            f"{table([figures.as_json()]).splitlines()[-1]} {json.dumps(figures.detail)}", file=sys.stderr, flush=True
        )
        if args.save:
            save([figures])

    present: list[Engine] = []
    for engine in engines(args.peers, 0):
        if args.engines is not None and not any(engine.name.lower().startswith(word.lower()) for word in args.engines):
            continue
        if why := engine.missing():
            print(f"left out: {engine.name}: {why}", file=sys.stderr)
        else:
            present.append(engine)
    for name in args.only:
        tree = args.trees / name
        if not tree.is_dir():
            print(f"left out: {name}: not in {args.trees}", file=sys.stderr)
            continue
        chosen = [
            replace(engine, switch_files=SWITCH_FILES)
            if isinstance(engine, LowtideEngine) and name in args.switch
            else engine
            for engine in present
        ]
        run_tree(tree, chosen, budgets, args.timeout, tell)
    if args.retrieval:
        judge(args.retrieval, budgets, tell)
    entries = [figures.as_json() for figures in done]
    print(table(entries))
    if judged := retrieval_table(entries):
        print(judged)
    if args.save:
        write_document()
    if args.plot:
        from bench.memory.plots import draw

        draw(newest(RESULTS.read_text("utf-8").splitlines()))
    over = [figures for figures in done if figures.engine == "Lowtide" and (figures.over_bytes or not figures.is_done)]
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
