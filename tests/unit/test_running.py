"""Ctrl-C, at whatever moment it comes: 130 until the last line is out, then the command's own status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import anyio
import anyio.lowlevel
import pytest

from lowtide.cli import running
from lowtide.cli.running import run


@pytest.fixture(autouse=True)
def no_sudden_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_leave_after", lambda seconds: None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_waits(number: signal.Signals) -> None:
    async def main() -> None:
        os.kill(os.getpid(), number)
        await anyio.sleep_forever()

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        run(main)
    assert signal.getsignal(number) is before


def test_interrupted_in_its_last_step_it_is_interrupted_all_the_same() -> None:
    async def main() -> int:
        await anyio.lowlevel.checkpoint()
        os.kill(os.getpid(), signal.SIGINT)
        return 7

    with pytest.raises(KeyboardInterrupt):
        run(main)


def test_interrupted_while_it_fails() -> None:
    async def main() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError

    with pytest.raises(KeyboardInterrupt):
        run(main)


def test_not_interrupted_it_answers_or_fails_as_it_does() -> None:
    async def seven() -> int:
        return 7

    async def fails() -> None:
        raise OSError("full")

    assert run(seven) == 7
    with pytest.raises(OSError, match="full"):
        run(fails)


INTERRUPT = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (
            "class Finder:\n"
            "    def find_spec(self, name, path, target=None):\n"
            f"        if name == 'lowtide.cli.app':\n            {INTERRUPT}\n"
            "sys.meta_path.insert(0, Finder())",
            130,
        ),
        ("import click; click.echo = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)", 130),
        (
            f"import lowtide.cli.app as a; first = a.run_app\ndef run_app():\n    code = first()\n    {INTERRUPT}\n   "
            f" return code\n"
            "a.run_app = run_app",
            130,
        ),
        ("import atexit; atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))", 0),
    ],
    ids=["while it is loaded", "at its last line", "before the last line is out", "at its very end"],
)
def test_the_exit_status_tells_whether_all_was_said(moment: str, code: int) -> None:
    script = (
        f"import os, signal, sys\nfrom lowtide.cli import main\n{moment}\nsys.argv = ['lowtide', '--json', "
        f"'daemon', 'status']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "LOWTIDE_HOME": "/nonexistent/home"},
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
