"""The tree of watched folders against a plain dictionary of paths."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lowtide.system.watch.folder_tree import FolderTree

NAMES = st.sampled_from([b"a", b"b", b"c"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join)
FEW = st.sampled_from([b"", b"a", b"b", b"a/a", b"a/b", b"b/a", b"a/b/a", b"a/b/b", b"a/b/a/a"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), FEW, st.integers(1, 9)),
        st.tuples(st.just("drop"), FEW, st.just(0)),
        st.tuples(st.just("forget"), st.just(b""), st.integers(1, 9)),
        st.tuples(st.just("keep"), FEW, st.integers(0, 255)),
    ),
    min_size=3,
    max_size=40,
)


@settings(max_examples=1000)
@given(STEPS)
def test_numbers_and_paths_stay_one_to_one_and_every_number_is_given_back(steps: list[tuple[str, bytes, int]]) -> None:
    tree = FolderTree()
    held: set[int] = set()
    for step, path, number in [("put", b"", 1), *steps]:
        if step == "put":
            gone = tree.put(path, number)
            held.add(number)
        elif step == "drop":
            gone = tree.drop(path)
            assert tree.find(path) is None
        elif step == "forget":
            gone = tree.forget(number)
            held.discard(number)
        else:
            kept = {bit for bit in range(1, 9) if number >> (bit - 1) & 1}
            gone = tree.keep(path, kept)
            assert all(
                watch in kept for watch in held - set(gone) if watch in tree and _lies_in(tree.path(watch) or b"", path)
            )
        assert len(gone) == len(set(gone)), "each is removed once"
        assert set(gone) <= held
        held -= set(gone)
        assert len(tree) == len(held)
        paths = {}
        for watch in held:
            where = tree.path(watch)
            assert where is not None
            assert tree.find(where) == watch
            paths[where] = watch
        assert len(paths) == len(held)
        for where in paths:
            assert not where or where.rpartition(b"/")[0] in paths, "no folder without the one around it"


@given(st.lists(PATHS, max_size=12), PATHS, PATHS)
def test_a_folder_put_elsewhere_takes_along_what_lies_below(paths: list[bytes], source: bytes, target: bytes) -> None:
    tree = FolderTree()
    tree.put(b"", 1)
    numbers: dict[bytes, int] = {}
    for path in sorted({*paths, source}):
        for depth in range(path.count(b"/") + 1):
            folder = b"/".join(path.split(b"/")[: depth + 1])
            if folder not in numbers:
                numbers[folder] = len(numbers) + 2
                tree.put(folder, numbers[folder])
    parent = target.rpartition(b"/")[0]
    if _lies_in(target, source) or _lies_in(source, target) or (parent and parent not in numbers):
        return
    tree.put(target, numbers[source])
    for folder, number in numbers.items():
        if _lies_in(folder, source):
            assert tree.path(number) == target + folder[len(source) :]


def _lies_in(path: bytes, place: bytes) -> bool:
    return not place or path == place or path.startswith(place + b"/")
