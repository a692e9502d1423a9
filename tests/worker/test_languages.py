"""Golden tests of the definition queries: what each sample of `tests/data/languages` holds.

`LOWTIDE_REGENERATE=1 python -m pytest tests/worker/test_languages.py` writes the expectations anew; read them.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from lowtide import languages
from lowtide.models import SymbolKind
from lowtide.work.parse import parse
from lowtide.work.parse.kinds import SymbolRow

SAMPLES = Path(__file__).parent.parent / "data" / "languages"
FOLDERS = sorted(path for path in SAMPLES.iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_sample_gives_the_expected_symbols(folder: Path) -> None:
    sample = next(path for path in sorted(folder.iterdir()) if path.name.startswith("sample."))
    text = sample.read_bytes()
    language = languages.language_for(bytes(sample), text[: languages.HEAD_BYTES])
    assert language is not None
    parsed = parse.parse(text, language, 60.0)
    shown = [_shown(row) for row in parsed.symbols]
    found = {"language": language.name, "errors": parsed.had_errors, "symbols": shown}
    expected = folder / "expected.json"
    if os.environ.get("LOWTIDE_REGENERATE"):
        lines = ",\n".join("    " + json.dumps(symbol, ensure_ascii=False) for symbol in shown)
        head = f'{{\n  "language": {json.dumps(language.name)},\n  "errors": {json.dumps(parsed.had_errors)},\n'
        expected.write_text(f'{head}  "symbols": [\n{lines}\n  ]\n}}\n', encoding="utf-8")
    assert json.loads(expected.read_text("utf-8")) == found


def _shown(row: SymbolRow) -> dict[str, str]:
    """Kind, qualified name, range and name (lines and columns from 1), signature, documentation."""
    name, kind, container, line, column, end_line, end_column, name_line, name_column, signature, doc = row
    shown = {
        "kind": SymbolKind(kind).label,
        "name": name,
        "in": container,
        "range": f"{line + 1}:{column + 1}-{end_line + 1}:{end_column + 1}",
        "at": f"{name_line + 1}:{name_column + 1}",
        "signature": signature,
        "doc": doc,
    }
    return {key: value for key, value in shown.items() if value}


def test_every_language_has_a_query_that_compiles() -> None:
    for language in languages.LANGUAGES:
        assert parse.parse(b"\n", language, 60.0).symbols == []


def test_languages_have_distinct_names_and_files() -> None:
    names = [language.name for language in languages.LANGUAGES]
    assert len(names) == len(set(names)) > 100
    extensions = [extension for language in languages.LANGUAGES for extension in language.extensions]
    assert len(extensions) == len(set(extensions))
    for language in languages.LANGUAGES:
        assert languages.by_name(language.name) is language


def test_the_document_of_languages_names_each_with_its_files() -> None:
    root = Path(__file__).resolve().parents[2]
    rows = dict(re.findall(r"^\| ([\w-]+) \| (.*) \|$", (root / "docs/languages.md").read_text("utf-8"), re.MULTILINE))
    rows.pop("language")
    assert rows.keys() == {language.name for language in languages.LANGUAGES}
    for language in languages.LANGUAGES:
        assert rows[language.name].split() == [f"`{name}`" for name in (*language.extensions, *language.filenames)]
    assert f"Definitions are read in [{len(rows)} languages]" in (root / "README.md").read_text("utf-8")
