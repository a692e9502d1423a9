"""Index many repositories on a Ray cluster: a task for each, whose memory resource is Lowtide's budget.

    pip install "$LOWTIDE" 'ray==2.60.*'              # on every node: a wheel of Lowtide, or a clone; and git
    python ray_build.py repositories.txt /net/indexes --budget 512MiB --address auto

`repositories.txt` has a repository a line, as `git clone` takes it. Each becomes OUT/OWNER/NAME/COMMIT.lowtide, the
layout of `[share] url = "/net/indexes/{repo}/{commit}.lowtide"`; with `--push URL --token-file FILE` it is sent to a
team's gateway too. OUT and the token are the nodes' own paths, so that a drive that all of them have is wanted.

A line of JSON is printed for each repository as it is done. One that fails costs its own line, and exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray

TRIES = 3
"""Of a repository: a node may go while it works."""
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True)
class Plan:
    """What is done with each repository."""

    out: str
    budget: str
    push: str
    token_file: str


@dataclass(frozen=True)
class Built:
    """What came of one. `error` is empty where all went well."""

    repository: str
    node: str
    seconds: float
    bundle: str = ""
    bytes: int = 0
    pushed: int = 0
    error: str = ""


def repo_of(url: str) -> str:
    """`owner/name` of a repository's address, what `{repo}` stands for."""
    path = url.partition("://")[2].partition("/")[2] if "://" in url else url.rpartition(":")[2]
    return path.strip("/").removesuffix(".git")


def bytes_of(size: str) -> int:
    """`512MiB` in bytes."""
    found = re.fullmatch(r"([0-9]+)\s*([kmg]?)(?:i?b)?", size.strip().lower())
    if found is None:
        raise SystemExit(f"ray_build: {size!r} is no size: write it as 512MiB")
    return int(found[1]) * _UNITS[found[2]]


def build(url: str, plan: Plan) -> Built:
    """Clone, index, export and push one repository, in folders that are gone afterwards."""
    began_s, node = time.monotonic(), ray.get_runtime_context().get_node_id()
    with tempfile.TemporaryDirectory(prefix="lowtide-") as folder:
        try:
            told = _build(url, plan, Path(folder))
        except subprocess.CalledProcessError as error:
            why = (error.stderr or "").strip().splitlines()
            return Built(url, node, round(time.monotonic() - began_s, 1), error=(why or ["it failed"])[-1])
    return Built(url, node, round(time.monotonic() - began_s, 1), **told)


def _build(url: str, plan: Plan, folder: Path) -> dict[str, Any]:
    clone = folder / "clone"
    _run("git", "clone", "--quiet", "--depth", "1", "--", url, str(clone))
    commit = _run("git", "-C", str(clone), "rev-parse", "HEAD").strip()
    environment = {"LOWTIDE_HOME": str(folder / "home"), "LOWTIDE_EMBEDDED": "1"}
    lowtide = (sys.executable, "-m", "lowtide.cli", "--json", "--budget", plan.budget)
    _run(*lowtide, "index", str(clone), **environment)
    bundle = Path(plan.out) / repo_of(url) / f"{commit}.lowtide"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    # It is there under its name when it is whole: somebody may look for it at any moment.
    _run(*lowtide, "export", str(bundle), str(clone), **environment)
    pushed = 0
    if plan.push:
        token = ("--token-file", plan.token_file) if plan.token_file else ()
        pushed = json.loads(_run(*lowtide, "push", plan.push, str(clone), *token, **environment))["uploaded"]
    return {"bundle": str(bundle), "bytes": bundle.stat().st_size, "pushed": pushed}


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout


def build_all(urls: list[str], plan: Plan) -> int:
    """Print what came of each; how many failed."""
    budget = bytes_of(plan.budget)
    most = max((int(node["Resources"].get("memory", 0)) for node in ray.nodes() if node["Alive"]), default=0)
    if budget > most:
        raise SystemExit(f"ray_build: no node has {plan.budget} to lend: the largest has {most >> 20} MiB")
    # One core: with more the budget would be reached sooner, not the end.
    task = ray.remote(build).options(num_cpus=1, memory=budget, max_retries=TRIES, scheduling_strategy="SPREAD")
    waiting = {task.remote(url, plan): url for url in urls}
    failed = 0
    while waiting:
        (ready, *_), _ = ray.wait(list(waiting))
        url = waiting.pop(ready)
        try:
            built = ray.get(ready)
        except ray.exceptions.RayError as error:
            built = Built(url, "", 0.0, error=str(error).strip().splitlines()[-1])
        failed += bool(built.error)
        print(json.dumps(asdict(built)), flush=True)
    return failed


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Index many repositories on a Ray cluster.")
    parser.add_argument("repositories", type=Path, help="a file with a repository a line")
    parser.add_argument("out", help="the folder of bundles, which every node has")
    parser.add_argument("--budget", default="512MiB", help="of each task, and its memory resource")
    parser.add_argument("--push", default="", metavar="URL", help="a team's gateway")
    parser.add_argument("--token-file", default="", help="a file with a token that may push")
    parser.add_argument("--address", default="auto", help="of the cluster")
    given = parser.parse_args()
    lines = given.repositories.read_text().splitlines()
    urls = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    ray.init(address=given.address, log_to_driver=False)
    try:
        return 1 if build_all(urls, Plan(given.out, given.budget, given.push, given.token_file)) else 0
    finally:
        ray.shutdown()


if __name__ == "__main__":
    raise SystemExit(main())
