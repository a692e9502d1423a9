"""The types of `lowtide/*` on the wire; docs/protocol.md shows an example of each.

Invariant: names are camelCase on the wire; fields may be added, never renamed.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from lowtide.status import History, MemoryNode, Status

SEARCH = "lowtide/search"
SIMILAR = "lowtide/similar"
SYMBOLS = "lowtide/symbols"
REFERENCES = "lowtide/references"
STATUS = "lowtide/status"
STATUS_CHANGED = "lowtide/statusChanged"
MEMORY = "lowtide/memory"
EXPLAIN = "lowtide/explain"
SKIPPED = "lowtide/skipped"
PAUSE = "lowtide/pause"
RESUME = "lowtide/resume"
CANCEL = "lowtide/cancel"
REINDEX = "lowtide/reindex"
SET_BUDGET = "lowtide/setBudget"
HISTORY = "lowtide/history"


class _Wire(msgspec.Struct, rename="camel"):
    pass


class Position(_Wire):
    """As in LSP: from 0; what `character` counts was agreed on."""

    line: int
    character: int


class Range(_Wire):
    """As in LSP: `end` is exclusive."""

    start: Position
    end: Position


class TextDocument(_Wire):
    """As in LSP."""

    uri: str


class NoParams(_Wire):
    """Nothing."""


class SearchParams(_Wire):
    """By words and by meaning. Without `rootUri` in all folders of the editor's. `fresh` waits until what is on the
    disk is in; with `team` the team's index is asked too, if the user has configured one."""

    query: str
    limit: int | None = None
    mode: Literal["hybrid", "semantic", "lexical"] | None = None
    root_uri: str | None = None
    languages: list[str] | None = None
    globs: list[str] | None = None
    kinds: list[str] | None = None
    terms: list[str] | None = None
    phrasings: list[str] | None = None
    group: Literal["definition", "file"] | None = None
    fresh: bool = False
    team: bool = False


class SymbolsParams(_Wire):
    """As `workspace/symbol`. Without `rootUri` in all folders of the editor's."""

    query: str
    limit: int | None = None
    root_uri: str | None = None
    fresh: bool = False


class ReferencesParams(_Wire):
    """Where `name` is used. Without `rootUri` in all folders of the editor's."""

    name: str
    limit: int | None = None
    root_uri: str | None = None
    fresh: bool = False


class SimilarParams(_Wire):
    """Code like the code in `range`."""

    text_document: TextDocument
    range: Range
    limit: int | None = None


class Freshness(_Wire):
    """How an answer stands to the disk. `age_s`: since the last whole comparison; null when there was none."""

    state: Literal["current", "checking", "indexing", "incomplete", "unwatched"]
    indexed: int
    total: int
    age_s: float | None
    reason: str


class DefinitionLines(_Wire):
    """The whole definition that a hit is the best part of. `range`: whole lines."""

    range: Range
    signature: str


class RemotePlace(_Wire):
    """Where a hit of the team's index is: code that is not on this machine. `ageS`: since the commit was made; `url`:
    where people can read it, empty where nobody has said."""

    repository: str
    commit: str
    path: str
    age_s: float
    url: str


class SearchHit(_Wire):
    """One answer. `range`: whole lines. `kind` is `text` outside every definition. `more`: with `group: file`, the
    file's others. `weak`: it is the best there is, and likely no answer. `remote`: it is no file here, its `uri` is of
    the scheme `lowtide-remote`, which only names it, and its snippet is a signature."""

    uri: str
    range: Range
    kind: str
    name: str
    container: str
    score: float
    snippet: str
    signals: dict[str, float]
    more: int = 0
    snippet_line: int = 0
    definition: DefinitionLines | None = None
    weak: bool = False
    remote: RemotePlace | None = None


class SearchResult(_Wire):
    """`degraded` says what the answer lacks, and why; null when it lacks nothing."""

    hits: list[SearchHit]
    degraded: str | None
    stale_files: int
    took_ms: float
    freshness: Freshness


class SymbolsResult(_Wire):
    """`symbols`: those of `workspace/symbol`."""

    symbols: list[dict[str, Any]]
    took_ms: float
    freshness: Freshness


class Use(_Wire):
    """A line that has the name. `range`: the name, where it stands first in it; `text`: the line, or its part around
    the name; `holder`: the innermost definition around it, empty outside of any."""

    uri: str
    range: Range
    text: str
    holder: str
    definition: bool


class ReferencesResult(_Wire):
    """`name`: the one that was looked for, the last of those that were asked with."""

    references: list[Use]
    name: str
    truncated: bool
    took_ms: float
    freshness: Freshness


class StatusParams(_Wire):
    """Of one folder, or of all that are open."""

    root_uri: str | None = None


class ExplainParams(_Wire):
    """Which file."""

    uri: str


class Explanation(_Wire):
    """What `lowtide why --json` prints (its names)."""

    path: str
    status: str
    reason: str | None
    rule: str | None
    remedy: str
    take_in: dict[str, str] | None = msgspec.field(name="take_in")


class SkippedParams(_Wire):
    """Of one folder, or of all that are open."""

    root_uri: str | None = None


class Skipped(_Wire):
    """The files of one status, reason and rule; `examples` are relative to the folder, a whole folder's ends with
    `/`."""

    root_uri: str
    status: str
    reason: str
    rule: str
    count: int
    examples: list[str]
    remedy: str
    take_in: dict[str, str] | None


class ReindexParams(_Wire):
    """Look at everything again; with `force`, from nothing."""

    root_uri: str | None = None
    force: bool = False


class SetBudgetParams(_Wire):
    """The budget from now on; the least is 96 MiB."""

    bytes: int


class Experimental(_Wire):
    """`capabilities.experimental.lowtide` in the answer to `initialize`."""

    version: str
    search: bool = True
    status: bool = True
    memory: bool = True
    explain: bool = True


REQUESTS: dict[str, tuple[type[Any], type[Any]]] = {
    SEARCH: (SearchParams, SearchResult),
    SIMILAR: (SimilarParams, SearchResult),
    SYMBOLS: (SymbolsParams, SymbolsResult),
    REFERENCES: (ReferencesParams, ReferencesResult),
    STATUS: (StatusParams, Status),
    MEMORY: (NoParams, MemoryNode),
    EXPLAIN: (ExplainParams, Explanation),
    SKIPPED: (SkippedParams, list[Skipped]),
    PAUSE: (NoParams, Status),
    RESUME: (NoParams, Status),
    CANCEL: (NoParams, Status),
    REINDEX: (ReindexParams, Status),
    SET_BUDGET: (SetBudgetParams, Status),
    HISTORY: (NoParams, History),
}
"""Method -> what it takes and gives."""

NOTIFICATIONS: dict[str, type[Any]] = {STATUS_CHANGED: Status}
"""Those that the server sends."""
