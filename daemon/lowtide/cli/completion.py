"""`lowtide completion bash|zsh|fish`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from lowtide.cli.console import code, say
from lowtide.cli.options import Options, global_options
from lowtide.cli.together import refuse_json

SHELLS = {
    "bash": 'eval "$(lowtide completion bash)"  in ~/.bashrc',
    "zsh": 'eval "$(lowtide completion zsh)"  in ~/.zshrc, after compinit',
    "fish": "lowtide completion fish > ~/.config/fish/completions/lowtide.fish",
}
VARIABLE = "_LOWTIDE_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@global_options
def command(shell: str, options: Options) -> None:
    """Print what makes SHELL complete lowtide's commands and options.

    \b
    eval "$(lowtide completion bash)"      in ~/.bashrc
    eval "$(lowtide completion zsh)"       in ~/.zshrc, after compinit
    lowtide completion fish > ~/.config/fish/completions/lowtide.fish
    """
    refuse_json(options, "it is a script for a shell")
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these three"
    made = kind(click.get_current_context().find_root().command, {}, "lowtide", VARIABLE)
    # Not `source()`: it asks a bash for its version, and there may be none here.
    for line in (made.source_template % made.source_vars()).splitlines():
        say(code(line))
