"""`lowtide lsp` and `lowtide mcp` as click is told of them: for help, the manual page and completion.

Both read their arguments themselves and are run before click is asked, in processes that every editor and every agent
pays for: nothing here is run.

Invariant: what stands here is what they take (a test asks each).
"""

from __future__ import annotations

import click

from lowtide.cli import lsp, mcp
from lowtide.mcp.install import AGENTS

_BUDGET = click.Option(["--budget"], metavar="SIZE", help="Memory for all processes: 256MiB, 1G (least 96MiB).")
_VERBOSE = click.Option(["-v", "--verbose"], is_flag=True, help="A failure shows its traceback.")
_PROJECT = click.Option(["--project"], is_flag=True, help="The configuration of this folder's project, not the user's.")
_PRINT = click.Option(["--print"], is_flag=True, help="Only show what would be written, and where.")
_STDIO = click.Option(["--stdio"], is_flag=True, help="The default, and the only way.")
_CLIENT = click.Option(["--clientProcessId"], metavar="N", help="End when this process ends.")
_EMBEDDED = click.Option(["--embedded"], is_flag=True, help="Run in this process, without the daemon.")


class _Lsp(click.Command):
    def get_help(self, ctx: click.Context) -> str:
        return lsp.USAGE


class _Mcp(click.Group):
    def get_help(self, ctx: click.Context) -> str:
        return mcp.USAGE


def lsp_command() -> click.Command:
    """`lowtide lsp`."""
    return _Lsp("lsp", help=_about(lsp.USAGE), params=[_STDIO, _CLIENT, _EMBEDDED, _BUDGET, _VERBOSE])


def mcp_command() -> click.Command:
    """`lowtide mcp`, with `install` and `print`."""
    agent = click.Argument(["agent"], type=click.Choice(list(AGENTS)))
    group = _Mcp("mcp", help=_about(mcp.USAGE), params=[_BUDGET, _VERBOSE], invoke_without_command=True)
    group.add_command(
        click.Command(
            "install",
            help="Write the configuration of an agent, with a copy of what was there beside it.",
            params=[agent, _PROJECT, _PRINT, _VERBOSE],
        )
    )
    group.add_command(
        click.Command("print", help="Only show what would be written, and where.", params=[agent, _PROJECT, _VERBOSE])
    )
    return group


def _about(usage: str) -> str:
    """What it is for: the first paragraph behind the lines that show how it is called."""
    return usage.strip().split("\n\n")[1]
