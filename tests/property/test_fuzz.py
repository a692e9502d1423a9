"""Any bytes under any name are indexed or explained, whatever they do to their worker; the others do not notice.

The short form of `python -m tests.fuzz`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.fuzz.oracle import Judge
from tests.fuzz.recipes import NAMES, OPENERS, Part, Recipe, Sources, mutated, recipes, sample

SECONDS = 15.0


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as made:
        yield made


def test_every_language_damaged_is_indexed_or_explained(judge: Judge) -> None:
    batch = [
        Recipe(name, (Part("real", 1, 12, seed), Part("nest", seed % len(OPENERS), 300)))
        for seed, name in enumerate(NAMES)
    ]
    sources = Sources()
    assert judge.judge({recipe.name(number): sources.make(recipe) for number, recipe in enumerate(batch)}) == []
    assert sum(judge.outcomes.values()) == len(NAMES)


def test_any_bytes_are_indexed_or_explained(judge: Judge) -> None:
    deadline = time.monotonic() + SECONDS
    sources = Sources()

    @settings(
        max_examples=12,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(recipes, min_size=24, max_size=24))
    def play(batch: list[Recipe]) -> None:
        if time.monotonic() < deadline:
            files = {recipe.name(number): sources.make(recipe) for number, recipe in enumerate(batch)}
            assert judge.judge(files) == []

    play()


def test_the_oracle_sees_what_is_wrong(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that the engine would take as another one: its chunks no longer cover what the oracle reads."""
    from tests.fuzz import oracle

    real = oracle.sniff.sniff
    monkeypatch.setattr(oracle.sniff, "sniff", lambda path, data, rules: real(path, data + b"# more\n", rules))
    (problem,) = judge.judge({"fuzz000.py": sample("python")})
    assert "chunks end at" in problem


def test_a_recipe_always_makes_the_same() -> None:
    assert mutated(sample("c"), 30, 7) == mutated(sample("c"), 30, 7) != sample("c")
