"""What a workspace leaves out, by reason and rule, from a real run."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from lowtide.config.settings import Config
from lowtide.index.shared import Stay
from lowtide.paths import Places
from lowtide.read import left_out as module
from lowtide.serve.app import opened
from lowtide.system import memory


def tree(root: Path) -> Path:
    root.mkdir()
    (root / "kept.py").write_text("def kept(): ...\n")
    for number in range(7):
        (root / f"{number}.png").write_bytes(b"\x89PNG")
    (root / "app.min.js").write_text("var a=1;\n")
    (root / "node_modules").mkdir()
    (root / "node_modules" / "a.js").write_text("var b = 1;\n")
    return root


@pytest.mark.parametrize("most", [200, 1])
def test_groups_by_reason_and_rule_with_examples_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(module, "MOST_GROUPS", most)
    root = tree(tmp_path / "shop")
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")

    async def play() -> None:
        async with opened(places, Config((256 << 20) + memory.own_anonymous_bytes())) as service:
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
            groups = await service.left_out(root)
            by_reason = {group.reason: group for group in groups}
            assert sum(group.count for group in groups) == service.status().workspaces[0].skipped
            binary = by_reason["binary"]
            assert (binary.count, len(binary.examples)) == (7, module.EXAMPLES)
            assert binary.examples[0] == "0.png"
            assert binary.remedy == ""
            assert by_reason["vendored"].examples == ["node_modules/"]
            assert "vendored = true" in by_reason["vendored"].remedy
            assert by_reason["vendored"].as_json()["takeIn"] == {"file": ".lowtide.toml", "key": "vendored"}
            (root / ".lowtideignore").write_text("/old/\n")
            (root / "old").mkdir()
            (root / "old" / "a.py").write_text("x = 1\n")
            await service.wait_idle(root)
            why = await service.explain(root / "old" / "a.py")
            assert why["take_in"] == {"file": ".lowtideignore", "line": "!/old/"}
            assert (await service.explain(root / "kept.py"))["take_in"] is None
            assert groups[0] is binary, "the largest first"
            assert bool(binary.rule), "the first rule is told"
            assert bool(by_reason["vendored"].rule) == (most == 200), "further ones together"

    anyio.run(play)


def test_a_folder_without_an_index_leaves_nothing_out(tmp_path: Path) -> None:
    places = Places(tmp_path / "config", tmp_path / "cache", tmp_path / "run")

    async def play() -> None:
        async with opened(places, Config((256 << 20) + memory.own_anonymous_bytes()), Stay.BRIEF) as service:
            assert module.left_out(service.host.workspace(tmp_path)) == []

    anyio.run(play)
