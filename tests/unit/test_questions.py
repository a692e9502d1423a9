from __future__ import annotations

import json
import math
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from model.judge_questions import (
    JUDGED,
    QUESTIONS,
    Answer,
    IndexedTree,
    Place,
    Scope,
    Vectors,
    comment_start,
    is_right,
    judge,
    load_questions,
    report,
    score,
)

from lowtide.work.model.embed import load_encoder

MODELS = Path(__file__).parent.parent / "data" / "models"
Answers = list[tuple[Answer, list[tuple[int, int]]]]
ONE: Answers = [(Answer("a.py", "parse"), [(10, 20)])]
TWO: Answers = [*ONE, (Answer("b.py", "Reader.read"), [(5, 9)])]
WRONG = Place("c.py", 1, 9, "other", "")


def place(path: str, first: int, last: int, name: str = "", container: str = "") -> Place:
    return Place(path, first, last, name, container)


def test_the_shipped_questions_are_many_distinct_and_answered() -> None:
    questions = load_questions()
    trees = Counter(question.tree for question in questions)
    assert len(questions) >= 120
    assert len({tree.split("/")[0] for tree in trees}) >= 5
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
        assert set(json.loads(line)) == {"id", "tree", "query", "answers"}


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


def write_questions(path: Path, name: str) -> Path:
    row = {"id": "1", "tree": "small", "query": "is it a leap year", "answers": [{"path": "dates.py", "name": name}]}
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


@pytest.mark.parametrize("scope", list(Scope))
def test_a_model_alone_ranks_the_pool_or_the_whole_tree(trees: Path, tmp_path: Path, scope: Scope) -> None:
    for number in range(130):
        (trees / "small" / f"other{number}.py").write_text(f"def do_{number}():\n    return {number}\n")
    (question,) = load_questions(write_questions(tmp_path / "q.jsonl", "Calendar.is_leap_year"), None)
    with closing(IndexedTree(trees / "small", [question])) as tree:
        assert {row.path for row in tree.chunks()} >= {b"dates.py", b"mail.py", b"other129.py"}
    found = judge(trees, [question], [Vectors(load_encoder(MODELS / "static"), tmp_path / "cache")], scope)
    assert set(found["systems"]) == {"lexical", "semantic", "hybrid", "default model alone"}
