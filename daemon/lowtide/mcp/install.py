"""`lowtide mcp install AGENT`: the agent's own configuration, with Lowtide added to it.

Invariant: nothing else of a file changes, a copy of it as it was lies beside it, and what cannot be understood is
refused, with what to add by hand.
Source: the agents' documentation, as of November 2026: code.claude.com/docs/en/mcp, the Codex configuration reference,
cursor.com/docs/mcp, code.visualstudio.com/docs/agents/reference/mcp-configuration, geminicli.com/docs/tools/mcp-server,
zed.dev/docs/ai/mcp.
"""

from __future__ import annotations

import difflib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lowtide.errors import LowtideError
from lowtide.mcp import jsonc, toml_table
from lowtide.mcp.jsonc import CannotEdit
from lowtide.system.beneath import CannotRead, open_plain

NAME = "lowtide"
MOST_BYTES = 32 << 20
"""Of a configuration; Claude Code keeps histories in its own."""


class InstallError(LowtideError):
    """A configuration that cannot be written."""

    kind = "config"
    exit_code = 2


class Agent(NamedTuple):
    """How one agent is told of a server."""

    title: str
    key: str
    """What its servers stand under."""
    user: Callable[[], Path]
    project: str
    """The file of one project, beneath it."""
    is_typed: bool
    """Its entries say `"type": "stdio"`."""
    then: str
    """What the user does next."""

    @property
    def is_toml(self) -> bool:
        """Codex's is TOML, all others' JSON, with comments or without."""
        return self.project.endswith(".toml")


def _from(variable: str, default: str, name: str) -> Callable[[], Path]:
    """A file in a folder that a variable of the environment names, else in one of the home folder."""

    def find() -> Path:
        folder = os.environ.get(variable)
        return (Path(folder) if folder and os.path.isabs(folder) else Path.home() / default) / name

    return find


AGENTS = {
    "claude-code": Agent(
        "Claude Code",
        "mcpServers",
        _from("CLAUDE_CONFIG_DIR", "", ".claude.json"),
        ".mcp.json",
        True,
        "start a new session; `/mcp` lists it",
    ),
    "codex": Agent(
        "Codex",
        "mcp_servers",
        _from("CODEX_HOME", ".codex", "config.toml"),
        ".codex/config.toml",
        False,
        "start a new session; `/mcp` lists it",
    ),
    "cursor": Agent(
        "Cursor",
        "mcpServers",
        _from("", ".cursor", "mcp.json"),
        ".cursor/mcp.json",
        True,
        "restart Cursor, and switch it on under MCP in its settings",
    ),
    "vscode": Agent(
        "VS Code",
        "servers",
        _from("XDG_CONFIG_HOME", ".config", "Code/User/mcp.json"),
        ".vscode/mcp.json",
        True,
        "run `MCP: List Servers` and start it",
    ),
    "gemini": Agent(
        "Gemini CLI",
        "mcpServers",
        _from("", ".gemini", "settings.json"),
        ".gemini/settings.json",
        False,
        "start a new session; `/mcp` lists it",
    ),
    "zed": Agent(
        "Zed",
        "context_servers",
        _from("XDG_CONFIG_HOME", ".config", "zed/settings.json"),
        ".zed/settings.json",
        False,
        "open the agent panel's settings; its dot is green",
    ),
}


def show(name: str, *, for_project: bool) -> str:
    """What would be written, and where; nothing is changed. InstallError for an agent that is not known."""
    agent = _agent(name)
    path = _path(agent, for_project)
    return f"{agent.title}: {path}\n\n{_by_hand(agent, for_project)}"


def install(name: str, *, for_project: bool) -> str:
    """Write it; returns what was done, in words. InstallError when it cannot be, or the file is not understood."""
    agent = _agent(name)
    path = _path(agent, for_project)
    before = _read(path)
    try:
        after = _edited(agent, before or "", for_project)
    except CannotEdit as error:
        remedy = f"add this by hand:\n{_by_hand(agent, for_project)}".rstrip()
        raise InstallError(f"{path} was left as it is", str(error), remedy) from None
    if after == before:
        return f"{agent.title} has it already: {path}\n"
    copy = _write(path, before, after)
    changes = difflib.unified_diff((before or "").splitlines(), after.splitlines(), "before", "after", lineterm="", n=2)
    shown = "".join(f"  {line}\n" for line in changes if not line.startswith(("---", "+++")))
    beside = f"as it was: {copy}\n" if copy else ""
    return f"{agent.title}: {path}\n{shown}{beside}{agent.then}\n"


def _agent(name: str) -> Agent:
    agent = AGENTS.get(name.lower())
    if agent is None:
        raise InstallError(
            f"no agent {name[:40]!r}", "", f"one of {', '.join(AGENTS)}; others take the command `lowtide mcp`"
        )
    return agent


def _path(agent: Agent, for_project: bool) -> Path:
    return Path.cwd() / agent.project if for_project else agent.user()


def _entry(agent: Agent, for_project: bool) -> dict[str, Any]:
    """How the server is started. A project's file is shared: it names the command, and no place on this machine."""
    command = [NAME] if for_project else _command()
    entry: dict[str, Any] = {"type": "stdio"} if agent.is_typed else {}
    entry |= {"command": command[0], "args": [*command[1:], "mcp"]}
    home = os.environ.get("LOWTIDE_HOME")
    if home and not for_project:
        entry["env"] = {"LOWTIDE_HOME": os.path.abspath(home)}  # agents pass on little of the environment
    return entry


def _command() -> list[str]:
    """This very Lowtide, by its whole path: an editor that a desktop starts has not the terminal's PATH."""
    own = os.path.abspath(sys.argv[0]) if sys.argv and os.path.basename(sys.argv[0]) == NAME else shutil.which(NAME)
    if own and os.access(own, os.X_OK):
        return [own]
    return [sys.executable, "-P", "-m", "lowtide.cli"]


def _edited(agent: Agent, text: str, for_project: bool) -> str:
    if 0 < text.count("\n") == text.count("\r\n"):
        return _edited(agent, text.replace("\r\n", "\n"), for_project).replace("\n", "\r\n")
    entry = _entry(agent, for_project)
    if agent.is_toml:
        known = toml_table.read(text).get(agent.key, {})
        is_there = isinstance(known, dict) and known.get(NAME) == entry
        return text if is_there else toml_table.set_table(text, agent.key, NAME, entry)
    if text.strip():
        meaning = jsonc.read(text)
        known = meaning.get(agent.key) if isinstance(meaning, dict) else None
        if isinstance(known, dict) and known.get(NAME) == entry:
            return text
    return jsonc.set_member(text, (agent.key, NAME), entry)


def _by_hand(agent: Agent, for_project: bool) -> str:
    return _edited(agent, "", for_project)


def _read(path: Path) -> str | None:
    """The file; None when there is none. InstallError."""
    try:
        with open_plain(path, MOST_BYTES, follow=True) as file:
            return file.whole().decode("utf-8")
    except CannotRead as error:
        if not os.path.lexists(path):
            return None
        raise InstallError(f"cannot read {path}", error.why, "make it a readable file") from None
    except UnicodeDecodeError:
        raise InstallError(f"{path} was left as it is", "it is not UTF-8", "save it as UTF-8") from None


def _write(path: Path, before: str | None, after: str) -> Path | None:
    """Write the file whole or not at all, through a link too; returns where the old one is kept. InstallError."""
    place = Path(os.path.realpath(path))
    copy = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if before is not None:
            copy = place.with_name(f"{place.name}.before-lowtide-{time.strftime('%Y%m%d-%H%M%S')}")
            shutil.copy2(place, copy)
        handle, fresh = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}-")
        try:
            with open(handle, "w", encoding="utf-8", newline="") as stream:
                stream.write(after)
                stream.flush()
                os.fsync(stream.fileno())
            if before is not None:
                shutil.copymode(place, fresh)
            os.replace(fresh, place)
        except BaseException:
            os.unlink(fresh)
            raise
    except OSError as error:
        raise InstallError(f"cannot write {path}", error.strerror or str(error), "check its permissions") from None
    return copy
