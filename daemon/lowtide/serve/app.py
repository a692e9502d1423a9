"""The one place where all of it is put together: a budget, workers, workspaces under them, and who asks of them.

Invariant: a daemon, a language server of its own and a command without a daemon are the same service, opened here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lowtide.config.settings import Config
from lowtide.index.shared import Stay
from lowtide.paths import Places
from lowtide.serve.config_watch import ConfigWatch
from lowtide.serve.host import Host
from lowtide.serve.service import Service


@asynccontextmanager
async def opened(
    places: Places, config: Config, stay: Stay = Stay.LONG, load: Callable[[], Config] | None = None
) -> AsyncIterator[Service]:
    """The service, ended on exit; `load` reads the configuration again when its file changes.

    Errors: ConfigError, ModelError, RefusedError when the budget cannot hold one worker.
    """
    host = Host(places, config, stay)
    service = Service(host, ConfigWatch(places.config_file, load, host) if load is not None else None)
    host.shrink = service.readers.close_idle
    if stay is Stay.LONG:
        host.pool.patience_s = float("inf")  # work waits for workers; somebody who waits for a command is told
    async with service:
        yield service
