"""A text that is not saved answers a question that is narrowed to kinds as the saved one does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.lsp.test_end_to_end import run, started

from lowtide.paths import Places
from lowtide.serve.client import Client, stop


def test_an_edit_leaves_the_kinds_of_its_file_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWTIDE_HOME", str(tmp_path / "home"))
    tree = tmp_path / "tree"
    tree.mkdir()
    text = "class Sluice:\n    def open(self):\n        pass\n\n\ndef lower():\n    pass\n\n\ndef lift():\n    pass\n"
    (tree / "sluice.py").write_text(text)
    kinds = ("class", "method", "function", "enum")
    asked = [{"query": query, "kinds": [kind]} for query in ("lower", "lift the sluice") for kind in kinds]
    uri = (tree / "sluice.py").as_uri()

    async def main() -> None:
        async with started() as editor:
            await editor.initialize(tree)
            assert await editor.symbols("Sluice") == ["Sluice"]

            async def answer() -> list[list[str]]:
                found = [(await editor.result("lowtide/search", each))["hits"] for each in asked]
                return [[hit["name"] for hit in hits if hit["uri"] == uri] for hits in found]

            saved = await answer()
            assert saved == [["Sluice"], ["open"], ["lower"], [], ["Sluice"], ["open"], ["lift"], []]
            editor.open(uri, text)
            editor.edit(uri, (8, 0), (8, 0), "# not saved")
            assert await answer() == saved

    try:
        run(main)
    finally:
        stop(Client.connect(Places.from_environment(), start=False))
