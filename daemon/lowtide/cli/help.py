"""`lowtide help [COMMAND]`, and the manual page."""

from __future__ import annotations

import click

from lowtide.cli.console import code, say
from lowtide.cli.options import Options, global_options
from lowtide.cli.together import refuse_ignored, refuse_json
from lowtide.errors import UsageError


def _names_at(context: click.Context, argument: click.Parameter, beginning: str) -> list[str]:
    """The commands that may stand behind those that were named, to be completed."""
    found: click.Command | None = context.find_root().command
    for word in context.params.get("words") or ():
        found = found.get_command(context, word) if isinstance(found, click.Group) else None
    names = found.list_commands(context) if isinstance(found, click.Group) else []
    return [name for name in names if name.startswith(beginning)]


@click.command("help")
@click.argument("words", metavar="[COMMAND]", nargs=-1, shell_complete=_names_at)
@click.option("--man", is_flag=True, help="The manual page, for `man -l -`.")
@global_options
def command(words: tuple[str, ...], man: bool, options: Options) -> None:
    """Show how a command is used; without one, what commands there are."""
    refuse_json(options, "help is for people")
    context = click.get_current_context().find_root()
    if man:
        refuse_ignored(("words",), "--man", "the page is of all commands")
        from lowtide.cli.manual import manual_page

        for line in manual_page(context.command).splitlines():
            say(code(line))
        return
    found: click.Command = context.command
    for word in words:
        inner = found.get_command(context, word) if isinstance(found, click.Group) else None
        if inner is None:
            raise UsageError(f"no command {' '.join(words)!r}", "", "`lowtide help` lists the commands")
        context = click.Context(inner, info_name=word, parent=context)
        found = inner
    for line in found.get_help(context).splitlines():
        say(line)
