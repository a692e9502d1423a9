"""What is said on a system that Lowtide does not run on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LINUX_ALONE = ("resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "syslog", "readline")
ELSEWHERE = """\
import sys
import click.testing  # a library that knows all systems, and would look for a console of Windows
sys.platform, words = sys.argv[1], sys.argv[2:]
for name in {hidden!r}:
    sys.modules[name] = None
del sys.modules["select"].epoll
import os
for name in ("getuid", "fork", "O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_DIRECTORY", "pidfd_open"):
    if hasattr(os, name):
        delattr(os, name)
sys.argv = ["lowtide", *words]
from lowtide.cli import main
main()
"""


def on(platform: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command where modules and functions that only Linux or Unix have are not there."""
    script = ELSEWHERE.format(hidden=LINUX_ALONE).replace('del sys.modules["select"]', "import select\ndel select")
    return subprocess.run([sys.executable, "-c", script, platform, *words], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
@pytest.mark.parametrize("words", [["search", "x"], ["lsp", "--stdio"], ["mcp"], ["--help"], []], ids=" ".join)
def test_another_system_is_told_so_in_one_line(platform: str, words: list[str]) -> None:
    done = on(platform, *words)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"lowtide: Lowtide runs on Linux, and this is {platform}; use it on Linux")


def test_with_json_it_is_an_object() -> None:
    done = on("darwin", "--json", "status")
    assert json.loads(done.stdout)["error"]["kind"] == "unsupported"
    assert done.returncode == 1
