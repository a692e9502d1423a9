"""Editors of an older version speak to the present server: what they ask is still taken, and what they read is there.

`tests/data/protocol/VERSION.json` has each method's example of docs/protocol.md as that version had it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lowtide_lsp.protocol import NOTIFICATIONS, REQUESTS

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = sorted((ROOT / "tests/data/protocol").glob("*.json"))
CASES = [(file.stem, method) for file in GOLDEN for method in json.loads(file.read_text("utf-8"))]
TEXT = (ROOT / "docs/protocol.md").read_text("utf-8")


def told(version: str, method: str) -> dict[str, Any]:
    """The example of an older version."""
    example: dict[str, Any] = json.loads((ROOT / f"tests/data/protocol/{version}.json").read_text("utf-8"))[method]
    return example


def now(method: str) -> list[Any]:
    """The examples of the present page, which `test_protocol` holds against the code."""
    text = TEXT.split(f"### `{method}`\n")[1].split("\n### ")[0]
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def lost(before: Any, after: Any, where: str = "") -> list[str]:
    """The fields of an older value that the newer one has not, at every depth. A list is as its first element."""
    if isinstance(before, list) and isinstance(after, list):
        return lost(before[0], after[0], f"{where}[]") if before and after else []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    gone = [f"{where}.{name}" for name in before if name not in after]
    return gone + [
        each for name in before if name in after for each in lost(before[name], after[name], f"{where}.{name}")
    ]


@pytest.mark.parametrize(("version", "method"), CASES)
def test_what_an_older_editor_asks_is_taken(version: str, method: str) -> None:
    if method in NOTIFICATIONS:
        return
    takes, _ = REQUESTS[method]
    params = told(version, method)["params"]
    if params is not None:
        msgspec.convert(params, takes, strict=True)


@pytest.mark.parametrize(("version", "method"), CASES)
def test_what_an_older_editor_reads_is_there(version: str, method: str) -> None:
    before, examples = told(version, method)["result"], now(method)
    if before is not None:
        assert lost(before, examples[1]) == []


def test_a_field_that_is_gone_is_found() -> None:
    assert lost({"a": [{"b": {"c": 1}}], "d": 2}, {"a": [{"b": {"x": 1}}]}) == [".d", ".a[].b.c"]


def test_the_released_versions_are_kept() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    released = re.findall(r"^## (\d\S*)", changes, re.MULTILINE)
    assert {file.stem for file in GOLDEN} >= set(released[:2]), "keep the examples of the version that is released"
