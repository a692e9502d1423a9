"""The `lowtide/*` requests: parameters checked, the service asked, the answer as JSON.

Invariant: every session, an editor's or the command line's, answers these requests with these functions.
Errors leave as LowtideError; `ParamsError` is a request that does not say what it must.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio
import anyio.to_thread
from msgspec.structs import replace

import lowtide
from lowtide.answers import Hit, SymbolHit, Symbols, milliseconds_since
from lowtide.config.settings import parse_size
from lowtide.core.freshness import Freshness, FreshState
from lowtide.errors import LowtideError, PathError, RootAway
from lowtide.index.attending import Patience
from lowtide.index.comparing import is_there
from lowtide.index.jobs import Progress
from lowtide.index.live import LiveWorkspace
from lowtide.models import display_path
from lowtide.read.definitions import MOST_CHARACTERS, Place
from lowtide.read.exact import MOST_CONTEXT, MOST_LINES, TextRequest
from lowtide.read.request import SearchRequest
from lowtide.read.selection import Lines
from lowtide.serve import params as check
from lowtide.serve.params import Params
from lowtide.serve.service import Service, Wish
from lowtide.serve.team import TeamAnswer
from lowtide.serve.workspaces import Consent
from lowtide.system.tree.walk import refuse_reason
from lowtide.tasks import task_group
from lowtide.team.ranking import merged

MOST_LINE = 1 << 31
A_COMMAND = "a command"
"""What a caller is called that has no name of its own."""
F = TypeVar("F", Hit, SymbolHit)


class Caller(Protocol):
    """The session that asks."""

    client: str
    name: str
    """As people know it: who has set the budget, when it did."""

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification, without waiting."""
        ...


async def search(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/find` {…, terms?, phrasings?, group?, fresh?, begin?, codeCharacters?}: the answer of `lowtide search
    --json` for one root.

    `fresh` waits, and tells of it with `lowtide/progress`, until what is on the disk is in; `begin` has a folder
    without an index indexed, and answers what is there so far; with `team` the team's index is asked too, and each hit
    says its `repository`, null for this workspace's; with `codeCharacters` hits have their `definition`,
    whole as far as those go; with `words` a `note` says what the answer lacks.
    """
    request, root = check.search_request(params), check.root(params)
    code = _code(params)
    freshness = await _attend(service, caller, root, params)
    told: list[TeamAnswer] = []
    async with task_group() as group:
        if check.flag(params, "team"):
            group.start_soon(_ask_team, service, request, told)
        ((_, answer),) = await service.search(request, [root])
    freshness = await _that_is_there(service, root, answer.hits, freshness)
    answer = answer._replace(hits=await _defined(service, root, answer.hits, code))
    for team in told:
        hits = merged(request.question.gist, answer.hits, team.hits, request.limit)
        answer = answer._replace(hits=hits, degraded="; ".join(filter(None, (answer.degraded, team.degraded))) or None)
    return {**answer.as_json(), **_told(freshness, params)}


async def _ask_team(service: Service, request: SearchRequest, told: list[TeamAnswer]) -> None:
    told.append(await service.ask_team(request))


async def find_text(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/findText` {rootUri, text, regex?, limit?, context?, languages?, globs?, kinds?, fresh?, begin?}: the
    answer of `lowtide search --exact --json`, or `--regex`, for one root."""
    root = check.root(params)
    request = TextRequest(
        check.text(params, "text"),
        check.flag(params, "regex"),
        check.count(params, "limit", 100, MOST_LINES),
        check.count(params, "context", 0, MOST_CONTEXT, least=0),
        check.narrow(params),
    )
    freshness = await _attend(service, caller, root, params)
    answer = await service.find_text(root, request)
    if answer.has_seen_disk:
        freshness = replace(freshness, state=FreshState.CURRENT, age_s=0.0, reason="")
    return {**answer.as_json(), **_told(freshness, params)}


async def similar(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/similarTo` {rootUri, path, line, endLine?, limit?, languages?, globs?, kinds?, fresh?, codeCharacters?}:
    the answer of `lowtide similar --json`; `path` as it is beneath the root, lines from 1."""
    root = check.root(params)
    last = check.count(params, "endLine", 1, MOST_LINE) if params.get("endLine") is not None else None
    lines = Lines(os.fsencode(check.text(params, "path")), check.count(params, "line", 1, MOST_LINE), last)
    limit, narrow, code = check.count(params, "limit", 10, 1000), check.narrow(params), _code(params)
    freshness = await _attend(service, caller, root, params)
    answer = await service.similar_lines(root, lines, limit, narrow)
    answer = answer._replace(hits=await _defined(service, root, answer.hits, code))
    return {**answer.as_json(), **_told(freshness, params)}


async def symbols(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/symbols` {…, fresh?, begin?, codeCharacters?}: the answer of `lowtide symbols --json` for one root; the
    rest as in `lowtide/find`."""
    query, root = check.text(params, "query"), check.root(params)
    limit, kinds = check.count(params, "limit", 50, 1000), check.kinds(check.texts(params, "kinds"))
    code = _code(params)
    freshness = await _attend(service, caller, root, params)
    started = time.perf_counter()
    found = [symbol for _, symbol in await service.symbols(query, roots=[root], limit=limit, kinds=kinds)]
    if not freshness.is_current:
        found = await anyio.to_thread.run_sync(_that_are_there, root, found)
        freshness = await _that_is_there(service, root, found, freshness)
    found = await _defined(service, root, found, code)
    return {**Symbols(query, milliseconds_since(started), found).as_json(), **_told(freshness, params)}


async def references(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/references` {rootUri, name, limit?, fresh?, begin?}: the answer of `lowtide refs --json` for one
    root."""
    name, root = check.text(params, "name"), check.root(params)
    limit = check.count(params, "limit", 100, 2000)
    freshness = await _attend(service, caller, root, params)
    started = time.perf_counter()
    answer = await service.references(root, name, limit)
    answer = answer._replace(query=name, took_ms=milliseconds_since(started))
    return {**answer.as_json(), **_told(freshness, params)}


async def _attend(service: Service, caller: Caller, root: Path, params: Params) -> Freshness:
    def tell(live: LiveWorkspace) -> None:
        if live.progress is not None:
            caller.notify("lowtide/progress", _progress(service, live, live.progress))

    if params.get("begin") is True and not await anyio.to_thread.run_sync(service.has_index, root):
        return await service.begin(root, tell)
    return await service.attend(root, Patience.FULL if check.flag(params, "fresh") else Patience.BRIEF, tell)


def _told(freshness: Freshness, params: Params) -> dict[str, Any]:
    """How the answer stands to the disk; with `words`, as a `note` for people too."""
    told: dict[str, Any] = {"freshness": freshness.as_json()}
    return {**told, "note": freshness.words} if params.get("words") is True else told


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


async def _defined(service: Service, root: Path, found: Sequence[F], characters: int) -> list[F]:
    """Hits or symbols, with whole definitions as far as `characters` go; as they are for 0."""
    if not characters or not found:
        return list(found)
    definitions = await service.definitions(root, [_place(each) for each in found], characters)
    return [each._replace(definition=given) for each, given in zip(found, definitions, strict=True)]


def _place(found: Hit | SymbolHit) -> Place:
    first, last = (found.start_line, found.end_line) if isinstance(found, Hit) else (found.line, found.line)
    return Place(os.fsencode(found.path), first, last, found.name, found.container)


async def find_root(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/root` {uri}: the workspace around a file or folder, as every command takes it; `refused`: why it is not
    indexed without consent. PathError for one that is not there."""
    path = check.file(params, "uri")

    def look() -> dict[str, Any]:
        if not path.exists():
            raise PathError(f"{path} is not there", "", "name a folder that exists")
        root = service.host.places.find_root(path)
        has_index = service.has_index(root)
        refused = "" if has_index else refuse_reason(root) or ""
        return {
            "root": display_path(os.fsencode(root)),
            "rootUri": root.as_uri(),
            "hasIndex": has_index,
            "refused": refused,
        }

    return await anyio.to_thread.run_sync(look)


def _that_are_there(root: Path, found: list[SymbolHit]) -> list[SymbolHit]:
    """Without symbols of files that are gone: the index has not heard of it yet."""
    there = {path: is_there(root, path) for path in {symbol.path for symbol in found}}
    return [symbol for symbol in found if there[symbol.path]]


async def index(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/index` {rootUri, force?, consent?, staged?}: bring an index up to date, begun with the bundle that
    `lowtide import` has staged, if it is named; `lowtide/progress` {phase, done, total,
    usedBytes} tells how far it is. The answer is that of `lowtide index --json`. Cancelling the request stops the
    work."""

    def tell(live: LiveWorkspace) -> None:
        if live.progress is not None:
            caller.notify("lowtide/progress", _progress(service, live, live.progress))

    wish = Wish(check.flag(params, "force"), check.text(params, "staged", ""), _consent(params))
    report = await service.index(check.root(params), caller.client, wish, tell)
    return report.as_json()


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
    return await service.plan(check.root(params), _consent(params))


async def explain(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/explain` {uri}: why a file is, or is not, found."""
    path = check.file(params, "uri")
    return await service.explain(path)


async def skipped(service: Service, caller: Caller, params: Params) -> list[dict[str, Any]]:
    """`lowtide/skipped` {rootUri?}: what is left out of one folder, or of all that are open, by reason and rule."""
    roots = [check.root(params)] if params.get("rootUri") else [live.root for live in service.workspaces]
    return [{"rootUri": root.as_uri(), **group.as_json()} for root in roots for group in await service.left_out(root)]


async def status(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/status` {rootUri?}: the Status."""
    return service.status([check.root(params)] if params.get("rootUri") else []).as_json()


async def memory(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/memory`: the memory tree."""
    return service.memory().as_json()


async def history(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/history`: memory over time."""
    return service.monitor.history().as_json()


async def pause(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/pause`: stop all work."""
    await service.pause()
    return service.status().as_json()


async def resume(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/resume`: go on."""
    await service.resume()
    return service.status().as_json()


async def cancel(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/cancel`: drop what is being done."""
    await service.cancel()
    return service.status().as_json()


async def reindex(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/reindex` {rootUri?, force?}: look at everything again."""
    await service.reindex(check.root(params) if params.get("rootUri") else None, force=check.flag(params, "force"))
    return service.status().as_json()


async def set_budget(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/setBudget` {bytes}: from now on."""
    size = params.get("bytes")
    if not isinstance(size, int) or isinstance(size, bool):
        raise check.ParamsError("bytes: a whole number")
    await service.set_budget(parse_size(size), caller.name)
    return service.status().as_json()


async def clear(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/clear` {rootUri}: remove an index; `begins_anew` when it is made again, for somebody has it open."""
    root = check.root(params)
    cleared = await service.clear(root)
    return {"root": str(root), "freed_bytes": cleared.freed_bytes, "begins_anew": cleared.begins_anew}


async def version(service: Service, caller: Caller, params: Params) -> dict[str, Any]:
    """`lowtide/version`."""
    return {"version": lowtide.__version__, "pid": os.getpid()}


Handler = Callable[[Service, Caller, Params], Awaitable[Any]]

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
    "lowtide/skipped": skipped,
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


def _consent(params: Params) -> Consent:
    return Consent.GIVEN if params.get("consent") is True else Consent.NOT_ASKED


def _code(params: Params) -> int:
    """How many characters of code are wanted; 0 for none."""
    return check.count(params, "codeCharacters", 1, MOST_CHARACTERS) if params.get("codeCharacters") is not None else 0
