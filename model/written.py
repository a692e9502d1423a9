"""Questions in plain words for functions of the training sources, as somebody asks who does not know the name.

`written_questions.jsonl.gz` has a line a function: `id` is package, qualified name and the first 8 digits of
`extract.code_hash`, split by `|`; `q` are phrasings. A language model wrote them from the function's code; the code
itself is not kept here: `model.fetch` and `model.extract` bring it back, and `joined` finds it.

Invariant: questions were written for packages that judge nothing (`pairs.py` says which those are).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model.pairs import Record

WRITTEN = Path(__file__).with_name("written_questions.jsonl.gz")
HASH_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Written:
    """A function and what is asked for it."""

    package: str
    """`registry/name`, as in `sources.toml`."""
    qualified_name: str
    code_hash: str
    """The first HASH_DIGITS digits."""
    questions: tuple[str, ...]


def read_written(path: Path = WRITTEN) -> list[Written]:
    """All of the file. ValueError for a line of another form."""
    found = []
    with gzip.open(path, "rt", encoding="ascii") as file:
        for line in file:
            row = json.loads(line)
            package, name, digest = row["id"].split("|")
            found.append(Written(package, name, digest, tuple(row["q"])))
    return found


def joined(written: Iterable[Written], records: Iterable[Record]) -> Iterator[tuple[Record, tuple[str, ...]]]:
    """The functions among `records` that questions were written for, and these; a version that was changed since has
    none."""
    known = {(each.package, each.qualified_name, each.code_hash): each.questions for each in written}
    for record in records:
        questions = known.get((record["project"], record["qualified_name"], record["code_hash"][:HASH_DIGITS]))
        if questions:
            yield record, questions
