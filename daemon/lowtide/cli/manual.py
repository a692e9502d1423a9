"""The manual page lowtide(1), made from the commands themselves.

Invariant: the same commands give the same page: `docs/lowtide.1` is what this makes, and a test says when it is not.
Source: man(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

_TOP = [
    '.TH LOWTIDE 1 "" "Lowtide" "User Commands"',
    ".SH NAME",
    "lowtide \\- keeps a workspace searchable, by symbol and by meaning, inside a memory budget",
    ".SH SYNOPSIS",
    ".B lowtide",
    "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]",
]
_BOTTOM = [
    ".SH EXIT STATUS",
    "0 done, 1 error, 2 usage, 3 no index or a bad path, 4 refused by budget or plan,",
    "5 index locked by another process, 130 interrupted.",
    ".SH ENVIRONMENT",
    *(".TP", ".B LOWTIDE_HOME", "Where everything is kept, instead of the user's folders."),
    *(".TP", ".B LOWTIDE_BUDGET", "The memory budget, as \\fB\\-\\-budget\\fR gives it."),
    *(".TP", ".B LOWTIDE_EMBEDDED", "1: commands do without the daemon."),
    *(".TP", ".B NO_COLOR", "No colours, as with \\fBTERM=dumb\\fR."),
    ".SH FILES",
    *(".TP", ".I ~/.config/lowtide/config.toml", "The user's configuration."),
    *(".TP", ".I .lowtideignore", "In a workspace: what else is not indexed, in gitignore's syntax."),
    *(".TP", ".I .lowtide.toml", "In a workspace: what of it is indexed."),
]


def manual_page(group: click.Command) -> str:
    """The page of the command `lowtide`."""
    context = click.Context(group, info_name="lowtide", **group.context_settings)
    lines = [*_TOP, ".SH DESCRIPTION", *_text(group.help or ""), ".SH OPTIONS", *_options(group, context)]
    lines.append(".SH COMMANDS")
    lines += _commands(group, context, "")
    return "\n".join([*lines, *_BOTTOM]) + "\n"


def _commands(group: click.Command, context: click.Context, before: str) -> Iterator[str]:
    assert isinstance(group, click.Group)
    globals_ = {parameter.name for parameter in context.find_root().command.params}
    for name in group.list_commands(context):
        inner = group.get_command(context, name)
        if inner is None or inner.hidden:
            continue
        own = click.Context(inner, info_name=name, parent=context)
        pieces = " ".join(inner.collect_usage_pieces(own))
        yield f".SS {_escaped(f'lowtide {before}{name} {pieces}')}"
        yield from _text(inner.help or "")
        yield from _options(inner, own, frozenset(name for name in globals_ if name))
        if isinstance(inner, click.Group):
            yield from _commands(inner, own, f"{before}{name} ")


def _options(command: click.Command, context: click.Context, without: frozenset[str] = frozenset()) -> Iterator[str]:
    for parameter in command.get_params(context):
        if parameter.name in without or not isinstance(parameter, click.Option):
            continue
        record = parameter.get_help_record(context)
        if record is not None:
            yield from (".TP", f".B {_escaped(record[0])}", _escaped(record[1]))


def _text(help_text: str) -> Iterator[str]:
    """Paragraphs; what click keeps as it stands (after a line `\\b`) stays so."""
    for paragraph in re.split(r"\n\s*\n", help_text.strip()):
        lines = [line.strip() for line in paragraph.split("\n")]
        if lines[0] == "\b":
            yield from (".PP", ".nf", *map(_escaped, lines[1:]), ".fi")
        else:
            yield from (".PP", _escaped(" ".join(lines)))


def _escaped(text: str) -> str:
    """A text that is no request and whose hyphens and quotes can be copied."""
    shown = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{shown}" if shown.startswith(".") else shown
