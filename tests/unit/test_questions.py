from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from model.judge_questions import IndexedTree, Measure, Place, Scope, Vectors, comment_start, is_right, judge, score
from model.judge_report import Figures, interval, report, report_languages, report_measures, report_set
from model.questions import (
    JUDGED,
    QUESTIONS,
    Answer,
    Question,
    QuestionSet,
    QuestionTree,
    load_questions,
    load_trees,
)

from lowtide.work.model.embed import load_encoder

MODELS = Path(__file__).parent.parent / "data" / "models"
Answers = list[tuple[Answer, list[tuple[int, int]]]]
ONE: Answers = [(Answer("a.py", "parse"), [(10, 20)])]
TWO: Answers = [*ONE, (Answer("b.py", "Reader.read"), [(5, 9)])]
WRONG = Place("c.py", 1, 9, "other", "")


def place(path: str, first: int, last: int, name: str = "", container: str = "") -> Place:
    return Place(path, first, last, name, container)


PERMISSIVE = {"MIT", "MIT OR Apache-2.0", "Apache-2.0", "BSD-3-Clause"}


def questions_of(which: QuestionSet) -> list[Question]:
    trees = load_trees()
    return [question for question in load_questions() if trees[question.tree].set is which]


def test_the_shipped_questions_are_many_distinct_and_answered() -> None:
    questions = load_questions()
    trees = Counter(question.tree for question in questions)
    assert set(trees) == set(load_trees())
    assert min(trees.values()) >= 10
    assert (
        len({question.key for question in questions})
        == len({question.query for question in questions})
        == len(questions)
    )
    for question in questions:
        assert question.answers
        assert len(set(question.answers)) == len(question.answers)
        assert all(answer.path and answer.name and not Path(answer.path).is_absolute() for answer in question.answers)
        assert question.query == question.query.strip()
    for line in QUESTIONS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert set(row) == {"id", "tree", "query", "answers"}
        keys = {"path", "name"} | ({"lines"} if load_trees()[row["tree"]].set is QuestionSet.SECOND else set())
        assert all(set(answer) == keys for answer in row["answers"])


def test_the_first_set_is_what_its_figures_are_of() -> None:
    asked = "\n".join(f"{each.key}\t{each.tree}\t{each.query}" for each in questions_of(QuestionSet.FIRST))
    assert asked.count("\n") + 1 == 207
    assert hashlib.sha256(asked.encode()).hexdigest() == (
        "8180549cc143368e87ff4eb98168bf92a175c722f23b6a902c554c0d195b92a8"
    )


def test_the_second_set_asks_of_six_languages_about_alike() -> None:
    trees = load_trees()
    languages = Counter(trees[question.tree].language for question in questions_of(QuestionSet.SECOND))
    assert languages == {"rust": 34, "php": 34, "ruby": 33, "kotlin": 33, "swift": 33, "c-sharp": 33}
    assert not set(languages) & {tree.language for tree in trees.values() if tree.set is QuestionSet.FIRST}


def test_answers_of_the_second_set_have_one_to_five_places_by_lines() -> None:
    for question in questions_of(QuestionSet.SECOND):
        assert not question.pooled
        assert 1 <= len(question.answers) <= 5
        for answer in question.answers:
            assert answer.lines == tuple(sorted(answer.lines))
            assert all(1 <= first <= last for first, last in answer.lines)
            assert all(one[1] < two[0] for one, two in zip(answer.lines, answer.lines[1:], strict=False))


def test_the_trees_of_the_second_set_are_pinned_permissive_and_not_trained_on() -> None:
    lock = json.loads(QUESTIONS.with_name("sources.lock.json").read_text(encoding="utf-8"))
    trained = {row["name"] for row in lock if row["use"] == "yes"}
    for tree in load_trees().values():
        assert bool(tree.repository) == bool(tree.revision) == (tree.set is QuestionSet.SECOND)
        if tree.set is QuestionSet.SECOND:
            assert re.fullmatch(r"[\w-]+/[\w.-]+", tree.repository)
            assert re.fullmatch(r"[0-9a-f]{40}", tree.revision)
            assert tree.licence in PERMISSIVE
            own = tree.repository.rpartition("/")[2].lower()
            names = (own, f"php-{own}", f"ruby-{own}", f"node-{own}", f"librust-{own}-dev", f"lib{own}-java")
            assert not trained & set(names)


@pytest.mark.parametrize(
    ("hit", "right"),
    [
        (place("b.py", 100, 120, "read", "Reader"), True),
        (place("b.py", 100, 120, "read", "io.Reader"), True),
        (place("b.py", 100, 120, "read", "io::Reader"), True),
        (place("b.py", 100, 120, "read", "OtherReader"), False),
        (place("b.py", 100, 120, "Reader", ""), False),
        (place("b.py", 1, 5), True),
        (place("b.py", 9, 30, "write", "Reader"), True),
        (place("b.py", 1, 4), False),
        (place("b.py", 10, 30), False),
        (place("a.py", 5, 9, "read", "Reader"), False),
    ],
)
def test_a_hit_is_right_by_its_name_or_by_its_lines(hit: Place, right: bool) -> None:
    assert is_right(hit, *TWO[1]) is right


@pytest.mark.parametrize(
    ("hit", "by_lines", "by_name"),
    [
        (place("b.py", 100, 120, "read", "Reader"), False, True),
        (place("b.py", 9, 30, "write", "Reader"), True, False),
        (place("b.py", 5, 9, "read", "Reader"), True, True),
        (place("a.py", 5, 9, "read", "Reader"), False, False),
    ],
)
def test_lines_and_name_are_measures_of_their_own(hit: Place, by_lines: bool, by_name: bool) -> None:
    assert is_right(hit, *TWO[1], Measure.LINES) is by_lines
    assert is_right(hit, *TWO[1], Measure.NAME) is by_name
    assert is_right(hit, *TWO[1], Measure.EITHER) is (by_lines or by_name)
    assert score([hit], TWO[1:], Measure.LINES).recall1 == float(by_lines)
    assert score([hit], TWO[1:], Measure.NAME).recall1 == float(by_name)


def test_one_answer_scores_by_its_rank() -> None:
    hit = place("a.py", 12, 14)
    assert score([hit], ONE).ndcg10 == 1.0
    third = score([WRONG, WRONG, hit], ONE)
    assert third.ndcg10 == pytest.approx(1 / math.log2(4))
    assert third.mrr10 == pytest.approx(1 / 3)
    assert (third.recall1, third.recall5, third.recall10) == (0.0, 1.0, 1.0)


def test_an_answer_after_the_tenth_hit_scores_nothing() -> None:
    late = score([WRONG] * 10 + [place("a.py", 12, 14)], ONE)
    assert (late.ndcg10, late.mrr10, late.recall10) == (0.0, 0.0, 0.0)


def test_an_answer_counts_at_its_first_hit_alone() -> None:
    twice = score([place("a.py", 12, 14), place("a.py", 15, 17)], TWO)
    once = score([place("a.py", 12, 14), WRONG], TWO)
    assert twice == once
    assert once.ndcg10 == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert score([place("a.py", 12, 14), place("b.py", 5, 6)], TWO).ndcg10 == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("int a;\n\n/* What it\ndoes. */\nint f();", 2),
        ("x = 1\n// one\n// two\n@Override\nvoid f()", 1),
        ("int a; /* not about f */\nint f();", 1),
        ("# about something else\n\nint f();", 2),
        ("int f();", 0),
    ],
)
def test_the_comment_right_above_belongs_to_a_definition(text: str, start: int) -> None:
    lines = text.split("\n")
    assert comment_start(lines, len(lines) - 1) == start


@pytest.fixture
def trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOWTIDE_HOME", str(tmp_path / "home"))
    tree = tmp_path / "trees" / "small"
    tree.mkdir(parents=True)
    (tree / "dates.py").write_text(
        "def parse_date(text):\n    return text.split('-')\n\n\n"
        "class Calendar:\n    def is_leap_year(self, year):\n        return year % 4 == 0\n"
    )
    (tree / "mail.py").write_text("def send_mail(to, body):\n    connect(to).write(body)\n")
    return tree.parent


def write_questions(path: Path, name: str, *lines: tuple[int, int]) -> Path:
    answer = {"path": "dates.py", "name": name, **({"lines": lines} if lines else {})}
    row = {"id": "1", "tree": "small", "query": "is it a leap year", "answers": [answer]}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return path


def write_judged(path: Path, *rows: tuple[str, str, bool]) -> Path:
    lines = [{"id": "1", "path": file, "name": name, "right": right} for file, name, right in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_what_was_judged_fits_the_questions() -> None:
    questions = {question.key: question for question in load_questions()}
    rows = [json.loads(line) for line in JUDGED.read_text(encoding="utf-8").splitlines()]
    assert {row["id"] for row in rows} <= set(questions)
    assert len({(row["id"], row["path"], row["name"], row["line"]) for row in rows}) == len(rows)
    assert {system for row in rows for system in row["found_by"]} == {"lexical", "semantic", "hybrid", "minilm"}
    assert all(1 <= rank <= 5 for row in rows for rank in row["found_by"].values())
    assert sum(len(question.pooled) for question in questions.values()) >= 100
    for question in questions.values():
        assert not set(question.pooled) & set(question.answers)


def test_answers_of_pooled_judging_are_counted_apart(trees: Path, tmp_path: Path) -> None:
    judged = write_judged(tmp_path / "j.jsonl", ("dates.py", "parse_date", True), ("mail.py", "send_mail", False))
    (question,) = load_questions(write_questions(tmp_path / "q.jsonl", "Calendar.is_leap_year"), judged)
    assert question.pooled == (Answer("dates.py", "parse_date"),)
    found = judge(trees, [question], [])
    assert found["systems"]["hybrid"][0].ndcg10 == 1.0
    assert 0.6 < found["pooled"]["hybrid"][0].ndcg10 <= 1.0
    assert "hybrid" in report(found, "pooled")


def test_a_class_of_pooled_judging_counts_by_its_name_and_not_by_its_methods(trees: Path, tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "q.jsonl", "parse_date")
    judged = write_judged(tmp_path / "j.jsonl", ("dates.py", "Calendar", True))
    (question,) = load_questions(questions, judged)
    with closing(IndexedTree(trees / "small", [question])) as tree:
        (answers,) = tree.pooled
        method = place("dates.py", 6, 7, "is_leap_year", "Calendar")
        assert not any(is_right(method, *answer) for answer in answers)
        assert any(is_right(place("dates.py", 5, 7, "Calendar"), *answer) for answer in answers)


def test_the_engine_is_asked_in_every_mode(trees: Path, tmp_path: Path) -> None:
    judged = judge(trees, load_questions(write_questions(tmp_path / "q.jsonl", "Calendar.is_leap_year"), None), [])
    assert {mode: rows[0].recall1 for mode, rows in judged["systems"].items()} == {
        "lexical": 1.0,
        "semantic": 1.0,
        "hybrid": 1.0,
    }
    assert "| hybrid | 1.000 | 1.000 | 1.000 |" in report(judged)


def test_an_answer_that_is_not_there_is_an_error(trees: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no Calendar.gone in dates.py"):
        judge(trees, load_questions(write_questions(tmp_path / "q.jsonl", "Calendar.gone"), None), [])


def test_noted_lines_are_what_counts(trees: Path, tmp_path: Path) -> None:
    (question,) = load_questions(write_questions(tmp_path / "q.jsonl", "Calendar", (5, 5)), None)
    assert question.answers[0].lines == ((5, 5),)
    with closing(IndexedTree(trees / "small", [question])) as tree:
        ((answer, spans),) = tree.answers[0]
        assert spans == [(5, 5)]
        method = place("dates.py", 6, 7, "is_leap_year", "Calendar")
        assert not any(is_right(method, answer, spans, measure) for measure in Measure)
        assert tree.overlaps == [1.0]  # against all of the definition, as in the first set


def test_lines_of_another_revision_are_an_error(trees: Path, tmp_path: Path) -> None:
    questions = load_questions(write_questions(tmp_path / "q.jsonl", "parse_date", (1, 2), (6, 7)), None)
    with pytest.raises(SystemExit, match=r"parse_date is not at its lines in dates.py"):
        judge(trees, questions, [])


def test_every_measure_is_reported_with_its_interval(trees: Path, tmp_path: Path) -> None:
    found = judge(trees, load_questions(write_questions(tmp_path / "q.jsonl", "Calendar.is_leap_year"), None), [])
    table = report_measures(found)
    # The class owns the chunk, so the method is hit by its lines alone.
    for measure, reached in ((Measure.LINES, 1), (Measure.NAME, 0), (Measure.EITHER, 1)):
        for mode in ("lexical", "semantic", "hybrid"):
            assert f"| {measure} | {mode} | {reached:.3f} ({reached:.2f} to {reached:.2f}) |" in table


def figures(ndcg10: float) -> Figures:
    return Figures(ndcg10, ndcg10, ndcg10, ndcg10, ndcg10)


def test_the_means_of_the_two_sets_are_never_mixed() -> None:
    rows = {"lexical": [figures(0.0), figures(0.0)], "hybrid": [figures(0.25), figures(0.75)]}
    found = {
        "keys": ["1", "2"],
        "trees": ["old", "new"],
        "overlaps": [1.0, 1.0],
        "systems": rows,
        "pooled": rows,
        "measures": {"by lines": rows, "by name": rows},
    }
    trees = {
        "old": QuestionTree("old", QuestionSet.FIRST, "go"),
        "new": QuestionTree("new", QuestionSet.SECOND, "rust"),
    }
    first, second = (report_set(found, trees, which) for which in QuestionSet)
    assert "| hybrid | 0.250 |" in first
    assert "pooled judging" in first
    assert "1 only looked at" in first or "1 tuned on" in first
    assert "| go | 1 | 0 | 0.250 (0.25 to 0.25) |" in first
    assert "| hybrid | 0.750 |" in second
    assert "| rust | 1 | 0 | 0.750 (0.75 to 0.75) |" in second
    assert not any(word in second for word in ("pooled", "tuned on", "looked at", "0.250", "0.500", "| go |"))
    assert "0.500" not in first
    assert report_set({**found, "trees": ["old", "old"]}, trees, QuestionSet.SECOND) == ""
    assert report_languages(found, trees, "lexical").count("0.000 (0.00 to 0.00)") == 8


def test_an_interval_is_of_the_mean_and_the_same_every_time() -> None:
    values = np.array([0.0, 1.0] * 50)
    first, last = interval(values)
    assert 0.38 < first < 0.43
    assert 0.57 < last < 0.62
    assert interval(values) == (first, last)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_model_alone_ranks_the_pool_or_the_whole_tree(trees: Path, tmp_path: Path, scope: Scope) -> None:
    for number in range(130):
        (trees / "small" / f"other{number}.py").write_text(f"def do_{number}():\n    return {number}\n")
    (question,) = load_questions(write_questions(tmp_path / "q.jsonl", "Calendar.is_leap_year"), None)
    with closing(IndexedTree(trees / "small", [question])) as tree:
        assert {row.path for row in tree.chunks()} >= {b"dates.py", b"mail.py", b"other129.py"}
    found = judge(trees, [question], [Vectors(load_encoder(MODELS / "static"), tmp_path / "cache")], scope)
    assert set(found["systems"]) == {"lexical", "semantic", "hybrid", "default model alone"}
