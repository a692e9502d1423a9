"""A Neovim under test, and the folders in which it and the daemon live."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pynvim

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "editors" / "nvim"
PATIENCE_S = 60.0
"""Long, for machines that do much else; a wait ends as soon as what it waits for is there."""

INIT = """
vim.opt.runtimepath:prepend(%(plugin)s)
for _, folder in ipairs(%(plugins)s) do vim.opt.runtimepath:append(folder) end
vim.o.swapfile, vim.o.shadafile = false, 'NONE'
_G.messages = {}
local notify = vim.notify
vim.notify = function(text, ...) table.insert(_G.messages, text) end
vim.g.lowtide = { cmd = { %(command)s, 'lsp' }, picker = 'select', debounce_ms = 0 }
%(lua)s
vim.lsp.enable('lowtide')
"""


@dataclass(frozen=True)
class Place:
    """A folder with HOME, the XDG folders and LOWTIDE_HOME in it."""

    folder: Path
    lowtide: Path

    @classmethod
    @contextmanager
    def make(cls, lowtide: Path) -> Iterator[Place]:
        """Removed at the end, after the daemon was stopped."""
        folder = Path(tempfile.mkdtemp(prefix="lt-"))  # short: a socket's path may not be long
        place = cls(folder.resolve(), lowtide)
        try:
            yield place
        finally:
            place.run("daemon", "stop")
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """Of every process under test."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        folders = {f"XDG_{name.upper()}_HOME": str(self.folder / name) for name in ("config", "data", "state", "cache")}
        path = f"{self.lowtide.parent}:{kept.get('PATH', '')}"
        home = {"HOME": str(self.folder / "home"), "LOWTIDE_HOME": str(self.folder / "lt"), "LOWTIDE_BUDGET": "256MiB"}
        return {
            "LANG": "C.UTF-8",
            **kept,
            **folders,
            **home,
            "PATH": path,
            "NVIM_LOG_FILE": str(self.folder / "nvim.log"),
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line."""
        return subprocess.run(
            [self.lowtide, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )

    def daemon_pid(self) -> int | None:
        """Of the daemon that runs."""
        answer = json.loads(self.run("daemon", "status", "--json").stdout)
        pid: int | None = answer.get("pid")
        return pid


class Editor:
    """A Neovim that is spoken to over RPC."""

    def __init__(self, nvim: pynvim.Nvim) -> None:
        self.nvim = nvim
        self.pid: int = nvim.call("getpid")

    @classmethod
    def start(cls, program: Path, place: Place, files: Sequence[Path], lua: str, plugins: Sequence[Path]) -> Editor:
        """With `files` open, the first one shown; `lua` belongs to its configuration."""
        (place.folder / "home").mkdir(exist_ok=True)
        init = place.folder / f"init-{time.monotonic_ns()}.lua"
        quoted = {"plugin": json.dumps(str(PLUGIN)), "command": json.dumps(str(place.lowtide)), "lua": lua}
        listed = "{" + ", ".join(json.dumps(str(folder)) for folder in plugins) + "}"
        init.write_text(INIT % {**quoted, "plugins": listed}, "utf-8")
        command = [str(program), "--embed", "--headless", "-u", str(init), *map(str, files)]
        # pynvim has no way to give the child an environment.
        before, its_own = dict(os.environ), place.environment
        os.environ.clear()
        os.environ.update(its_own)
        try:
            editor = cls(pynvim.attach("child", argv=command))
        finally:
            os.environ.clear()
            os.environ.update(before)
        editor.nvim.ui_attach(120, 40)  # prompts wait for keys only where there is a screen
        return editor

    def lua(self, code: str, *arguments: Any) -> Any:
        """What `code` returns."""
        return self.nvim.exec_lua(code, *arguments)

    def wait(self, expression: str, *arguments: Any) -> Any:
        """The first true value of a Lua expression, in which `given` holds the arguments."""
        code = f"""
        local given, value = {{ ... }}, nil
        local function probe() value = {expression} return value end
        vim.wait({int(PATIENCE_S * 1000)}, probe, 20)
        return value or {{ false, messages }}
        """
        value = self.lua(code, *arguments)
        assert not (isinstance(value, list) and value and value[0] is False), (
            f"it did not come: {expression}: {value[1]}"
        )
        return value

    def wait_attached(self, *, indexed: bool = True) -> None:
        """Until the current buffer is attached, and all is indexed."""
        self.wait("#vim.lsp.get_clients({ name = 'lowtide', bufnr = 0 }) > 0 and require('lowtide').last_status()")
        if indexed:
            self.wait(
                """(function()
                  local status = require('lowtide').last_status()
                  return status and status.quiescent and status.workspaces[1] and status.workspaces[1].files > 0
                end)()"""
            )

    def command(self, text: str) -> None:
        """An Ex command."""
        self.nvim.command(text)

    def messages(self) -> list[str]:
        """Everything that `vim.notify` was told."""
        return list(self.lua("return messages"))

    def wait_message(self, part: str) -> str:
        """The message with `part` in it."""
        return str(self.wait("vim.iter(messages):find(function(text) return text:find(given[1], 1, true) end)", part))

    def ask_list(self, command: str) -> list[tuple[str, int, str]]:
        """The (file name, line, text) of the quickfix list that a command makes."""
        self.lua("vim.fn.setqflist({})")
        self.command(command)
        self.wait("#vim.fn.getqflist() > 0")
        rows = self.lua(
            """
            vim.cmd('cclose')
            return vim.tbl_map(function(entry)
              return { vim.fs.basename(vim.api.nvim_buf_get_name(entry.bufnr)), entry.lnum, entry.text }
            end, vim.fn.getqflist())"""
        )
        return [(name, line, text) for name, line, text in rows]

    def answer_prompt(self, keys: str) -> None:
        """Type `keys` into the prompt that comes up, for example the list of vim.ui.select."""
        self._await_mode(("c", "r", "r?"))
        self.nvim.input(keys)
        self._await_mode(("n",))

    def _await_mode(self, modes: Sequence[str]) -> None:
        # By the one request that is answered while a prompt waits; Lua that waits would keep the prompt from its keys.
        deadline = time.monotonic() + PATIENCE_S
        while (mode := self.nvim.api.get_mode()["mode"]) not in modes:
            assert time.monotonic() < deadline, f"the mode is {mode!r}, not one of {modes}"
            time.sleep(0.01)

    def shown(self) -> str:
        """The lines of the current buffer."""
        return "\n".join(self.nvim.current.buffer[:])

    def position(self) -> tuple[str, int, int]:
        """(file name, line from 1, byte column from 0) of the cursor."""
        line, column = self.nvim.current.window.cursor
        return Path(self.nvim.current.buffer.name).name, line, column

    def children(self) -> list[psutil.Process]:
        """Processes that this Neovim has started."""
        return psutil.Process(self.pid).children(recursive=True)

    def close(self) -> None:
        """End it, by force when it does not go."""
        process = psutil.Process(self.pid) if psutil.pid_exists(self.pid) else None
        with suppress(Exception):
            self.nvim.command("qall!", async_=True)
        if process is not None:
            try:
                process.wait(timeout=15)
            except psutil.TimeoutExpired:
                process.kill()
        with suppress(Exception):
            self.nvim.close()


def plain(text: str) -> str:
    """Without runs of blanks."""
    return re.sub(r"[ \t]+", " ", text)
