"""The picture of a terminal that moves: `docs/recording.py`."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from docs.recording import COMMANDS, PICTURE, draw, run, spans


def test_what_is_coloured_on_a_terminal_is_in_the_picture() -> None:
    assert spans("\x1b[1ma\x1b[0m <b> \x1b[2m\x1b[32m3\x1b[0m") == (
        '<tspan font-weight="bold">a</tspan> &lt;b&gt; <tspan fill="#7ee787" opacity=".6">3</tspan>'
    )


def test_a_command_runs_on_a_terminal_and_a_bar_that_is_drawn_over_is_left_out(tmp_path: Path) -> None:
    lines, took = run("printf 'one\\rtwo\\n\\033[1mthree\\033[0m\\n'; test -t 1 && pwd", tmp_path, dict(os.environ))
    assert lines == ["two", "\x1b[1mthree\x1b[0m", str(tmp_path)]
    assert took < 60


def test_the_one_of_vs_code_loads_nothing() -> None:
    kept = PICTURE.with_name("vscode_search.svg").read_text("utf-8")
    ElementTree.fromstring(kept)
    places = re.findall(r'href="(.{16})', kept)
    assert len(places) > 5
    assert set(places) == {"data:image/jpeg;"}


def test_the_picture_is_whole_says_what_was_said_and_loads_nothing() -> None:
    text = draw([("ls -l", ["a", "", "b & c"], 0.1), ("true", [], 100.0)])
    whole = "".join(ElementTree.fromstring(text).itertext())
    assert all(word in whole for word in ("ls -l", "b & c", "true"))
    kept = PICTURE.read_text("utf-8")
    ElementTree.fromstring(kept)
    assert all(re.escape(command.split()[1]) in kept for command in COMMANDS)
    assert not re.search(r"<script|<image|url\((?!#)|/tmp/|/home/|href", kept)
