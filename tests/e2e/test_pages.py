"""Every block of the README and the site that is marked `<!-- run -->` does what the page promises.

They run in a folder as the page's reader has it: a clone with its environment, or a workspace with `lowtide` in PATH.
`<!-- run with TOOL -->` is run where there is that program; `<!-- not run: WHY -->` says why it is not. Every block of
shell has one of the three (tests/arch/test_docs.py).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"<!-- run(?: with (\w+))? -->\n```sh\n(.*?)```", re.DOTALL)
MARKED = [page for page in PAGES if BLOCK.search(page.read_text("utf-8"))]
SAYS = re.compile(r"(?:\.venv/bin/)?lowtide ")


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with sources, and the environment of its commands."""
    root = tmp_path / "clone"
    for part in ("core", "index", "read"):
        shutil.copytree(ROOT / "daemon/lowtide" / part, root / "daemon/lowtide" / part)
    command = root / ".venv/bin/lowtide"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m lowtide.cli "$@"\n', "utf-8")
    command.chmod(0o755)
    home = tmp_path / "user"
    home.mkdir()
    environment = {
        **os.environ,
        "HOME": str(home),
        "LOWTIDE_HOME": str(tmp_path / "home"),
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("daemon", "lsp")),
    }
    environment.pop("LOWTIDE_EMBEDDED", None)
    for name in ("CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
    yield root, environment
    subprocess.run([command, "daemon", "stop"], env=environment, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("page", MARKED, ids=lambda page: page.name)
def test_what_a_page_has_people_run_works(page: Path, clone: tuple[Path, dict[str, str]]) -> None:
    root, environment = clone
    # The page's own first step, installing, is what the tests run in.
    within = "daemon" if page.name in ("README.md", "tour.md") else "."
    subprocess.run(["lowtide", "index", within, "-q"], cwd=root, env=environment, check=True, timeout=200)
    for tool, block in BLOCK.findall(page.read_text("utf-8")):
        if tool and shutil.which(tool) is None:
            continue
        for line in block.strip().replace("\\\n", " ").split("\n"):
            line = line.replace("/tmp/tour", environment["LOWTIDE_HOME"])
            done = subprocess.run(
                ["bash", "-euc", line], cwd=root, env=environment, capture_output=True, text=True, timeout=200
            )
            assert done.returncode == 0, f"{line}: {done.stderr}"
            assert done.stdout.strip() or not SAYS.match(line), f"{line} printed nothing"
            assert "nothing found" not in done.stdout, line


def test_the_pages_that_begin_with_a_terminal_are_run() -> None:
    assert {page.name for page in MARKED} >= {"README.md", "terminal.md", "agents.md", "tour.md", "daemon.md"}
