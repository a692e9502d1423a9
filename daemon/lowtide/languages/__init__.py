"""The languages that Lowtide parses, and how their files are known.

Invariant: data and file-name rules only; no grammar is imported here (see `work/parse/parse.py`). How a language's
folder and its `definitions.scm` are written: see `language.py`.
"""

from __future__ import annotations

import re
from functools import cache

from lowtide.languages.language import DocStyle, Language
from lowtide.languages.registry import LANGUAGES

__all__ = ["LANGUAGES", "DocStyle", "Language", "by_name", "language_called", "language_for"]

_CPP_HEADER = re.compile(
    rb"^[ \t]*(?:class[ \t]+(?:\w+[ \t]+)?\w+[ \t]*(?:final[ \t]*)?(?:[:{;]|$)|(?:inline[ \t]+)?namespace\b|template[ "
    rb"\t]*<"
    rb"|using[ \t]+(?:namespace\b|\w+[ \t]*=)|(?:public|private|protected)[ \t]*:|extern[ \t]+\"C\+\+\"|#[ "
    rb"\t]*include[ \t]*<[\w/]+>)"
    rb"|\bstd::[a-z]|\b[A-Za-z_]\w*::~?[A-Za-z_]\w*[ \t]*[(<{;&*>]",
    re.MULTILINE,
)
_OBJC = re.compile(
    rb"^[ \t]*(?:@(?:interface|implementation|protocol|import|class)\b|#[ \t]*(?:import|include)\b)", re.MULTILINE
)
_SHEBANG = re.compile(rb"#![ \t]*(?:\S*/)?env(?:[ \t]+-\S+|[ \t]+\w+=\S*)*[ \t]+(\S+)|#![ \t]*(\S+)")
_VERSION = re.compile(r"[-.\d]+$")


def language_for(path: bytes, head: bytes) -> Language | None:
    """The language of a file, by its name, else its extension, else its `#!` line; None for other text.

    `path` as the file system spells it; `head`: the first bytes of its UTF-8 text (a few thousand are enough).
    """
    names, extensions, interpreters = _tables()
    name = path.rpartition(b"/")[2].decode("utf-8", "replace")
    found = names.get(name)
    if found is not None:
        return found
    stem, dot, extension = name.rpartition(".")
    if dot:
        found = extensions.get("." + extension) or extensions.get("." + extension.lower())
        if found is not None:
            return _by_content(found, extension.lower(), head)
        if stem in {"Makefile", "makefile", "GNUmakefile", "Kbuild"}:
            return names.get(stem)
    if head.startswith(b"#!"):
        match = _SHEBANG.match(head)
        if match is not None:
            program = (match[1] or match[2]).rpartition(b"/")[2].decode("ascii", "replace")
            return interpreters.get(program) or interpreters.get(_VERSION.sub("", program))
    return None


@cache
def by_name(name: str) -> Language | None:
    """The language called `name`, or None."""
    return next((language for language in LANGUAGES if language.name == name), None)


ALIASES = {
    "javascriptreact": "javascript",
    "typescriptreact": "tsx",
    "csharp": "c-sharp",
    "cs": "c-sharp",
    "shellscript": "bash",
    "sh": "bash",
    "zsh": "bash",
    "objective-c": "objc",
    "objective-cpp": "objc",
    "objcpp": "objc",
    "makefile": "make",
    "terraform": "hcl",
    "jsonc": "json",
    "scss": "css",
    "less": "css",
    "ps1": "powershell",
    "c++": "cpp",
    "c#": "c-sharp",
    "py": "python",
    "js": "javascript",
    "jsx": "javascript",
    "ts": "typescript",
    "rs": "rust",
    "rb": "ruby",
    "kt": "kotlin",
    "hs": "haskell",
    "md": "markdown",
    "yml": "yaml",
    "shell": "bash",
    "golang": "go",
}
"""Names that editors and people give to languages, where they are not ours."""


def language_called(name: str) -> Language | None:
    """The language that an editor, or a person, calls `name`; None when it is not known."""
    name = name.lower()
    return by_name(ALIASES.get(name, name))


def _by_content(language: Language, extension: str, head: bytes) -> Language | None:
    """The same extension means several languages: ask the text."""
    match extension:
        case "h":
            if b"@interface" in head or b"@protocol" in head or b"@class" in head:
                return by_name("objc")
            return by_name("cpp") if _CPP_HEADER.search(head) else language
        case "inc":
            return by_name("php") if b"<?php" in head[:200] else (language if b"#" in head or b"//" in head else None)
        case "m":
            return language if _OBJC.search(head) else None
        case "ts":
            return None if head.lstrip()[:1] == b"<" and b"<TS" in head[:400] else language
        case "t" | "pl":
            return language if b"use " in head or b"my " in head or b"sub " in head or b"#!" in head[:2] else None
        case _:
            return language


@cache
def _tables() -> tuple[dict[str, Language], dict[str, Language], dict[str, Language]]:
    names: dict[str, Language] = {}
    extensions: dict[str, Language] = {}
    interpreters: dict[str, Language] = {}
    for language in LANGUAGES:
        for name in language.filenames:
            names[name] = language
        for extension in language.extensions:
            extensions[extension] = language
        for interpreter in language.interpreters:
            interpreters[interpreter] = language
    return names, extensions, interpreters
