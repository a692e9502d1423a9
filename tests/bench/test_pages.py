"""The page of benchmarks shows what the logs have."""

from __future__ import annotations

from bench.pages import PAGE, answers_table, indexing_table, page, searching_table

ROW = {
    "tree": "small",
    "budget": "96MiB",
    "source_mib": 1.5,
    "wall_s": 2.0,
    "cpu_s": 3.0,
    "peak_anon_mib": 80.0,
    "disk_mib": 4.0,
    "again_wall_s": 0.3,
    "commit": "abc",
}


def test_the_tables_are_those_of_the_logs() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text, "run `python -m bench.pages --plot`, and commit what it writes"


def test_the_newest_line_of_a_tree_is_shown_and_what_was_not_measured_is_empty() -> None:
    table = indexing_table([{**ROW, "wall_s": 9.0, "commit": "old"}, ROW])
    assert "| small | 1.50 | 96MiB | 2.00 | 3.00 |  | 80.0 | 4.00 | 0.30 | abc |" in table
    assert "old" not in table
    assert searching_table([ROW]).count("\n") == 1


def test_an_answer_is_taken_from_the_newest_line_that_has_it() -> None:
    times = {"p50": 1.0, "p95": 2.0, "max": 3.0, "count": 4}
    log = [
        {"commit": "one", "load": 1.0, "while_indexing": {"status_ms": times}, "edit_ms": {**times, "p50": 8.0}},
        {"commit": "two", "load": 2.0, "edit_ms": times},
    ]
    table = answers_table(log)
    assert "| a saved file is found | 1.00 | 2.00 | 3.00 | 4 | 2.00 | two |" in table
    assert "| a status while it indexes | 1.00 | 2.00 | 3.00 | 4 | 1.00 | one |" in table
