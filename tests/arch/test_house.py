"""`make help` tells of every target."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_make_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY:(.*)$", text, re.MULTILINE)
    assert phony is not None
    targets = set(re.findall(r"^([\w-]+):", text, re.MULTILINE))
    told = set(re.findall(r"^([a-z]+):.*## \S", text, re.MULTILINE))
    assert targets == set(phony[1].split()) == told
