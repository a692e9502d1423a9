"""Known files against observed ones."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from lowtide.core.plan import Act, Known, compare
from lowtide.models import FileStat, FileStatus, Reason

paths = st.binary(min_size=1, max_size=3)
stats = st.dictionaries(paths, st.tuples(st.integers(0, 2), st.sampled_from([None, Reason.BINARY])))


@example({b"a": (0, Reason.BINARY)}, {b"a": (0, None)})
@given(stats, stats)
def test_plan_turns_what_is_known_into_what_is_there(
    old: dict[bytes, tuple[int, Reason | None]], new: dict[bytes, tuple[int, Reason | None]]
) -> None:
    known = [
        Known(
            number,
            path,
            size,
            0,
            0,
            FileStatus.SKIPPED if reason else FileStatus.INDEXED,
            reason or "",
            b"",
            "r" if reason else "",
        )
        for number, (path, (size, reason)) in enumerate(sorted(old.items()))
    ]
    observed = [
        FileStat(path, size, 0, 0, reason, "r" if reason else "") for path, (size, reason) in sorted(new.items())
    ]
    actions = list(compare(known, observed))
    assert [action.path for action in actions] == sorted(set(old) | set(new))
    for action in actions:
        if action.path not in new:
            assert action.act is Act.REMOVE
        elif action.act is Act.KEEP:
            before, now = old[action.path], new[action.path]
            # The walk knows no reason for what was skipped by its content: that stays so until the file changes.
            assert before[0] == now[0]
            assert now[1] in (None, before[1])
        else:
            assert (action.act is Act.SKIP) == (new[action.path][1] is not None)
            assert old.get(action.path) != new[action.path]


def test_recheck_indexes_what_seems_unchanged() -> None:
    known = [Known(1, b"a", 1, 2, 3, FileStatus.INDEXED, "", b"h")]
    observed = [FileStat(b"a", 1, 2, 3)]
    assert next(compare(known, observed)).act is Act.KEEP
    assert next(compare(known, observed, recheck=True)).act is Act.INDEX
