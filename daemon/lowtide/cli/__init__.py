"""The command line: one file a command.

Invariant: with `--json`, exactly one JSON object is written to stdout, also when the command fails; errors are one line
on stderr, `lowtide: what: why; do this`, with a traceback only under `-v`.
"""

from __future__ import annotations

_STARTED = ["daemon", "run", "--ready-fd"]
"""`serve.client.START_WORDS`, without its imports."""


def is_lsp(words: list[str]) -> bool:
    """Whether a command line is that of `lowtide lsp`, which imports nothing of the others."""
    return _command(words) == "lsp"


def is_mcp(words: list[str]) -> bool:
    """Whether it is that of `lowtide mcp`, which imports nothing of the others, either."""
    return _command(words) == "mcp"


def _command(words: list[str]) -> str:
    words = [word for index, word in enumerate(words) if not index or words[index - 1] != "--budget"]
    return next((word for word in words if not word.startswith("-")), "")


def main() -> None:
    """The console script. Interrupted before the last line is out it ends with 130, after it with the command's own
    status."""
    import signal
    import sys

    try:
        code = _run(sys.argv[1:])
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # what is left is Python's own end, which it would turn into a crash
    except KeyboardInterrupt:
        code = 130
    raise SystemExit(code)


def _run(words: list[str]) -> int:
    import sys
    from contextlib import suppress

    from lowtide.cli.supported import refusal

    if (refused := refusal(words)) is not None:
        return refused
    _have_standard_streams()
    if words[: len(_STARTED)] == _STARTED:
        from lowtide.cli.started import run_started

        return run_started(words)
    if is_lsp(words):
        from lowtide.cli.lsp import run_lsp

        return run_lsp(words)
    if is_mcp(words):
        from lowtide.cli.mcp import run_mcp

        return run_mcp(words)
    from lowtide.cli.app import run_app

    code = run_app()
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    return code


def _have_standard_streams() -> None:
    """Started with standard input, output or error closed, have them lead nowhere: nothing else may get their numbers.

    A socket or pipe that did would be read or written by mistake, or closed for a child. What cannot be encoded for the
    terminal is shown escaped.
    """
    import io
    import os
    import sys

    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            if os.open(os.devnull, os.O_RDWR) != fd:  # the lowest number that is free: the ones below are open
                raise
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(fd, mode, encoding="utf-8", errors="surrogateescape", closefd=False))
        elif fd and isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
