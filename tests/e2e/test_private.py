"""What Lowtide keeps is its user's alone, and the page on privacy names all of it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from tests.e2e.harness import Lowtide, python_module

PRIVACY = Path(__file__).resolve().parents[2] / "docs/privacy.md"


@pytest.fixture
def kept(lowtide: Lowtide, tree: Callable[..., Path]) -> Iterator[Path]:
    """The home of a daemon that has indexed, under the widest umask that there is."""
    lowtide.environment["LOWTIDE_EMBEDDED"] = ""
    root = tree({f"m{number}.py": python_module(number) for number in range(20)})
    before = os.umask(0)
    try:
        lowtide.run("index", root)
        (root / "m0.py").write_text(python_module(100), "utf-8")
        lowtide.run("index", root)
    finally:
        os.umask(before)
    yield lowtide.home
    lowtide.run("daemon", "stop", code=None)


def test_what_is_kept_is_for_the_user_alone_and_is_told(kept: Path) -> None:
    page = PRIVACY.read_text("utf-8")
    told = [
        name.removeprefix("~/.cache/lowtide/") for name in re.findall(r"^\| `(~/\.cache/lowtide/[^`]+)`", page, re.M)
    ]
    assert len(told) > 5
    cache = kept / "cache"
    for path in [*cache.rglob("*"), *(kept / "run").rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert not mode & 0o077, f"{path.relative_to(kept)} can be used by others: {mode:o}"
        if path.is_file() and path.is_relative_to(cache):
            name = re.sub(r"^indexes/[^/]+/", "indexes/NAME/", str(path.relative_to(cache)))
            assert any(fnmatch(name, pattern) for pattern in told), f"docs/privacy.md does not tell of {name}"
