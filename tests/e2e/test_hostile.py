"""Files made to break an indexer: each is indexed or explained, in time, within the budget, and the others do not
notice."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.harness import Lowtide, python_module

Tree = Callable[..., Path]
BUDGET = 128 << 20


def hostile_files() -> dict[str, str | bytes]:
    """The time and memory bombs that were measured on tree-sitter, and the same ideas in other languages."""
    chance = random.Random(3)
    noise = "".join(chr(chance.randrange(32, 127)) if chance.random() < 0.97 else "\n" for _ in range(1_000_000))
    lines = lambda text, width=200: "\n".join(text[i : i + width] for i in range(0, len(text), width))
    return {
        "templates.cpp": lines("a<" * 50_000),
        "stars.c": lines("*" * 200_000),
        "brackets.js": lines("[" * 100_000),
        "nested.html": lines("<div>" * 100_000, 500),
        "noise.ts": noise,
        "sum.py": "x = " + "\\\n".join("1+" * 50 for _ in range(1500)) + "1\n",
        "parens.py": "x = " + lines("(" * 50_000) + "\n",
        "deep.json": lines("[" * 100_000),
        "wide.json": "[" + ",\n".join(f'{{"key{n}": [{n}, "v"]}}' for n in range(60_000)) + "]",
        "table.c": "int table[] = {\n"
        + ",\n".join(f"0x{n:08x}, 0x{n * 7:08x}, 0x{n * 13:08x}" for n in range(60_000))
        + "\n};\n",
        "yaml.yaml": "".join(" " * (n % 400) + "- a:\n" for n in range(20_000)),
        "backticks.md": lines("`" * 100_000),
        "quotes.sh": lines("$(" * 50_000),
        "rust.rs": lines("fn f() { " * 20_000),
        "braces.go": "package p\n" + lines("{" * 100_000),
        "generics.java": lines("A<" * 50_000),
        "words.txt": lines("word " * 400_000),
        "controls.py": "x = '" + "".join(chr(n) for n in range(1, 32) if n not in (10, 13)) * 100 + "'\n",
        "utf16.py": python_module(1).encode("utf-16"),
        "latin.c": 'char *s = "caf\u00e9";\nint latin_function(void) { return 1; }\n'.encode("latin-1"),
        "mac.py": python_module(2).replace("\n", "\r"),
        "crlf.py": python_module(3).replace("\n", "\r\n"),
        "bom.py": b"\xef\xbb\xbf" + python_module(4).encode(),
        "broken.py": b"def ok():\n    pass\n\xff\xfe\xfd" + bytes(range(128, 256)) * 30,
        "nul.py": b"def nul():\n    pass\n" + b"\0" * 5000,
    }


def test_every_hostile_file_is_indexed_or_explained_within_the_budget(lowtide: Lowtide, tree: Tree) -> None:
    good = {f"good/m{n}.py": python_module(n) for n in range(40)}
    root = tree({**good, **hostile_files()})
    report = lowtide.json("--budget", "128MiB", "index", root)
    assert report["peak_anon_bytes"] <= BUDGET
    files = report["files"]
    assert files["failed"] == 0
    assert files["indexed"] + files["skipped"] + files["quarantined"] == len(good) + len(hostile_files())
    for name in hostile_files():
        answer = lowtide.json("why", root / name)
        assert answer["status"] in ("indexed", "skipped", "quarantined"), (name, answer)
        assert answer["status"] == "indexed" or answer["reason"], (name, answer)
    for name in ("utf16.py", "latin.c", "crlf.py", "bom.py", "mac.py"):
        assert lowtide.json("why", root / name)["status"] == "indexed", name
    assert lowtide.json("symbols", "compute_part_39_7", root)["symbols"]
    assert lowtide.json("symbols", "compute_part_3_7", root)["symbols"][0]["name"] == "compute_part_3_7"
    again = time.monotonic()
    assert lowtide.json("--budget", "128MiB", "index", root)["files"]["indexed"] == 0
    assert time.monotonic() - again < 10, "what was quarantined must not be tried again at every start"


def test_what_is_no_file_is_skipped_with_its_reason_and_never_waited_for(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"real.py": "def real_thing():\n    pass\n", "deep/a.py": "x = 1\n"})
    os.mkfifo(root / "pipe.py")
    (root / "link.py").symlink_to("real.py")
    (root / "out.py").symlink_to("/etc/passwd")
    (root / "loop").symlink_to(".")
    (root / "dangling.py").symlink_to("nowhere")
    (root / "new\nline.py").write_text("def odd_name():\n    pass\n")
    with socket.socket(socket.AF_UNIX) as server:
        where = os.getcwd()
        os.chdir(root)
        server.bind("socket.py")
        os.chdir(where)
    with (root / "sparse.py").open("wb") as file:
        file.truncate(1 << 33)
    with (root / "hole.py").open("wb") as file:
        file.truncate(1 << 20)
    lowtide.json("--budget", "96MiB", "index", root)
    reasons = {
        name: lowtide.json("why", root / name)["reason"]
        for name in ("pipe.py", "link.py", "out.py", "loop", "socket.py", "sparse.py", "hole.py")
    }
    assert reasons == {
        "pipe.py": "not-a-regular-file",
        "link.py": "symlink",
        "out.py": "symlink-out-of-root",
        "loop": "symlink",
        "socket.py": "not-a-regular-file",
        "sparse.py": "too-large",
        "hole.py": "binary",
    }
    assert lowtide.json("symbols", "odd_name", root)["symbols"][0]["path"] == "new\nline.py"
    assert lowtide.json("symbols", "real_thing", root)["symbols"][0]["path"] == "real.py"


def test_paths_deeper_than_the_system_takes_are_explained(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"a.py": "def shallow():\n    pass\n"})
    folder = os.open(root, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deeper", dir_fd=folder)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("bottom.py", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    try:
        report = lowtide.json("index", root)
        assert report["files"]["indexed"] == 1
        assert report["skipped_by_reason"] == {"unreadable": 1}
    finally:
        os.system(f"rm -rf {root}")


def test_file_that_changes_while_it_is_read_is_consistent(lowtide: Lowtide, tree: Tree) -> None:
    """Whatever version was read, its rows are those of one version."""
    root = tree({f"m{n}.py": python_module(n) for n in range(60)})
    process = lowtide.start("index", root, "-q")
    turn = 0
    while process.poll() is None:
        turn += 1
        (root / f"m{turn % 60}.py").write_text(python_module(turn % 60) + f"# {turn}\n")
    process.communicate()
    assert process.returncode == 0
    lowtide.run("index", root)
    (catalog,) = lowtide.home.glob("**/catalog.sqlite")
    with closing(sqlite3.connect(catalog)) as db:
        rows = db.execute("SELECT count(*) FROM files WHERE status = 'indexed' AND chunks > 0").fetchone()
    assert rows[0] == 60


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
def test_what_may_not_be_looked_at_is_explained(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"seen.py": "def seen():\n    pass\n", "closed/hidden.py": "x = 1\n", "no.py": "x = 2\n"})
    # Without root's right to read everything, where the tests have it.
    bound = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

    def run(*arguments: str | Path) -> dict[str, Any]:
        command = [*bound, *lowtide.command("--json", *arguments)]
        out = subprocess.run(command, env=lowtide.env(), capture_output=True, text=True, check=True, timeout=60)
        return dict(json.loads(out.stdout))

    (root / "no.py").chmod(0)
    (root / "closed").chmod(0)
    try:
        assert run("index", root)["skipped_by_reason"] == {"unreadable": 2}
        for path in ("no.py", "closed", "closed/hidden.py", "closed/not/there.py"):
            answer = run("why", root / path)
            assert (answer["status"], answer["reason"]) == ("skipped", "unreadable"), path
            assert "Permission denied" in answer["rule"]
    finally:
        (root / "closed").chmod(0o700)


def test_links_that_lead_round_in_circles_are_explained(lowtide: Lowtide, tree: Tree) -> None:
    root = tree({"a.py": "x = 1\n"})
    (root / "round.py").symlink_to("round.py")
    lowtide.run("index", root)
    for path in ("round.py", "round.py/inside.py"):
        assert lowtide.json("why", root / path)["reason"] in ("symlink", "no such file"), path


def test_a_limit_raised_beyond_the_budget_costs_no_file_its_place(lowtide: Lowtide, tree: Tree) -> None:
    """What is read is what the file holds, not what it might."""
    root = tree({f"m{n}.py": python_module(n) for n in range(20)})
    (root / ".lowtide.toml").write_text('[index]\nmax_file_size = "8GiB"\n')
    with (root / "sparse.py").open("wb") as file:
        file.truncate(4 << 30)
    report = lowtide.json("--budget", "128MiB", "index", root)
    assert report["files"]["indexed"] == 20 + 1
    assert report["files"]["quarantined"] == 1
    assert lowtide.json("why", root / "sparse.py")["reason"] == "over-budget"


def fill(folder: Path, count: int, name: str) -> None:
    """Make so many empty files, whose names begin with their numbers."""
    opened = os.open(folder, os.O_RDONLY)
    for number in range(count):
        os.close(os.open(f"{number:06d}{name}", os.O_CREAT | os.O_WRONLY, dir_fd=opened))
    os.close(opened)


def test_a_folder_of_very_many_long_names_takes_no_more_than_its_block(lowtide: Lowtide, tree: Tree) -> None:
    peaks = []
    for name in ("", "n" * 240):
        root = tree({"a.py": "def first():\n    pass\n", "names/zz.py": "def last():\n    pass\n"}, f"tree{len(name)}")
        fill(root / "names", 60_000, name)
        report = lowtide.json("--budget", "96MiB", "index", root)
        assert report["files"]["indexed"] == 2
        assert report["skipped_by_reason"] == {"empty": 60_000}
        peaks.append(lowtide.json("--budget", "96MiB", "index", root)["peak_anon_bytes"])
    short, long = peaks
    # All names at once would take 14 MB more.
    assert long < short + (8 << 20)


def test_a_file_that_needs_more_than_its_share_gets_all_the_room(lowtide: Lowtide, tree: Tree) -> None:
    """Two workers share the budget; a file that fits it only alone is still parsed."""
    large = "".join(python_module(n, 16) for n in range(170))
    root = tree({**{f"m{n}.py": python_module(n) for n in range(30)}, "one.py": large, "two.py": large + "# 2\n"})
    report = lowtide.json("--budget", "128MiB", "index", root)
    assert report["files"]["indexed"] == 32
    assert report["files"]["quarantined"] == 0
    assert report["peak_anon_bytes"] <= BUDGET
    assert lowtide.json("why", root / "two.py")["symbols"] > 3_000


def test_a_root_whose_name_is_no_utf8_is_shown_as_names_are(lowtide: Lowtide, tree: Tree, tmp_path: Path) -> None:
    tree({"a.py": "def rooted():\n    pass\n"}, "plain")
    root = os.fsencode(tmp_path) + b"/caf\xe9"
    os.rename(tmp_path / "plain", root)
    out = subprocess.run(
        [*lowtide.command("--json", "index"), root], env=lowtide.env(), capture_output=True, check=True, timeout=60
    )
    assert json.loads(out.stdout.decode())["root"].endswith("/caf\\xe9")


def test_a_file_that_was_given_up_is_not_tried_at_every_start(lowtide: Lowtide, tree: Tree) -> None:
    """Not even cut by lines does it fit: it stays so until it changes."""
    root = tree({".lowtide.toml": '[index]\nmax_file_size = "1GiB"\n'})
    (root / "words.txt").write_bytes(b"several words a line\n" * (96 << 20 >> 4))
    first = lowtide.json("--budget", "96MiB", "index", root)
    assert first["files"]["quarantined"] == 1
    again = lowtide.json("--budget", "96MiB", "index", root)
    assert again["source_bytes"] == 0
    assert lowtide.json("why", root / "words.txt")["status"] == "quarantined"


def test_what_stands_in_the_place_of_a_hits_file_is_neither_shown_nor_waited_for(lowtide: Lowtide, tree: Tree) -> None:
    files = {f"m{n}.py": f"def harbour_pilot_{n}():\n    return {n}\n" for n in range(5)}
    latin = "/* caf\u00e9 */\nint harbour_pilot_in_latin(void) { return 1; }\n".encode("latin-1")
    root = tree({**files, "latin.c": latin, "deep/in.py": "def harbour_pilot_deep():\n    return 1\n"})
    outside = tree({"secret.py": "hunter2\n" * 9, "in.py": "hunter2\n" * 9}, "outside")
    lowtide.run("index", root)
    (root / "m0.py").unlink()
    (root / "m0.py").symlink_to(outside / "secret.py")
    (root / "m1.py").unlink()
    os.mkfifo(root / "m1.py")
    (root / "m2.py").unlink()
    (root / "m2.py").symlink_to("/dev/zero")
    (root / "latin.c").unlink()
    (root / "latin.c").symlink_to("/dev/zero")
    (root / "deep").rename(root / "aside")
    (root / "deep").symlink_to(outside)
    answer = lowtide.json("search", "harbour pilot", root, "--limit", "20")
    hits = {hit["path"]: (hit["snippet"], hit["stale"]) for hit in answer["hits"]}
    swapped = {"m0.py", "m1.py", "m2.py", "latin.c", "deep/in.py"}
    assert {path for path, (_, stale) in hits.items() if stale} == swapped
    assert {hits[path][0] for path in swapped} == {""}
    assert hits["m3.py"][0].startswith("def harbour_pilot_3")
    assert answer["stale_files"] == len(swapped)
    assert "hunter2" not in json.dumps(answer)
