"""`lowtide report`: what a bug report needs, without what is the user's own."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.harness import Lowtide

import lowtide as package

FORM = Path(__file__).resolve().parents[2] / ".github/ISSUE_TEMPLATE/bug.yml"
OWN = ("blackbirdia", "Zweifelsfall", "kumquatery", "quuxotic", "hedgehoggery")
"""Words of the user: of folders, files, definitions, patterns and questions."""


@pytest.fixture
def used(lowtide: Lowtide, tree: Callable[..., Path]) -> Path:
    """A workspace that a daemon has indexed and been asked about, all of it in the user's own words."""
    lowtide.environment["LOWTIDE_EMBEDDED"] = ""
    root = tree(
        {
            "Zweifelsfall/kumquatery.py": "def quuxotic(value):\n    return 'hedgehoggery' + value\n" * 30,
            "Zweifelsfall/broken.py": b"\x00" * 100,
            ".gitignore": "hedgehoggery*\n[z-a]\n",
            ".lowtide.toml": "[index]\nexclude = ['hedgehoggery/**']\n",
        },
        "blackbirdia plans",
    )
    config = lowtide.home / "config/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("[index]\nexclude = ['quuxotic/**']\n", "utf-8")
    lowtide.run("index", root)
    lowtide.run("search", "hedgehoggery of quuxotic", root)
    lowtide.run("why", root / "Zweifelsfall/broken.py")
    return root


def test_a_report_has_what_is_asked_for_and_nothing_of_the_users(lowtide: Lowtide, used: Path, tmp_path: Path) -> None:
    try:
        report = lowtide.json("report")
        text = lowtide.run("report").stdout
        lowtide.run("report", "-o", tmp_path / "report.txt")
        allowed = lowtide.json("report", "--with-paths")
    finally:
        lowtide.run("daemon", "stop", code=None)
    assert {"lowtide", "machine", "environment", "configuration", "checks", "daemon", "log"} <= set(report)
    assert any("event=indexed" in line for line in report["log"])
    assert report["daemon"]["status"]["workspaces"][0]["rootUri"] == "workspace-1"
    assert report["daemon"]["memory"]["bytes"] > 0
    assert {check["name"] for check in report["checks"]} >= {"versions", "budget", "watches", "daemon"}
    whole = f"{report}{text}{(tmp_path / 'report.txt').read_text('utf-8')}"
    for word in (*OWN, str(lowtide.home), str(used), used.as_uri(), str(Path.home())):
        assert word not in whole, word
    assert stat.S_IMODE((tmp_path / "report.txt").stat().st_mode) == 0o600
    assert str(used) in str(allowed)
    assert "hedgehoggery" not in str(allowed["log"]), "the log never holds source text"


def test_a_folder_that_is_called_in_words_of_lowtide_is_not_named(lowtide: Lowtide, tree: Callable[..., Path]) -> None:
    """Every text of the report in which the name stands has the root's name, or its number, instead."""
    root = tree({"index.py": "x = 1\n", "search/workspace.py": "y = 2\n"}, "search index")
    lowtide.run("index", root)
    report = lowtide.json("report")
    assert "search index" not in str(report)
    names = [check["name"] for check in report["checks"] if check["name"].startswith("index ")]
    assert names == ["index workspace-1"]


TOKENS = ("9f8e7d6c5b4a", "sekrit9hunter", "4111111111111111")


def test_no_token_and_no_name_made_of_our_own_words_is_in_a_report(lowtide: Lowtide, tree: Callable[..., Path]) -> None:
    """All of it is called in words of Lowtide's, and there are tokens in all the wrong places."""
    lowtide.environment |= {
        "LOWTIDE_EMBEDDED": "",
        "LOWTIDE_TOKEN": TOKENS[0],
        "LOWTIDE_SEARCH_KEY": "index",
        "HTTPS_PROXY": f"http://me:{TOKENS[1]}@proxy:1",
    }
    files = {"search plan/list users.py": b"\0" * 9, "index.py": "x = 1\n", f"{TOKENS[2]}.py": "y = 2\n"}
    root = tree(files, "my search plan")
    (root / "main.py").symlink_to("/etc/hostname")
    config = lowtide.home / "config/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    try:
        lowtide.run("index", root)
        lowtide.run("search", "search plan", root)
        for text in (
            f'[team]\nurl = "https://me:{TOKENS[1]}@gate.acme.example/x"\n',
            f'[share]\nurl = "/net/search plan/{TOKENS[0]}"\n',
            f'token = "{TOKENS[0]}"\n',
            f'budget = "{TOKENS[2]}"\n',
        ):
            config.write_text(text, "utf-8")
            lowtide.run("status", root, code=None)
            report = lowtide.run("report").stdout
            assert "config-file" in report, "what is wrong with the configuration is said"
            for secret in (*TOKENS, "search plan", "list users", "index.py", "main.py", "acme", "SEARCH_KEY", "gate."):
                assert secret not in report, (secret, text)
            allowed = lowtide.run("report", "--with-paths").stdout
            assert TOKENS[1] not in allowed
            assert "LOWTIDE_TOKEN" not in allowed, "only what Lowtide reads"
        config.unlink()
        root.rename(root.with_name("list of users"))
        lowtide.run("search", "x", root, code=None)
        lowtide.run("index", root.with_name("list of users"))
        report = lowtide.run("report").stdout
        assert "workspace-2" in report
        assert "list of users" not in report
    finally:
        lowtide.run("daemon", "stop", code=None)


def test_a_traceback_says_which_of_our_lines_it_is(lowtide: Lowtide) -> None:
    log = lowtide.home / "cache/log/daemon.log"
    log.parent.mkdir(parents=True)
    program = Path(package.__file__).parent / "serve/daemon.py"
    log.write_text(f'  File "{program}", line 101, in run\n  File "/home/eve/search/plan.py", line 3, in x\n', "utf-8")
    log.chmod(0o600)
    first, second = lowtide.json("report")["log"]
    assert first == '  File "lowtide/serve/daemon.py", line 101, in run'
    assert second == "  File <path>, line 3, in x"


def test_a_report_is_made_where_nothing_works(lowtide: Lowtide) -> None:
    config = lowtide.home / "config/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("bugdet = 3\n", "utf-8")
    report = lowtide.json("report")
    assert report["daemon"] is None
    assert "no such key" in report["configuration"]["complaint"]
    assert "error" in report["log"]


def test_the_form_of_a_bug_asks_for_it() -> None:
    text = FORM.read_text("utf-8")
    assert re.search(r"label: lowtide report\b", text)
    assert "`lowtide doctor --json`" in text, "where the report itself fails"
