"""`lowtide daemon start|stop|status|run|pause|resume|logs`."""

from __future__ import annotations

import os
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

import click

from lowtide.cli.console import format_bytes, print_json, say, warn
from lowtide.cli.options import Options, global_options
from lowtide.cli.remote import open_client, tell_complaint
from lowtide.cli.setup import load
from lowtide.cli.together import refuse_embedded, refuse_json
from lowtide.errors import PathError
from lowtide.paths import Places, open_regular
from lowtide.serve.client import END_S, Client, NotRunning, end


@click.group("daemon")
@global_options
def command(options: Options) -> None:
    """Start, stop and look at the daemon that editors and commands share."""


@command.command("start")
@global_options
def start(options: Options) -> None:
    """Start the daemon, unless it runs already."""
    refuse_embedded(options)
    with open_client(options) as client:
        pid = client.hello["pid"]
    _tell(options, {"pid": pid, "running": True}, f"the daemon runs: process {pid}")


@command.command("stop")
@global_options
def stop_command(options: Options) -> None:
    """Stop the daemon.

    Indexes stay, and what was being indexed goes on at the next start. One that does not answer is ended by a signal.
    """
    refuse_embedded(options)
    try:
        pid = end(Places.from_environment(), warn)
    except NotRunning:
        _tell(options, {"running": False}, "the daemon does not run")
        return
    _tell(options, {"pid": pid, "running": False}, f"stopped: process {pid}")


@command.command("status")
@global_options
def status(options: Options) -> None:
    """Say whether the daemon runs, and how it does."""
    refuse_embedded(options)
    try:
        with Client.connect(Places.from_environment(), start=False, patience_s=END_S) as client:
            answer = client.ask("lowtide/status", {}, within_s=END_S)
            hello = client.hello
            tell_complaint(client)
    except NotRunning:
        _tell(options, {"running": False}, "the daemon does not run; commands and editors start it")
        return
    memory = answer["memory"]
    text = (
        f"process {hello['pid']}, version {hello['version']}: {answer['state']}, "
        f"{format_bytes(memory['usedBytes'])} of {format_bytes(memory['budgetBytes'])}"
    )
    _tell(options, {"running": True, "pid": hello["pid"], "status": answer}, text)


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
    refuse_embedded(options)
    file = Places.from_environment().log_file
    try:
        with open(open_regular(file, os.O_RDONLY), encoding="utf-8", errors="replace") as stream:
            last = [line.rstrip("\n") for line in deque(stream, lines)]
    except FileNotFoundError:
        raise PathError(f"no log at {file}", "the daemon has not run yet", "start it: lowtide daemon start") from None
    except OSError as error:
        raise PathError(f"cannot read {file}", error.strerror or str(error), "remove it if it is no file") from error
    if options.as_json:
        print_json({"file": str(file), "lines": last})
        return
    for line in last:
        say(line)


@command.command("run")
@global_options
def run_command(options: Options) -> None:
    """Run the daemon in the foreground, until Ctrl-C."""
    refuse_embedded(options)
    refuse_json(options, "it goes on and on")
    from lowtide.serve.process import run_daemon

    def on_ready(socket: Path) -> None:
        if not options.quiet:
            warn(f"listening on {socket}; Ctrl-C ends it")

    run_daemon(partial(load, options), verbose=options.verbose > 0, on_ready=on_ready)


def _control(method: str, done: str, options: Options) -> None:
    refuse_embedded(options)
    with Client.connect(Places.from_environment(), start=False) as client:
        tell_complaint(client)
        answer = client.ask(method, {})
    _tell(options, answer, done)


def _tell(options: Options, answer: dict[str, Any], text: str) -> None:
    if options.as_json:
        print_json(answer)
    elif not options.quiet:
        say(text)
