"""Whole sessions: a real Neovim over its `--embed` RPC, the real language server and daemon, in folders of their own.

NVIM names Neovim 0.11, LOWTIDE the command under test; editors/nvim/ci.sh gets what is needed and runs this folder.
Where pynvim or Neovim is missing, nothing here is collected.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

NVIM = os.environ.get("NVIM") or shutil.which("nvim")
MOST_S = 150
LOWTIDE = os.environ.get("LOWTIDE") or shutil.which("lowtide")
collect_ignore_glob = [] if NVIM and LOWTIDE and importlib.util.find_spec("pynvim") else ["test_*.py"]

if not collect_ignore_glob:
    from tests.nvim.editor import Editor, Place


FILES = {
    "reader.py": (
        "class TideReader:\n"
        '    """Reads the height of the tide from a gauge."""\n'
        "\n"
        "    def parse_gauge(self, line):\n"
        "        name, value = line.split()\n"
        "        return name, float(value)\n"
        "\n"
        "\n"
        "def retry_after_timeout(request, attempts=3):\n"
        '    """Send the request again when the server did not answer in time."""\n'
        "    for _ in range(attempts):\n"
        "        try:\n"
        "            return request.send()\n"
        "        except TimeoutError:\n"
        "            continue\n"
    ),
    "client.go": (
        "package client\n\n"
        "// resendOnDeadline sends the request once more when its deadline has passed.\n"
        "func resendOnDeadline(request Request, attempts int) error {\n"
        "\tfor i := 0; i < attempts; i++ {\n"
        "\t\tif err := request.Send(); err != ErrTimeout {\n\t\t\treturn err\n\t\t}\n\t}\n"
        "\treturn ErrTimeout\n}\n"
    ),
    "naïve dir/ü file.py": "x = 1\n# 🌊 tide\ndef highWaterMark():\n    return x\n",
    "app.min.js": "var a=1;" * 400 + "\n",
    ".lowtide.toml": "",
}


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """A Neovim that waits for a key would wait for ever."""

    def give_up(number: int, frame: object) -> None:
        raise TimeoutError(f"the test took longer than {MOST_S} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(MOST_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def place() -> Iterator[Place]:
    """A home of Lowtide's own, whose daemon is stopped at the end."""
    assert LOWTIDE is not None
    with Place.make(Path(LOWTIDE)) as made:
        yield made


@pytest.fixture
def root(place: Place) -> Path:
    """A workspace with a few files."""
    folder = place.folder / "work"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.fixture
def start(place: Place) -> Iterator[Callable[..., Editor]]:
    """Starts a Neovim with the plugin; all are ended at the end."""
    assert NVIM is not None
    editors: list[Editor] = []

    def run(*files: Path, lua: str = "", plugins: tuple[Path, ...] = ()) -> Editor:
        editor = Editor.start(Path(NVIM), place, files, lua, plugins)
        editors.append(editor)
        return editor

    yield run
    for editor in editors:
        editor.close()
