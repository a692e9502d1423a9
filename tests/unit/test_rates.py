"""What a run will take, learned from those before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.core.rates import START_S, PastRun, Rates


def test_without_runs_what_was_measured_elsewhere_holds() -> None:
    assert Rates.learned([]).cpu_s(100, 10.0) == pytest.approx(Rates().cpu_s(100, 10.0))


@given(
    st.floats(0.2, 5.0),
    st.floats(0.2, 5.0),
    st.lists(st.tuples(st.integers(100, 100_000), st.floats(0.001, 0.1)), min_size=2, max_size=9),
)
def test_what_the_runs_were_like_is_predicted_again(
    slow_files: float, slow_bytes: float, trees: list[tuple[int, float]]
) -> None:
    """Trees of a machine that is some times as slow as ours, by the file and by the byte."""
    true = Rates(slow_files * Rates().seconds_a_file, slow_bytes * Rates().seconds_a_mib)
    runs = [PastRun(files, files * size, true.cpu_s(files, files * size)) for files, size in trees]
    learned = Rates.learned(runs)
    for run in runs:
        assert run.cpu_s / 2 <= learned.cpu_s(run.files, run.source_mib) <= 2 * run.cpu_s


def test_tiny_files_are_learned_from_tiny_files_and_cost_large_ones_nothing() -> None:
    tiny = PastRun(60_000, 4.0, START_S + 60_000 * 0.007)
    large = PastRun(200, 400.0, START_S + 400.0 * 0.25)
    learned = Rates.learned([tiny, large])
    assert learned.cpu_s(30_000, 2.0) == pytest.approx(210, rel=0.3)
    assert learned.cpu_s(400, 800.0) == pytest.approx(200, rel=0.3)


def test_a_run_that_tells_nothing_changes_nothing() -> None:
    assert Rates.learned([PastRun(3, 0.01, 9.0), PastRun(900, 1.0, 0.0)]) == Rates.learned([])
