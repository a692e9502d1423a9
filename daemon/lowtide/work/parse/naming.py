"""Names as texts write them: container and name of what is qualified, quoted, or has template arguments.

Invariant: time is linear in the length of a name, but for its nesting of template arguments.
"""

from __future__ import annotations

import re

from lowtide.languages.language import Language

NAME_CHARS = 200


def split_name(name: str, language: Language) -> tuple[str, str, int]:
    """Container and name of what is not a plain identifier, and where the name starts from the node's end, if it
    moved."""
    if len(name) > 2 and name[0] == name[-1] == '"':
        return "", " ".join(name[1:-1].split()), 0
    trim = language.name_trim
    separator = language.name_separator
    prefix = ""
    whole = name
    if language.raw_prefix:
        name = name.removeprefix(language.raw_prefix)
    if trim and (name[0] in trim or name[-1] in trim):
        name = name.strip(trim) or name
    if separator and (separator in name or name.startswith("operator")):
        prefix, name = _split_qualified(name, separator)
    elif name[-1] == ">" and (name[0].isalpha() or name[0] == "_"):
        name = _without_templates(name)
    name = " ".join(name.split())
    if len(name) > 1 and name[0] in "\"'`" and name[-1] == name[0]:
        return prefix, name[1:-1] or "_", 0
    if name == whole:
        return prefix, name, 0
    place = whole.rfind(name)
    return prefix, name, len(whole[place:].encode()) if place > 0 else 0


def _split_qualified(name: str, separator: str) -> tuple[str, str]:
    """Container and name of a qualified name, template arguments left out."""
    match = _OPERATOR_NAME.search(name)
    if match is not None:
        # `operator<<`, `operator()`, `operator T*() const`: the last is a conversion, without its parameters.
        operator = match[0] if name[match.end() - 1] == ")" else name[match.start() :].partition("(")[0].strip()
        return dotted(name[: match.start()], separator), operator
    container, _, last = _without_templates(name).rpartition(separator)
    return dotted(container, separator), last.strip()


_OPERATOR_NAME = re.compile(r"\boperator\b(?:\s*\(\s*\))?")
_TEMPLATE = re.compile(r"<[^<>]*>")


def _without_templates(name: str) -> str:
    while "<" in name:
        shorter = _TEMPLATE.sub("", name)
        if shorter == name:
            break
        name = shorter
    return name


def dotted(name: str, separator: str) -> str:
    """A qualified name as its parts joined by `.`, without template arguments and what is no name."""
    name = _without_templates(name)
    if separator and separator in name:
        name = ".".join(part.strip() for part in name.split(separator) if part.strip())
    return " ".join(name.split())[:NAME_CHARS]
