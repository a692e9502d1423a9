"""Trees made to break an indexer, each indexed under a budget of 128 MiB in a memory cgroup of 160 MiB.

    python -m bench.adversaries [NAME ...] [--quick] [--save] [--work FOLDER]

Prints a line for each: pass or fail, seconds, highest anonymous memory of all processes (sampled every 20 ms), bytes
over the budget, files that broke a worker, files skipped by reason. What must hold: the right exit status, nothing
lost, nothing hung, every skip explained by `lowtide why`, the bystanders indexed as if alone, not a byte over the
budget.

`--save` appends the figures with the commit to bench/results/adversaries.jsonl and rewrites adversaries.md beside it.
Root is needed for the cgroup, devices and mounts; what cannot be made is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.adversaries import contents, daemon, folders, moving, rules
from bench.adversaries.case import BUDGET_BYTES, LIMIT_BYTES, Scale
from bench.adversaries.run import Verdict, can_play, expected_of_bystanders, play, remove
from bench.revision import ROOT, commit

RESULTS = ROOT / "bench" / "results"
CASES = [*contents.CASES, *folders.CASES, *rules.CASES, *moving.CASES]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which; all without it")
    parser.add_argument("--quick", action="store_true", help="smaller trees")
    parser.add_argument("--save", action="store_true", help="keep the figures in bench/results")
    parser.add_argument(
        "--work", type=Path, help="where the trees are made (some GB); a folder for the time without it"
    )
    parser.add_argument("--list", action="store_true", help="print the names and end")
    arguments = parser.parse_args()
    ideas = {case.name: case.idea for case in CASES} | {daemon.NAME: daemon.IDEA}
    if arguments.list:
        print("\n".join(f"{name:24} {idea}" for name, idea in ideas.items()))
        return 0
    names = arguments.names or list(ideas)
    if unknown := set(names) - set(ideas):
        parser.error(f"no such adversary: {', '.join(sorted(unknown))}; see --list")
    scale = Scale(arguments.quick)
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="adversaries-", dir=arguments.work, ignore_cleanup_errors=True) as folder:
        work = Path(folder)
        work.chmod(0o755)
        expected = expected_of_bystanders(work)
        print(HEAD)
        for name in names:
            if name == daemon.NAME:
                verdict = daemon.play(scale, work, expected)
            else:
                case = next(case for case in CASES if case.name == name)
                if why := can_play(case):
                    print(f"{name}: left out: {why}")
                    continue
                verdict = play(case, scale, work, expected)
            verdicts.append(verdict)
            print(row(verdict), flush=True)
            if verdict.note:
                print(f"    {verdict.note}")
            for problem in verdict.problems:
                print(f"    {problem}", flush=True)
            if arguments.save:
                save(verdict, scale, ideas)
            remove(work)
    return 0 if all(verdict.passed for verdict in verdicts) else 1


HEAD = (
    "| adversary | verdict | seconds | again | peak MiB | over | kernel kills | indexed | broke a worker | skipped "
    "|\n|---|---|---|---|---|---|---|---|---|---|"
)


def row(verdict: Verdict) -> str:
    """One line of the table."""
    counts = lambda found: ", ".join(f"{reason} {count:,}" for reason, count in sorted(found.items())) or "–"
    return (
        f"| {verdict.name} | {'pass' if verdict.passed else '**fail**'} | {verdict.seconds} | {verdict.again_s} | "
        f"{verdict.peak_anon_bytes / (1 << 20):.1f} | {verdict.overshoot_bytes:,} | {verdict.oom_kills} | "
        f"{verdict.indexed:,} | "
        f"{counts(verdict.kills)} | {counts(verdict.skipped)} |"
    )


def save(verdict: Verdict, scale: Scale, ideas: dict[str, str]) -> None:
    """Append to the results, and write the table of the newest of each."""
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    file = RESULTS / "adversaries.jsonl"
    with file.open("a") as out:
        out.write(json.dumps({"commit": commit(), "date": when, "quick": scale.quick, **asdict(verdict)}) + "\n")
    write_table(ideas)


def write_table(ideas: dict[str, str]) -> None:
    """Write adversaries.md from the newest figures of each."""
    file = RESULTS / "adversaries.jsonl"
    newest: dict[str, dict[str, Any]] = {}
    for line in file.read_text().splitlines():
        entry = json.loads(line)
        if entry["name"] in ideas and not (entry["quick"] and not newest.get(entry["name"], {"quick": True})["quick"]):
            newest[entry["name"]] = entry
    fields = set(Verdict.__dataclass_fields__)
    text = [
        "# Adversaries\n",
        f"Trees made to break an indexer, indexed under a budget of {BUDGET_BYTES >> 20} MiB in a memory cgroup of "
        f"{LIMIT_BYTES >> 20} MiB; memory sampled every 20 ms. `python -m bench.adversaries --save` makes this table. "
        f"{platform.machine()}, Linux {platform.release()}, Python {platform.python_version()}.\n",
        HEAD.replace("| skipped |", "| skipped | form | commit |").replace("|---|\n", "|---|").rstrip() + "---|---|",
    ]
    for name in ideas:
        if entry := newest.get(name):
            verdict = Verdict(**{key: value for key, value in entry.items() if key in fields})
            text.append(f"{row(verdict)} {'quick' if entry['quick'] else 'long'} | {entry['commit']} |")
    text.append("\n## What each is\n")
    text += [f"- `{name}`: {idea}." for name, idea in ideas.items()]
    (RESULTS / "adversaries.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    sys.exit(main())
