"""`lowtide daemon start|stop|status|run|pause|resume|logs`."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import Any

import anyio
import click

from lowtide.cli.console import format_bytes, print_json
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import open_client
from lowtide.client import Client, DaemonError, stop
from lowtide.errors import PathError
from lowtide.paths import Places


@click.group("daemon")
def command() -> None:
    """Start, stop and look at the daemon that editors and commands share."""


@command.command("start")
@global_options
def start(options: Options) -> None:
    """Start the daemon, unless it runs already."""
    with open_client(options) as client:
        pid = client.hello["pid"]
    _say(options, {"pid": pid, "running": True}, f"the daemon runs: process {pid}")


@command.command("stop")
@global_options
def stop_command(options: Options) -> None:
    """Stop the daemon.

    Indexes stay, and what was being indexed goes on at the next start.
    """
    try:
        client = Client.connect(Places.from_environment(), start=False)
    except DaemonError as error:
        if "does not run" not in error.what:
            raise
        _say(options, {"running": False}, "the daemon does not run")
        return
    pid = stop(client)
    _say(options, {"pid": pid, "running": False}, f"stopped: process {pid}")


@command.command("status")
@global_options
def status(options: Options) -> None:
    """Say whether the daemon runs, and how it does."""
    try:
        with Client.connect(Places.from_environment(), start=False) as client:
            answer = client.ask("lowtide/status", {})
            hello = client.hello
    except DaemonError as error:
        if "does not run" not in error.what:
            raise
        _say(options, {"running": False}, "the daemon does not run; commands and editors start it")
        return
    memory = answer["memory"]
    text = (
        f"process {hello['pid']}, version {hello['version']}: {answer['state']}, "
        f"{format_bytes(memory['usedBytes'])} of {format_bytes(memory['budgetBytes'])}"
    )
    _say(options, {"running": True, "pid": hello["pid"], "status": answer}, text)


@command.command("pause")
@global_options
def pause(options: Options) -> None:
    """Stop all indexing until it is resumed.

    `lowtide daemon resume` goes on with it. Searching answers all the while.
    """
    _control("lowtide/pause", "paused", options)


@command.command("resume")
@global_options
def resume(options: Options) -> None:
    """Go on with indexing."""
    _control("lowtide/resume", "resumed", options)


@command.command("logs")
@click.option("-n", "--lines", default=50, show_default=True, type=click.IntRange(1, 100_000), help="How many lines.")
@global_options
def logs(lines: int, options: Options) -> None:
    """Show the end of the daemon's log."""
    file = Places.from_environment().log_file
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            for line in deque(stream, lines):
                click.echo(line.rstrip("\n"))
    except FileNotFoundError:
        raise PathError(f"no log at {file}", "the daemon has not run yet", "start it: lowtide daemon start") from None


@command.command("run")
@click.option("--ready-fd", type=int, hidden=True, help="Where to write `ready`, or why not.")
@global_options
def run_command(ready_fd: int | None, options: Options) -> None:
    """Run the daemon in the foreground, until Ctrl-C."""
    from lowtide.cli.setup import load
    from lowtide.daemon import serve, set_up_log

    def tell(text: str) -> None:
        nonlocal ready_fd
        if ready_fd is not None:
            with suppress(OSError):
                os.write(ready_fd, text.replace("\n", " ").encode() + b"\n")
                os.close(ready_fd)
            ready_fd = None
        elif text == "ready" and not options.quiet:
            click.echo(f"listening on {places.socket}; Ctrl-C ends it", err=True)

    try:
        places, config = load(options)
        set_up_log(places, verbose=options.verbose > 0, to_terminal=ready_fd is None)
        anyio.run(serve, places, config, lambda: tell("ready"), lambda: load(options)[1])
    except Exception as error:
        if ready_fd is not None:
            tell(str(error))
        raise


def _control(method: str, done: str, options: Options) -> None:
    with Client.connect(Places.from_environment(), start=False) as client:
        answer = client.ask(method, {})
    _say(options, answer, done)


def _say(options: Options, answer: dict[str, Any], text: str) -> None:
    if options.as_json:
        print_json(answer)
    elif not options.quiet:
        click.echo(text)
