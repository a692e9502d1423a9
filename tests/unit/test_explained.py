"""Why a hit is where it is: every signal has a meaning, the sum is the score, and weak hits are told from others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.core import rank, rank_features, support
from lowtide.core.asked import understand
from lowtide.core.candidate import Candidate, Near
from lowtide.core.explained import MEANINGS, STRANGE_BELOW, TOLD, WEAK_BELOW, explained, is_weak


def signals_in(module: object) -> set[str]:
    """The keys that a module writes into dictionaries of signals."""
    tree = ast.parse(Path(str(getattr(module, "__file__", ""))).read_text("utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        keys: list[ast.expr | None] = node.keys if isinstance(node, ast.Dict) else []
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("signals", "features", "signals[number]"):
            keys = [node.slice]
        found |= {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    return found


def test_every_signal_has_a_meaning() -> None:
    written = signals_in(rank) | signals_in(rank_features) | signals_in(support)
    assert {"lexical", "dense", "closeness", "support", "concept", "exact"} <= written
    assert written <= MEANINGS.keys() | TOLD.keys()
    assert not MEANINGS.keys() & TOLD.keys()


def test_an_explanation_adds_up_to_the_score() -> None:
    candidates = [
        Candidate(number, "src/retry.py", name, "", 6, "python", 10 * number, 10 * number + 9, 10 * number, 3.0, 0.5)
        for number, name in enumerate(("retry_request", "close", "open_session"))
    ]
    near = {number: Near(0.6 - 0.1 * number, 40, 0.5, 0.5) for number in range(3)}
    for hit in rank.fuse(understand("where is a request retried"), candidates, near):
        parts = explained(hit.signals)
        assert sum(value for name, value, _ in parts if name in MEANINGS) == pytest.approx(hit.score)
        adding = [abs(value) for name, value, _ in parts if name in MEANINGS]
        assert adding == sorted(adding, reverse=True)
        assert [name for name, _, _ in parts[len(adding) :]] == ["bm25", "cosine", "closeness"]


@given(cosine=st.floats(-1, 1), closeness=st.floats(-1, 1))
def test_weak_is_what_is_far_from_the_question(cosine: float, closeness: float) -> None:
    signals = {"cosine": cosine, "closeness": closeness}
    assert is_weak(signals) is (cosine + closeness < WEAK_BELOW)
    assert is_weak({**signals, "strange": 1.0}) is (cosine + closeness < STRANGE_BELOW)
    for name in ("exact", "frame", "verbatim"):
        assert not is_weak({**signals, name: 0.5})
    for name in signals:
        assert not is_weak({name: signals[name]})
