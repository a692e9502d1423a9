"""Long steps of the pipeline say how far they are, on a terminal and in a log, and leave nothing half written."""

from __future__ import annotations

from pathlib import Path

import pytest
from model.files import whole
from model.progress import counted, progress


def test_a_log_gets_a_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(counted("abc", "extract", "packages", 3)) == ["a", "b", "c"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("extract: 3/3 packages, ")
    assert line.endswith("0 s left")


def test_what_was_done_before_counts_but_not_for_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("train", 100, "steps", done=98) as advance:
        advance("loss 2.1")
        advance("loss 2.0")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("train: 100/100 steps")
    assert line.endswith("loss 2.0")


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    with progress("fetch", 2, "packages") as advance:
        advance("numpy")
        advance(to=2)
    assert "2/2" in capsys.readouterr().err


def test_an_interrupted_step_leaves_no_result(tmp_path: Path) -> None:
    result = tmp_path / "bags.npz"
    with pytest.raises(KeyboardInterrupt), whole(result) as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert not result.exists()
    with whole(result) as part:
        part.write_bytes(b"all of it")
    assert result.read_bytes() == b"all of it"
