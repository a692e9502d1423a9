"""The commands, as a user meets them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.harness import Lowtide, python_module

Tree = Callable[..., Path]

SOURCES: dict[str, str | bytes] = {
    "src/retry.py": '''"""Retries."""

import time


class RetryPolicy:
    """How often, and after what delay, a request is sent again."""

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts

    def wait_before(self, attempt: int) -> float:
        """Exponential back-off in seconds."""
        return min(60.0, 0.1 * 2**attempt)


def send_with_retries(send, policy):
    """Send a request, again after a timeout."""
    for attempt in range(policy.attempts):
        try:
            return send()
        except TimeoutError:
            time.sleep(policy.wait_before(attempt))
    raise TimeoutError
''',
    "src/geometry.c": """#include <math.h>

#define PI_TIMES(x) ((x) * 3.14159)

/* The length of the line between two points. */
double point_distance(double ax, double ay, double bx, double by) {
    double dx = ax - bx, dy = ay - by;
    return sqrt(dx * dx + dy * dy);
}
""",
    "web/cart.ts": """export interface CartItem { name: string; price: number }

/** Sum of the prices in a shopping cart. */
export function cartTotal(items: CartItem[]): number {
  return items.reduce((sum, item) => sum + item.price, 0);
}
""",
    "README.md": "# Shop\n\nA small shop with a cart.\n\n## Install\n\nRun the installer.\n",
    "notes.txt": "Remember the milk, and the quarterly zebra audit.\n",
    ".env": "TOKEN=secret\n",
    "logo.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "build/out.py": "print('ignored')\n",
    ".gitignore": "build/\n",
}


@pytest.fixture
def indexed(lowtide: Lowtide, tree: Tree) -> tuple[Lowtide, Path]:
    root = tree(SOURCES)
    (root / ".git").mkdir()
    report = lowtide.json("index", root)
    assert report["files"]["indexed"] == 6  # five sources and .gitignore
    return lowtide, root


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lowtide, Path]:
    """An index of the same, for those that only ask."""
    lowtide, root = Lowtide(tmp_path_factory.mktemp("home")), tmp_path_factory.mktemp("shared") / "tree"
    for name, content in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (root / ".git").mkdir()
    lowtide.json("index", root)
    return lowtide, root


def test_index_reports_what_it_did(indexed: tuple[Lowtide, Path]) -> None:
    lowtide, root = indexed
    again = lowtide.json("index", root)
    assert again["files"] == {"indexed": 0, "unchanged": 6, "removed": 0, "skipped": 2, "failed": 0, "quarantined": 0}
    assert again["skipped_by_reason"] == {"secret": 1, "binary": 1}
    assert again["vectors"] > 0
    assert 0 < again["peak_anon_bytes"] <= again["budget_bytes"]
    assert set(again) >= {"root", "symbols", "chunks", "wall_s", "cpu_s", "ladder", "disk_bytes"}


def test_changed_new_and_deleted_files_are_followed(indexed: tuple[Lowtide, Path]) -> None:
    lowtide, root = indexed
    (root / "src/retry.py").write_text("def brand_new_function():\n    return 1\n")
    (root / "src/more.py").write_text("def another_one():\n    return 2\n")
    (root / "web/cart.ts").unlink()
    report = lowtide.json("index", root)
    assert (report["files"]["indexed"], report["files"]["removed"]) == (2, 1)
    assert [s["name"] for s in lowtide.json("symbols", "brand_new_function", root)["symbols"]] == ["brand_new_function"]
    assert lowtide.json("symbols", "RetryPolicy", root)["symbols"] == []
    assert all(hit["path"] != "web/cart.ts" for hit in lowtide.json("search", "shopping cart total", root)["hits"])


def test_touched_file_is_not_indexed_again(indexed: tuple[Lowtide, Path]) -> None:
    lowtide, root = indexed
    os.utime(root / "notes.txt", (1, 1))
    assert lowtide.json("index", root)["files"]["indexed"] == 0


@pytest.mark.parametrize("mode", ["hybrid", "lexical", "semantic"])
def test_search_finds_by_each_mode(shared: tuple[Lowtide, Path], mode: str) -> None:
    lowtide, root = shared
    answer = lowtide.json("search", "--mode", mode, "send a request again after a timeout", root)
    assert answer["degraded"] is None
    assert answer["hits"][0]["path"] == "src/retry.py"
    hit = answer["hits"][0]
    lines = (root / "src/retry.py").read_text().split("\n")
    assert lines[hit["start_line"] - 1].strip() in hit["snippet"]
    assert set(hit) >= {"path", "start_line", "end_line", "kind", "name", "container", "score", "snippet", "signals"}
    assert ("near" in hit["signals"]) == (mode == "hybrid")


def test_text_without_a_grammar_is_found_too(shared: tuple[Lowtide, Path]) -> None:
    lowtide, root = shared
    assert lowtide.json("search", "zebra audit", root)["hits"][0]["path"] == "notes.txt"


def test_search_is_narrowed(shared: tuple[Lowtide, Path]) -> None:
    lowtide, root = shared
    paths = lambda *options: {
        hit["path"] for hit in lowtide.json("search", *options, "the distance price request", root)["hits"]
    }
    assert paths("--lang", "c") == {"src/geometry.c"}
    assert paths("--lang", "Py") == {"src/retry.py"}
    assert paths("--lang", "text") == {"notes.txt", ".gitignore"}
    assert paths("--glob", "web/**") == {"web/cart.ts"}
    assert paths("--glob", "*.py") == {"src/retry.py"}
    assert {hit["kind"] for hit in lowtide.json("search", "--kind", "function", "cart", root)["hits"]} == {"function"}
    assert len(lowtide.json("search", "--limit", "1", "request", root)["hits"]) == 1


def test_symbols_are_found_fuzzily(shared: tuple[Lowtide, Path]) -> None:
    lowtide, root = shared
    for query in ("RetryPolicy", "retrypol", "RP", "rtrypl", "Policy"):
        assert lowtide.json("symbols", query, root)["symbols"][0]["name"] == "RetryPolicy", query
    (method,) = lowtide.json("symbols", "RetryPolicy.wait_before", root)["symbols"]
    line = str(SOURCES["src/retry.py"]).split("\n")[method["line"] - 1]
    assert line[method["column"] - 1 :].startswith("wait_before")
    assert (method["container"], method["kind"]) == ("RetryPolicy", "method")


def test_the_very_container_that_was_named_comes_before_one_that_contains_the_name(
    lowtide: Lowtide, tree: Tree
) -> None:
    method = "    def parse(self): pass\n"
    root = tree({"a.py": f"class IfParser:\n{method}", "b/c/test_d.py": f"class Parser:\n{method}"})
    lowtide.json("index", root)
    found = [symbol["container"] for symbol in lowtide.json("symbols", "parser.parse", root)["symbols"]]
    assert found == ["Parser", "IfParser"]


def test_a_symbol_s_column_counts_characters(lowtide: Lowtide, tree: Tree) -> None:
    line = "/* 🌊 満潮 */\tfunction flutHöhe() { return '🌊'; }\n"
    root = tree({"wave.js": line})
    lowtide.json("index", root)
    (wave,) = lowtide.json("symbols", "flutHöhe", root)["symbols"]
    assert (wave["line"], wave["column"]) == (1, line.index("flutHöhe") + 1)


def test_batch_answers_a_line_a_query_and_goes_on_after_a_bad_one(shared: tuple[Lowtide, Path]) -> None:
    lowtide, root = shared
    out = lowtide.run("search", "--batch", root, stdin="shopping cart\n\nzebra\n")
    first, bad, last = [json.loads(line) for line in out.stdout.splitlines()]
    assert first["hits"][0]["path"] == "web/cart.ts"
    assert bad["error"]["kind"] == "usage"
    assert last["hits"][0]["path"] == "notes.txt"


def test_stale_hit_says_so(indexed: tuple[Lowtide, Path]) -> None:
    lowtide, root = indexed
    (root / "notes.txt").write_text("changed\n" * 3)
    answer = lowtide.json("search", "zebra audit", root)
    assert answer["stale_files"] == 1
    assert lowtide.json("why", root / "notes.txt")["status"] == "stale"


def test_text_in_other_scripts_and_encodings_is_found_and_why_says_how(lowtide: Lowtide, tree: Tree) -> None:
    root = tree(
        {
            "cjk.py": "# 用户登录失败时显示错误信息\ndef show_error():\n    return 1\n",
            "gbk.java": "// 读取配置文件并返回列表的长度\nclass ConfigReader { }\n".encode("gbk"),
            "said.py": "# coding: cp1251\n# Читает файл настроек\ndef read_it(): pass\n".encode("cp1251"),
            "notes.adoc": "= Tides\n\nSome words about them.\n",
            "data": "words without a name\n",
        }
    )
    lowtide.json("index", root)
    hits = lambda query: [hit["path"] for hit in lowtide.json("search", "--mode", "lexical", query, root)["hits"]]
    assert hits("登录失败") == ["cjk.py"]
    assert hits("配置文件") == ["gbk.java"]
    assert hits("настроек") == ["said.py"]
    assert [found["name"] for found in lowtide.json("symbols", "ConfigReader", root)["symbols"]] == ["ConfigReader"]
    rule = lambda path: lowtide.json("why", root / path)["rule"]
    assert rule("gbk.java") == "read as gbk, a guess: it declares none and is not UTF-8"
    assert rule("said.py") == "read as cp1251, as it declares"
    assert rule("notes.adoc") == "text only: no definitions are read from AsciiDoc"
    assert rule("data") == "text only: no definitions are read from plain text"
    assert rule("cjk.py") == ""


def test_why_tells_of_every_file(indexed: tuple[Lowtide, Path]) -> None:
    lowtide, root = indexed
    why = lambda path: lowtide.json("why", root / path)
    assert why("src/retry.py")["status"] == "indexed"
    assert why("src/retry.py")["symbols"] > 3
    assert (why(".env")["status"], why(".env")["reason"]) == ("skipped", "secret")
    assert why("logo.png")["reason"] == "binary"
    ignored = why("build/out.py")
    assert (ignored["status"], ignored["reason"]) == ("skipped", "excluded")
    assert ".gitignore:1" in ignored["rule"]
    assert why("no/such/file")["status"] == "missing"
    (root / "late.py").write_text("x = 1\n")
    assert why("late.py")["status"] == "not-indexed"


def test_an_empty_index_says_so(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({})
    lowtide.json("index", root)
    assert lowtide.json("search", "anything", root)["degraded"] == "nothing is indexed here yet"
    assert not lowtide.json("status", root)["workspaces"][0]["incomplete"]


def test_plan_predicts_and_writes_nothing(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({f"m{n}.py": python_module(n) for n in range(30)})
    plan = lowtide.json("plan", root)
    assert plan["files"] == 30
    assert not list(lowtide.home.glob("**/catalog.sqlite"))
    report = lowtide.json("index", root)
    assert report["peak_anon_bytes"] <= plan["budget_bytes"]
    assert plan["predicted_peak_anon_bytes"] <= plan["budget_bytes"]


def test_status_and_doctor_are_content_with_a_sound_index(shared: tuple[Lowtide, Path]) -> None:
    lowtide, root = shared
    status = lowtide.json("status", root)
    assert status["health"] == "ok"
    (workspace,) = status["workspaces"]
    assert (workspace["files"], workspace["skipped"], workspace["damage"]) == (6, 2, "")
    assert status["memory"]["usedBytes"] <= status["memory"]["budgetBytes"]
    checks = lowtide.json("doctor", code=None)["checks"]
    assert {check["name"] for check in checks} >= {"versions", "budget", "model", "disk"}
    assert all(check["ok"] for check in checks if check["name"].startswith("index"))


def test_no_advice_leads_to_indexing_a_system_folder(lowtide: Lowtide) -> None:
    why = lowtide.json("why", "/etc/hostname")
    assert (why["status"], "lowtide index" in why["remedy"]) == ("not-indexed", False)
    assert "system folder" in why["remedy"]
    error = lowtide.json("search", "host", "/etc", code=3)["error"]
    assert "lowtide index" not in error["remedy"]


def test_doctor_examines_the_rest_when_the_configuration_is_bad(lowtide: Lowtide) -> None:
    config = lowtide.home / "config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("budgett = 1\n")
    checks = {check["name"]: check for check in lowtide.json("doctor", code=1)["checks"]}
    assert not checks["configuration"]["ok"]
    assert "budgett" in checks["configuration"]["detail"]
    assert "`budget`" in checks["configuration"]["remedy"]
    assert checks["model"]["ok"]
    assert checks["disk"]["detail"]


def test_doctor_reads_the_settings_of_this_workspace_and_of_each_that_has_an_index(
    indexed: tuple[Lowtide, Path], tmp_path: Path
) -> None:
    lowtide, root = indexed
    here = tmp_path / "here"
    here.mkdir()
    for where, text in ((root, "[index\nexcl"), (here, "[index]\nexclud = []\n")):
        (where / ".lowtide.toml").write_text(text)
    checks = lowtide.json("doctor", code=1, cwd=here)["checks"]
    found = [check for check in checks if check["name"] == "configuration"]
    assert [check["ok"] for check in found] == [False, False]
    assert "exclud" in found[0]["detail"]
    assert str(root / ".lowtide.toml") in found[1]["detail"]
    assert all(check["remedy"] for check in found)


@pytest.mark.parametrize("group", [[], ["daemon"], ["model"], ["bench"]])
def test_a_command_without_its_subcommand_shows_its_help(lowtide: Lowtide, group: list[str]) -> None:
    out = lowtide.run(*group, code=2)
    assert out.stderr.startswith(f"Usage: {' '.join(['lowtide', *group])}")
    assert "\nCommands:\n" in out.stderr
    assert json.loads(lowtide.run("--json", *group, code=2).stdout)["error"]["kind"] == "usage"


def test_clear_removes_the_index_and_nothing_else(indexed: tuple[Lowtide, Path]) -> None:
    lowtide, root = indexed
    assert lowtide.json("clear", root)["freed_bytes"] > 0
    assert (root / "notes.txt").exists()
    assert lowtide.json("search", "zebra", root, code=3)["error"]["kind"] == "path"


def test_path_defaults_to_the_enclosing_workspace(shared: tuple[Lowtide, Path]) -> None:
    lowtide, root = shared
    assert lowtide.json("symbols", "cartTotal", cwd=root / "src")["symbols"][0]["path"] == "web/cart.ts"


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["serch", "x"], 2, "usage"),
        (["search"], 2, "usage"),
        (["search", "--kind", "functoin", "x"], 2, "usage"),
        (["search", "--lang", "klingon", "x"], 2, "usage"),
        (["daemon", "strat"], 2, "usage"),
        (["status", "--history"], 2, "usage"),
        (["--budget", "12MiB", "index", "."], 2, "config"),
        (["--budget", "much", "index", "."], 2, "config"),
        (["index", "/no/such/folder"], 3, "path"),
        (["index", ""], 3, "path"),
        (["search", "x", ""], 3, "path"),
        (["clear", ""], 3, "path"),
        (["why", ""], 3, "path"),
        (["similar", ":1"], 2, "usage"),
        (["--budget", "999TiB", "status"], 2, "config"),
        (["completion"], 2, "usage"),
        (["index", "/"], 4, "refused"),
        (["index", "/usr"], 4, "refused"),
    ],
)
def test_mistakes_get_one_line_that_says_what_to_do(
    lowtide: Lowtide, tmp_path: Path, arguments: list[str], code: int, kind: str
) -> None:
    out = lowtide.run("--json", *arguments, code=code, cwd=tmp_path)
    assert json.loads(out.stdout)["error"]["kind"] == kind
    lines = out.stderr.strip().split("\n")
    assert len(lines) == 1
    assert lines[0].startswith("lowtide: ")
    assert "Traceback" not in out.stderr
    assert "\\x" not in out.stderr


def test_options_stand_before_or_after_the_command(shared: tuple[Lowtide, Path]) -> None:
    lowtide, root = shared
    before = lowtide.run("--json", "symbols", "cartTotal", root).stdout
    after = lowtide.run("symbols", "cartTotal", root, "--json").stdout
    assert json.loads(before)["symbols"] == json.loads(after)["symbols"]


def test_names_that_are_not_utf8_are_shown_escaped(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({})
    try:
        (Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.py"))).write_text("def espresso():\n    pass\n")
    except OSError:
        pytest.skip("this file system takes no such name")
    lowtide.json("index", root)
    assert lowtide.json("symbols", "espresso", root)["symbols"][0]["path"] == "caf\\xe9.py"


def test_settings_that_change_leave_alone_what_they_do_not_concern(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"a.py": "x = 1\n", "b.js": "var y = 2;\n", "long.py": "z = 3\n" * 2_000})
    settings = root / ".lowtide.toml"

    def files(text: str) -> tuple[int, ...]:
        settings.write_text(f"[index]\n{text}\n")
        done = lowtide.json("index", root)["files"]
        return tuple(done[name] for name in ("indexed", "unchanged", "removed", "skipped"))

    assert files("") == (4, 0, 0, 0)
    assert files('exclude = ["*.js"]') == (1, 2, 1, 0)  # only the settings' own file is new
    assert files("max_file_size = 2000") == (2, 1, 0, 1)
    assert files("max_file_size = 20000") == (2, 2, 0, 0)
    assert files("generated = true") == (4, 0, 0, 0)  # every text may be judged differently


def test_settings_of_the_workspace_narrow_and_cannot_raise_the_budget(lowtide: Lowtide, tree: Tree) -> None:
    root = tree(
        {"a.py": "x = 1\n", "b.js": "var y = 2;\n", ".lowtide.toml": 'budget = "8GiB"\n[index]\nexclude = ["*.js"]\n'}
    )
    report = lowtide.json("--budget", "128MiB", "index", root)
    assert report["budget_bytes"] == 128 << 20
    assert any("budget" in message for message in report["messages"])
    assert lowtide.json("why", root / "b.js")["status"] == "skipped"


def test_a_tree_of_which_nothing_is_left_is_told_with_the_rule(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"src/a.py": "x = 1\n", ".gitignore": "# all\n*\n"})
    (root / ".git").mkdir()
    assert ".gitignore:2: *" in lowtide.json("plan", root)["verdict"]
    report = lowtide.json("index", root)
    assert report["files"]["indexed"] == 0
    assert any(".gitignore:2: *" in message for message in report["messages"])
    shown = lowtide.run("index", root)
    assert ".gitignore:2: *" in shown.stdout + shown.stderr
