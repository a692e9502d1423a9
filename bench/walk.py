#!/usr/bin/env python3
"""Whether the walk sees what git sees, and how fast.

    python -m bench.walk ROOT [ROOT ...]

For each tree: the files that the walk yields, skipped ones included and vendored folders walked, against `git ls-files
-co --exclude-standard` over the same work tree with an empty repository elsewhere. Prints both counts, both times, and
the first differences; ends with 1 when there are any.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lowtide.config.settings import IndexSettings
from lowtide.system.tree.walk import walk


def git_files(root: Path, repository: str) -> tuple[set[bytes], float]:
    subprocess.run(["git", "init", "-q", "--bare", repository], check=True)
    start = time.perf_counter()
    command = ["git", f"--git-dir={repository}", f"--work-tree={root}", "ls-files", "-co", "--exclude-standard", "-z"]
    out = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    return {path for path in out.split(b"\0") if path}, time.perf_counter() - start


def main() -> int:
    differences = 0
    for name in sys.argv[1:]:
        root = Path(name).resolve()
        with tempfile.TemporaryDirectory() as folder:
            theirs, git_s = git_files(root, os.path.join(folder, "repository"))
        start, cpu = time.perf_counter(), time.process_time()
        ours = [stat.path for stat in walk(root, IndexSettings(vendored=True))]
        walk_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
        assert ours == sorted(ours), "not sorted"
        missing, added = sorted(theirs - set(ours)), sorted(set(ours) - theirs)
        differences += len(missing) + len(added)
        print(
            f"{root.name}: git {len(theirs)} files in {git_s:.2f} s, walk {len(ours)} in {walk_s:.2f} s ({cpu_s:.2f} "
            f"s of CPU)"
        )
        print(f"  missing {len(missing)}, added {len(added)}")
        for label, paths in (("missing", missing), ("added", added)):
            for path in paths[:10]:
                print(f"    {label} {path!r}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
