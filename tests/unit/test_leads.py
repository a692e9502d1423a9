"""Which of many folders are asked in full."""

from __future__ import annotations

from lowtide.core.leads import Lead, leading


def lead(score: float, path: str, line: int = 1) -> Lead:
    return Lead(score, (path, line, "name"))


def test_folders_with_one_of_the_best_places_are_asked() -> None:
    found = {name: [lead(score, f"{name}.py")] for name, score in (("a", 0.2), ("b", 0.9), ("c", 0.5))}
    assert leading(found, most_places=2) == {"b", "c"}
    assert leading(found, most_places=3) == {"a", "b", "c"}


def test_of_one_place_in_many_folders_few_speak_for_all() -> None:
    same = [lead(0.9, "first.py"), lead(0.8, "second.py")]
    found = dict.fromkeys(range(100), same) | {100: [lead(0.7, "third.py")]}
    assert leading(found, most_places=50, most_alike=4) == {0, 1, 2, 3, 100}
    assert leading(found, most_places=2, most_alike=4) == {0, 1, 2, 3}


def test_a_better_copy_of_a_place_is_asked_before_others() -> None:
    """One that was changed in one work tree comes first by its own score."""
    found = {number: [lead(0.5, "a.py")] for number in range(9)} | {9: [lead(0.6, "a.py")]}
    assert leading(found, most_alike=1) == {9}


def test_a_folder_with_nothing_is_not_asked() -> None:
    assert leading({"a": [], "b": [lead(0.1, "b.py")]}) == {"b"}
    assert not leading({})
