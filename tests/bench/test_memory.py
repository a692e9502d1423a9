"""The pure parts of bench/memory: what a run came to, the tables, what is worth running; and one run of a small
peer."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from bench.cgroup import Outcome, Sample
from bench.memory.__main__ import main, worth_running
from bench.memory.measure import MIB, Figures, Job, ended, median_bytes, run_command
from bench.memory.peer_clangd import headers, write_units
from bench.memory.peer_semble import write_model2vec
from bench.memory.report import newest, retrieval_table, table
from bench.memory.retrieval import gain
from bench.seeds.scenario import between


def outcome(**given: object) -> Outcome:
    figures = {
        "rc": 0,
        "seconds": 1.0,
        "peak_anon_bytes": 5,
        "samples": (),
        "oom_kills": 0,
        "end_anon_bytes": 0,
        "source": "x",
    }
    return Outcome(**{**figures, **given})  # type: ignore[arg-type]


def entry(engine: str, budget_mib: int | None, **given: object) -> dict[str, object]:
    budget = None if budget_mib is None else budget_mib * MIB
    return Figures(engine, "django", budget, "done", 7.25, 140 * MIB).as_json(**given)


def test_a_killed_command_is_not_called_done_whatever_its_status() -> None:
    assert ended(outcome(oom_kills=1), 60) == "killed for memory"
    assert ended(outcome(seconds=61.0, rc=137), 60) == "stopped after 60 s"
    assert ended(outcome(rc=3, stderr="one\nwhat: why\n"), 60) == "ended with 3: what: why"
    assert ended(outcome(), 60) == "done"


def test_overshoot_is_what_is_over_the_budget_and_never_negative() -> None:
    assert Figures("x", "t", 96 * MIB, "done", 1.0, 97 * MIB).over_bytes == MIB
    assert Figures("x", "t", 96 * MIB, "done", 1.0, 95 * MIB).over_bytes == 0
    assert Figures("x", "t", None, "done", 1.0, 95 * MIB).over_bytes is None


def test_the_table_tells_the_overshoot_and_what_was_killed() -> None:
    over = Figures("Lowtide", "go", 96 * MIB, "done", 3.0, 99 * MIB).as_json()
    killed = Figures("peer", "go", 96 * MIB, "killed for memory", 3.0, 128 * MIB).as_json()
    text = table([over, killed])
    assert "| go | Lowtide | 96 MiB | done | 3.00 | 99 | 3.0 MiB |" in text
    assert "| go | peer | 96 MiB | killed for memory | 3.00 | 128 | killed |" in text


def test_the_newest_run_of_each_engine_tree_and_budget_counts_and_lowtide_stands_first() -> None:
    lines = [
        json.dumps(each)
        for each in (
            entry("semble", None, commit="a"),
            entry("Lowtide", 256, commit="a"),
            entry("Lowtide", 96, commit="a"),
            entry("Lowtide", 256, commit="b"),
        )
    ]
    found = newest(lines)
    assert [(each["engine"], each["budget_bytes"], each["commit"]) for each in found] == [
        ("Lowtide", 96 * MIB, "a"),
        ("Lowtide", 256 * MIB, "b"),
        ("semble", None, "a"),
    ]


def test_a_peer_is_run_only_under_limits_that_bind_it() -> None:
    natural = Figures("peer", "t", None, "done", 1.0, 200 * MIB)
    assert worth_running([96 * MIB, 128 * MIB, 192 * MIB], natural) == [96 * MIB, 128 * MIB]
    assert worth_running([96 * MIB], Figures("peer", "t", None, "ended with 1: no", 1.0, 200 * MIB)) == []


def test_gain_of_a_rank_is_that_of_ndcg_at_ten() -> None:
    assert gain(1) == 1.0
    assert gain(3) == pytest.approx(1 / math.log2(4))
    assert gain(11) == gain(None) == 0.0


def test_retrieval_is_a_table_of_its_own() -> None:
    judged = Figures("retrieval", "dev", 96 * MIB, "done", detail={"ndcg10": 0.7371, "degraded": 2}).as_json()
    assert "| 96 MiB | 0.737 | 2 |" in retrieval_table([judged])
    assert retrieval_table([entry("Lowtide", 96)]) == ""
    assert "retrieval" not in table([judged])


def test_a_table_takes_the_place_of_the_one_before() -> None:
    text = between("a\n<!-- memory -->\nold\n<!-- /memory -->\nb", "memory", "new")
    assert text == "a\n<!-- memory -->\nnew\n<!-- /memory -->\nb"
    with pytest.raises(ValueError):
        between("nothing", "memory", "new")


def test_idle_is_the_median_of_its_stretch() -> None:
    samples = [Sample(second / 10, second, 0) for second in range(100)]
    assert median_bytes(samples, 5.0, 6.0) == 55
    assert median_bytes(samples, 50.0, 60.0) is None


def test_a_command_is_measured_to_its_end(tmp_path: Path) -> None:
    figures, result = run_command(
        "python", Job(tmp_path, None, tmp_path, 30), ["python3", "-c", "x = bytearray(30 << 20)"]
    )
    assert (figures.outcome, result.rc) == ("done", 0)
    assert figures.tree == tmp_path.name


def test_each_public_header_is_a_unit_with_a_command(tmp_path: Path) -> None:
    tree = tmp_path / "boost"
    (tree / "detail").mkdir(parents=True)
    for name in ("any.hpp", "array.hpp", "detail/inner.hpp", "README"):
        (tree / name).write_text("#pragma once\n")
    units = write_units(tree, tmp_path / "units")
    assert [path.name for path in headers(tree)] == ["any.hpp", "array.hpp"]
    assert units[0].read_text() == "#include <boost/any.hpp>\n"
    commands = json.loads((tmp_path / "units" / "compile_commands.json").read_text())
    assert [command["file"] for command in commands] == [str(unit) for unit in units]


def test_exported_weights_are_safetensors_of_rows_times_scales(tmp_path: Path) -> None:
    rows = np.array([[1, -2], [3, 4]], np.int8)
    write_model2vec(tmp_path, rows, np.array([0.5, 2.0], np.float32), b"{}")
    data = (tmp_path / "model.safetensors").read_bytes()
    head = int.from_bytes(data[:8], "little")
    shape = json.loads(data[8 : 8 + head])["embeddings"]["shape"]
    assert np.frombuffer(data[8 + head :], "<f4").reshape(shape).tolist() == [[0.5, -1.0], [6.0, 8.0]]


def test_what_is_not_there_is_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--trees", str(tmp_path), "--peers", str(tmp_path), "--only", "django", "--engines", "semble"]) == 0
    told = capsys.readouterr().err
    assert "left out: semble 0.7.0: no semble 0.7.0: `pip install semble==0.7.0`" in told
    assert "left out: django" in told
