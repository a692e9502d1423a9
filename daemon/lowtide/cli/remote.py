"""How commands reach what answers them: the daemon, or the same service in their own process.

Invariant: `--embedded`, or LOWTIDE_EMBEDDED=1, means no daemon: neither asked nor started.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import lowtide
from lowtide.cli.console import format_bytes, paint, warn
from lowtide.cli.options import Options
from lowtide.cli.setup import asked_budget, load
from lowtide.paths import Places
from lowtide.serve.client import END_S, Client, Door, NotRunning


def is_embedded(options: Options) -> bool:
    """Whether the command is to do its work in its own process."""
    return options.embedded or os.environ.get("LOWTIDE_EMBEDDED", "") not in ("", "0")


@contextmanager
def open_door(options: Options) -> Iterator[Door]:
    """What answers this command: the daemon, or with `--embedded` this process. Errors: as `open_client` and `here`."""
    if is_embedded(options):
        with here(options) as door:
            yield door
    else:
        with open_client(options) as client:
            yield client


@contextmanager
def here(options: Options) -> Iterator[Door]:
    """The service in this process. ConfigError, ModelError, RefusedError."""
    from lowtide.cli.running import leaving_when_told
    from lowtide.serve.local import LocalClient

    places, config = load(options)
    if config.budget_note:
        _tell_not_obeyed(config.budget_note)
    with leaving_when_told(), LocalClient(places, config) as door:
        yield door


def open_client(options: Options) -> Client:
    """The user's daemon, started when there is none; `--budget` sets its budget. DaemonError, ConfigError."""
    size = asked_budget(options)
    client = Client.connect(Places.from_environment(), budget=options.budget)
    tell_complaint(client)
    _tell_other_build(client, options)
    if size is not None and client.hello.get("budgetBytes") != size:
        client.ask("lowtide/setBudget", {"bytes": size})
    return client


def find_client(options: Options) -> Client | None:
    """The user's daemon if it runs, with the budget that it has. NoAnswer when it runs and says nothing: that is no
    reason to do without it. ConfigError."""
    size = asked_budget(options)
    try:
        client = Client.connect(Places.from_environment(), start=False, patience_s=END_S)
    except NotRunning:
        return None
    tell_complaint(client)
    _tell_other_build(client, options)
    has = client.hello.get("budgetBytes", size)
    if size is not None and has != size:
        warn(
            f"--budget changes nothing here: the daemon has {format_bytes(has)}; `lowtide --budget {options.budget} "
            "daemon start` gives it another"
        )
    return client


def tell_complaint(client: Client) -> None:
    """Say why the daemon does not obey the configuration as its file is now: it keeps the settings that it had."""
    if complaint := client.hello.get("complaint"):
        _tell_not_obeyed(complaint)


def _tell_not_obeyed(complaint: str) -> None:
    warn(paint(f"not obeyed: {complaint}", "yellow"))


def _tell_other_build(client: Client, options: Options) -> None:
    """Say that the daemon is of this version and not of these files: a checkout beside a wheel, or two checkouts.

    It answers all the same. Two installations of one wheel are no two builds.
    """
    theirs, ours = str(client.hello.get("package", "")), os.path.realpath(os.path.dirname(lowtide.__file__))
    if options.quiet or not theirs or theirs == ours or client.hello.get("version") != lowtide.__version__:
        return
    if _sizes(theirs) != _sizes(ours):
        text = f"the daemon is another build of {lowtide.__version__}, from {theirs}"
        warn(paint(f"{text}: `lowtide daemon stop` has the next command start this one", "yellow"))


def _sizes(package: str) -> dict[str, int]:
    """The sizes of a package's modules, by their paths in it; none for one that is gone."""
    found = {}
    for folder, _, names in os.walk(package):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                with suppress(OSError):
                    found[os.path.relpath(path, package)] = os.stat(path).st_size
    return found


def uri(path: Path) -> str:
    """A path as the protocol names it; names that are not UTF-8 too."""
    return path.as_uri()
