"""What is said on a system that Lowtide does not run on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
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
@pytest.mark.parametrize(
    "words", [["search", "x"], ["lsp", "--stdio"], ["mcp"], ["--help"], ["--version"], []], ids=" ".join
)
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


def test_importing_the_command_needs_nothing_that_only_linux_has() -> None:
    """What looks into packages, as a type checker or pip's `--compile` may, does not fail for want of `resource`."""
    script = ELSEWHERE.format(hidden=LINUX_ALONE).replace('del sys.modules["select"]', "import select\ndel select")
    script = script.replace("main()\n", "")
    done = subprocess.run([sys.executable, "-c", script, "win32"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_else_asks_which_system_it_is_on() -> None:
    """What is built for another system has a machine that runs it, or is taken out."""
    other = re.compile(
        r"sys\.platform|os\.name\b|platform\.system\(|os_uname\(|hasattr\((?:os|mmap|signal|socket|select), "
        r"|getattr\((?:os|mmap|signal), \"[A-Z]|process\.platform|\b(?:darwin|win32|launchd|kqueue|msvcrt|winreg)\b",
        re.IGNORECASE,
    )
    asked = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for folder, kind in (
            ("daemon/lowtide", "*.py"),
            ("lsp/lowtide_lsp", "*.py"),
            ("editors/vscode/src", "*.ts"),
            ("editors/nvim/lua", "*.lua"),
        )
        for path in (ROOT / folder).rglob(kind)
        for match in other.finditer(path.read_text("utf-8"))
    }
    assert asked == {
        "daemon/lowtide/cli/supported.py: sys.platform",
        "daemon/lowtide/serve/bug_report.py: platform.system(",
        "editors/vscode/src/server/server.ts: process.platform",
        "editors/vscode/src/setup/install.ts: process.platform",
        "editors/vscode/src/setup/supported.ts: darwin",
        "editors/vscode/src/setup/supported.ts: win32",
    }
