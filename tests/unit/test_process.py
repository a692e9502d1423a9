"""The daemon's process holds what it needs, and nothing of the command line."""

from __future__ import annotations

import subprocess
import sys

WATCHED = """
import sys
from lowtide import cli
from lowtide.cli import started, supported
from lowtide.serve import client, daemon
assert cli._STARTED == list(client.START_WORDS)
own = {"lowtide.cli", "lowtide.cli.started", "lowtide.cli.supported"}
print(*sorted(name for name in sys.modules if name.partition(".")[0] == "click" or name.startswith("lowtide.cli")
              and name not in own))
"""


def test_the_daemon_holds_nothing_of_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", WATCHED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
