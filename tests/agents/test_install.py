"""Setting an agent up: its own configuration gets one entry, and nothing else of it changes."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.cli.mcp import run_mcp
from lowtide.mcp import jsonc
from lowtide.mcp.install import AGENTS, InstallError, install, show
from lowtide.mcp.jsonc import CannotEdit
from lowtide.mcp.toml_table import set_table

PLACES = {
    "claude-code": (".claude.json", ".mcp.json"),
    "codex": (".codex/config.toml", ".codex/config.toml"),
    "cursor": (".cursor/mcp.json", ".cursor/mcp.json"),
    "vscode": (".config/Code/User/mcp.json", ".vscode/mcp.json"),
    "gemini": (".gemini/settings.json", ".gemini/settings.json"),
    "zed": (".config/zed/settings.json", ".zed/settings.json"),
}
JSON = [name for name in AGENTS if name != "codex"]
COMMENTED = """\
// what zed wrote
{
    "theme": "One Dark", // nice
    /* servers: { not here } */
    "%s": {
        "other": {"command": "x", "args": [],}, // "}"
    },
    "vim_mode": true, // the last
}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("LOWTIDE_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "home"


def read(path: Path) -> dict[str, Any]:
    text = path.read_text()
    value: dict[str, Any] = tomllib.loads(text) if path.suffix == ".toml" else jsonc.read(text)
    return value


@pytest.mark.parametrize("name", AGENTS)
def test_a_configuration_is_made_where_the_agent_looks_for_it(name: str, home: Path) -> None:
    user, project = PLACES[name]
    key = AGENTS[name].key
    told = install(name, for_project=False)
    entry = read(home / user)[key]["lowtide"]
    assert entry["args"][-1] == "mcp"
    assert os.access(entry["command"], os.X_OK)
    assert ("type" in entry) == (name in ("claude-code", "cursor", "vscode"))
    assert str(home / user) in told
    install(name, for_project=True)
    shared = read(Path.cwd() / project)[key]["lowtide"]
    assert (shared["command"], shared["args"]) == ("lowtide", ["mcp"])
    assert "has it already" in install(name, for_project=False)
    assert [path.name for path in (home / user).parent.iterdir()] == [Path(user).name]


@pytest.mark.parametrize("name", AGENTS)
def test_showing_changes_nothing(name: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = show(name, for_project=False)
    assert str(home / PLACES[name][0]) in told
    assert run_mcp(["mcp", "install", name, "--print"]) == 0
    assert capsys.readouterr().out.split() == told.split()
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", JSON)
def test_comments_and_all_other_bytes_stay_and_a_copy_is_kept(name: str, home: Path) -> None:
    path = home / PLACES[name][0]
    path.parent.mkdir(parents=True, exist_ok=True)
    before = COMMENTED % AGENTS[name].key
    path.write_text(before)
    path.chmod(0o600)
    install(name, for_project=False)
    after = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    meaning = jsonc.read(after)
    assert meaning["theme"] == "One Dark"
    assert set(meaning[AGENTS[name].key]) == {"other", "lowtide"}
    kept = iter(after.splitlines())
    assert all(line in kept for line in before.splitlines())  # each, in this order
    (copy,) = [each for each in path.parent.iterdir() if ".before-lowtide-" in each.name]
    assert copy.read_text() == before


def test_a_table_of_codex_is_added_and_renewed_among_others(home: Path) -> None:
    path = home / ".codex" / "config.toml"
    path.parent.mkdir()
    before = '# mine\nmodel = "x"\n\n[mcp_servers.other]\ncommand = "y" # why\n'
    path.write_text(before)
    install("codex", for_project=False)
    assert path.read_text().startswith(before)
    path.write_text(
        path.read_text().replace('"mcp"]', '"old"]') + '\n[mcp_servers.lowtide.env]\nA = "b"\n\n[last]\nz = 1\n'
    )
    install("codex", for_project=False)
    meaning = read(path)
    assert meaning["mcp_servers"]["lowtide"]["args"][-1] == "mcp"
    assert "env" not in meaning["mcp_servers"]["lowtide"]
    assert meaning["last"] == {"z": 1}
    assert 'command = "y" # why' in path.read_text()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cursor", "{"),
        ("cursor", "[]"),
        ("cursor", '{"mcpServers": 5}'),
        ("cursor", '{"a": 1} {"b": 2}'),
        ("cursor", "{'a': 1}"),
        ("cursor", '{"a": undefined}'),
        ("zed", '{"context_servers": ["x"]}'),
        ("codex", "a = "),
        ("codex", "mcp_servers = 5"),
        ("codex", 'mcp_servers = {other = {command = "x"}}'),
        ("codex", "[[mcp_servers]]\na = 1\n"),
    ],
)
def test_what_cannot_be_understood_is_left_alone_with_what_to_add_by_hand(name: str, text: str, home: Path) -> None:
    path = home / PLACES[name][0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    with pytest.raises(InstallError) as raised:
        install(name, for_project=False)
    assert "lowtide" in raised.value.remedy
    assert "left as it is" in str(raised.value)
    assert path.read_text() == text
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_link_is_written_through_and_lines_end_as_they_did(home: Path) -> None:
    (home / "dotfiles").mkdir()
    place = home / "dotfiles" / "mcp.json"
    place.write_bytes(b'{\r\n  "mcpServers": {}\r\n}\r\n')
    (home / ".cursor").mkdir()
    (home / ".cursor" / "mcp.json").symlink_to(place)
    install("cursor", for_project=False)
    assert (home / ".cursor" / "mcp.json").is_symlink()
    data = place.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") > 3
    assert set(jsonc.read(data.decode())["mcpServers"]) == {"lowtide"}


def test_folders_that_the_environment_names_and_a_home_of_lowtides_own(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_HOME", str(home / "elsewhere"))
    monkeypatch.setenv("LOWTIDE_HOME", str(home / "mine"))
    install("codex", for_project=False)
    entry = read(home / "elsewhere" / "config.toml")["mcp_servers"]["lowtide"]
    assert entry["env"] == {"LOWTIDE_HOME": str(home / "mine")}


def test_an_agent_that_is_not_known_and_odd_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_mcp(["mcp", "install", "emacs"]) == 2
    assert "one of claude-code" in capsys.readouterr().err
    for words in (
        ["mcp", "install"],
        ["mcp", "drop", "zed"],
        ["mcp", "--colour"],
        ["mcp", "--print"],
        ["mcp", "--embedded"],
    ):
        assert run_mcp(words) == 2
        assert capsys.readouterr().err.startswith("lowtide: ")


KEYS = st.sampled_from(["a", "mcpServers", "lowtide", 'q"}{', "é // x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "}", "//", "/* {", '"', "\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(
    meaning=st.dictionaries(KEYS, VALUES, max_size=4),
    indent=st.sampled_from([None, 2, "\t"]),
    comments=st.lists(st.sampled_from(["// }\n", "/* { , */", " \n", ""]), min_size=4, max_size=4),
    trailing=st.booleans(),
)
def test_setting_a_member_sets_it_and_nothing_else(
    meaning: dict[str, Any], indent: Any, comments: list[str], trailing: bool
) -> None:
    plain = json.dumps(meaning, indent=indent)
    comma = "," if trailing and meaning else ""
    text = f"{comments[0]}{plain[0]}{comments[1]}{plain[1:-1]}{comma}{comments[2]}{plain[-1]}{comments[3]}"
    known = meaning.get("mcpServers", {})
    if not isinstance(known, dict):
        with pytest.raises(CannotEdit):
            jsonc.set_member(text, ("mcpServers", "lowtide"), {"x": [1]})
        return
    after = jsonc.set_member(text, ("mcpServers", "lowtide"), {"x": [1]})
    assert jsonc.read(after) == {**meaning, "mcpServers": {**known, "lowtide": {"x": [1]}}}


def test_a_table_with_any_text_is_read_again_as_it_was() -> None:
    table = {"command": 'C:\\a "b" é\x7f\n', "args": ["", "'"], "env": {"K": "v"}}
    assert tomllib.loads(set_table("", "mcp_servers", "lowtide", table))["mcp_servers"]["lowtide"] == table
