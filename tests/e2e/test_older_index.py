"""An index that an older version of Lowtide wrote: it is made one of this, and nobody sees an error.

`tests/data/formats` keeps a catalog of each version before this one, as that version wrote it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.e2e.daemons import with_daemon as with_daemon
from tests.e2e.harness import Lowtide

FORMATS = Path(__file__).resolve().parents[1] / "data" / "formats"
OLDER = sorted(path.stem for path in FORMATS.glob("catalog-*.sqlite"))
QUESTIONS = [("symbols", "alpha"), ("search", "alpha"), ("search", "--exact", "alpha"), ("refs", "alpha"), ("status",)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tree, which nobody changes, and a home with its index."""
    root, home = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("made")
    (root / "a.py").write_text("def alpha():\n    return 1\n\n\ndef beta():\n    return alpha()\n")
    Lowtide(home).run("--embedded", "index", root)
    return root, home


@pytest.fixture
def root(made: tuple[Path, Path], lowtide: Lowtide) -> Path:
    shutil.copytree(made[1], lowtide.home, dirs_exist_ok=True)
    return made[0]


def put_back(lowtide: Lowtide, older: str) -> None:
    """Give the only index the catalog of an older version, and what lay beside it then: nothing."""
    folder = lowtide.index_folder()
    for path in folder.iterdir():
        if path.name not in ("root", "lock"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copy(FORMATS / f"{older}.sqlite", folder / "catalog.sqlite")
    (folder / "catalog.sqlite").chmod(0o600)


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
@pytest.mark.parametrize("older", OLDER)
def test_a_question_in_the_calling_process_converts_it(
    root: Path, lowtide: Lowtide, older: str, question: tuple[str, ...]
) -> None:
    put_back(lowtide, older)
    done = lowtide.run("--embedded", *question, root)
    assert "older format" not in done.stdout + done.stderr
    assert ("alpha" in done.stdout) == (question != ("status",))
    lowtide.run("--embedded", "index", root)
    assert lowtide.json("--embedded", "symbols", "alpha", root)["symbols"][0]["path"] == "a.py"


@pytest.mark.parametrize("older", OLDER)
def test_the_daemon_answers_at_once_and_indexes_anew(root: Path, lowtide: Lowtide, older: str) -> None:
    put_back(lowtide, older)
    for question in QUESTIONS:
        done = lowtide.run(*question, root)
        assert "older format" not in done.stdout + done.stderr
    files = lowtide.json("index", root)["files"]
    assert files["indexed"] + files["unchanged"] == 1
    assert lowtide.json("search", "alpha", root)["hits"][0]["path"] == "a.py"


@pytest.mark.parametrize("older", OLDER)
def test_until_it_is_made_anew_it_is_said_what_lacks_and_that_it_is_coming(
    root: Path, lowtide: Lowtide, older: str
) -> None:
    put_back(lowtide, older)
    lowtide.run("daemon", "start")
    lowtide.run("daemon", "pause")
    answer = lowtide.json("search", "alpha", root)
    assert answer["degraded"]
    assert "without embeddings" not in answer["degraded"]
    assert answer["freshness"]["indexed"] == 0
    assert answer["freshness"]["total"] >= 1
    exact = lowtide.run("search", "--exact", "alpha", root)
    assert exact.stdout.startswith("a.py:1:")
    assert exact.stderr == ""
    error = lowtide.json("similar", "a.py:1", root, code=1)["error"]
    assert "paused" in error["message"]


@pytest.mark.parametrize("older", OLDER)
def test_a_question_for_its_like_is_no_misuse(root: Path, lowtide: Lowtide, older: str) -> None:
    put_back(lowtide, older)
    error = lowtide.json("--embedded", "similar", f"{root}/a.py:1", root, code=1)["error"]
    assert error["kind"] == "store"
    assert "lowtide index" in error["remedy"]


def test_words_that_an_older_version_did_not_take_are_found_before_its_files_are_indexed_again(
    lowtide: Lowtide, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("def alpha():\n    return 1\n")
    lowtide.run("--embedded", "index", tmp_path)
    with closing(sqlite3.connect(lowtide.index_folder() / "catalog.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE meta SET value = '8' WHERE key = 'content_version'")
    # What that version did not take, while the file is as it was.
    before = (tmp_path / "a.py").stat()
    (tmp_path / "a.py").write_text("def omega():\n    return 1\n")
    os.utime(tmp_path / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    with closing(sqlite3.connect(lowtide.index_folder() / "catalog.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE files SET ctime_ns = ?", ((tmp_path / "a.py").stat().st_ctime_ns,))
    for question in (("search", "--exact", "omega"), ("refs", "omega")):
        assert "def omega" in lowtide.run("--embedded", *question, tmp_path).stdout
