"""Builds the wheel and the source distribution from what is committed, and nothing else.

    python -m release.build FOLDER        writes both into FOLDER, and their SHA-256

Invariant: the same commit gives the same bytes, on any machine: nothing of the working tree, the clock or the folder
goes in. `release.check` builds twice and compares.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""How an archive is unpacked, where Python can be told: 3.11.4 and later."""


def export(target: Path, commit: str = "HEAD", root: Path = ROOT) -> Path:
    """The files of a commit, in a new folder. CalledProcessError where `root` is no repository."""
    packed = subprocess.run(["git", "-C", str(root), "archive", commit], capture_output=True, check=True).stdout
    target.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(target, **SAFELY)
    return target


def build(tree: Path, out: Path, *kinds: str) -> list[Path]:
    """Build `wheel` and `sdist`, or the `kinds` named, of an exported tree into `out`: the files, by name."""
    out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    for kind in kinds or ("sdist", "wheel"):
        command += ["-t", kind]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the packages cannot be built: {done.stderr.strip()}; `pip install hatchling`")
    return sorted(path for path in out.iterdir() if path.suffix in (".whl", ".gz"))


def sha256(path: Path) -> str:
    """In hexadecimal digits, as `sha256sum` prints it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder.resolve()
    tree = export(folder / "tree")
    for path in build(tree, folder):
        print(f"{sha256(path)}  {path.name}")


if __name__ == "__main__":
    main()
