"""examples/ray_build.py on two nodes of one machine: bundles that are taken over, and a repository that fails alone."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.e2e.harness import Lowtide, python_module
from tests.e2e.soak import git

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ray_build.py"
NODE_MIB, BUDGET_MIB = 200, 128
CLUSTER = f"""
import sys
from ray.cluster_utils import Cluster
node = dict(num_cpus=1, memory={NODE_MIB << 20}, object_store_memory=80 << 20, include_dashboard=False)
cluster = Cluster(initialize_head=True, head_node_args=node)
del node["include_dashboard"]
cluster.add_node(**node)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""
MARK = "TEST_OF_A_CLUSTER"


def with_mark(mark: str) -> dict[str, str]:
    """Our environment, by which whatever descends from a process is known."""
    name, _, value = mark.partition("=")
    return {**os.environ, name: value}


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of a cluster of two nodes, each with room for one task."""
    mark = f"{MARK}={uuid.uuid4()}"
    quiet = {**with_mark(mark), "RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
    process = subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=quiet,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(120)
        process.stdout.close()
        end_marked(mark)
        process.wait(10)


def end_marked(mark: str) -> None:
    """End what a cluster has left: its processes have sessions of their own, and inherited this in their
    environment."""
    left = [process for process in psutil.process_iter() if is_marked(process, mark)]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=30)


def is_marked(process: psutil.Process, mark: str) -> bool:
    with suppress(OSError):
        return os.fsencode(mark) in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    return False


def test_what_a_cluster_has_left_is_ended() -> None:
    mark = f"{MARK}={uuid.uuid4()}"
    script = "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)"
    subprocess.run([sys.executable, "-c", script], env=with_mark(mark), check=True)
    assert [process for process in psutil.process_iter() if is_marked(process, mark)]
    end_marked(mark)
    assert not [process for process in psutil.process_iter() if is_marked(process, mark)]


def repository(folder: Path, number: int) -> Path:
    root = folder / "team" / f"app{number}"
    root.mkdir(parents=True)
    for part in range(3):
        (root / f"part{part}.py").write_text(python_module(10 * number + part, 3))
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root


def run(cluster: str, listed: Path, out: Path, budget_mib: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE), str(listed), str(out), "--budget", f"{budget_mib}MiB"]
    return subprocess.run(
        [*command, "--address", cluster], capture_output=True, text=True, timeout=280, cwd=out.parent, check=False
    )


@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="no Ray: pip install 'lowtide[ray-test]'")
@pytest.mark.timeout(600)
def test_repositories_are_built_on_two_nodes_within_their_budgets(
    cluster: str, lowtide: Lowtide, tmp_path: Path
) -> None:
    roots = [repository(tmp_path, number) for number in range(4)]
    listed = tmp_path / "repositories.txt"
    listed.write_text("\n".join(["# ours", *(root.as_uri() for root in roots), (tmp_path / "gone").as_uri(), ""]))
    out = tmp_path / "out"

    done = run(cluster, listed, out, BUDGET_MIB)

    built = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(built) == 5, done.stderr[-2000:]
    assert done.returncode == 1
    (failed,) = [each for each in built if each["error"]]
    assert failed["repository"].endswith("/gone")
    assert len({each["node"] for each in built if each["bundle"]}) == 2
    assert not [path for path in out.rglob("*") if path.is_file() and path.suffix != ".lowtide"]
    bundle = next(Path(each["bundle"]) for each in built if each["repository"] == roots[2].as_uri())
    commit = (roots[2] / ".git" / "refs" / "heads" / "main").read_text().strip()
    assert bundle.name == f"{commit}.lowtide"
    lowtide.run("import", bundle, roots[2])
    assert "Holder2" in lowtide.run("search", "grow the size of a holder", roots[2]).stdout

    refused = run(cluster, listed, out, 4 * NODE_MIB)
    assert refused.returncode == 1
    assert "no node has 800MiB" in refused.stderr
