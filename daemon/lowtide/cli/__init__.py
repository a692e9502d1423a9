"""The command line: one file a command.

Invariant: with `--json`, exactly one JSON object is written to stdout, also when the command fails; errors are one line on
stderr, `lowtide: what: why; do this`, with a traceback only under `-v`.
"""

from __future__ import annotations


def is_lsp(words: list[str]) -> bool:
    """Whether a command line is that of `lowtide lsp`, which imports nothing of the others."""
    words = [word for index, word in enumerate(words) if not index or words[index - 1] != "--budget"]
    return next((word for word in words if not word.startswith("-")), "") == "lsp"


def main() -> None:
    """The console script."""
    import sys

    if is_lsp(sys.argv[1:]):
        from lowtide.cli.lsp import run_lsp

        raise SystemExit(run_lsp(sys.argv[1:]))
    from lowtide.cli.app import run_app

    raise SystemExit(run_app())
