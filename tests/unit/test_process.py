"""The daemon's process holds what it needs, and nothing of the command line."""

from __future__ import annotations

import subprocess
import sys

WATCHED = """
import sys
from lowtide.serve import __main__, daemon, process
print(*sorted(name for name in sys.modules if name.partition(".")[0] == "click" or name.startswith("lowtide.cli")))
"""


def test_the_daemon_holds_nothing_of_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", WATCHED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
