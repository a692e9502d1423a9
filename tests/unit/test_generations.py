from __future__ import annotations

from lowtide.core.generations import MOST_PATHS, Generations


def test_a_change_outdates_only_work_that_began_before_it() -> None:
    generations = Generations()
    before = generations.now
    generations.change([b"src/a.py"])
    assert not generations.is_current(b"src/a.py", before)
    assert generations.is_current(b"src/b.py", before)
    assert generations.is_current(b"src/a.py", generations.now)


def test_a_changed_folder_outdates_everything_below_it() -> None:
    generations = Generations()
    before = generations.now
    generations.change([b"src"])
    assert not generations.is_current(b"src/deep/a.py", before)
    assert generations.is_current(b"srcs/a.py", before)
    generations.change([b""])
    assert not generations.is_current(b"srcs/a.py", before)


def test_what_is_remembered_is_bounded_and_errs_on_the_safe_side() -> None:
    generations = Generations()
    before = generations.now
    generations.change(b"%d" % number for number in range(MOST_PATHS + 1))
    assert not generations.is_current(b"never seen", before)
    assert generations.is_current(b"never seen", generations.now)
    generations.forget()
    assert generations.is_current(b"1", before)
