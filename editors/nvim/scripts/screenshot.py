"""Draws a terminal as a picture: `tmux capture-pane -e -p -N | python screenshot.py OUT.png` (needs Pillow and DejaVu
Sans Mono).

Invariant: one character cell of the terminal is one cell of the picture; wide characters take two.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONTS = Path("/usr/share/fonts/truetype/dejavu")
SIZE = 18
MARGIN = 10
BASE = "000000 cd3131 0dbc79 e5e510 2472c8 bc3fbc 11a8cd e5e5e5 666666 f14c4c 23d18b f5f543 3b8eea d670d6 29b8db ffffff"
DEFAULT_FOREGROUND, DEFAULT_BACKGROUND = (224, 226, 234), (20, 22, 27)
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Style:
    """How a cell is drawn."""

    foreground: Colour | None = None
    background: Colour | None = None
    bold: bool = False
    underline: bool = False
    reverse: bool = False

    def colours(self) -> tuple[Colour, Colour]:
        """(foreground, background), with defaults and reversal applied."""
        pair = (self.foreground or DEFAULT_FOREGROUND, self.background or DEFAULT_BACKGROUND)
        return (pair[1], pair[0]) if self.reverse else pair


def palette(index: int) -> Colour:
    """One of the 256 colours of xterm."""
    if index < 16:
        value = BASE.split()[index]
        return int(value[:2], 16), int(value[2:4], 16), int(value[4:], 16)
    if index >= 232:
        grey = 8 + (index - 232) * 10
        return grey, grey, grey
    levels = (0, 95, 135, 175, 215, 255)
    index -= 16
    return levels[index // 36], levels[index // 6 % 6], levels[index % 6]


def restyle(style: Style, codes: list[int]) -> Style:
    """`style` after an SGR sequence."""
    position = 0
    while position < len(codes):
        code = codes[position]
        if code == 0:
            style = Style()
        elif code in (1, 4, 7):
            style = replace(style, **{{1: "bold", 4: "underline", 7: "reverse"}[code]: True})
        elif code in (22, 24, 27):
            style = replace(style, **{{22: "bold", 24: "underline", 27: "reverse"}[code]: False})
        elif code in (38, 48):
            name = "foreground" if code == 38 else "background"
            if codes[position + 1] == 2:
                style = replace(style, **{name: tuple(codes[position + 2 : position + 5])})
                position += 4
            else:
                style = replace(style, **{name: palette(codes[position + 2])})
                position += 2
        elif code in (39, 49):
            style = replace(style, **{"foreground" if code == 39 else "background": None})
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = replace(style, foreground=palette(code - 30 if code < 90 else code - 82))
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style = replace(style, background=palette(code - 40 if code < 100 else code - 92))
        position += 1
    return style


def cells(line: str, style: Style) -> tuple[list[tuple[str, Style]], Style]:
    """The cells of a line, and the style that the next one begins with."""
    found: list[tuple[str, Style]] = []
    position = 0
    for match in _SGR.finditer(line):
        found += [(character, style) for character in line[position : match.start()]]
        style = restyle(style, [int(code or 0) for code in re.split("[;:]", match[1])])
        position = match.end()
    found += [(character, style) for character in line[position:]]
    return found, style


def draw(text: str, output: Path) -> None:
    """Write the picture of a captured pane."""
    regular = ImageFont.truetype(str(FONTS / "DejaVuSansMono.ttf"), SIZE)
    bold = ImageFont.truetype(str(FONTS / "DejaVuSansMono-Bold.ttf"), SIZE)
    width, height = round(regular.getlength("M")), SIZE + 4
    rows, style = [], Style()
    for line in text.rstrip("\n").split("\n"):
        row, style = cells(line, style)
        rows.append(row)
    columns = max(sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c, _ in row) for row in rows)
    image = Image.new("RGB", (columns * width + 2 * MARGIN, len(rows) * height + 2 * MARGIN), DEFAULT_BACKGROUND)
    pen = ImageDraw.Draw(image)
    for number, row in enumerate(rows):
        left, top = MARGIN, MARGIN + number * height
        for character, cell in row:
            span = width * (2 if unicodedata.east_asian_width(character) in "WF" else 1)
            foreground, background = cell.colours()
            if background != DEFAULT_BACKGROUND:
                pen.rectangle((left, top, left + span - 1, top + height - 1), background)
            if character in "█▉▊▋▌▍▎▏":
                # Blocks fill the cell to its edges, which a font's glyphs do not.
                part = 1 - (ord(character) - 0x2588) / 8
                pen.rectangle((left, top + 2, left + max(1, round(span * part)) - 1, top + height - 3), foreground)
            elif character == "│":
                pen.line((left + width // 2, top, left + width // 2, top + height - 1), foreground)
            elif character != " ":
                pen.text((left, top + 1), character, foreground, bold if cell.bold else regular)
            if cell.underline:
                pen.line((left, top + height - 2, left + span - 1, top + height - 2), foreground)
            left += span
    image.save(output, optimize=True)


if __name__ == "__main__":
    draw(sys.stdin.read(), Path(sys.argv[1]))
