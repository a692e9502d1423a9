"""How a server is reached, as the user's configuration says it.

Invariant: a value; it imports nothing, since every command reads a configuration, and few ask a server.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Way(NamedTuple):
    """What lies between here and a server."""

    certificates: Path | None = None
    """A file of certificates that are trusted; those of the machine without one."""
    proxy: str = ""
    """The address of a proxy; the environment's without one."""


STRAIGHT = Way()
"""As the machine and the environment have it."""
