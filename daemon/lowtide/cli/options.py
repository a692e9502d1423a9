"""The options that every command takes, before or after its name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import click

from lowtide.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Options:
    """The global options, merged from both places."""

    budget: str | None = None
    as_json: bool = False
    embedded: bool = False
    verbose: int = 0
    quiet: bool = False


_OPTIONS = [
    click.option("--budget", metavar="SIZE", help="Memory for all of Lowtide's processes: 256MiB, 1G (least 96MiB)."),
    click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, and nothing else there."),
    click.option("--embedded", is_flag=True, help="Run in this process, without the daemon."),
    click.option("-v", "--verbose", count=True, help="Say more; a failure shows its traceback."),
    click.option("-q", "--quiet", is_flag=True, help="Say only what was asked for, and errors."),
]


def global_options(function: F) -> F:
    """Give a command the global options; it gets them as `options`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        context = click.get_current_context()
        options = context.ensure_object(Options)
        for field in fields(Options):
            value = kwargs.pop(field.name)
            if value:
                setattr(options, field.name, value)
        if options.quiet and options.verbose:
            raise UsageError("--verbose and --quiet", "one is to say more, the other less", "leave one of them out")
        return function(*args, options=options, **kwargs)

    for option in reversed(_OPTIONS):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]
