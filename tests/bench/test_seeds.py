"""The pure parts of bench/seeds: verdicts, the table, the trees, what a manifest tells; and one short run of a
scenario."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest
from bench.seeds import row_a, row_b, row_d
from bench.seeds.run import main
from bench.seeds.scenario import (
    MIB,
    Check,
    Curve,
    Options,
    Row,
    at_least,
    at_most,
    exactly,
    newest,
    percentile,
    row_of,
    table,
    thinned,
    told,
)
from bench.seeds.trees import compose, generate, window

from lowtide.store.rows import Segment


def vectors(name: str, count: int) -> Segment:
    return Segment(name, "flat", 1, count, count, 1, 1)


def test_a_figure_at_its_target_passes_and_one_beyond_fails() -> None:
    assert at_most("peak", 256 * MIB, 256 * MIB, "MiB").ok is True
    assert at_most("peak", 256 * MIB + 1, 256 * MIB, "MiB").ok is False
    assert at_least("files", 7, 8).ok is False
    assert exactly("killed", 0, 0).ok is True


def test_what_never_came_fails() -> None:
    check = at_most("back", None, 5.0, "s")
    assert (check.ok, check.figure) == (False, "never")


def test_a_row_passes_only_with_a_verdict_and_none_against_it() -> None:
    assert not Row("A", "nothing measured", ()).passed
    assert not Row("A", "told only", (told("time", 3.0, "s"),)).passed
    assert Row("A", "one", (exactly("x", 1, 1), told("time", 3.0, "s"))).passed
    assert not Row("A", "two", (exactly("x", 1, 1), exactly("y", 1, 2))).passed


def test_the_table_shows_each_figure_beside_its_target() -> None:
    text = table([Row("C", "idle", (at_most("idle", 29.2 * MIB, 64 * MIB, "MiB"), told("time", 1234.0, "s")))])
    assert "| **C** | **idle** | | | **pass** |" in text
    assert "| | idle | 29.2 MiB | ≤ 64.0 MiB | pass |" in text
    assert "| | time | 1,234 s |  |  |" in text


def test_a_saved_row_is_read_back_and_the_newest_of_each_letter_counts() -> None:
    old = Row("A", "old", (Check("x", "1", "2", False),))
    new = Row("A", "new", (Check("x", "2", "2", True),), (Curve("c", 10, ((0.0, 3), (1.0, 4)), ((0.5, "here"),)),))
    lines = [json.dumps(row.as_json(commit="abc")) for row in (old, new)]
    (entry,) = newest(lines)
    assert entry["commit"] == "abc"
    assert row_of(entry) == new


def test_thinning_keeps_the_peak() -> None:
    points = [(float(second), 5) for second in range(10_000)]
    points[4321] = (4321.0, 99)
    kept = thinned(points, 100)
    assert len(kept) <= 100
    assert (4321.0, 99) in kept


def test_percentiles_of_nothing_are_none() -> None:
    assert percentile([], 0.99) is None
    assert percentile([float(value) for value in range(1, 101)], 0.99) == 100.0


def test_a_segment_that_replaces_others_is_a_merge() -> None:
    writes = row_a.Writes()
    writes.see([vectors("a", 10)])
    writes.see([vectors("a", 10), vectors("b", 20)])
    writes.see([vectors("c", 30)])
    assert (writes.flushes, writes.merges) == ([10, 20], [30])


def test_a_flush_and_a_merge_between_two_looks_are_both_counted() -> None:
    writes = row_a.Writes()
    writes.see([vectors("a", 10)])
    writes.see([vectors("c", 25)])
    assert (writes.flushes, writes.merges) == ([10, 15], [25])


def test_caches_are_found_wherever_they_are_in_the_tree() -> None:
    cache = {"name": "words", "bytes": 5, "limitBytes": 4, "hits": 1, "misses": 2, "evictions": 3, "children": []}
    tree = {"name": "lowtide", "bytes": 9, "children": [{"name": "daemon 1", "bytes": 9, "children": [cache]}]}
    (check,) = row_a.cache_checks(tree)
    assert check.ok is False  # it holds more than its limit


def test_a_file_with_a_new_time_was_done_again_and_a_missing_one_is_lost() -> None:
    whole, tried_again = (partial(row_b.Committed, is_tried_again=again) for again in (False, True))
    before = {b"a": whole(1), b"b": whole(2), b"c": whole(3), b"late": tried_again(4)}
    after = {b"a": whole(1), b"b": whole(5), b"d": whole(9), b"late": whole(10)}
    assert row_b.compare(before, after) == (1, 1)


def test_a_window_is_the_smallest_sum_that_reaches_the_total() -> None:
    sizes = [100, 50, 40, 30, 20, 10]
    assert window(sizes, 2, 90) == 1  # 50 + 40
    assert window(sizes, 2, 60) == 2  # 40 + 30, for 30 + 20 is too little
    assert window(sizes, 2, 151) is None
    assert window(sizes, 7, 1) is None


def test_generated_trees_are_the_same_each_time_and_no_text_occurs_twice(tmp_path: Path) -> None:
    for name in ("one", "two"):
        generate(tmp_path / name, 8, 20)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    texts = [(tmp_path / "one" / file).read_text() for file in files]
    assert texts == [(tmp_path / "two" / file).read_text() for file in files]
    functions = [part for text in texts for part in text.split("\n\n") if len(part) > 180]
    assert len(functions) == len(set(functions)) >= 8 * 20


def test_a_composed_tree_has_the_files_and_bytes_asked_for(tmp_path: Path) -> None:
    for number in range(30):
        path = tmp_path / "tree" / f"f{number}.c"
        path.parent.mkdir(exist_ok=True)
        path.write_text("x" * (100 + number))
    size = compose([tmp_path / "tree"], 10, 1_150, tmp_path / "made", 10_000)
    made = list((tmp_path / "made").rglob("*.c"))
    assert len(made) == 10
    assert size == sum(path.stat().st_size for path in made)
    assert 1_150 <= size < 1_170


def test_a_row_without_its_tree_says_which_and_how_to_name_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--trees"):
        Options(tmp_path).tree("boost")
    with pytest.raises(SystemExit, match="boost"):
        Options(tmp_path, tmp_path).tree("boost")


def test_an_unknown_row_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["Z"])
    assert "no row Z" in capsys.readouterr().err


def test_a_scenario_runs_from_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["B", "--quick"])
    out = capsys.readouterr().out
    assert "committed files lost | 0 | 0 | pass" in out
    failed = [line for line in out.splitlines() if line.endswith("| FAIL |") and not line.startswith("| **")]
    # On a busy machine it takes longer than its target, and only that.
    assert code == bool(failed)
    assert all(re.search(r"\| [\d.,]+ m?s \| ≤ [\d.,]+ m?s \| FAIL \|$", line) for line in failed), failed


def test_slow_answers_fail_the_row_of_answers() -> None:
    class Slow:
        seconds = [0.001] * 90 + [0.2] * 10

    verdict, _ = row_d.latencies(Slow(), "indexing")  # type: ignore[arg-type]
    assert verdict.ok is False
