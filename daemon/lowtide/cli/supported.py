"""Whether this system is one that Lowtide runs on, and what is said where it is not.

Invariant: imports nothing that only Linux has; what is said is printed by `console`, which needs click alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

REMEDY = "use it on Linux: in a container, in WSL 2, or on the machine where the files are"
"""docs/install.md says the same."""


def refusal(words: Sequence[str]) -> int | None:
    """The exit status of a command where Lowtide does not run, once that is said; None where it does."""
    system = str(sys.platform)  # asked as a value: mypy knows which system it is on
    if system == "linux":
        return None
    from lowtide.cli.console import print_json, warn

    message = f"Lowtide runs on Linux, and this is {system}"
    warn(f"lowtide: {message}; {REMEDY}")
    if "--json" in words:
        print_json({"error": {"kind": "unsupported", "message": message, "remedy": REMEDY}})
    return 1
