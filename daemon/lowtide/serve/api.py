"""The `lowtide/*` requests: parameters checked, the service asked, the answer as JSON.

Invariant: every session, an editor's or the command line's, answers these requests with these functions.
Errors leave as LowtideError; `ParamsError` is a request that does not say what it must.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio
import anyio.to_thread

import lowtide
from lowtide.config.settings import parse_size
from lowtide.core.freshness import Freshness, FreshState
from lowtide.errors import LowtideError, PathError, RootAway, UsageError
from lowtide.index.attending import Patience
from lowtide.index.comparing import is_there
from lowtide.index.jobs import Progress
from lowtide.index.live import LiveWorkspace
from lowtide.languages import LANGUAGES, names_in_index
from lowtide.models import Group, Mode, SymbolKind, display_path
from lowtide.paths import path_of
from lowtide.read.definitions import MOST_CHARACTERS, Place
from lowtide.read.exact import MOST_CONTEXT, MOST_LINES, TextAnswer, TextRequest
from lowtide.read.filters import Filter
from lowtide.read.references import References
from lowtide.read.request import SearchRequest
from lowtide.read.selection import Lines
from lowtide.read.snapshot import Answer, Hit
from lowtide.serve.service import Service
from lowtide.serve.workspaces import Consent

KINDS = {kind.label: kind for kind in SymbolKind}
T = TypeVar("T")
MOST_LINE = 1 << 31
Params = Mapping[str, Any]
Notify = Callable[[str, dict[str, Any]], None]


class ParamsError(Exception):
    """A parameter is missing or of the wrong kind; the text names it."""


class Caller(Protocol):
    """The session that asks."""

    client: str

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification, without waiting."""
        ...


async def search(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/find` {…, terms?, phrasings?, group?, fresh?, begin?, codeCharacters?}: the answer of `lowtide search
    --json` for one root.

    `fresh` waits, and tells of it with `lowtide/progress`, until what is on the disk is in; `begin` has a folder
    without an index indexed, and answers what is there so far; with `codeCharacters` hits have their `definition`,
    whole as far as those go; with `words` a `note` says what the answer lacks.
    """
    narrow = _narrow(params)
    mode = _text(params, "mode", Mode.HYBRID.value)
    if mode not in list(Mode):
        raise ParamsError(f"mode: one of {', '.join(Mode)}")
    group = _text(params, "group", Group.DEFINITION.value)
    if group not in list(Group):
        raise ParamsError(f"group: one of {', '.join(Group)}")
    root = _root(params)
    request = SearchRequest(
        _text(params, "query"),
        Mode(mode),
        _count(params, "limit", 10, 1000),
        narrow,
        tuple(_texts(params, "terms")),
        tuple(_texts(params, "phrasings")),
        Group(group),
    )
    code = _code(params)
    freshness = await _attend(service, caller, root, params)
    nothing = [(root, Answer(request.query, [], None, 0, 0.0))]
    ((_, answer),) = await _or_nothing_yet(params, service.search(request, [root]), nothing)
    freshness = await _that_is_there(service, root, answer.hits, freshness)
    found = answer.as_json()
    if code:
        await _define(service, root, found["hits"], _places(answer.hits), code)
    return {**found, **_told(freshness, params)}


async def find_text(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/findText` {rootUri, text, regex?, limit?, context?, languages?, globs?, kinds?, fresh?, begin?}: the
    answer of `lowtide search --exact --json`, or `--regex`, for one root."""
    root = _root(params)
    request = TextRequest(
        _text(params, "text"),
        params.get("regex") is True,
        _count(params, "limit", 100, MOST_LINES),
        _count(params, "context", 0, MOST_CONTEXT, least=0),
        _narrow(params),
    )
    freshness = await _attend(service, caller, root, params)
    nothing = TextAnswer(request.text, (), False, None, 0.0, 0)
    answer = await _or_nothing_yet(params, service.find_text(root, request), nothing)
    return {**answer.as_json(), **_told(freshness, params)}


async def similar(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/similarTo` {rootUri, path, line, endLine?, limit?, languages?, globs?, kinds?, fresh?, codeCharacters?}:
    the answer of `lowtide similar --json`; `path` as it is beneath the root, lines from 1."""
    root = _root(params)
    last = _count(params, "endLine", 1, MOST_LINE) if params.get("endLine") is not None else None
    lines = Lines(os.fsencode(_text(params, "path")), _count(params, "line", 1, MOST_LINE), last)
    limit, narrow, code = _count(params, "limit", 10, 1000), _narrow(params), _code(params)
    freshness = await _attend(service, caller, root, params)
    answer = await service.similar_lines(root, lines, limit, narrow)
    found = answer.as_json()
    if code:
        await _define(service, root, found["hits"], _places(answer.hits), code)
    return {**found, **_told(freshness, params)}


async def symbols(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/symbols` {…, fresh?, begin?, codeCharacters?}: the answer of `lowtide symbols --json` for one root; the
    rest as in `lowtide/find`."""
    query, root = _text(params, "query"), _root(params)
    limit, kinds = _count(params, "limit", 50, 1000), _kinds(_texts(params, "kinds"))
    code = _code(params)
    freshness = await _attend(service, caller, root, params)
    started = time.perf_counter()
    asked = service.symbols(query, roots=[root], limit=limit, kinds=kinds)
    found = [symbol for _, symbol in await _or_nothing_yet(params, asked, [])]
    if not freshness.is_current:
        found = await anyio.to_thread.run_sync(_that_are_there, root, found)
        freshness = await _that_is_there(service, root, found, freshness)
    if code:
        places = [
            Place(os.fsencode(each["path"]), each["line"], each["line"], each["name"], each["container"])
            for each in found
        ]
        await _define(service, root, found, places, code)
    took_ms = (time.perf_counter() - started) * 1000
    return {"query": query, "took_ms": round(took_ms, 2), "symbols": found, **_told(freshness, params)}


async def references(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/references` {rootUri, name, limit?, fresh?, begin?}: the answer of `lowtide refs --json` for one
    root."""
    name, root = _text(params, "name"), _root(params)
    limit = _count(params, "limit", 100, 2000)
    freshness = await _attend(service, caller, root, params)
    started = time.perf_counter()
    answer = await _or_nothing_yet(params, service.references(root, name, limit), References((), truncated=False))
    took_ms = (time.perf_counter() - started) * 1000
    return {**answer.as_json(name, took_ms), **_told(freshness, params)}


async def _attend(service: Service, caller: Caller, root: Path, params: Params) -> Freshness:
    def tell(live: LiveWorkspace) -> None:
        if live.progress is not None:
            caller.notify("lowtide/progress", _progress(service, live, live.progress))

    if params.get("begin") is True and not await anyio.to_thread.run_sync(service.has_index, root):
        return await service.begin(root, tell)
    return await service.attend(root, Patience.FULL if params.get("fresh") else Patience.BRIEF, tell)


def _told(freshness: Freshness, params: Params) -> dict[str, Any]:
    """How the answer stands to the disk; with `words`, as a `note` for people too."""
    told: dict[str, Any] = {"freshness": freshness.as_json()}
    return {**told, "note": freshness.words} if params.get("words") is True else told


async def _or_nothing_yet(params: Params, asked: Awaitable[T], nothing: T) -> T:
    """The answer; `nothing` of an index that has just been begun, and holds nothing that could be asked."""
    try:
        return await asked
    except PathError:
        if params.get("begin") is not True:
            raise
        return nothing


async def _that_is_there(service: Service, root: Path, found: Sequence[Any], freshness: Freshness) -> Freshness:
    """How an answer stands to the disk; where nothing was found because the folder is not there, that it is not."""
    if found or freshness.is_current:
        return freshness
    try:
        await anyio.to_thread.run_sync(service.host.workspace(root).check_there)
    except RootAway as error:
        return replace(freshness, state=FreshState.UNWATCHED, reason=error.message)
    except LowtideError:
        pass  # what else is wrong the answer has said
    return freshness


def _places(hits: Sequence[Hit]) -> list[Place]:
    return [Place(os.fsencode(hit.path), hit.start_line, hit.end_line, hit.name, hit.container) for hit in hits]


async def _define(
    service: Service, root: Path, found: list[dict[str, Any]], places: list[Place], characters: int
) -> None:
    """Give hits or symbols their `definition`, null where there is none."""
    if not found:
        return
    for each, definition in zip(found, await service.definitions(root, places, characters), strict=True):
        each["definition"] = definition.as_json() if definition else None


async def find_root(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/root` {uri}: the workspace around a file or folder, as every command takes it. PathError for one that is
    not there."""
    path = _file(params, "uri")

    def look() -> dict[str, Any]:
        if not path.exists():
            raise PathError(f"{path} is not there", "", "name a folder that exists")
        root = service.host.places.find_root(path)
        return {"root": display_path(os.fsencode(root)), "rootUri": root.as_uri(), "hasIndex": service.has_index(root)}

    return await anyio.to_thread.run_sync(look)


def _that_are_there(root: Path, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without symbols of files that are gone: the index has not heard of it yet."""
    there = {path: is_there(root, path) for path in {symbol["path"] for symbol in found}}
    return [symbol for symbol in found if there[symbol["path"]]]


async def index(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/index` {rootUri, force?, consent?}: bring an index up to date; `lowtide/progress` {phase, done, total,
    usedBytes} tells how far it is. The answer is that of `lowtide index --json`. Cancelling the request stops the
    work."""
    root = _root(params)
    await service.open_workspace(root, caller.client, _consent(params))
    live = service.live(root)
    assert live is not None
    before = live.completed_runs
    known = live.report
    if params.get("force"):
        await service.reindex(root, force=True)
    elif known is not None or live.error is not None or live.state == "idle":
        await service.reindex(root)  # it is open already: make sure that it is up to date
    try:
        while live.error is None and (live.completed_runs == before or not live.quiescent):
            if service.host.ladder.footing().worker_count == 0 or live.state == "paused":
                raise LowtideError(
                    "indexing is paused",
                    service.host.ladder.reason.removeprefix("paused "),
                    "`lowtide daemon resume` goes on",
                )
            progress = live.progress
            if progress is not None:
                caller.notify("lowtide/progress", _progress(service, live, progress))
            with anyio.move_on_after(0.1):
                await live.settled.wait()
    except anyio.get_cancelled_exc_class():
        live.cancel()
        raise
    if live.error is not None:
        raise live.error
    return live.tell_report()


def _progress(service: Service, live: LiveWorkspace, progress: Progress) -> dict[str, Any]:
    return {
        "rootUri": live.root.as_uri(),
        "phase": live.phase,
        "done": progress.done,
        "total": progress.total,
        "scanning": progress.scanning,
        "usedBytes": service.host.pool.used_bytes,
        "budgetBytes": service.host.budget.total_bytes,
    }


async def plan(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/plan` {rootUri, consent?}: what indexing would take."""
    return await service.plan(_root(params), _consent(params))


async def explain(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/explain` {uri}: why a file is, or is not, found."""
    return await service.explain(_file(params, "uri"))


async def status(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/status` {rootUri?}: the Status."""
    return service.status([_root(params)] if params.get("rootUri") else [])


async def memory(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/memory`: the memory tree."""
    return service.memory()


async def history(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/history`: memory over time."""
    return service.monitor.history()


async def pause(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/pause`: stop all work."""
    await service.pause()
    return service.status()


async def resume(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/resume`: go on."""
    await service.resume()
    return service.status()


async def cancel(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/cancel`: drop what is being done."""
    await service.cancel()
    return service.status()


async def reindex(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/reindex` {rootUri?, force?}: look at everything again."""
    await service.reindex(_root(params) if params.get("rootUri") else None, force=bool(params.get("force")))
    return service.status()


async def set_budget(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/setBudget` {bytes}: from now on."""
    size = params.get("bytes")
    if not isinstance(size, int) or isinstance(size, bool):
        raise ParamsError("bytes: a whole number")
    await service.set_budget(parse_size(size))
    return service.status()


async def clear(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/clear` {rootUri}: remove an index."""
    root = _root(params)
    return {"root": str(root), "freed_bytes": await service.clear(root)}


async def version(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/version`."""
    return {"version": lowtide.__version__, "pid": os.getpid()}


Handler = Callable[[Service, Caller, Params], Awaitable[dict[str, Any]]]

HANDLERS: dict[str, Handler] = {
    "lowtide/find": search,
    "lowtide/findText": find_text,
    "lowtide/similarTo": similar,
    "lowtide/symbols": symbols,
    "lowtide/references": references,
    "lowtide/root": find_root,
    "lowtide/index": index,
    "lowtide/plan": plan,
    "lowtide/explain": explain,
    "lowtide/status": status,
    "lowtide/memory": memory,
    "lowtide/history": history,
    "lowtide/pause": pause,
    "lowtide/resume": resume,
    "lowtide/cancel": cancel,
    "lowtide/reindex": reindex,
    "lowtide/setBudget": set_budget,
    "lowtide/clear": clear,
    "lowtide/version": version,
}


def _file(params: Params, name: str) -> Path:
    uri = _text(params, name)
    path = path_of(uri)
    if path is None:
        raise PathError(f"{uri[:200]} is not a file on this machine", "", "use a file: URI")
    return path


def _root(params: Params) -> Path:
    return _file(params, "rootUri")


def _consent(params: Params) -> Consent:
    return Consent.GIVEN if params.get("consent") is True else Consent.NOT_ASKED


def _text(params: Params, name: str, default: str | None = None) -> str:
    value = params.get(name, default)
    if not isinstance(value, str):
        raise ParamsError(f"{name}: a text")
    return value


def _texts(params: Params, name: str) -> list[str]:
    value = params.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ParamsError(f"{name}: a list of texts")
    return value


def _narrow(params: Params) -> Filter:
    kinds = _kinds(_texts(params, "kinds"))
    return Filter(_languages(_texts(params, "languages")), tuple(_texts(params, "globs")), tuple(kinds))


def _count(params: Params, name: str, default: int, most: int, least: int = 1) -> int:
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ParamsError(f"{name}: a whole number from {least} to {most}")
    return value


def _code(params: Params) -> int:
    """How many characters of code are wanted; 0 for none."""
    return _count(params, "codeCharacters", 1, MOST_CHARACTERS) if "codeCharacters" in params else 0


def _languages(names: list[str]) -> tuple[str, ...]:
    """The languages as the index names them, whatever people call them; nothing stands for `text`, what has no
    grammar."""
    found: list[str] = []
    for name in names:
        meant = names_in_index(name or "text")
        if not meant:
            known = ", ".join(sorted(each.name for each in LANGUAGES))
            raise UsageError(f"no language {name[:40]!r}", "", f"one of: {known}, text")
        found += meant
    return tuple(found)


def _kinds(names: list[str]) -> list[SymbolKind]:
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise ParamsError(f"kinds: {unknown[0]} is none of {', '.join(KINDS)}")
    return [KINDS[name] for name in names]
