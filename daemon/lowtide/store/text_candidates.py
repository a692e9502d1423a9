"""Which files may hold a text, by their words: all that exact search asks of the lexical index.

The index keeps stems. A whole word has one. Of a part of a word, what no stem can lose is looked for in the stems
themselves: of `tries`, `tr`, for `retries` is kept as `retri`. How much that is, the index's own stemmer is asked, with
endings that English words go on with.

Invariant: a file whose words satisfy the evidence is among the answers; others may be.
Invariant: a question's memory is the ids of the files, and MOST_STEMS stems.
Source: M. F. Porter, An algorithm for suffix stripping, 1980: its endings are ENDINGS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lowtide.core.evidence import Each, Either, Evidence, WordPart
from lowtide.errors import QuestionStopped
from lowtide.store.catalog import Catalog

Ids = npt.NDArray[np.int64]
FEW_FILES = 64
"""Reading so few is cheaper than asking more of the index."""
MANY_CHUNKS = 100_000
"""A word in more of them tells too little to be looked up, if another may."""
MOST_STEMS = 512
"""A part of a word that more stems have tells nothing."""
SHORTEST_PART = 3

ENDINGS = tuple(
    "s es ies ed d ied eed ing ying y ly ally li al ational tional ional ization izations izer izers ize izes "
    "ized izing ation ations ator ators alism iveness fulness ousness ness alness ality iti iviti ivity "
    "bility bilities biliti ability ibility logi logy icate ative alize alized iciti icity ical ically ful "
    "ance ances ence ences anci enci ancy ency er ers ic ics able ably ible ibly bli ant ants ement ements "
    "ment ments ent ents entli ently ion ions ou ism isms ate ates ated ating ous ously ousli ive ives ively "
    "e ee ees l ll led ling ler".split()
)

_BEGUN = frozenset(ending[:length] for ending in ENDINGS for length in range(1, len(ending) + 1))


def files_that_may_hold(catalog: Catalog, evidence: Evidence, stopped: Callable[[], bool]) -> Ids | None:
    """The ids of the files that may satisfy `evidence`, ascending; None for "any". StoreError, QuestionStopped."""
    return _Asking(catalog, stopped).files(evidence)


class _Asking:
    """One question to one catalog."""

    def __init__(self, catalog: Catalog, stopped: Callable[[], bool]) -> None:
        self._catalog = catalog
        self._stopped = stopped

    def files(self, evidence: Evidence) -> Ids | None:
        if self._stopped():
            raise QuestionStopped("the question was stopped")
        if isinstance(evidence, WordPart):
            return self._with_part(evidence)
        if isinstance(evidence, Each):
            return self._with_each(evidence.parts)
        found: Ids = np.zeros(0, np.int64)
        for part in evidence.parts:
            if (some := self.files(part)) is None:
                return None
            found = np.union1d(found, some)
        return found

    def _with_each(self, parts: Sequence[Evidence]) -> Ids | None:
        """What tells most for least is asked first; the rest only while the files are many."""
        found: Ids | None = None
        for evidence in self._by_worth(parts):
            if found is not None and len(found) <= FEW_FILES:
                break
            if found is not None and _is_dear(evidence) and len(found) <= 16 * FEW_FILES:
                break
            some = self.files(evidence)
            if some is not None:
                found = some if found is None else np.intersect1d(found, some, assume_unique=True)
        return found

    def _by_worth(self, parts: Sequence[Evidence]) -> Iterator[Evidence]:
        whole = {part: part.text for part in parts if isinstance(part, WordPart) and part.begins and part.ends}
        counts = self._catalog.stems(list(whole.values()))
        yield from sorted(whole, key=dict(zip(whole, (count for _, count in counts), strict=True)).__getitem__)
        rest = [part for part in parts if not (isinstance(part, WordPart) and part in whole)]
        yield from sorted(rest, key=_worth)

    def _with_part(self, part: WordPart) -> Ids | None:
        if part.begins and part.ends:
            ((stem, count),) = self._catalog.stems([part.text])
            if not stem or count > MANY_CHUNKS:
                return None
            return self._catalog.files_with_stems([stem] if count else [])
        kept = kept_of(self._catalog, part) if len(part.text) >= SHORTEST_PART - part.begins else ""
        if len(kept) < (SHORTEST_PART - part.begins):
            return None
        stems = self._catalog.stems_with(kept, begins=part.begins, limit=MOST_STEMS)
        if stems is None or sum(count for _, count in stems) > MANY_CHUNKS:
            return None
        return self._catalog.files_with_stems([stem for stem, _ in stems])


def kept_of(catalog: Catalog, part: WordPart) -> str:
    """What of a part every stem keeps of a word that has it, whatever comes before and after."""
    ends = {""} if part.ends else {"", *ENDINGS, *_completions(part.text)}
    if not part.ends:
        ends |= {first + second for first in _completions(part.text) for second in ("s", "ed", "ing", "ly", "ness")}
    # A long word loses more of its end than a short one, and may lose an ending that the part begins in.
    befores = [""] if part.begins else ["", "tata", "tatatata", *_beginnings(part.text)]
    grown = [(before, before + part.text + end) for before in befores for end in ends]
    stems = catalog.stems_of([word for _, word in grown])
    least = len(part.text)
    for (before, _), stem in zip(grown, stems, strict=True):
        least = min(least, _length_kept(part.text, stem.removeprefix(before)) if stem.startswith(before) else 0)
    return part.text[:least]


def _beginnings(text: str) -> set[str]:
    """What words begin with, and with what of an ending, that go on as the text does and end as words do."""
    found: set[str] = set()
    for ending in ENDINGS:
        for length in range(1, len(ending)):
            tail = ending[length:]
            if tail.startswith(text) or (text.startswith(tail) and text[len(tail) :] in _BEGUN):
                found.add("tatata" + ending[:length])
    return found


def _length_kept(text: str, stem: str) -> int:
    """How far a stem goes on as the text does."""
    for place, (wanted, there) in enumerate(zip(text, stem, strict=False)):
        if wanted != there:
            return place
    return min(len(text), len(stem))


def _completions(text: str) -> set[str]:
    """How a word can go on whose last letters begin an ending."""
    return {
        ending[length:] for ending in ENDINGS for length in range(1, len(ending)) if text.endswith(ending[:length])
    } | {ending[place + len(text) :] for ending in ENDINGS if (place := ending.find(text)) >= 0}


def _is_dear(evidence: Evidence) -> bool:
    """Whether it takes a look at every stem there is."""
    if isinstance(evidence, WordPart):
        return not evidence.begins
    return any(map(_is_dear, evidence.parts))


def _worth(evidence: Evidence) -> tuple[bool, int]:
    """Lower for what tells more: parts from the beginning, then longer ones, then choices."""
    if isinstance(evidence, WordPart):
        return not evidence.begins, -len(evidence.text)
    if isinstance(evidence, Either):
        return True, 0
    return True, -1
