"""The languages that Lowtide parses, and how their files are known.

Invariant: data and file-name rules only; no grammar is imported here (see `work/parse/parse.py`). How a language's
folder and its `definitions.scm` are written: see `language.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from lowtide.errors import UsageError
from lowtide.languages import headers
from lowtide.languages.headers import HEAD_BYTES
from lowtide.languages.language import DocStyle, Language
from lowtide.languages.registry import LANGUAGES
from lowtide.languages.registry_lines import TEXT_NAMES

__all__ = [
    "HEAD_BYTES",
    "LANGUAGES",
    "DocStyle",
    "Language",
    "by_name",
    "language_called",
    "language_for",
    "likely_language",
    "names_in_index",
    "names_meant",
    "text_name",
]

_OBJC = re.compile(
    rb"^[ \t]*(?:@(?:interface|implementation|protocol|import|class)\b|#[ \t]*(?:import|include)\b)", re.MULTILINE
)
_SHEBANG = re.compile(rb"#![ \t]*(?:\S*/)?env(?:[ \t]+-\S+|[ \t]+\w+=\S*)*[ \t]+(\S+)|#![ \t]*(\S+)")
_WITH_ENDINGS = frozenset(
    {"Makefile", "makefile", "GNUmakefile", "Kbuild", "Kconfig", "Dockerfile", "Containerfile", "Jenkinsfile"}
)
"""`Dockerfile.dev` is one too."""
_VERILOG = re.compile(
    rb"\bendmodule\b|^[ \t]*(?:module|package|interface|class)\s+\w+[^\n.]*(?:\(|;|#|$)|^[ \t]*`\w+", re.MULTILINE
)
_COQ = re.compile(
    rb"^[ \t]*(?:Require|From\s+\S+\s+Require|Theorem|Lemma|Definition|Inductive|Module|Section|Fixpoint|Set)\b",
    re.MULTILINE,
)
_SHADER = re.compile(
    rb"\bgl_Frag\w+|^[ \t]*#version\b|^[ \t]*(?:uniform|varying|precision)\s|\bvoid\s+main\s*\(", re.MULTILINE
)
_DEPENDENCIES = re.compile(rb"\A[^\n:=]*\.(?:o|obj|rlib|rmeta|d|so|lo)\s*:")
_PASCAL = re.compile(rb"^[ \t]*(?:program|unit|library)\s+[\w.]+\s*[;(]", re.MULTILINE | re.IGNORECASE)
_OPENCL = re.compile(rb"\b(?:__)?kernel\s+(?:__attribute__|void)|#pragma\s+OPENCL|\b__global\b")
_MATLAB = re.compile(
    rb"^[ \t]*(?:function\b|classdef\b|%|end[ \t;]*$|\w+[ \t]*=[ \t]*[\[@\w(][^\n]*;[ \t]*$)", re.MULTILINE
)
_VB_CLASS = re.compile(rb"VERSION 1\.0 CLASS|^Attribute VB_", re.MULTILINE)
_APEX = re.compile(rb"\b(?:class|interface|enum)\s+\w+[^\n;]*\{", re.IGNORECASE)
_VERSION = re.compile(r"[-.\d]+$")


def language_for(path: bytes, head: bytes) -> Language | None:
    """The language of a file, by its name, else its extension, else its `#!` line, else what its first lines tell an
    editor; None for other text. What has no extension and begins as headers do is C++.

    `path` as the file system spells it; `head`: the first `HEAD_BYTES` of its UTF-8 text.
    """
    name = path.rpartition(b"/")[2].decode("utf-8", "replace")
    _, dot, extension = name.rpartition(".")
    found = likely_language(path)
    if found is not None:
        return _by_content(found, extension.lower(), head) if dot and name not in found.filenames else found
    interpreters = _tables()[2]
    if head.startswith(b"#!"):
        match = _SHEBANG.match(head)
        if match is not None:
            program = (match[1] or match[2]).rpartition(b"/")[2].decode("ascii", "replace")
            return interpreters.get(program) or interpreters.get(_VERSION.sub("", program))
    if not head:
        return None
    told = language_called(headers.told(head))
    return by_name("cpp") if told is None and not dot and headers.is_header(head) else told


def likely_language(path: bytes) -> Language | None:
    """The language that most files of such a name are in, where only their text can tell; None when a name tells
    nothing."""
    names, extensions, _ = _tables()
    name = path.rpartition(b"/")[2].decode("utf-8", "replace")
    stem, dot, extension = name.rpartition(".")
    if not dot or name in names:
        return names.get(name)
    found = extensions.get("." + extension) or extensions.get("." + extension.lower())
    return found or (names.get(stem) if stem in _WITH_ENDINGS else None)


@cache
def by_name(name: str) -> Language | None:
    """The language called `name`, or None."""
    return next((language for language in LANGUAGES if language.name == name), None)


def text_name(path: bytes) -> str:
    """What people call the text of a file in no known language."""
    name = path.rpartition(b"/")[2].decode("utf-8", "replace")
    _, dot, extension = name.rpartition(".")
    return TEXT_NAMES.get(extension.lower(), f"*.{extension}") if dot and extension else "plain text"


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
    "proto": "protobuf",
    "proto3": "protobuf",
    "elisp": "emacs-lisp",
    "lisp": "common-lisp",
    "racket": "scheme",
    "clj": "clojure",
    "ocaml.interface": "ocaml",
    "f#": "fsharp",
    "objectpascal": "pascal",
    "delphi": "pascal",
    "vb": "visual-basic",
    "bat": "batch",
    "dosbatch": "batch",
    "tex": "latex",
    "rst": "restructuredtext",
    "systemverilog": "verilog",
    "viml": "vim",
    "asm": "assembly",
    "hlsl": "glsl",
    "docker": "dockerfile",
    "gradle": "groovy",
    "jupyter": "notebook",
    "ipynb": "notebook",
    "dts": "devicetree",
    "properties": "ini",
    "dosini": "ini",
    "octave": "matlab",
    "rlang": "r",
    "twig": "jinja",
    "plsql": "sql",
    "mysql": "sql",
    "pgsql": "sql",
    "gql": "graphql",
    "coffee": "coffeescript",
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


def names_in_index(name: str) -> tuple[str, ...]:
    """What the index calls the files that a person means by a language's `name`: TypeScript's are TSX, too, and `text`,
    what has no grammar, is the empty name there. None of them for a language that is not known."""
    language = language_called(name)
    if language is None:
        return ("",) if name.lower() == "text" else ()
    return ("typescript", "tsx") if language.name == "typescript" else (language.name,)


def names_meant(names: Iterable[str]) -> tuple[str, ...]:
    """The same of several. UsageError, which names those that there are, for one that is not known."""
    found: list[str] = []
    for name in names:
        meant = names_in_index(name)
        if not meant:
            known = ", ".join(sorted(language.name for language in LANGUAGES))
            raise UsageError(f"no language {name[:40]!r}", "", f"one of: {known}, text")
        found += meant
    return tuple(found)


def _by_content(language: Language, extension: str, head: bytes) -> Language | None:
    """The same extension means several languages: ask the text."""
    match extension:
        case "h":
            return by_name(headers.language_of(head)) or language
        case "inc":
            return by_name("php") if b"<?php" in head[:200] else (language if b"#" in head or b"//" in head else None)
        case "m":
            if _OBJC.search(head):
                return language
            return by_name("matlab") if _MATLAB.search(head) else None
        case "v" | "fs" | "d" | "pp" | "cl" | "cls" if head:
            return _by_looks(language, extension, head)
        case "ts":
            return None if head.lstrip()[:1] == b"<" and b"<TS" in head[:400] else language
        case "t" | "pl":
            return language if b"use " in head or b"my " in head or b"sub " in head or b"#!" in head[:2] else None
        case _:
            return language


def _by_looks(language: Language, extension: str, head: bytes) -> Language | None:
    """The same for extensions of languages that have no grammar."""
    match extension:
        case "v":
            return language if _VERILOG.search(head) else by_name("coq") if _COQ.search(head) else None
        case "fs":
            return by_name("glsl") if _SHADER.search(head) else language
        case "d":
            return None if _DEPENDENCIES.match(head) else language
        case "pp":
            return by_name("pascal") if _PASCAL.search(head) else language
        case "cl":
            return by_name("c") if _OPENCL.search(head) else language
        case _:
            if b"\\" in head and (b"\\Provides" in head or b"\\NeedsTeXFormat" in head):
                return language
            return (
                by_name("visual-basic") if _VB_CLASS.search(head) else by_name("apex") if _APEX.search(head) else None
            )


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
