"""Which folder a question is about: the one it names, else those that the agent works in, else the working folder's.

Invariant: every folder becomes the root of its workspace by the daemon's rule, which is that of the command line.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lowtide.errors import LowtideError, UsageError
from lowtide.mcp.calls import AskDaemon, AskRoots, Folder, Wanted

MOST_ROOTS = 8
"""Asked in one question."""


class Root(NamedTuple):
    """A workspace to ask."""

    path: str
    """As shown."""
    uri: str
    below: str = ""
    """The folder in it that alone is meant, relative to it with `/`; nothing for all."""
    refused: str = ""
    """Why it has no index and gets none by being asked about; nothing for others."""
    is_surprising: bool = False
    """It is not the folder that was named."""


Finding = Generator[Wanted, Any, list[Root]]


def find_roots(argument: str) -> Finding:
    """The workspaces that a question is about, at least one. LowtideError when there is none such."""
    folders = yield from client_folders()
    if argument:
        start = _named(argument, folders)
        root = yield from _workspace(start)
        below = _below(_local(root.uri), start)
        return [root._replace(below=below, is_surprising=bool(below))]
    found: list[Root] = []
    problem: LowtideError | None = None
    for folder in folders[:MOST_ROOTS]:
        try:
            root = yield from _workspace(_local(folder.uri))
        except LowtideError as error:
            problem = error
            continue
        if root not in found:
            found.append(root)
    if found:
        return found
    if problem is not None:
        raise problem
    root = yield from _workspace(_working_folder())
    return [root]


def client_folders() -> Generator[Wanted, Any, list[Folder]]:
    """The folders that the agent says it works in, those on this machine."""
    told = yield AskRoots()
    return [folder for folder in told or () if _local(folder.uri)]


def _workspace(path: str) -> Generator[Wanted, Any, Root]:
    try:
        uri = Path(path).as_uri()
    except ValueError:
        raise UsageError(f"root: {path[:200]!r} is no path", "", "give a whole path") from None
    answer = yield AskDaemon("lowtide/root", {"uri": uri})
    return Root(answer["root"], answer["rootUri"], refused=answer["refused"])


def _below(root: str, start: str) -> str:
    """The folder `start` in `root`, relative to it; nothing for the root itself, and for a file."""
    real = os.path.realpath(start)
    if not os.path.isdir(real) or not real.startswith(root.rstrip("/") + "/"):
        return ""
    return real[len(root.rstrip("/")) + 1 :]


def _named(argument: str, folders: list[Folder]) -> str:
    """The folder that `argument` names: a path, a file: URI, or what the agent calls one of its folders."""
    if argument.startswith("file:"):
        path = _local(argument)
        if not path:
            raise UsageError(f"root: {argument[:200]} is not on this machine", "", "give a path")
        return path
    for folder in folders:
        place = _local(folder.uri)
        if argument in (folder.name, os.path.basename(place)) and not os.path.isabs(argument):
            return place
    path = os.path.expanduser(argument)
    if os.path.isabs(path):
        return os.path.normpath(path)
    bases = [_local(folder.uri) for folder in folders] or [_working_folder()]
    for base in bases:
        if os.path.exists(joined := os.path.normpath(os.path.join(base, path))):
            return joined
    raise UsageError(f"root: {argument[:200]} is not there", f"looked below {bases[0]}", "give a whole path")


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        raise UsageError("the folder that this was started in is not there", "", "pass root") from None


def _local(uri: str) -> str:
    """The path of a file: URI of this machine; nothing for another."""
    from lowtide.paths import path_of

    path = path_of(uri)
    return str(path) if path else ""


def from_folders(globs: Sequence[str], folders: Sequence[str]) -> list[list[str]]:
    """For each of these folders (whole paths) the globs, whole paths in it made relative to it. UsageError for a whole
    path that lies in none of them.

    A `/` at the beginning is gitignore's, of the folder itself, where that has what is named; elsewhere a whole path.
    """
    bases = [base.rstrip("/") for base in folders]
    made: list[list[str]] = [[] for _ in bases]
    for glob in globs:
        mark, pattern = ("!", glob[1:]) if glob.startswith("!") else ("", glob)
        if climbs := ".." in pattern.split("/"):  # out of the folder, and perhaps back into one of them
            pattern = os.path.normpath(os.path.join(folders[0], pattern))
        inside = [pattern == base or pattern.startswith(base + "/") if base else False for base in bases]
        first = pattern.lstrip("/").split("/", 1)[0]
        is_outside = not any(inside) and (
            climbs
            or (
                pattern.startswith("/")
                and os.path.lexists(f"/{first}")
                and not any(os.path.lexists(f"{base}/{first}") for base in bases)
            )
        )
        if (first or climbs) and is_outside:
            raise UsageError(
                f"{pattern[:200]} is outside of {folders[0]}", "", "give a path in it, or a glob such as `src/**`"
            )
        for each, base, is_inside in zip(made, bases, inside, strict=True):
            below = pattern[len(base) :]
            each.append(mark + (below if below.strip("/") else "**") if is_inside else glob)
    return made


def globs_below(below: str, globs: list[str]) -> list[str]:
    """Globs that mean in the whole workspace what `globs` mean in the folder `below`."""
    if not below:
        return globs
    base = "/" + "".join(f"\\{each}" if each in "*?[]{}\\!#" else each for each in below)
    found = [f"{base}/**"] if all(glob.startswith("!") for glob in globs) else []
    for glob in globs:
        mark, pattern = ("!", glob[1:]) if glob.startswith("!") else ("", glob)
        pattern = pattern.removeprefix("./")
        is_anchored = "/" in pattern.rstrip("/")
        found.append(f"{mark}{base}/{pattern.lstrip('/')}" if is_anchored else f"{mark}{base}/**/{pattern}")
    return found
