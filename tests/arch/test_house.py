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


def test_a_path_stands_in_quotes_in_the_log() -> None:
    """Where one ends that holds spaces can be told only so, and `lowtide report` has to take it out."""
    bare = re.compile(r"""["' ](?:root|path|file|from|socket|folder|repository|who)=%s""")
    found = {
        f"{path.relative_to(ROOT)}:{number}"
        for package in ("daemon", "lsp")
        for path in (ROOT / package).rglob("*.py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if bare.search(line)
    }
    assert found == set()
