"""Configuration: what is taken, what is refused, and what the message says."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.config.settings import (
    Config,
    IndexSettings,
    WorkspaceSettings,
    default_budget_bytes,
    format_size,
    load_config,
    load_workspace_settings,
    parse_size,
)
from lowtide.errors import ConfigError

MIB = 1 << 20
GIB = 1 << 30


def load(tmp_path: Path, text: str = "", **environment: str) -> Config:
    (tmp_path / "config.toml").write_text(text)
    return load_config(tmp_path / "config.toml", machine_bytes=16 * GIB, environment=environment)


def workspace(tmp_path: Path, text: str, user: IndexSettings | None = None) -> WorkspaceSettings:
    (tmp_path / ".lowtide.toml").write_text(text)
    return load_workspace_settings(tmp_path, Config(budget_bytes=256 * MIB, index=user or IndexSettings()))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256MiB", 256 * MIB),
        ("1G", GIB),
        ("512m", 512 * MIB),
        ("1.5 GiB", 3 * GIB // 2),
        ("64kb", 65536),
        ("123", 123),
        (77, 77),
        (" 2M ", 2 * MIB),
    ],
)
def test_size_is_read_as_people_write_it(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1.2.3", "1 QiB", "MiB", True, "1e9", "9" * 400 + "T", "9" * 30, "0x10", "١٢x", 1 << 60]
)
def test_what_is_no_size_is_refused(text: str | int) -> None:
    with pytest.raises(ConfigError):
        parse_size(text)


@given(st.integers(0, 1 << 50))
def test_size_for_people_reads_back_as_about_the_same(size: int) -> None:
    assert abs(parse_size(format_size(size)) - size) <= size * 0.06


@pytest.mark.parametrize(
    ("size", "text"), [(900, "900 B"), (1536, "1.5 KiB"), (256 * MIB, "256 MiB"), (3 * GIB // 2, "1.5 GiB"), (0, "0 B")]
)
def test_size_is_shown_short(size: int, text: str) -> None:
    assert format_size(size) == text


def test_default_budget_is_an_eighth_of_the_machine_within_its_bounds() -> None:
    assert default_budget_bytes(2 * GIB) == 256 * MIB
    assert default_budget_bytes(64 * GIB) == 512 * MIB
    assert default_budget_bytes(256 * MIB) == 96 * MIB


def test_missing_file_gives_the_defaults(tmp_path: Path) -> None:
    config = load_config(tmp_path / "no" / "config.toml", machine_bytes=2 * GIB, environment={})
    assert config == Config(budget_bytes=256 * MIB)
    assert load_workspace_settings(tmp_path / "no", config) == WorkspaceSettings(IndexSettings())


def test_every_key_is_taken(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        budget = "128MiB"
        [model]
        path = "models/mine"
        [daemon]
        idle_minutes = 5
        niceness = 10
        [index]
        max_file_size = "1MiB"
        gitignore = false
        vendored = true
        generated = true
        minified = true
        include = ["src/"]
        exclude = ["*.txt"]
        languages = ["python", "go"]
        """,
    )
    assert config == Config(
        budget_bytes=128 * MIB,
        model_path=tmp_path / "models" / "mine",
        niceness=10,
        idle_minutes=5.0,
        index=IndexSettings(MIB, False, True, True, True, ("src/",), ("*.txt",), ("python", "go")),
    )


def test_flag_comes_before_environment_before_file(tmp_path: Path) -> None:
    text = 'budget = "100MiB"\n[model]\npath = "a"\n'
    assert load(tmp_path, text).budget_bytes == 100 * MIB
    config = load(tmp_path, text, LOWTIDE_BUDGET="200MiB", LOWTIDE_MODEL=str(tmp_path / "b"))
    assert (config.budget_bytes, config.model_path) == (200 * MIB, tmp_path / "b")
    file = tmp_path / "config.toml"
    flagged = load_config(file, machine_bytes=GIB, budget_bytes=300 * MIB, environment={"LOWTIDE_BUDGET": "200MiB"})
    assert flagged.budget_bytes == 300 * MIB
    with pytest.raises(ConfigError, match=r"LOWTIDE_BUDGET: 'lots' is not a size"):
        load(tmp_path, text, LOWTIDE_BUDGET="lots")


def test_environment_is_that_of_the_process_unless_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWTIDE_BUDGET", "111MiB")
    assert load_config(tmp_path / "config.toml", machine_bytes=GIB).budget_bytes == 111 * MIB


@pytest.mark.parametrize("where", ["file", "environment"])
def test_a_budget_beyond_the_machine_is_cut_down_and_that_is_told(tmp_path: Path, where: str) -> None:
    config = load(tmp_path, 'budget = "9999GiB"\n') if where == "file" else load(tmp_path, "", LOWTIDE_BUDGET="9999GiB")
    named = {"file": f"{tmp_path / 'config.toml'}:1: budget", "environment": "LOWTIDE_BUDGET"}[where]
    assert config.budget_bytes == 16 * GIB
    assert config.budget_note == f"{named}: 9.8 TiB is more than this machine allows: the budget is 16 GiB"
    assert load(tmp_path, 'budget = "16GiB"\n').budget_note == ""


def test_model_path_may_be_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert load(tmp_path, '[model]\npath = "~/m"\n').model_path == tmp_path / "me" / "m"


@pytest.mark.parametrize("where", ["flag", "file", "environment"])
def test_budget_under_the_least_is_refused_wherever_it_stands(tmp_path: Path, where: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text('\nbudget = "95MiB"\n' if where == "file" else "")
    named = {"flag": "--budget", "file": f"{file}:2: budget", "environment": "LOWTIDE_BUDGET"}[where]
    with pytest.raises(ConfigError) as caught:
        load_config(
            file,
            machine_bytes=GIB,
            budget_bytes=95 * MIB if where == "flag" else None,
            environment={"LOWTIDE_BUDGET": "95MiB"} if where == "environment" else {},
        )
    assert str(caught.value) == f"{named}: 95 MiB is too small: the least is 96MiB; give at least 96MiB"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("budgte = 1", ":1: budgte: no such key; did you mean `budget`?"),
        ("\n\n[index]\nvendord = true", ":4: [index] vendord: no such key; did you mean `vendored`?"),
        ("[indexing]\nx = 1", ":1: indexing: no such key; did you mean `index`?"),
        ("zzz = 1", ":1: zzz: no such key; the keys are: budget, model, daemon, disk, share, team, index"),
        ("[index]\nvendored = 'yes'", ":2: [index] vendored: 'yes' is not true or false; correct the file"),
        ("[index]\ninclude = 'src'", ":2: [index] include: 'src' is not a list of texts in quotes; correct the file"),
        ("[index]\nexclude = [1]", ":2: [index] exclude: [1] is not a list of texts in quotes; correct the file"),
        (
            "[index]\nmax_file_size = 'big'",
            ":2: [index] max_file_size: 'big' is not a size: write it as 256MiB, 1G or a number of bytes; correct the "
            "file",
        ),
        (
            "[index]\nmax_file_size = '0'",
            ":2: [index] max_file_size: '0' is not a size that any file has: nothing would be indexed; correct the "
            "file",
        ),
        (
            "[index]\nmax_file_size = true",
            ":2: [index] max_file_size: True is not a size: write it as 256MiB, 1G or a number of bytes; correct the "
            "file",
        ),
        ("[index]\nlanguages = ['pyton']", ":2: [index] languages: no language `pyton`; did you mean `python`?"),
        (
            "budget = 1.5",
            ":1: budget: 1.5 is not a size: write it as 256MiB, 1G or a number of bytes; correct the file",
        ),
        ("index = 1", ":1: index: 1 is not a table: write it as [index]; correct the file"),
        ("[model]\npath = ''", ":2: [model] path: '' is not a path in quotes; correct the file"),
        ("[model]\npath = 3", ":2: [model] path: 3 is not a path in quotes; correct the file"),
        ("daemon.niceness = 30", ": [daemon] niceness: 30 is not a number from 0 to 19; correct the file"),
        (
            "[daemon]\nidle_minutes = nan",
            ":2: [daemon] idle_minutes: nan is not a number from 0 to 1e+06; correct the file",
        ),
        (
            "[daemon]\nidle_minutes = true",
            ":2: [daemon] idle_minutes: True is not a number from 0 to 1e+06; correct the file",
        ),
        (
            "[daemon]\nidle_minutes = -1",
            ":2: [daemon] idle_minutes: -1 is not a number from 0 to 1e+06; correct the file",
        ),
    ],
)
def test_fault_is_told_with_file_line_key_and_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    told = str(caught.value)
    assert told.startswith(f"{tmp_path / 'config.toml'}")
    assert told.removeprefix(f"{tmp_path / 'config.toml'}") == said


@pytest.mark.parametrize(
    "data",
    [b"x = ", b"\xff\xfe", b"a = " + b"[" * 5000, b"a = " + b"9" * 6000, b"#" * (2 << 20), b"budget = \x00"],
    ids=["syntax", "encoding", "depth", "digits", "size", "nul"],
)
def test_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(data)
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read: "):
        load_config(tmp_path / "config.toml", machine_bytes=GIB, environment={})


def test_what_is_no_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".lowtide.toml")
    with pytest.raises(ConfigError, match="it is not a file"):
        load_workspace_settings(tmp_path, Config(budget_bytes=256 * MIB))
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read"):
        load_config(tmp_path / "config.toml", machine_bytes=GIB, environment={})


def test_a_workspace_cannot_have_another_file_read_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text("[index]\nvendored = true\n")
    (tmp_path / ".lowtide.toml").symlink_to("elsewhere.toml")
    with pytest.raises(ConfigError, match="it is a link"):
        load_workspace_settings(tmp_path, Config(budget_bytes=256 * MIB))
    (tmp_path / "config.toml").symlink_to("elsewhere.toml")  # the user's own may lie among their dotfiles
    assert load_config(tmp_path / "config.toml", machine_bytes=GIB, environment={}).index.vendored


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(data)
    with contextlib.suppress(ConfigError):
        assert isinstance(load_config(file, machine_bytes=GIB, environment={}), Config)


def test_workspace_says_what_is_indexed_on_top_of_the_user(tmp_path: Path) -> None:
    user = IndexSettings(exclude=("*.log",), languages=("python",), generated=True)
    settings = workspace(tmp_path, '[index]\nexclude = ["docs/"]\nmax_file_size = "1MiB"\nminified = true\n', user)
    assert settings == WorkspaceSettings(
        IndexSettings(
            max_file_bytes=MIB, generated=True, minified=True, exclude=("*.log", "docs/"), languages=("python",)
        )
    )


def test_workspace_cannot_set_what_is_the_users_alone(tmp_path: Path) -> None:
    settings = workspace(tmp_path, 'budget = "64GiB"\n[model]\npath = "/evil"\n[daemon]\nniceness = 0\n')
    assert settings.index == IndexSettings()
    assert settings.warnings == tuple(
        f".lowtide.toml: `{key}` is ignored: only your own configuration may set it"
        for key in ("budget", "model", "daemon")
    )


def test_workspace_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.lowtide\.toml:1: program: no such key"):
        workspace(tmp_path, 'program = "/bin/sh"\n')


def test_worker_gets_what_it_needs() -> None:
    assert IndexSettings(generated=True).for_worker() == {
        "max_file_bytes": 4 * MIB,
        "generated": True,
        "minified": False,
    }


@pytest.mark.parametrize("part", ["a.", '"a" . ', "'a'.", "[a.a."])
def test_a_key_of_very_many_parts_is_refused_at_once(tmp_path: Path, part: str) -> None:
    """The parser needs the square of their number in time and memory."""
    file = tmp_path / "config.toml"
    file.write_text(part + "a." * 30_000 + "b = 1\n")
    started = time.monotonic()
    with pytest.raises(ConfigError, match="too many parts"):
        load_config(file, machine_bytes=1 << 33, environment={})
    assert time.monotonic() - started < 2
    file.write_text("[index]\nexclude = [" + ", ".join(f'"*.a{number}"' for number in range(2_000)) + "]\n")
    assert len(load_config(file, machine_bytes=1 << 33, environment={}).index.exclude) == 2_000


def test_a_configuration_without_a_key_is_read_in_linear_time(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("a" * 60_000)
    started = time.monotonic()
    with pytest.raises(ConfigError):
        load_config(file, machine_bytes=1 << 33, environment={})
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("table", "url", "said"),
    [
        (
            "team",
            "https://bob:s3cret@gw.example.com/x",
            "'https://…@gw.example.com/x' cannot be asked: it holds a user or a password; write it without, and name a "
            "token_file",
        ),
        ("team", "https://bob:s3/cret@gw.example.com/x", "'https://…@gw.example.com/x' is no address of a server; "),
        ("team", "ftp://x", "'ftp://x' is no address of a server; write it as https://host/path"),
        ("team", "https://", "'https://' is no address of a server; write it as https://host/path"),
        ("team", "gateway", "'gateway' is no address of a server; write it as https://host/path"),
        ("team", "http://gw.example.com", "'http://gw.example.com' is not encrypted: what is sent could be read"),
        ("team", "https://bob:s3cret@gw.example.com/{x}", "'https://…@gw.example.com/{x}' is not an address"),
        ("share", "https://:s3cret@e.org/{repo}/{commit}", "'https://…@e.org/r/c' cannot be asked: it holds a user"),
        ("share", "https://bob:s3cret@e.org/x", "'https://…@e.org/x' is not an address or a path with {commit}"),
        ("share", "ftp://e.org/{commit}", "'ftp://e.org/c' is no address of a server; "),
    ],
)
def test_an_address_that_cannot_be_asked_is_refused_and_its_password_not_shown(
    tmp_path: Path, table: str, url: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"[{table}]\nurl = '{url}'\n")
    told = str(caught.value)
    assert "s3" not in told
    assert "bob" not in told
    assert f"config.toml:2: [{table}] url: {said}" in told


@pytest.mark.parametrize("text", ["team = 'https://bob:s3cret@h'", "[team]\nurl = ['https://bob:s3cret@h']"])
def test_a_password_at_the_wrong_place_is_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="is not") as caught:
        load(tmp_path, text)
    assert "s3cret" not in str(caught.value)


def test_a_folder_may_be_where_bundles_lie(tmp_path: Path) -> None:
    assert load(tmp_path, "[share]\nurl = '/srv/a@b/{commit}'\n").share.url == "/srv/a@b/{commit}"
