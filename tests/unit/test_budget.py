"""Budget, leases and predicted costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.budget import MARGIN_BYTES, MIB, START_FACTOR, Budget, CostModel, Decision, Lease


def budget(total_mib: int = 256, daemon_mib: int = 40) -> Budget:
    return Budget(total_mib * MIB, daemon_bytes=daemon_mib * MIB)


def test_lease_is_admitted_with_its_share_when_there_is_room() -> None:
    decision, lease = budget().request(20 * MIB, 90 * MIB)
    assert decision is Decision.ADMIT
    assert lease is not None
    assert lease.total_bytes == 90 * MIB


def test_lease_shrinks_to_what_is_left_but_not_below_its_need() -> None:
    pot = budget()
    pot.request(150 * MIB)
    decision, lease = pot.request(20 * MIB, 90 * MIB)
    assert decision is Decision.ADMIT
    assert lease is not None
    assert 20 * MIB <= lease.total_bytes < 90 * MIB
    assert pot.leased_bytes + pot.daemon_bytes + MARGIN_BYTES <= pot.total_bytes


def test_request_waits_for_others_and_is_admitted_when_they_end() -> None:
    pot = budget()
    _, first = pot.request(200 * MIB)
    assert pot.request(20 * MIB)[0] is Decision.WAIT
    assert first is not None
    pot.release(first)
    assert pot.request(20 * MIB)[0] is Decision.ADMIT


def test_what_cannot_ever_fit_is_refused() -> None:
    assert budget().request(250 * MIB)[0] is Decision.REFUSE


def test_idle_workers_are_ended_before_anyone_waits() -> None:
    pot = budget()
    pot.idle_bytes = 100 * MIB
    assert pot.request(150 * MIB)[0] is Decision.RECYCLE


def test_lease_cannot_be_given_back_twice() -> None:
    pot = budget()
    _, lease = pot.request(MIB)
    assert lease is not None
    pot.release(lease)
    with pytest.raises(ValueError):
        pot.release(lease)


@given(
    st.integers(96, 1024),
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 400), st.booleans(), st.integers(0, 200)), max_size=60),
)
def test_leases_and_daemon_never_exceed_the_budget(total: int, requests: list[tuple[int, int, bool, int]]) -> None:
    pot = budget(total)
    held: list[Lease] = []
    for need, share, give_back, idle in requests:
        pot.idle_bytes = idle * MIB
        decision, lease = pot.request(need * MIB, share * MIB)
        assert (lease is not None) == (decision is Decision.ADMIT)
        if lease is not None:
            assert lease.total_bytes >= need * MIB
            held.append(lease)
        if give_back and held:
            pot.release(held.pop(0))
        assert pot.leased_bytes + pot.daemon_bytes <= pot.total_bytes
    for lease in held:
        pot.release(lease)
    assert pot.leased_bytes == 0


def test_cost_rises_at_once_after_a_miss_and_falls_slowly() -> None:
    costs = CostModel()
    start = costs.factor("cpp")
    costs.learn("cpp", MIB, 300 * MIB)
    assert costs.factor("cpp") > 300
    costs.learn("cpp", MIB, 30 * MIB)
    assert start < costs.factor("cpp") < 330


def test_small_files_teach_nothing() -> None:
    costs = CostModel()
    costs.learn("python", 1000, 50 * MIB)
    assert costs.factor("python") == START_FACTOR
