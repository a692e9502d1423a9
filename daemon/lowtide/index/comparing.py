"""What can be told of an index that nobody keeps current: a quick comparison with the disk, or how old it is.

Invariant: nothing is written; it ends within its time, and says honestly when it has not seen all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import anyio.to_thread

from lowtide.config.settings import Config, IndexSettings, load_workspace_settings
from lowtide.core.freshness import Freshness, FreshState, Standing, judge
from lowtide.core.plan import Act, Action, Differing, Retrying, compare
from lowtide.errors import LowtideError
from lowtide.index.workspace import Workspace
from lowtide.models import HELD, FileStat
from lowtide.store.catalog import Catalog
from lowtide.system.beneath import Root
from lowtide.system.tree.first_bytes import look_into, looked_into
from lowtide.system.tree.walk import walk

QUICK_S = 1.0
DIFFERING_S = 2.0
"""Looking for files that differ, for a question that reads them (4,800 files: 0.2 s)."""
MOST_DIFFERING = 4096
MOST_DIFFERING_BYTES = 128 << 20
"""More than these a question does not look through besides: it says that it lacks something."""
_STRIDE = 64
"""Files between two looks at the clock."""


def compare_quickly(workspace: Workspace, config: Config, within_s: float = QUICK_S) -> Freshness:
    """How the index stands to the disk just now; `unwatched` when that took longer than `within_s`. Blocking."""
    try:
        settings = load_workspace_settings(workspace.root, config)
        with closing(workspace.reading()) as catalog:
            return _compare(workspace, catalog, settings.index, time.monotonic() + within_s)
    except LowtideError as error:
        return freshness_closed(workspace, error.message)


def _compare(workspace: Workspace, catalog: Catalog, settings: IndexSettings, ends_s: float) -> Freshness:
    workspace.check_root(catalog)
    held = counted = waiting = 0
    for seen, action in enumerate(_compared(workspace, catalog, settings, None), 1):
        if seen % _STRIDE == 0 and time.monotonic() > ends_s:
            return freshness_closed(workspace, "too many files for a quick look, and no daemon")
        is_held = action.known is not None and action.known.status in HELD
        held += is_held
        counted += action.is_candidate
        if action.act is Act.INDEX:
            waiting += not _is_doubt(action)
        elif action.act is not Act.KEEP:
            waiting += is_held  # it is gone, or no source any more
    is_first = catalog.last_run() is None
    stopped = "`lowtide index` brings it up to date" if waiting or is_first else ""
    return judge(Standing(held, waiting, counted if is_first else 0, is_first, stopped=stopped, age_s=0.0))


def find_differing(
    workspace: Workspace, config: Config, only: Sequence[bytes] | None = None, within_s: float = DIFFERING_S
) -> Differing:
    """The files that are not in the index as they are on the disk; of these paths and what is below them, for `only`.
    Blocking.

    It ends after `within_s`, after MOST_DIFFERING files, and after so many bytes of them; then it is not whole.
    """
    ends_s = time.monotonic() + within_s
    try:
        settings = load_workspace_settings(workspace.root, config).index
        with closing(workspace.reading()) as catalog:
            workspace.check_root(catalog)
            found: list[FileStat] = []
            left_bytes = MOST_DIFFERING_BYTES
            for seen, action in enumerate(_compared(workspace, catalog, settings, only), 1):
                if action.act is Act.INDEX and action.observed is not None:
                    found.append(action.observed)
                    left_bytes -= action.observed.size_bytes
                is_late = seen % _STRIDE == 0 and time.monotonic() > ends_s
                if is_late or left_bytes < 0 or len(found) > MOST_DIFFERING:
                    return Differing(tuple(found[:MOST_DIFFERING]), False, settings.for_worker())
            return Differing(tuple(found), True, settings.for_worker())
    except (LowtideError, OSError):
        return Differing(is_whole=False)  # what is wrong the question itself says


def _compared(
    workspace: Workspace, catalog: Catalog, settings: IndexSettings, only: Sequence[bytes] | None
) -> Iterator[Action]:
    return compared(catalog, walk(workspace.root, settings, only=only), workspace.root, only)


def compared(
    catalog: Catalog,
    observed: Iterable[FileStat],
    root: bytes | Path,
    only: Sequence[bytes] | None,
    retrying: Retrying | None = None,
) -> Iterator[Action]:
    """What a walk over `root` saw against what the catalog knows; new or changed files that are binary though their
    name may be a text's are left out."""
    with Root(root) as opened:
        for action in compare(catalog.known_files(only), observed, retrying=retrying):
            if action.act is Act.INDEX and action.observed is not None:
                file = look_into(opened, action.observed)
                if file.reason is not None:
                    yield Action(Act.SKIP, file.path, file, action.known)
                    continue
            yield action


class FileCount:
    """How many files of a workspace may hold source: a first run knows that only at its end, so they are counted by a
    walk of its own, once somebody asks."""

    def __init__(self, root: Path, config: Callable[[], Config]) -> None:
        self._root = root
        self._config = config
        self._has_begun = False
        self.files = 0
        """0 until they are counted."""

    def take(self, files: int) -> None:
        """So many are known without a walk: the index begins with another one's."""
        self._has_begun = True
        self.files = files

    async def learn(self) -> None:
        """Count, unless that was begun before. Cancelling leaves the walk going: who asks next has its outcome."""
        if not self._has_begun:
            self._has_begun = True
            await anyio.to_thread.run_sync(self._count, abandon_on_cancel=True)

    def _count(self) -> None:
        with suppress(LowtideError, OSError):  # the run itself says what is wrong
            settings = load_workspace_settings(self._root, self._config())
            files = looked_into(self._root, walk(self._root, settings.index))
            self.files = sum(stat.reason is None for stat in files)


def _is_doubt(action: Action) -> bool:
    """Whether a file differs only in that it was indexed in the moment in which it was written: the next run reads it
    again."""
    old, new = action.known, action.observed
    if old is None or new is None or old.ctime_ns:
        return False
    return (old.size_bytes, old.mtime_ns, old.inode) == (new.size_bytes, new.mtime_ns, new.inode)


def freshness_closed(workspace: Workspace, why: str) -> Freshness:
    """Of an index that nobody keeps current, for `why`. Blocking."""
    files = 0
    # What is wrong with it the question itself says.
    with suppress(LowtideError), closing(workspace.reading()) as catalog:
        files = catalog.counts().held
    comparison = workspace.last_comparison()
    return Freshness(FreshState.UNWATCHED, files, files, comparison.age_s if comparison else None, why)


def is_there(root: Path, shown: str) -> bool:
    """Whether a file of an answer still exists; a name with escapes is taken to. Blocking."""
    if "\\x" in shown:
        return True
    try:
        (root / shown).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
