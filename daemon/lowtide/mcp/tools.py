"""The four tools: what each is called with, what it asks the daemon, and what it answers.

Invariant: they only read; a tool's error says what to do. What an agent reads of them before it asks anything is short:
`tests/unit/test_mcp_tools.py` counts it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from lowtide.answers import (
    Answer,
    Hit,
    Json,
    Reference,
    References,
    SymbolHit,
    Symbols,
    TextAnswer,
    TextHit,
)
from lowtide.errors import LowtideError, UsageError
from lowtide.mcp import text
from lowtide.mcp.calls import Arguments, AskDaemon, Tool, Wanted
from lowtide.mcp.roots import Root, find_roots, from_folders, globs_below
from lowtide.mcp.status import status
from lowtide.mcp.text import Paper, characters_of
from lowtide.models import KINDS
from lowtide.visible import visible

MOST_TOKENS = 50_000
LEAST_TOKENS = 100
LIST_TOKENS = 4000
"""Of an answer whose tool has no `max_tokens`."""
MOST_HITS, MOST_SYMBOLS, MOST_REFERENCES = 100, 200, 1000

_PLACE = re.compile(r"(?P<path>[^\n:*?]+):(?P<first>[1-9][0-9]{0,8})(?:-(?P<last>[1-9][0-9]{0,8}))?")
"""Lines of a file, as answers name them."""

F = TypeVar("F", Hit, SymbolHit, TextHit, Reference)
Ranked = TypeVar("Ranked", Hit, SymbolHit)
Listed = TypeVar("Listed", TextHit, Reference)


class Answered(NamedTuple, Generic[F]):
    """What was found in one workspace, and what that lacks."""

    found: Sequence[F]
    note: str = ""
    degraded: str | None = None
    stale_files: int = 0
    truncated: bool = False
    has_failed: bool = False


def _hits(told: Json) -> Answered[Hit]:
    answer = Answer.from_json(told)
    return Answered(answer.hits, degraded=answer.degraded, stale_files=answer.stale_files)


def _lines(told: Json) -> Answered[TextHit]:
    answer = TextAnswer.from_json(told)
    return Answered(answer.hits, "", answer.degraded, answer.stale_files, answer.truncated)


def _symbols(told: Json) -> Answered[SymbolHit]:
    return Answered(Symbols.from_json(told).symbols)


def _uses(told: Json) -> Answered[Reference]:
    answer = References.from_json(told)
    return Answered(answer.refs, truncated=answer.truncated)


def search(arguments: Arguments) -> Tool:
    """`search`: the best chunks, with their definitions; the lines that hold a text; or code like some lines."""
    query, is_exact = arguments.text("query"), arguments.flag("exact")
    limit = arguments.count("limit", 50 if is_exact else 8, 1, MOST_HITS)
    room = characters_of(arguments.count("max_tokens", 1500, LEAST_TOKENS, MOST_TOKENS, is_ceiling=True))
    phrasings = [line.strip() for line in query.splitlines() if line.strip()]
    method, question = "lowtide/find", {"query": phrasings[0], "phrasings": phrasings[1:], "codeCharacters": room}
    question["terms"] = terms = arguments.texts("terms")
    globs, narrow = arguments.texts("path"), {"languages": arguments.texts("lang"), "kinds": _kinds(arguments)}
    roots = yield from find_roots(arguments.text("root", ""))
    if is_exact:
        question = {"text": query}
    elif (place := _place(query, roots)) is not None:
        roots, meant = place
        method, question = "lowtide/similarTo", {**meant, "codeCharacters": room}
    given = dict(zip(roots, from_folders(globs, [os.path.join(root.path, root.below) for root in roots]), strict=True))

    def narrowed(root: Root) -> Json:
        # What others have pushed is the same for all workspaces.
        team = {"team": True} if method == "lowtide/find" and not is_exact and root == roots[0] else {}
        return {**question, **narrow, "limit": limit, "globs": globs_below(root.below, given[root]), **team}

    if is_exact:
        lines = yield from _ask("lowtide/findText", roots, _lines, narrowed)
        note = "terms were not looked for: exact finds the query alone" if terms else ""
        return _list_lines(roots, lines, limit, room, note)
    answers = yield from _ask(method, roots, _hits, narrowed)
    return _page(roots, answers, limit, text.head_of_hit, room)


def _place(query: str, roots: Sequence[Root]) -> tuple[list[Root], dict[str, Any]] | None:
    """The workspace and lines that a query names, as answers name them; None for any other query."""
    if (match := _PLACE.fullmatch(query.strip())) is None:
        return None
    for root in roots:
        path = os.path.normpath(os.path.join(root.path, root.below, match["path"]))
        if path.startswith(root.path.rstrip("/") + "/") and os.path.isfile(path):
            lines: dict[str, Any] = {"path": os.path.relpath(path, root.path), "line": int(match["first"])}
            return [root], {**lines, "endLine": int(match["last"])} if match["last"] else lines
    return None


def symbols(arguments: Arguments) -> Tool:
    """`symbols`: definitions by name."""
    limit, code = arguments.count("limit", 20, 1, MOST_SYMBOLS), arguments.flag("code")
    question: dict[str, Any] = {"query": arguments.text("name"), "limit": limit, "kinds": _kinds(arguments)}
    room = characters_of(LIST_TOKENS)
    if code:
        question["codeCharacters"] = room
    roots = yield from find_roots(arguments.text("root", ""))
    answers = yield from _ask(
        "lowtide/symbols",
        roots,
        _symbols,
        lambda root: {**question, "limit": min(1000, 10 * limit)} if root.below else question,
    )
    return _page(roots, answers, limit, text.head_of_symbol, room)


def references(arguments: Arguments) -> Tool:
    """`references`: where a name is used."""
    name, limit = arguments.text("name"), arguments.count("limit", 50, 1, MOST_REFERENCES)
    roots = yield from find_roots(arguments.text("root", ""))
    answers = yield from _ask(
        "lowtide/references",
        roots,
        _uses,
        lambda root: {"name": name, "limit": min(2000, 10 * limit) if root.below else limit},
    )
    return _list_lines(roots, answers, limit, characters_of(LIST_TOKENS))


def _list_lines(
    roots: Sequence[Root], answers: Sequence[Answered[Listed]], limit: int, room: int, note: str = ""
) -> str:
    """Lines of files, file by file."""
    paper = Paper(room)
    left_out, left = 0, limit
    for root, answer in zip(roots, answers, strict=True):
        lines = answer.found[:left]
        left -= len(lines)
        if lines:
            _write_root(paper, roots, root)
        left_out += len(answer.found) - len(lines) + text.write_lines(paper, lines)
    if left_out or any(answer.truncated for answer in answers):
        paper.write("there are more: raise limit, or narrow root")
    if note:
        paper.write(note)
    _write_last(paper, roots, answers)
    return paper.text()


def _ask(
    method: str, roots: Sequence[Root], read: Callable[[Json], Answered[F]], question: Callable[[Root], Json]
) -> Generator[Wanted, Any, list[Answered[F]]]:
    """What each workspace answers, of what lies below the folder that is meant.

    In a folder without an index one is begun, and what is there so far answered. A workspace that cannot be asked says
    so, beside those that can.
    """
    answers: list[Answered[F]] = []
    failed: LowtideError | None = None
    for root in roots:
        try:
            told = yield AskDaemon(method, {**question(root), "rootUri": root.uri, "begin": True, "words": True})
        except LowtideError as error:
            failed = error
            answers.append(Answered((), str(error), has_failed=True))
            continue
        answer = read(told)
        found = [each for each in answer.found if not root.below or each.path.startswith(root.below + "/")]
        answers.append(answer._replace(found=found, note=told.get("note", "")))
    if failed is not None and all(answer.has_failed for answer in answers):
        raise failed
    return answers


def _kinds(arguments: Arguments) -> list[str]:
    kinds = [kind.lower().replace("_", "-").replace(" ", "-") for kind in arguments.texts("kind")]
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"kind: {kind[:40]!r} is none", "", f"one of {', '.join(KINDS)}")
    return kinds


def _best(roots: Sequence[Root], answers: Sequence[Answered[Ranked]], limit: int) -> list[tuple[Root, Ranked]]:
    """The best of all workspaces, those of one together, the workspace with the best one first."""
    ranked = [(root, hit) for root, answer in zip(roots, answers, strict=True) for hit in answer.found]
    ranked.sort(key=lambda pair: -pair[1].score)
    del ranked[limit:]
    order = list(dict.fromkeys(root for root, _ in ranked))
    return sorted(ranked, key=lambda pair: order.index(pair[0]))


def _page(
    roots: Sequence[Root],
    answers: Sequence[Answered[Ranked]],
    limit: int,
    head: Callable[[Ranked], str],
    room: int,
) -> str:
    """The best of all, as far as there is room."""
    paper, found = Paper(room), _best(roots, answers, limit)
    left_out = 0
    for root in dict.fromkeys(root for root, _ in found):
        _write_root(paper, roots, root)
        left_out += text.write_found(paper, [hit for each, hit in found if each == root], head)
    if left_out:
        paper.write(f"{left_out} more: raise max_tokens, or lower limit")
    _write_last(paper, roots, answers)
    return paper.text()


def _write_root(paper: Paper, roots: Sequence[Root], root: Root) -> None:
    if len(roots) > 1 or root.is_surprising:
        paper.write(f"root: {text.clean(root.path)}")


def _write_last(paper: Paper, roots: Sequence[Root], answers: Sequence[Answered[Any]]) -> None:
    """What the answer lacks, and why."""
    if not any(answer.found for answer in answers):
        where = ", ".join(text.clean(root.path) for root in roots)
        paper.write(f"nothing found in {where}")
    for root, answer in zip(roots, answers, strict=True):
        told = [answer.note, answer.degraded and f"degraded: {answer.degraded}"]
        if answer.stale_files:
            told.append(f"{text.count(answer.stale_files, 'file')} changed since")
        if words := "; ".join(filter(None, told)):
            words = visible(words)  # some of it a gateway has written
            paper.write(f"{text.clean(root.path)}: {words}" if len(roots) > 1 else words)


_READS = {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False}
_TEXT, _COUNT, _FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_TEXTS = {"type": "array", "items": _TEXT}


def _said(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


def _tool(name: str, description: str, properties: dict[str, Any], required: Iterable[str] = ()) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": name, "description": description, "inputSchema": schema, "annotations": _READS}


TOOLS = [
    _tool(
        "search",
        "Find code by meaning and words, fresh even after your own edits. Ask in plain words AND pass terms: likely"
        " identifiers and terms of art (e.g. backoff, HTTPAdapter); they improve answers much. Returns"
        " path:start-end kind name, then whole definitions as far as max_tokens goes. Use it before grep.",
        {
            "query": _said(_TEXT, "plain words; other phrasings on further lines; or path:start-end: code like that"),
            "terms": _TEXTS,
            "root": _said(_TEXT, "folder; default: the workspace"),
            "path": _said(_TEXT, "globs: src/**, !*_test.go"),
            "lang": _TEXT,
            "kind": _said(_TEXT, "function, method, class, ..."),
            "exact": _said(_FLAG, "find query as it stands"),
            "limit": {**_COUNT, "default": 8},
            "max_tokens": {**_COUNT, "default": 1500},
        },
        ["query"],
    ),
    _tool(
        "symbols",
        "Find definitions by name: prefix, part, CamelHumps, Class.method.",
        {
            "name": _TEXT,
            "root": _TEXT,
            "kind": _TEXT,
            "limit": {**_COUNT, "default": 20},
            "code": _said(_FLAG, "with their code"),
        },
        ["name"],
    ),
    _tool(
        "references",
        "Lines that use a name, with the definition that holds each.",
        {"name": _TEXT, "root": _TEXT, "limit": {**_COUNT, "default": 50}},
        ["name"],
    ),
    _tool(
        "status",
        "How complete the index is; with file: why that file is found or not.",
        {"root": _TEXT, "file": _TEXT},
    ),
]
_CALLS: dict[str, Callable[[Arguments], Tool]] = {
    "search": search,
    "symbols": symbols,
    "references": references,
    "status": status,
}
INSTRUCTIONS = (
    "Lowtide searches the code of this machine's workspaces from a live index. Prefer it to grep and file reading."
)


class UnknownTool(LowtideError):
    """There is no tool of that name."""


def call(name: str, values: dict[str, Any]) -> Tool:
    """A call of a tool, at its beginning. UnknownTool."""
    for tool in TOOLS:
        if tool["name"] == name:
            known = tuple(tool["inputSchema"]["properties"])
            return _run(_CALLS[name], values, known)
    raise UnknownTool(f"no tool {name[:40]!r}", "", f"the tools are {', '.join(_CALLS)}")


def _run(tool: Callable[[Arguments], Tool], values: dict[str, Any], known: tuple[str, ...]) -> Tool:
    if not isinstance(values, dict):
        raise UsageError("arguments: an object is wanted", "", "")
    return (yield from tool(Arguments(values, known)))
