"""`lowtide mcp`: what a coding agent starts, and how it is told to.

Standard library only, and before anything of the command line is imported: every agent's session pays for this process.

Invariant: standard output carries nothing but the protocol's messages; what goes wrong is said on standard error.
"""

from __future__ import annotations

import sys

from lowtide.errors import LowtideError, UsageError
from lowtide.system.leaving import leave
from lowtide.visible import visible

USAGE = """Usage: lowtide mcp [OPTIONS]
       lowtide mcp install AGENT [--project] [--print]
       lowtide mcp print AGENT [--project]

  The server for coding agents (Model Context Protocol), on standard input and
  output, for an agent to start. It asks the user's daemon, and starts it when
  there is none.

  install AGENT  write the configuration of claude-code, codex, cursor, vscode,
                 gemini or zed, with a copy of what was there beside it
  print AGENT    only show what would be written, and where

  --project      the configuration of this folder's project, not the user's
  --print        the same as `print`
  --budget SIZE  memory for all processes: 256MiB, 1G (least 96MiB)
  -v, --verbose  a failure shows its traceback
  --version      show the version and exit
"""


class Arguments:
    """What stands on the command line."""

    def __init__(self, words: list[str]) -> None:
        self.budget: str | None = None
        self.help = self.version = self.prints = self.for_project = self.as_json = False
        self.names: list[str] = []
        words = list(words)
        while words:
            word = words.pop(0)
            name, has_value, value = word.partition("=")
            if name == "--budget":
                if not has_value and not words:
                    raise UsageError("--budget needs a value", "", "see `lowtide mcp --help`")
                self.budget = value if has_value else words.pop(0)
            elif word in ("-h", "--help"):
                self.help = True
            elif word == "--version":
                self.version = True
            elif word == "--print":
                self.prints = True
            elif word == "--json":
                self.as_json = True
            elif word == "--project":
                self.for_project = True
            elif word == "--embedded":
                raise UsageError("an agent's server needs the daemon", "", "leave --embedded out")
            elif word.startswith("-") and word not in ("--stdio", "-v", "--verbose", "-q", "--quiet"):
                raise UsageError(f"no option {word}", "", "see `lowtide mcp --help`")
            elif not word.startswith("-"):
                self.names.append(word)
        del self.names[:1]  # `mcp`


def run_mcp(words: list[str]) -> int:
    """Run the command; returns its exit status. `words`: the whole command line."""
    try:
        arguments = Arguments(words)
        if arguments.help:
            sys.stdout.write(USAGE)
            return 0
        if arguments.version:
            from lowtide.cli.bare import print_version

            print_version(as_json=arguments.as_json)
            return 0
        if arguments.names:
            return _install(arguments)
        if arguments.prints or arguments.for_project:
            raise UsageError("which agent?", "", "see `lowtide mcp --help`")
        return _serve(arguments)
    except LowtideError as error:
        if "-v" in words or "--verbose" in words:
            import traceback  # rarely needed, and this process is to be small

            sys.stderr.write("".join(f"{visible(line)}\n" for line in traceback.format_exc().splitlines()))
        # Of an agent's configuration that is not understood, what to add by hand follows on lines of its own.
        sys.stderr.write("".join(f"{visible(line)}\n" for line in f"lowtide: {error}".splitlines()))
        if "--json" in words:
            from lowtide.cli.bare import print_error

            print_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _serve(arguments: Arguments) -> int:
    from lowtide.mcp.link import connect_to
    from lowtide.mcp.loop import Loop
    from lowtide.paths import Places

    places = Places.from_environment()
    code = Loop(lambda: connect_to(places, arguments.budget)).run()
    leave(code)  # a connection that is being made is not waited for


def _install(arguments: Arguments) -> int:
    from lowtide.mcp.install import install, show

    verb, *agents = arguments.names
    if verb not in ("install", "print") or len(agents) != 1:
        raise UsageError(f"mcp {' '.join(arguments.names)}: one agent is wanted", "", "see `lowtide mcp --help`")
    if arguments.as_json:
        raise UsageError(
            "there is no --json of this", "it shows what an agent's own file is to hold", "leave --json out"
        )
    act = show if verb == "print" or arguments.prints else install
    told = act(agents[0], for_project=arguments.for_project)
    sys.stdout.write("".join(f"{visible(line)}\n" for line in told.splitlines()))
    return 0
