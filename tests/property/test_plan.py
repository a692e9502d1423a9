"""Known files against observed ones."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from lowtide.core.plan import Act, Known, Retrying, compare
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


def test_another_ctime_is_a_change_whatever_the_other_times_say() -> None:
    known = [Known(1, b"a", 1, 2, 3, FileStatus.INDEXED, "", b"h", ctime_ns=4)]
    assert next(compare(known, [FileStat(b"a", 1, 2, 3, ctime_ns=4)])).act is Act.KEEP
    assert next(compare(known, [FileStat(b"a", 1, 2, 3, ctime_ns=5)])).act is Act.INDEX


HOUR_NS = 3600 * 10**9


@given(st.sampled_from(list(Reason)), st.integers(1, 9), st.integers(0, 2000 * HOUR_NS))
def test_what_failed_is_tried_again_ever_more_seldom(reason: Reason, tries: int, waited_ns: int) -> None:
    observed = [FileStat(b"a", 1, 2, 3)]
    failed = Known(1, b"a", 1, 2, 3, FileStatus.QUARANTINED, reason, b"h", "", 0, tries, 10, "1.0")
    now = Retrying(10 + waited_ns, "1.0")
    assert next(compare([failed], observed)).act is Act.KEEP, "a narrow run tries nothing again"
    (action,) = compare([failed], observed, retrying=now)
    if reason not in (Reason.DEADLINE, Reason.GRAMMAR):
        assert action.act is Act.KEEP
    else:
        wait = (0, HOUR_NS, 24 * HOUR_NS, 168 * HOUR_NS)[min(tries, 4) - 1]
        assert (action.act is Act.AGAIN) == (waited_ns >= wait)
    (action,) = compare([failed], observed, retrying=Retrying(10, "1.1"))
    assert action.act is Act.AGAIN, "another version of Lowtide may do better"
    indexed = replace(failed, status=FileStatus.INDEXED, reason="")
    assert next(compare([indexed], observed, retrying=Retrying(1 << 62, "1.1"))).act is Act.KEEP
