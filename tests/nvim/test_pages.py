"""Lua that the pages have people write: Neovim starts with it, and has Lowtide."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.nvim.conftest import LOWTIDE, NVIM

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "docs/start/neovim.md", ROOT / "editors/nvim/README.md")
BLOCKS = [block for page in PAGES for block in re.findall(r"^```lua\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)]


@pytest.mark.parametrize("block", BLOCKS)
def test_what_goes_into_init_lua_starts_the_server(block: str, tmp_path: Path) -> None:
    assert NVIM is not None
    assert LOWTIDE is not None
    lua = block.replace("/path/to/lowtide", str(ROOT))
    if lua.lstrip().startswith("{"):
        # A plugin manager's entry: what lazy.nvim does with it.
        lua = f"local entry = {lua}\nvim.opt.runtimepath:append(entry.dir)\nif entry.init then entry.init() end"
    (tmp_path / "init.lua").write_text(lua, "utf-8")
    (tmp_path / "project/.git").mkdir(parents=True)
    (tmp_path / "project/a.py").write_text("def lantern_room():\n    return 1\n", "utf-8")
    there = "vim.wait(60000, function() return #vim.lsp.get_clients({ name = 'lowtide' }) > 0 end)"
    wait = f"lua print({there}, vim.fn.exists(':Lowtide'))"
    environment = {**os.environ, "HOME": str(tmp_path), "LOWTIDE_HOME": str(tmp_path / "home"), "LOWTIDE_EMBEDDED": "1"}
    environment["PATH"] = f"{Path(LOWTIDE).parent}:{environment['PATH']}"
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    command = [NVIM, "--headless", "-u", str(tmp_path / "init.lua"), "a.py", "-c", wait, "-c", "qall!"]
    try:
        done = subprocess.run(
            command, cwd=tmp_path / "project", env=environment, capture_output=True, text=True, timeout=120
        )
    finally:
        subprocess.run([LOWTIDE, "daemon", "stop"], env=environment, capture_output=True, check=False)
    assert "true 2" in done.stdout + done.stderr, done


def test_there_are_such_blocks() -> None:
    assert len(BLOCKS) >= 3
