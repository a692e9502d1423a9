"""A walk of some paths gives what the whole walk gives of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lowtide.config.settings import IndexSettings
from lowtide.system.tree.walk import walk

NAMES = st.sampled_from(["a", "b", "a-b", "a.py", "node_modules", "keep.log", "x.log", ".gitignore"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def lies_in(path: bytes, place: bytes) -> bool:
    return path == place or path.startswith(place + b"/")


@settings(max_examples=60, deadline=None)
@example(files={"a/a/a", "a/a/b"}, places={"a", "a/a/a"})
@given(files=st.sets(PATHS, max_size=12), places=st.sets(PATHS, min_size=1, max_size=4))
def test_narrow_walk_equals_the_whole_one_there(
    tmp_path_factory: pytest.TempPathFactory, files: set[str], places: set[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for name in sorted(files):
        path = root / name
        if any(parent.is_file() for parent in path.parents) or path.is_dir():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("*.log\n!keep.log\nb/\n" if path.name == ".gitignore" else "text = 1\n")
    only = [place.encode() for place in places]
    narrow = list(walk(root, IndexSettings(), only=only))
    whole = list(walk(root, IndexSettings()))
    expected = [stat for stat in whole if any(lies_in(stat.path.rstrip(b"/"), place) for place in only)]
    inside = [stat for stat in narrow if any(lies_in(stat.path.rstrip(b"/"), place) for place in only)]
    assert inside == expected
    # Beyond these, only folders around them that are left out whole, or files where a folder was named.
    rest = [stat for stat in narrow if stat not in inside]
    assert all(stat in whole for stat in rest)
    assert all(any(place.startswith(stat.path.rstrip(b"/") + b"/") for place in only) for stat in rest)


def test_an_empty_path_is_everything(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    assert [stat.path for stat in walk(tmp_path, IndexSettings(), only=[b""])] == [b"a.py"]
