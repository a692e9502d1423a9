"""Commands understand the answers of a daemon that was started before the package was brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lowtide.cli import refs
from lowtide.cli.app import app
from lowtide.core.freshness import Freshness, FreshState


class OlderDaemon:
    """Answers without the fields that are new."""

    def ask(self, method: str, question: dict[str, Any], *_: object) -> dict[str, Any]:
        assert method == "lowtide/references"
        text = "def lantern():"
        ref = {"path": "a.py", "line": 1, "column": 5, "text": text, "holder": "", "definition": True}
        return {
            "query": question["name"],
            "took_ms": 0.1,
            "refs": [ref],
            "truncated": False,
            "freshness": Freshness(FreshState.CURRENT, 1, 1, 0.0).as_json(),
        }


@pytest.mark.parametrize("options", [[], ["--json"], ["--format", "vimgrep"]])
def test_uses_are_shown_without_the_name_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    @contextmanager
    def older(_: object) -> Iterator[OlderDaemon]:
        yield OlderDaemon()

    monkeypatch.setenv("LOWTIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(refs, "open_door", older)
    done = CliRunner().invoke(app, ["refs", "lantern", str(tmp_path), *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert "def lantern():" in done.stdout
