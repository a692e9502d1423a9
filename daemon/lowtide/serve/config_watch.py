"""The user's configuration as it changes: read again when its file does, and applied without a restart.

Invariant: a file that cannot be read changes nothing; why is kept until it can.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lowtide.config.settings import Config
from lowtide.errors import ConfigError, LowtideError
from lowtide.serve.host import Host

log = logging.getLogger(__name__)

_Mark = tuple[int, int, int]


class ConfigWatch:
    """Looks at the file when asked to; `load` reads it, and raises ConfigError."""

    def __init__(self, file: Path, load: Callable[[], Config], host: Host) -> None:
        self._file = file
        self._load = load
        self._host = host
        self._seen = _mark(file)
        self._loaded = host.config
        self.complaint = ""
        """Why the file as it is now is not obeyed."""

    def look(self) -> bool:
        """True when what is indexed may differ now: every workspace should be looked at again."""
        mark = _mark(self._file)
        if mark == self._seen:
            return False
        self._seen = mark
        try:
            fresh = self._load()
        except ConfigError as error:
            self.complaint = str(error)
            log.warning("event=bad-config why=%r", self.complaint)
            return False
        self.complaint = ""
        return self._apply(fresh)

    def _apply(self, fresh: Config) -> bool:
        host, before = self._host, self._loaded
        self._loaded = fresh
        if fresh.model_path != host.config.model_path:
            self.complaint = (
                "another model is configured: run `lowtide daemon stop` to have the next command start with it"
            )
        if fresh == before:
            return False
        log.info("event=config file=%r", str(self._file))
        # The budget in force, and the model that is loaded, stay what they are until they are changed themselves.
        host.config = replace(fresh, model_path=host.config.model_path)
        host.pool.niceness = fresh.niceness
        if fresh.budget_bytes != before.budget_bytes:
            try:
                host.set_budget(fresh.budget_bytes, fresh.budget_from)
            except LowtideError as error:
                self.complaint = str(error)
                log.warning("event=bad-config why=%r", self.complaint)
        return fresh.index != before.index


def _mark(file: Path) -> _Mark | None:
    try:
        stat = os.stat(file)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
