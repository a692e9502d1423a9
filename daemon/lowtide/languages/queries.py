"""The text of the query that finds a language's definitions: see `language.py` for how it is written.

Invariant: a file begins with what it inherits, so that an offset in the text is one of the query that is made of it.
"""

from __future__ import annotations

import re
from importlib import resources

from lowtide.languages.language import Language

_INHERITED = re.compile(r"; inherits: (\w+)\n")


def query_of(language: Language) -> str:
    """The `definitions.scm` of a language with a grammar, behind those of the folders that it inherits, if any.

    OSError when a file is missing.
    """
    return _definitions(language.folder or language.name)


def _definitions(folder: str) -> str:
    text = resources.files("lowtide.languages").joinpath(folder, "definitions.scm").read_text("utf-8")
    inherited = _INHERITED.match(text)
    return f"{_definitions(inherited[1])}\n{text}" if inherited else text
