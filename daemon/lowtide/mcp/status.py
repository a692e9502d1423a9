"""The tool `status`: how an index stands, and why a file is found or not.

Invariant: it begins no index: whoever only looks changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

from lowtide.errors import LowtideError, PathError, UsageError
from lowtide.mcp import text
from lowtide.mcp.calls import Arguments, AskDaemon, Tool, Wanted
from lowtide.mcp.roots import Root, find_roots
from lowtide.mcp.text import Paper, characters_of

ANSWER_TOKENS = 2000
MIB = 1 << 20


def status(arguments: Arguments) -> Tool:
    """`status`."""
    roots = yield from find_roots(arguments.text("root", ""))
    paper = Paper(characters_of(ANSWER_TOKENS))
    for root in roots:
        yield from _describe(paper, root)
    told = yield AskDaemon("lowtide/status", {})
    _write_memory(paper, told)
    if file := arguments.text("file", ""):
        yield from _explain(paper, roots, file)
    return paper.text()


def _describe(paper: Paper, root: Root) -> Generator[Wanted, Any, None]:
    paper.write(f"root: {text.clean(root.path)}")
    if root.refused:
        paper.write(f"  not indexed, nor will it be: {text.clean(root.refused)}: name a folder in it that holds source")
        return
    try:
        # A question opens it: it is compared with the disk, and watched.
        answer = yield AskDaemon("lowtide/symbols", {"query": "", "limit": 1, "rootUri": root.uri, "words": True})
    except LowtideError as error:
        if error.kind != PathError.kind:  # there is an index, and something else is wrong
            raise
        paper.write("  not indexed yet: the first search begins it")
        return
    told = yield AskDaemon("lowtide/status", {"rootUri": root.uri})
    for each in told["workspaces"]:
        parts = [text.count(each[key], key[:-1]) for key in ("files", "symbols", "chunks")]
        paper.write(f"  {', '.join(parts)}; {_size(each['diskBytes'])} on disk")
        left_out = [f"{each[key]:,} {key}" for key in ("skipped", "quarantined") if each[key]]
        if left_out:
            paper.write(f"  {', '.join(left_out)}: pass file to ask why")
    paper.write(f"  {answer.get('note') or 'current: what is on the disk is in'}")


def _size(count: int) -> str:
    return (
        f"{count / MIB:,.0f} MiB"
        if count >= 10 * MIB
        else f"{count / MIB:.1f} MiB"
        if count >= MIB
        else f"{-(-count // 1024)} KiB"
    )


def _write_memory(paper: Paper, told: dict[str, Any]) -> None:
    memory, ladder = told["memory"], told["ladder"]
    paper.write(f"memory: {memory['usedBytes'] / MIB:.0f} of {memory['budgetBytes'] / MIB:.0f} MiB")
    if ladder["step"] != "full":
        paper.write(f"working {ladder['step']}: {text.clean(ladder['reason'])}")
    if told["message"] and told["health"] != "ok":
        paper.write(f"{told['health']}: {text.clean(told['message'])}")


def _explain(paper: Paper, roots: list[Root], file: str) -> Generator[Wanted, Any, None]:
    path = os.path.expanduser(file)
    places = [os.path.join(root.path, root.below, path) for root in roots]
    place = next((each for each in places if os.path.lexists(each)), places[0])
    try:
        uri = Path(os.path.normpath(place)).as_uri()
    except ValueError:
        raise UsageError(f"file: {file[:200]!r} is no path", "", "give a path") from None
    answer = yield AskDaemon("lowtide/explain", {"uri": uri})
    told = f"{answer['status']} ({answer['reason']})" if answer["reason"] else answer["status"]
    told += f": {answer['rule']}" if answer["rule"] else ""  # a line of a .gitignore, or a sentence
    paper.write(f"file: {text.clean(answer['path'])}: {text.clean(told)}")
    if answer["status"] == "indexed":
        paper.write(f"  {text.count(answer['symbols'], 'symbol')}, {text.count(answer['chunks'], 'chunk')}")
    if remedy := answer.get("remedy"):
        paper.write(f"  {text.clean(remedy)}")
