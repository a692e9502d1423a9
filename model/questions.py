"""The questions written by hand, their answers, and the trees they ask of.

`questions.jsonl` has one question a line: `id`, `tree`, `query` and `answers`, each a `path` in the tree and the `name`
of a definition there, `Container.name` where the name alone is not enough. Answers of the second set have `lines` too:
ranges from 1, inclusive, several when a name is overloaded. `question_trees.toml` says which set a tree's questions are
of and, of the second set, at which revision they were answered. `judged.jsonl` holds what pooled judging added.

Invariant: a question was written before the tree was read or asked, and never changed after.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

QUESTIONS = Path(__file__).with_name("questions.jsonl")
JUDGED = Path(__file__).with_name("judged.jsonl")
TREES = Path(__file__).with_name("question_trees.toml")
Lines = tuple[int, int]


class QuestionSet(StrEnum):
    """Which questions belong together: the means of different sets are never mixed."""

    FIRST = "first"
    """Nine trees. Ranking was tuned on half of them, and pooled judging added answers."""
    SECOND = "second"
    """Twelve trees of six other languages. Nothing is tuned on them."""


@dataclass(frozen=True, slots=True)
class QuestionTree:
    """A tree that is asked about."""

    name: str
    set: QuestionSet
    language: str
    """As `lowtide search -t` calls it."""
    repository: str = ""
    """`owner/name` at GitHub; empty for the first set, whose trees are not pinned."""
    revision: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A right answer: a definition, by its file and its name, `Container.name` where the name alone is not enough."""

    path: str
    name: str
    lines: tuple[Lines, ...] = field(default=(), compare=False)
    """Where it stands, from 1, inclusive, comments included; empty when its lines are those of its symbols."""

    def is_named(self, name: str, container: str) -> bool:
        """Whether a definition has this answer's name, and its container when the answer gives one."""
        outer, _, own = self.name.rpartition(".")
        inside = container.replace("::", ".")
        return name == own and (not outer or inside == outer or inside.endswith("." + outer))


@dataclass(frozen=True, slots=True)
class Question:
    """One question and its answers."""

    key: str
    tree: str
    query: str
    answers: tuple[Answer, ...]
    pooled: tuple[Answer, ...] = ()
    """What pooled judging added."""


def load_questions(path: Path = QUESTIONS, judged: Path | None = JUDGED) -> list[Question]:
    """The questions of a file of JSON lines.

    `judged`: JSON lines of hits that were read: `id`, `path`, `name`, `right`.
    """
    pooled: dict[str, list[Answer]] = defaultdict(list)
    for row in _rows(judged) if judged else ():
        answer = Answer(row["path"], row["name"])
        if row["right"] and answer not in pooled[row["id"]]:
            pooled[row["id"]].append(answer)
    return [
        Question(
            row["id"],
            row["tree"],
            row["query"],
            tuple(_answer(each) for each in row["answers"]),
            tuple(pooled[row["id"]]),
        )
        for row in _rows(path)
    ]


def load_trees(path: Path = TREES) -> dict[str, QuestionTree]:
    """The trees by their names."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: QuestionTree(name, **{**row, "set": QuestionSet(row["set"])}) for name, row in rows.items()}


def is_tuned_on(key: str) -> bool:
    """Whether ranking may be tuned on this question of the first set; the others are only looked at."""
    return hashlib.sha256(key.encode()).digest()[0] % 2 == 0


def _answer(row: dict[str, Any]) -> Answer:
    return Answer(row["path"], row["name"], tuple((first, last) for first, last in row.get("lines", ())))


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
