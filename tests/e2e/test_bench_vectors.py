"""`lowtide bench vectors`: foretold, refused, built, killed, damaged, and always the same in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.e2e.harness import Lowtide

from lowtide.bulk.build import LOCK
from lowtide.system.lock import WriterLock

SMALL = ("bench", "vectors", "--count", "30000", "--dims", "96", "--piece-rows", "2500", "--queries", "40")


def pieces(folder: Path) -> dict[int, list[Any]]:
    """Number -> facts of the pieces that the manifest names; none while there is no manifest."""
    try:
        return dict(json.loads((folder / "manifest.json").read_bytes().partition(b"\n")[2])["pieces"])
    except FileNotFoundError:
        return {}


def contents(folder: Path) -> dict[int, list[Any]]:
    """The same without the names, which are never the same: what the pieces hold."""
    return {number: facts[1:] for number, facts in pieces(folder).items()}


def started_until(lowtide: Lowtide, folder: Path, count: int) -> subprocess.Popen[str]:
    """The command, once so many pieces are saved."""
    process = lowtide.start(*SMALL, "--folder", folder)
    until = time.monotonic() + 120
    while len(pieces(folder)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    return process


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A store that was built undisturbed, and what the command said of it."""
    folder = tmp_path_factory.mktemp("straight") / "store"
    home = Lowtide(tmp_path_factory.mktemp("home"))
    return folder, home.json(*SMALL, "--keep", "--folder", folder)


def test_everything_is_measured_and_within_the_budget(straight: tuple[Path, dict[str, Any]]) -> None:
    folder, answer = straight
    build, search = answer["build"], answer["search"]
    assert (answer["count"], answer["dims"], answer["element"]) == (30_000, 96, "int8")
    assert (build["pieces"], build["piece_rows"], build["kept_pieces"], build["damaged_pieces"]) == (12, 2500, 0, 0)
    assert build["vectors_per_s"] > 100
    assert 0 < answer["peak_anon_bytes"] <= answer["budget_bytes"]
    assert answer["overshoot_bytes"] == 0
    assert search["queries"] == 40
    assert search["recall_at_10"] >= 0.95
    assert 0 < search["p50_ms"] <= search["p95_ms"]
    assert 0 < answer["hardness"]["one_bit_recall_at_10"] < search["recall_at_10"]
    assert answer["disk_bytes"] == sum(path.stat().st_size for path in folder.glob("piece-*.seg"))
    assert abs(answer["predicted"]["disk_bytes"] / answer["disk_bytes"] - 1) < 0.05


def test_killed_it_goes_on_with_what_was_saved(lowtide: Lowtide, tmp_path: Path, straight: Any) -> None:
    folder = tmp_path / "store"
    for least in (2, 5):
        process = started_until(lowtide, folder, least)
        process.kill()
        process.communicate()
    saved = pieces(folder)
    assert 5 <= len(saved) < 12
    answer = lowtide.json(*SMALL, "--keep", "--folder", folder)
    assert answer["build"]["kept_pieces"] == len(saved)
    assert {number: facts[0] for number, facts in saved.items()}.items() <= {
        number: facts[0] for number, facts in pieces(folder).items()
    }.items()
    assert contents(folder) == contents(straight[0])
    assert answer["search"]["recall_at_10"] == straight[1]["search"]["recall_at_10"]
    assert sorted(path.name for path in folder.glob("*.seg*")) == sorted(
        facts[0] for facts in pieces(folder).values()
    )  # what the kills left is swept


def test_interrupted_it_is_gone_within_a_second_and_says_what_is_kept(lowtide: Lowtide, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    process = started_until(lowtide, folder, 2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 2
    assert process.returncode == 130
    assert f"of 12 pieces are saved in {folder}" in err
    assert "run it again to go on" in err
    assert len(pieces(folder)) >= 2


@pytest.mark.parametrize("how", ["flip", "cut", "remove"])
def test_damaged_piece_is_made_anew(lowtide: Lowtide, tmp_path: Path, straight: Any, how: str) -> None:
    folder = tmp_path / "store"
    lowtide.run(*SMALL, "--keep", "--folder", folder)
    path = sorted(folder.glob("piece-*.seg"))[3]
    if how == "flip":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 16
        path.write_bytes(data)
    elif how == "cut":
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.unlink()
    answer = lowtide.json(*SMALL, "--keep", "--folder", folder)
    assert (answer["build"]["damaged_pieces"], answer["build"]["kept_pieces"]) == (1, 11)
    assert contents(folder) == contents(straight[0])


def test_damaged_manifest_is_none(lowtide: Lowtide, tmp_path: Path, straight: Any) -> None:
    folder = tmp_path / "store"
    few = ("bench", "vectors", "--count", "5000", "--dims", "32", "--queries", "20", "--folder", folder)
    lowtide.run(*few, "--keep")
    before = contents(folder)
    data = bytearray((folder / "manifest.json").read_bytes())
    data[60] ^= 1
    (folder / "manifest.json").write_bytes(data)
    answer = lowtide.json(*few, "--keep")
    assert answer["build"]["kept_pieces"] == 0
    assert contents(folder) == before
    lowtide.run(*few)
    assert not folder.exists()


def test_too_small_a_budget_is_refused_with_one_that_does(lowtide: Lowtide, tmp_path: Path) -> None:
    big = ("bench", "vectors", "--count", "1000000", "--dims", "1536", "--folder", tmp_path / "store")
    refused = lowtide.json("--budget", "96MiB", *big, code=4)["error"]
    assert "1,000,000 vectors of 1536 cannot be built in 96 MiB" in refused["message"]
    size = refused["remedy"].split()[2]
    plan = lowtide.json("--budget", size, *big, "--plan")
    assert plan["predicted_peak_anon_bytes"] <= plan["budget_bytes"]
    assert 1.7e9 < plan["predicted_disk_bytes"] < 1.9e9
    assert plan["predicted_wall_s"] > 0
    assert lowtide.json("--budget", "2GiB", *big, "--piece-rows", "4000000", code=4)["error"]["kind"] == "budget"
    assert not (tmp_path / "store").exists()


def test_predicted_peak_is_near_the_measured(lowtide: Lowtide) -> None:
    answer = lowtide.json(
        "--budget", "1GiB", "bench", "vectors", "--count", "40000", "--dims", "768", "--queries", "20"
    )
    assert abs(answer["peak_to_predicted"] - 1) <= 0.15
    assert answer["overshoot_bytes"] == 0


def test_float16_is_stored_on_request(lowtide: Lowtide, tmp_path: Path, straight: Any) -> None:
    answer = lowtide.json(*SMALL, "--element", "float16", "--keep", "--folder", tmp_path / "store")
    assert answer["element"] == "float16"
    assert answer["disk_bytes"] > 1.5 * straight[1]["disk_bytes"]
    assert answer["search"]["recall_at_10"] >= straight[1]["search"]["recall_at_10"]


def test_vectors_of_a_file_are_taken(lowtide: Lowtide, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    centres = random.standard_normal((100, 48))
    rows = centres[random.integers(0, 100, 6030)] + 0.5 * random.standard_normal((6030, 48))
    for dtype in (np.float32, np.float16):
        np.save(tmp_path / "v.npy", rows.astype(dtype))
        answer = lowtide.json("bench", "vectors", "--input", tmp_path / "v.npy", "--queries", "30")
        assert (answer["count"], answer["dims"]) == (6000, 48)
        assert answer["search"]["recall_at_10"] > 0.95


def test_files_that_do_not_do_are_named(lowtide: Lowtide, tmp_path: Path) -> None:
    def error(name: str, code: int) -> str:
        answer = lowtide.json("bench", "vectors", "--input", tmp_path / name, code=code)["error"]
        return str(answer["message"])

    assert "cannot read" in error("absent.npy", 3)
    (tmp_path / "text.npy").write_text("no numbers")
    assert "is no .npy file" in error("text.npy", 2)
    np.save(tmp_path / "whole.npy", np.zeros((500, 8), np.int32))
    assert "int32[500, 8]" in error("whole.npy", 2)
    np.save(tmp_path / "few.npy", np.zeros((100, 8), np.float32))
    assert "too few" in error("few.npy", 2)
    bad = np.random.default_rng(0).standard_normal((5000, 8)).astype(np.float32)
    bad[77, 3] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    assert "vector 77" in error("bad.npy", 1)


def test_second_builder_of_a_folder_is_turned_away(lowtide: Lowtide, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    with WriterLock(folder / LOCK):
        assert lowtide.json(*SMALL, "--folder", folder, code=5)["error"]["kind"] == "locked"
