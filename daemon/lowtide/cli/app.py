"""The `lowtide` command: global options, lazy subcommands, exit codes."""

from __future__ import annotations

import importlib
import keyword
import os
import re
import sys

import click

from lowtide.cli import is_lsp, is_mcp
from lowtide.cli.console import print_json, warn, warn_of_traceback
from lowtide.cli.options import Options, global_options
from lowtide.errors import LowtideError, UsageError
from lowtide.visible import bounded

# Before numpy is loaded: its products here are small, and threads would only wait for each other (2 ms become 14).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

COMMANDS = {
    "index": "Bring the index of a folder up to date.",
    "search": "Search by words and by meaning.",
    "symbols": "Find definitions by a fuzzy name.",
    "refs": "Show where a name is used.",
    "similar": "Find code like some lines of a file.",
    "plan": "Say what indexing would take, before it is done.",
    "why": "Say why a file is, or is not, found.",
    "status": "Show budget, memory and what is indexed.",
    "doctor": "Check this machine, the model and the indexes.",
    "report": "Collect what a bug report needs.",
    "list": "List every index.",
    "clear": "Remove an index.",
    "export": "Write an index to one file, for others.",
    "serve": "Serve a team's index: the gateway before Milvus.",
    "push": "Send an index to the team's gateway.",
    "import": "Take over an index that others have made.",
    "model": "Show the embedding model, or take another.",
    "bench": "Measure Lowtide on this machine.",
    "lsp": "The language server, for an editor to start.",
    "mcp": "The server for coding agents, and setting them up.",
    "daemon": "Start, stop and look at the daemon.",
    "completion": "Print completion for bash, zsh or fish.",
    "help": "Show how a command is used.",
}
OWN_READERS = ("lsp", "mcp")
"""Commands that read their arguments themselves, and are run before click is asked."""


HELP_NAMES = ["-h", "--help"]


class VersionAsked(Exception):
    """Raised by `--version`, wherever it stands; `run_app` knows how it is to be told."""


def _ask_version(context: click.Context, parameter: click.Parameter, is_wanted: bool) -> None:
    if is_wanted and not context.resilient_parsing:
        raise VersionAsked


_VERSION = click.Option(
    ["--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_ask_version,
    help="Show the version and exit.",
)


class LazyGroup(click.Group):
    """Imports a command's module only when that command runs: each costs start-up time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in OWN_READERS:
            from lowtide.cli import own_readers

            return _with_common(own_readers.lsp_command() if cmd_name == "lsp" else own_readers.mcp_command())
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        return _with_common(importlib.import_module(f"lowtide.cli.{name}").command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f"did you mean `lowtide {near[0]}`?" if near else "`lowtide --help` lists the commands"
            raise UsageError(f"no command {name!r}", "", hint)
        return super().resolve_command(ctx, args)


def _with_common(command: click.Command) -> click.Command:
    """The command, and those in it, with `--version`, and our names of the option for help: in click the first context
    that asks for it decides for all that follow."""
    if _VERSION not in command.params:
        command.params.append(_VERSION)
    command.get_help_option(click.Context(command, help_option_names=HELP_NAMES))
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        _with_common(inner)
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": HELP_NAMES, "max_content_width": 110})
@global_options
def app(options: Options) -> None:
    """Keeps a whole workspace searchable, by symbol and by meaning, and never takes more memory than you allow.

    \b
    lowtide index              bring the index of this workspace up to date
    lowtide search "retry a request after a timeout"
    lowtide symbols HttpResp
    """


_with_common(app)


def run_app(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if is_lsp(arguments):
        from lowtide.cli.lsp import run_lsp

        return run_lsp(arguments)
    if is_mcp(arguments):
        from lowtide.cli.mcp import run_mcp

        return run_mcp(arguments)
    as_json = "--json" in arguments
    verbose = any(
        argument == "--verbose" or (argument.startswith("-v") and not argument.startswith("--"))
        for argument in arguments
    )
    try:
        answer = app.main(args=arguments, prog_name="lowtide", standalone_mode=False)
        return answer if isinstance(answer, int) else 0
    except VersionAsked:
        from lowtide.cli.bare import print_version

        print_version(as_json=as_json)
        return 0
    except LowtideError as error:
        if verbose:
            warn_of_traceback()
        return _fail(error.kind, error.message, error.remedy, error.exit_code, as_json)
    except click.UsageError as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError) and not as_json:
            click.echo(error.format_message(), err=True)  # the help: ours alone
            return error.exit_code
        return _fail("usage", *_complaint(error), 2, as_json)
    except click.ClickException as error:
        return _fail("error", error.format_message(), "", error.exit_code, as_json)
    except (KeyboardInterrupt, click.Abort):
        return _interrupted(next((argument for argument in arguments if argument in COMMANDS), ""), as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader of our output has gone: nothing more to say to it
        return 0
    except OSError as error:
        if verbose:
            warn_of_traceback()
        name = f"{error.filename}: " if error.filename else ""
        return _fail("os", f"{name}{error.strerror or error}", "", 1, as_json)
    except MemoryError:
        return _fail("memory", "out of memory", "raise the limit of this process, or lower --budget", 1, as_json)
    except Exception as error:
        if verbose:
            warn_of_traceback()
        text = f"unexpected {type(error).__name__}: {error}"
        return _fail("internal", text, "run it again with -v and report what it prints", 1, as_json)


def _interrupted(command: str, as_json: bool) -> int:
    """Say what is so after Ctrl-C."""
    if command == "index":
        return _fail("interrupted", "interrupted", "what was committed is kept; run it again to go on", 130, as_json)
    if command in ("bench", "push"):
        return _fail("interrupted", "interrupted", "run it again to go on", 130, as_json)  # what is done stays done
    if command == "export":
        return _fail("interrupted", "interrupted", "nothing was written; run it again", 130, as_json)
    if command == "import":
        remedy = "if `lowtide list` names the folder by now, go on with `lowtide index`, else run it again"
        return _fail("interrupted", "interrupted", remedy, 130, as_json)
    return _fail("interrupted", "interrupted", "run it again", 130, as_json)


def _complaint(error: click.UsageError) -> tuple[str, str]:
    """What click complains of, in the manner of all other messages, and what to do."""
    remedy = f"see `{error.ctx.command_path} --help`" if error.ctx else "see `lowtide --help`"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return "no command was given", remedy
    text = _NO_NUMBER.sub("is no whole number", error.format_message())
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        text = error.message
        remedy = f"did you mean {' or '.join(map(repr, error.possibilities))}?"
    return text[:1].lower() + text[1:].rstrip("."), remedy


_NO_NUMBER = re.compile(r"is not a valid integer(?: range)?")


def _fail(kind: str, message: str, remedy: str, code: int, as_json: bool) -> int:
    message, remedy = bounded(message), bounded(remedy)
    line = f"lowtide: {message}; {remedy}" if remedy else f"lowtide: {message}"
    warn(re.sub(r"\s*\n\s*", " ", line))
    if as_json:
        print_json({"error": {"kind": kind, "message": message, "remedy": remedy}})
    return code
