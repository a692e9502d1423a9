"""The command line: one file a command.

Invariant: with `--json`, exactly one JSON object is written to stdout, also when the command fails; errors are one line on
stderr, `lowtide: what: why; do this`, with a traceback only under `-v`.
"""

from __future__ import annotations


def main() -> None:
    """The console script."""
    from lowtide.cli.app import run_app

    raise SystemExit(run_app())
