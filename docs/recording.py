"""A terminal as it is used, as a picture that moves: `docs/images/terminal.svg`.

    python -m docs.recording TREE         runs the commands in TREE, and writes the picture of what they say

It is SVG with CSS, so that it needs no player and loads nothing; whoever wants no motion sees the last screen. Waiting
is cut to MOST_WAIT_S. The index is made before: how long that takes is for `bench.index` to say, on an idle machine.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs/images/terminal.svg"
COMMANDS = (
    'lowtide search "throw away a cookie so that the browser forgets it" -m 2',
    "lowtide symbols HtRe -m 4",
    "lowtide refs delete_cookie -m 6",
)
COLUMNS, ROWS = 104, 19
KEY_S, MOST_WAIT_S, READ_S = 0.035, 1.5, 4.0
WIDTH, LINE, MARGIN = 8.43, 19, 16
_SGR = re.compile(r"\x1b\[([\d;]*)m")
_OTHER = re.compile(r"\x1b\[[\d;?]*[A-Za-ln-z]")
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff", "36": "#76e3ea"}


def run(command: str, tree: Path, environment: dict[str, str]) -> tuple[list[str], float]:
    """What a command writes to a terminal of COLUMNS columns, by lines, and the seconds that it took."""
    ours, theirs = pty.openpty()
    began = time.monotonic()
    size = f"stty cols {COLUMNS} rows {ROWS}; {command}"
    with subprocess.Popen(["sh", "-c", size], cwd=tree, env=environment, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        told = b""
        try:
            while piece := os.read(ours, 65536):
                told += piece
        except OSError:
            pass  # the other end is closed
    os.close(ours)
    took = time.monotonic() - began
    text = _OTHER.sub("", told.decode("utf-8", "replace")).replace("\r\n", "\n")
    # A bar is drawn over itself: what stands there at last counts.
    return [line.rpartition("\r")[2] for line in text.strip("\n").split("\n")], took


def spans(line: str) -> str:
    """A line with SGR codes as `tspan`s."""
    parts, style, place = [], set[str](), 0
    for match in [*_SGR.finditer(line), None]:
        text = line[place : match.start() if match else len(line)]
        if text:
            colour = next((COLOURS[code] for code in style if code in COLOURS), "")
            marks = (f' fill="{colour}"' if colour else "") + (' font-weight="bold"' if "1" in style else "")
            marks += ' opacity=".6"' if "2" in style else ""
            parts.append(f"<tspan{marks}>{escape(text)}</tspan>" if marks else escape(text))
        if match:
            place = match.end()
            for code in match[1].split(";"):
                style = style | {code} if code not in ("", "0") else set()
    return "".join(parts)


def screens(tree: Path, environment: dict[str, str]) -> Iterator[tuple[str, list[str], float]]:
    """Each command, the lines that it says, and the seconds that it took."""
    run("lowtide index -q", tree, environment)
    for command in COMMANDS:
        lines, took = run(command, tree, environment)
        yield command, lines[: ROWS - 2], took
        run("lowtide symbols --fresh x", tree, environment)  # the next does not wait, nor say so


def draw(shown: list[tuple[str, list[str], float]]) -> str:
    """The picture: of each screen the prompt, the command as it is typed, what it says, and a pause to read it."""
    times = []
    now = 0.0
    for command, _, took in shown:
        typed = now + 0.6 + len(command) * KEY_S
        told = typed + min(took, MOST_WAIT_S)
        times.append((now, typed, told, told + READ_S))
        now = told + READ_S
    width, height = COLUMNS * WIDTH + 2 * MARGIN, ROWS * LINE + 2 * MARGIN
    rules, body = [], []

    def at(moment: float) -> str:
        return f"{100 * moment / now:.3f}%"

    def visible(name: str, begin: float, end: float) -> None:
        after = at(min(end + 0.01, now))
        rules.append(
            f"@keyframes {name}{{0%,{at(begin)}{{visibility:hidden}}{at(begin + 0.01)},{at(end)}{{visibility:visible}}"
            f"{after},100%{{visibility:hidden}}}}.{name}{{animation:{name} {now:.1f}s step-end infinite}}"
        )

    for number, ((command, lines, _), (begin, typed, told, end)) in enumerate(zip(shown, times, strict=True)):
        visible(f"s{number}", begin, end)
        visible(f"o{number}", told, end)
        length = len(command) * WIDTH
        rules.append(
            f"@keyframes t{number}{{0%,{at(begin + 0.5)}{{width:0}}{at(typed)},100%{{width:{length:.0f}px}}}}"
            f".t{number}{{animation:t{number} {now:.1f}s linear infinite}}"
        )
        top = MARGIN + LINE - 5
        last = "" if number == len(shown) - 1 else " still"
        text = [f'<text x="{MARGIN + 2 * WIDTH}" y="{top}" clip-path="url(#c{number})">{escape(command)}</text>']
        said = f'<text class="o{number}" x="{MARGIN}" xml:space="preserve"'
        for row, line in enumerate(lines, 1):
            text.append(f'{said} y="{top + row * LINE}">{spans(line)}</text>' if line else "")
        box = f'x="{MARGIN + 2 * WIDTH}" y="0" height="{LINE + MARGIN}" width="{length:.0f}"'
        prompt = f'<text x="{MARGIN}" y="{top}" fill="#7ee787">$</text>'
        body.append(
            f'<clipPath id="c{number}"><rect class="t{number}" {box}/></clipPath>'
            f'<g class="s{number}{last}">{prompt}{"".join(text)}</g>'
        )
    rules.append("@media (prefers-reduced-motion){*{animation:none!important}.still{visibility:hidden}}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" font-size="14" fill="#e6edf3" '
        f'font-family="ui-monospace,DejaVu Sans Mono,Menlo,Consolas,monospace">\n<title>Lowtide in a terminal</title>\n'
        f"<style>{''.join(rules)}</style>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def main() -> None:
    tree = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "bin"
        folder.mkdir()
        (folder / "lowtide").write_text(f'#!/bin/sh\nexec {sys.executable} -m lowtide.cli "$@"\n', "utf-8")
        (folder / "lowtide").chmod(0o755)
        environment = {**os.environ, "LOWTIDE_HOME": home, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
        environment["PATH"] = f"{folder}:{environment['PATH']}"
        try:
            shown = list(screens(tree, environment))
        finally:
            subprocess.run(["lowtide", "daemon", "stop"], env=environment, capture_output=True, check=False)
    PICTURE.write_text(draw(shown), "utf-8")


if __name__ == "__main__":
    main()
