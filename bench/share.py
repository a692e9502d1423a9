#!/usr/bin/env python3
"""What taking over somebody else's index costs, against building it: a bundle, and a work tree's.

    python -m bench.share TREE [--changed 200] [--runs 3] [--budget 256MiB]

TREE is copied into a repository; 200 commits on top of it change `--changed` of its files by a few lines each, add some
and take some out, the same ones each time. An index of the first commit is built and exported; then, in turn and each
with a LOWTIDE_HOME of its own, the bundle is taken over at that commit and 200 commits later, and a work tree of the
last commit begins with the index beside it. CPU seconds are of the command and everything that it started, user and
system; those that it takes to index an empty folder are taken off each.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.revision import commit
from bench.seeds.trees import sources

COMMITS = 200
NEW_SHARE, GONE_SHARE = 0.06, 0.02
"""Of the changed files: so many are new ones, and so many are taken out."""
_STATEMENT = re.compile(rb"[ \t]*[a-z_][\w.]*(?: [-+*]?= [\w. +*-]+|\([\w., =]*\));?\r?\n")
"""A line that can stand twice in most languages: an assignment or a call, whole in itself."""
_STATEMENTS = re.compile(rb"(?m:^" + _STATEMENT.pattern + rb")")
_WORD = re.compile(rb"[a-z_]{3,}")
_WHO = ["-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false", "-c", "gc.auto=0"]


def git(folder: Path, *words: str) -> str:
    """Run git there; what it says."""
    command = ["git", "-C", str(folder), *_WHO, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def make_history(tree: Path, place: Path, changed: int) -> str:
    """A repository at `place` with `tree` as its first commit and 200 on top of it; the name of the first."""
    shutil.copytree(tree, place, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    git(place, "init", "-q", "-b", "main")
    git(place, "remote", "add", "origin", "https://git.example.org/team/app.git")
    git(place, "add", "-A", "-f")
    git(place, "commit", "-q", "-m", "first")
    first = git(place, "rev-parse", "HEAD")
    rng = random.Random(7)
    chosen: list[Path] = []
    for path in rng.sample(found := list(sources(place)), len(found)):
        if len(chosen) < changed and _STATEMENTS.search(path.read_bytes()):
            chosen.append(path)
    for number in range(COMMITS):
        for path in chosen[number::COMMITS]:
            _change(path, rng)
        git(place, "add", "-A", "-f")
        git(place, "commit", "-q", "--allow-empty", "-m", f"change {number}")
    return first


def _change(path: Path, rng: random.Random) -> None:
    """A few lines of a file become others, some are added, and it stays code; or it goes, or is a new one."""
    draw = rng.random()
    if draw < GONE_SHARE:
        path.unlink()
        return
    lines = path.read_bytes().splitlines(keepends=True)
    for _ in range(rng.randrange(1, 4)):
        whole = [at for at, line in enumerate(lines) if _STATEMENT.fullmatch(line)]
        if not whole:
            break
        at = rng.choice(whole)
        word = b"changed_%d" % rng.randrange(1000)
        fresh = [_WORD.sub(word, lines[at], 1) for _ in range(rng.randrange(1, 7))]
        lines[at + rng.randrange(2) : at + 1] = fresh
    if draw < GONE_SHARE + NEW_SHARE:
        path = path.with_name(f"{path.stem}_{rng.randrange(1000)}{path.suffix}")
    path.write_bytes(b"".join(lines))


class Bench:
    """The commands, each in the environment of a home."""

    def __init__(self, folder: Path, budget: str) -> None:
        self.folder = folder
        self._lowtide = [sys.executable, "-m", "lowtide.cli", "--embedded", "--json", "--budget", budget]

    def run(self, home: str, *words: str) -> tuple[float, dict[str, Any]]:
        """(CPU seconds of the command and what it started, its answer)."""
        environment = {**os.environ, "LOWTIDE_HOME": str(self.folder / home)}
        before = _children_s()
        done = subprocess.run([*self._lowtide, *words], env=environment, capture_output=True, text=True, check=False)
        took_s = _children_s() - before
        if done.returncode:
            sys.exit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-800:]}")
        return took_s, json.loads(done.stdout)

    def forget(self, home: str) -> None:
        """Remove a home and its indexes."""
        shutil.rmtree(self.folder / home, ignore_errors=True)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(tree: Path, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The figures of one tree."""
    bench = Bench(folder, args.budget)
    there, here, bundle, empty = (folder / name for name in ("there", "here", "app.lowtide", "empty"))
    empty.mkdir()
    first = make_history(tree, there, args.changed)
    git(there, "checkout", "-q", first)
    figures: dict[str, list[float]] = {}
    answers: dict[str, dict[str, Any]] = {}

    def note(name: str, home: str, *words: str) -> None:
        took_s, answers[name] = bench.run(home, *words)
        figures.setdefault(name, []).append(took_s)

    git(there, "clone", "-q", str(there), str(here))
    git(here, "remote", "set-url", "origin", "https://git.example.org/team/app.git")
    for number in range(args.runs):
        bench.forget("one")
        note("start", "other", "index", str(empty))
        note("built", "one", "index", str(there))
        bundle.unlink(missing_ok=True)
        note("exported", "one", "export", str(bundle), str(there))
        for name, at in (("same commit", first), (f"{COMMITS} commits back", "main")):
            git(here, "checkout", "-q", at)
            git(here, "status", "--porcelain")  # git's index knows the files again, as it does for who works there
            bench.forget("two")
            note(name, "two", "import", str(bundle), str(here))
        beside = folder / f"beside-{number}"
        git(there, "worktree", "add", "-q", str(beside), "main")
        note("a work tree beside it", "one", "index", str(beside))
        git(there, "worktree", "remove", "--force", str(beside))
        bench.forget("two")
        # At rest, and none but this one: a running command has a log beside the catalog.
        (folder_of_index,) = (folder / "one" / "cache" / "indexes").glob("there-*")
        index_bytes = sum(path.stat().st_size for path in folder_of_index.rglob("*") if path.is_file())
    start_s = statistics.median(figures["start"])
    cpu_s = {name: round(statistics.median(all_s) - start_s, 2) for name, all_s in figures.items() if name != "start"}
    last = answers[f"{COMMITS} commits back"]["index"]["files"]
    return {
        "tree": tree.name,
        "commit": commit(),
        "load": round(os.getloadavg()[0], 1),
        "files": answers["built"]["files"]["indexed"],
        "index_mb": round(index_bytes / 1e6, 1),
        "bundle_mb": round(bundle.stat().st_size / 1e6, 1),
        "bundle_share": round(bundle.stat().st_size / index_bytes, 3),
        "start_s": round(start_s, 2),
        "cpu_s": cpu_s,
        "share": {name: round(used / cpu_s["built"], 3) for name, used in cpu_s.items()},
        "again": {"indexed": last["indexed"], "removed": last["removed"], "unchanged": last["unchanged"]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--changed", type=int, default=200, help="files that the 200 commits touch")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--budget", default="256MiB")
    args = parser.parse_args()
    for tree in args.trees:
        folder = Path(tempfile.mkdtemp(prefix="lowtide-bench-"))
        try:
            print(json.dumps(measure(tree.resolve(), args, folder)), flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
