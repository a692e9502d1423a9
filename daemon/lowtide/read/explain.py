"""Why one file is, or is not, found.

Invariant: every path gets an answer with a status, and a reason whenever it is not simply indexed.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lowtide.config.settings import WORKSPACE_FILE, Config, load_workspace_settings
from lowtide.core.plan import retry_at_ns
from lowtide.index.workspace import Workspace
from lowtide.languages import text_name
from lowtide.models import FileStatus, Reason, counted, display_path
from lowtide.store.rows import MARKED_NS, FileRow, is_unchanged
from lowtide.system.beneath import CannotRead, open_plain
from lowtide.system.tree.ignore import Origin
from lowtide.system.tree.scope import OWN_IGNORE
from lowtide.system.tree.walk import Decision, explain_rule
from lowtide.work.sniff import DECLARED_WITHIN_BYTES, declared

REMEDIES = {
    Reason.TOO_LARGE: "raise `max_file_size` under [index] in .lowtide.toml",
    Reason.MINIFIED: "set `minified = true` under [index] in .lowtide.toml to index such files",
    Reason.GENERATED: "set `generated = true` under [index] in .lowtide.toml to index such files",
    Reason.VENDORED: "set `vendored = true` under [index] in .lowtide.toml to index such folders",
    Reason.GIT: "open that folder as a workspace of its own, if it holds source",
    Reason.SECRET: "secrets are never indexed; give the file another name if it holds none",
    Reason.UNREADABLE: "make the file readable, then run `lowtide index`",
    Reason.ENCODING: "save the file as UTF-8",
    Reason.MEMORY: "raise the budget, then run `lowtide index --force`",
    Reason.CHANGED: "run `lowtide index` when nothing writes to it",
    Reason.SYMLINK: "search for the file that the link names",
}

SWITCHES = {Reason.MINIFIED: "minified", Reason.GENERATED: "generated", Reason.VENDORED: "vendored"}
"""What leaves them out, as `.lowtide.toml` calls it."""


def explain_file(workspace: Workspace, path: Path, config: Config) -> dict[str, Any]:
    """What `lowtide why` prints: {path, status, reason, rule, symbols, chunks, indexed_at, content_hash, remedy,
    take_in}."""
    relative = os.fsencode(path)[len(os.fsencode(workspace.root)) :].lstrip(b"/")
    row = None
    if workspace.has_index:
        with closing(workspace.reading()) as catalog:
            row = catalog.file(relative) or catalog.folder_rule(relative)
    settings = load_workspace_settings(workspace.root, config)
    now, rule = explain_rule(workspace.root, relative, settings.index) if os.path.lexists(path) else (None, None)
    if row is not None and row.path == relative and not (now and now.reason):
        return _from_row(row, path)
    if now is not None and now.reason is not None:
        remedy = take_back(rule) if now.reason is Reason.EXCLUDED else None
        return {**_answer(relative, "skipped", now.reason, now.rule, remedy), "take_in": take_in(now.reason, rule)}
    if row is not None:
        return _answer(relative, row.status, row.reason, row.rule)
    if not os.path.lexists(path):
        return _answer(relative, "missing", "no such file", "", "check the spelling")
    if os.path.isdir(path):
        return _answer(relative, "folder", "a folder has no entry of its own; ask for a file in it", "")
    if not workspace.has_index:
        return _answer(relative, "not-indexed", "this workspace has no index", "", workspace.how_to_begin())
    why = "it appeared after the last index run, or that run did not come to its end"
    return _answer(relative, "not-indexed", why, "", f"run `lowtide index {workspace.root}`")


def take_back(found: Decision | None) -> str:
    """How a file that a rule leaves out comes back in: by the folder that the rule names, for what lies in it
    follows."""
    if found is None:
        return ""
    shown = display_path(found.path)
    if found.origin is Origin.IGNORE_FILE:
        return f"add the line `{_line_for(found)}` to .lowtideignore"
    name = "exclude" if found.origin is Origin.EXCLUDE else "include"
    change = "take the pattern out of" if found.origin is Origin.EXCLUDE else f"add `{shown}` to"
    return f"{change} `{name}` under [index] in .lowtide.toml or in your own configuration"


def take_in(reason: str, found: Decision | None = None) -> dict[str, str] | None:
    """What brings it in, for a program that offers to do it: a `line` for the `file` `.lowtideignore`, or the `key` to
    set to true under [index] in `.lowtide.toml`. None where no one line does."""
    if reason in SWITCHES:
        return {"file": WORKSPACE_FILE, "key": SWITCHES[Reason(reason)]}
    if reason == Reason.EXCLUDED and found is not None and found.origin is Origin.IGNORE_FILE:
        return {"file": OWN_IGNORE.decode(), "line": _line_for(found)}
    return None


def _line_for(found: Decision) -> str:
    return f"!/{_escaped(display_path(found.path))}{'/' if found.is_folder else ''}"


def _escaped(shown: str) -> str:
    return re.sub(r"([*?\[\\ ])", r"\\\1", shown)


def why_stale(row: FileRow, path: Path) -> str:
    """Why what the index has of a file does not do; empty when it does."""
    try:
        info = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return "the file is gone"
    except OSError:
        return "the file cannot be looked at"
    if not is_unchanged(row, info):
        return "the file has changed since it was indexed"
    is_marked = row.mtime_ns == MARKED_NS
    return "it is to be indexed again: part of the index was lost, or is out of date" if is_marked else ""


def _again(row: FileRow) -> str:
    """When a file that failed is tried again by itself; empty when it is not."""
    at_ns = retry_at_ns(row.reason, row.tries, row.indexed_at_ns)
    if at_ns is not None:
        when = datetime.fromtimestamp(at_ns / 1e9).astimezone()
        due = (
            "by the next whole run"
            if at_ns <= time.time_ns()
            else f"by the first whole run after {when:%Y-%m-%d %H:%M}"
        )
        return f"nothing: it was tried {counted(row.tries or 1, 'time')} so far, and is tried again {due}"
    if row.status is FileStatus.QUARANTINED and row.reason == Reason.CRASH:
        return "nothing: it is tried again when it changes, and by another version of Lowtide"
    return ""


def _from_row(row: FileRow, path: Path) -> dict[str, Any]:
    status, reason, remedy = str(row.status), row.reason, ""
    if row.status is FileStatus.INDEXED and (stale := why_stale(row, path)):
        status, reason = "stale", stale
        remedy = "run `lowtide index`"
    elif reason in list(Reason):
        remedy = _again(row) or REMEDIES.get(Reason(reason), "")
    answer = _answer(row.path, status, reason, row.rule or _how_it_is_read(row, path), remedy)
    answer.update(
        symbols=row.symbols,
        chunks=row.chunks,
        content_hash=row.content_hash.hex(),
        language=row.language,
        encoding=row.encoding,
        indexed_at=datetime.fromtimestamp(row.indexed_at_ns / 1e9, UTC).isoformat(timespec="milliseconds"),
    )
    return answer


def _how_it_is_read(row: FileRow, path: Path) -> str:
    """What is to be known of an indexed file that is not read as a program is, in UTF-8."""
    said = []
    if row.status is FileStatus.INDEXED and row.encoding and not row.encoding.startswith(("utf", "ascii")):
        said.append(f"read as {row.encoding}, {_by_what(path)}")
    if row.status is FileStatus.INDEXED and not row.language:
        said.append(f"text only: no definitions are read from {text_name(row.path)}")
    return "; ".join(said)


def _by_what(path: Path) -> str:
    """How a file's encoding is known, when it is not UTF-8."""
    try:
        with open_plain(path, DECLARED_WITHIN_BYTES, follow=False) as file:
            head = file.read(DECLARED_WITHIN_BYTES)
    except CannotRead:
        return "when it was indexed"
    return "as it declares" if declared(head) else "a guess: it declares none and is not UTF-8"


def _answer(path: bytes, status: str, reason: str, rule: str, remedy: str | None = None) -> dict[str, Any]:
    if remedy is None:
        remedy = REMEDIES.get(Reason(reason), "") if reason in list(Reason) else ""
    return {
        "path": display_path(path) or ".",
        "status": status,
        "reason": reason,
        "rule": rule,
        "symbols": 0,
        "chunks": 0,
        "indexed_at": None,
        "content_hash": None,
        "remedy": remedy,
        "take_in": take_in(reason) if status == "skipped" else None,
    }
