"""The process that is the daemon, from its first import to its end.

Invariant: nothing of the engine is loaded before it is measured under its name, for the memory tree.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lowtide.serve.client import start_word
from lowtide.system.footprint import loading
from lowtide.system.leaving import leave

if TYPE_CHECKING:
    from lowtide.config.settings import Config
    from lowtide.paths import Places


def run_daemon(
    load: Callable[[], tuple[Places, Config]],
    *,
    ready_fd: int | None = None,
    verbose: bool = False,
    on_ready: Callable[[Path], None] = lambda socket: None,
) -> NoReturn:
    """Serve until stopped, and end the process. `load` reads the configuration, now and whenever its file changes.

    `ready_fd`: where to write that it listens, or why it does not (`client.start_word`), once; it is closed then. With
    it the log goes to its file alone. LockHeld, StoreError, ConfigError, ModelError.
    """
    with loading("numpy"):
        import numpy  # noqa: F401
    with loading("vector search (usearch, numkong)"):
        import lowtide.store.vectors.vectors  # noqa: F401
    with loading("the engine's code"):
        import anyio

        from lowtide.serve.daemon import serve, set_up_log

    def tell(error: BaseException | None) -> None:
        nonlocal ready_fd
        if ready_fd is not None:
            with suppress(OSError):
                os.write(ready_fd, start_word(error))
                os.close(ready_fd)
            ready_fd = None

    def ready(socket: Path) -> None:
        on_ready(socket)
        tell(None)

    try:
        places, config = load()
        set_up_log(places, verbose=verbose, to_terminal=ready_fd is None)
        anyio.run(serve, places, config, ready, lambda: load()[1])
    except Exception as error:
        tell(error)
        raise
    logging.shutdown()
    leave(0)
