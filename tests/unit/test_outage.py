"""When another try to start a worker is made, and what tells that the package was replaced."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from lowtide.core.outage import WAITS_S, Outage
from lowtide.system.installation import Installation, Installed


def test_waits_grow_and_however_many_fail_at_once_it_is_one_try() -> None:
    outage, now = Outage(), 100.0
    assert outage.wait_s(now) == 0.0
    for number in range(2 * len(WAITS_S)):
        wait = WAITS_S[min(number, len(WAITS_S) - 1)]
        assert outage.failed("gone", now) is (number == 0)
        assert not outage.failed("gone", now + wait / 2), "another one, begun before"
        assert outage.wait_s(now) == pytest.approx(wait)
        now += wait
        assert outage.wait_s(now) == 0.0
    assert outage.failed("of another version", now), "another reason is news"
    assert outage.ended()
    assert not outage.ended()
    assert (outage.why, outage.wait_s(now)) == ("", 0.0)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "lowtide" / "work").mkdir(parents=True)
    for name in ("__init__.py", "work/__main__.py"):
        (tmp_path / "lowtide" / name).write_text("")
    return tmp_path / "lowtide"


def test_a_package_that_is_away_and_comes_back_is_the_same(package: Path) -> None:
    before = Installation.at(package)
    assert before.look() is Installed.SAME
    package.rename(package.with_name("aside"))
    assert before.look() is Installed.GONE
    package.with_name("aside").rename(package)
    assert before.look() is Installed.SAME


def test_a_package_written_anew_is_another_even_with_the_same_content(package: Path) -> None:
    before = Installation.at(package)
    times = os.stat(package / "__init__.py")
    (package / "new").write_text("")
    os.utime(package / "new", ns=(times.st_atime_ns, times.st_mtime_ns))
    (package / "new").rename(package / "__init__.py")
    assert before.look() is Installed.REPLACED


def test_without_its_interpreter_nothing_starts(package: Path, tmp_path: Path) -> None:
    before = Installation.at(package)
    assert before.interpreter == sys.executable
    assert replace(before, interpreter=str(tmp_path / "python")).look() is Installed.GONE


def test_this_process_runs_from_what_is_there() -> None:
    assert Installation.of_this_process().look() is Installed.SAME
