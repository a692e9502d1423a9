"""A small text of each language: the golden sample of one with a grammar, else the sample that is read by its lines."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lowtide import languages

DATA = Path(__file__).parent / "data"


@cache
def samples() -> dict[str, Path]:
    """The file of each language that has one, by the language's name."""
    found: dict[str, Path] = {}
    for language in languages.LANGUAGES:
        for name in (language.folder or language.name, language.name):
            if texts := sorted((DATA / "languages" / name).glob("sample.*")):
                found.setdefault(language.name, texts[0])
    for path in sorted((DATA / "lines").iterdir()):
        known = languages.language_for(path.name.encode(), path.read_bytes())
        if known is not None and path.name != "expected.tsv":
            found.setdefault(known.name, path)
    return found
