"""Options that say nothing beside others: refused, so that nobody takes an answer for one that heeded them.

Invariant: what was given on the command line counts, also when it is the default; what was not given is nobody's wish.
"""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.core import ParameterSource

from lowtide.cli.options import Options
from lowtide.errors import UsageError


def refuse_ignored(names: Iterable[str], beside: str, why: str) -> None:
    """UsageError for the first of these parameters that was given; `beside`: what it says nothing with, and `why`."""
    context = click.get_current_context()
    for parameter in context.command.params:
        if parameter.name in names and _is_given(context, parameter):
            raise UsageError(f"{_shown(parameter)} and {beside}", why, "leave one of them out")


def refuse_empty(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """A callback for options: UsageError for an empty text, as a rule a variable of a script that is not set."""
    for value in values:
        if not value.replace(",", " ").strip():
            raise UsageError(f"{_shown(parameter)} is empty", "", "say what is meant, or leave it out")
    return values


def refuse_empty_name(name: str, how: str) -> None:
    """UsageError for a name of nothing; `how`: what to do instead."""
    if not name.strip():
        raise UsageError("an empty name", "", how)


def refuse_embedded(options: Options, why: str = "this is about the daemon") -> None:
    """UsageError for `--embedded` where the daemon itself is meant. Who never asks it does without it anyway."""
    if options.embedded:
        raise UsageError("--embedded is to do without the daemon", why, "leave --embedded out")


def refuse_json(options: Options, why: str) -> None:
    """UsageError for `--json` where there is nothing that it could print."""
    if options.as_json:
        raise UsageError("there is no --json of this", why, "leave --json out")


def _is_given(context: click.Context, parameter: click.Parameter) -> bool:
    if isinstance(parameter, click.Argument):
        return bool(context.params.get(str(parameter.name)))
    return context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE


def _shown(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(click.get_current_context()).strip("[]") if parameter.metavar else "PATH"
    return max(parameter.opts, key=len)
