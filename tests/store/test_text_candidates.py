"""Files by parts of words: no word is lost to the stems that the index keeps."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.indexes import put

from lowtide.core.evidence import Each, Either, Evidence, WordPart
from lowtide.index.workspace import Workspace
from lowtide.store.catalog import Catalog
from lowtide.store.text_candidates import files_that_may_hold, kept_of

ROOT = Path(__file__).resolve().parents[2]
WORDS = sorted(
    {
        word
        for path in [*ROOT.glob("docs/*.md"), *ROOT.glob("daemon/lowtide/*/*.py"), *ROOT.glob("model/*.py")]
        for word in re.findall(r"[a-z]{3,}", path.read_text("utf-8").lower())
    }
    | set(
        "generalizations oscillators relational conditional rationality valency hesitancy digitizer"
        " conformably radically differently vilely analogously vietnamization predication operator feudalism"
        " decisiveness hopefulness callousness formality sensitivity sensibility triplicate formative"
        " formalize electricity electrical hopeful goodness revival allowance inference airliner gyroscopic"
        " adjustable defensible irritant replacement adjustment dependent adoption communism activate"
        " angularity homologous effective bowdlerize rate cease controlled roll caresses ponies agreed"
        " plastered motoring conflated troubling sized hopping tanned falling hissing fizzed failing filing"
        " happy sky".split()
    )
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    workspace = Workspace(tmp_path / "tree", tmp_path / "index")
    workspace.folder.mkdir(parents=True)
    with workspace.writing() as (writer, _):
        put(workspace, writer, "a.py", "python", ["retries count", "socket buffer"])
        put(workspace, writer, "b.py", "python", ["retried socket", "kmalloc 2"])
        put(workspace, writer, "c.py", "python", ["count buffers"])
    with closing(Catalog(workspace.catalog_path, writable=False)) as found:
        yield found


def files(catalog: Catalog, evidence: Evidence) -> list[str] | None:
    ids = files_that_may_hold(catalog, evidence, lambda: False)
    if ids is None:
        return None
    return sorted(file.path.decode() for file in catalog.indexed_files_of(ids.tolist()))


def test_words_and_parts_of_words_lead_to_files(catalog: Catalog) -> None:
    def part(text: str, begins: bool = False, ends: bool = False) -> WordPart:
        return WordPart(text, begins, ends)

    assert files(catalog, part("kmalloc", True, True)) == ["b.py"]
    assert files(catalog, part("mallo")) == ["b.py"]
    assert files(catalog, part("retries", True)) == ["a.py", "b.py"]  # one stem: the file itself decides
    assert files(catalog, part("buff", True)) == ["a.py", "c.py"]
    assert files(catalog, part("ocket", ends=True)) == ["a.py", "b.py"]
    assert files(catalog, part("zebra", True, True)) == []
    assert files(catalog, part("ebra")) == []
    assert files(catalog, part("s")) is None
    assert files(catalog, Either((part("kmalloc", True, True), part("buff", True)))) == ["a.py", "b.py", "c.py"]
    assert files(catalog, Either((part("kmalloc", True, True), part("s")))) is None
    both = Each((part("socket", True, True), part("count", True, True)))
    assert "a.py" in (files(catalog, both) or [])


def test_a_stem_has_what_is_kept_of_each_part_of_its_word(catalog: Catalog) -> None:
    chance = random.Random(3)
    words = chance.sample(WORDS, 60) + WORDS[-1:]
    for word in words:
        (stem,) = catalog.stems_of([word])
        first = chance.randrange(len(word) - 2)
        last = chance.randrange(first + 3, len(word) + 1)
        assert stem.startswith(kept_of(catalog, WordPart(word[:last], True, False))), (word, last)
        assert kept_of(catalog, WordPart(word[first:last], False, False)) in stem, (word, first, last)
        assert kept_of(catalog, WordPart(word[first:], False, True)) in stem, (word, first)
