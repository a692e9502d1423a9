"""The pages of the site that are made from the code: commands, configuration, messages.

    python -m docs.pages           writes them all, the manual page and the shells' completions, too
    python -m docs.pages NAME      prints one of them

They are files of the repository, so that links to them lead somewhere in a clone, too, and packages hold the others.

Invariant: never older than the code: a test makes them anew and compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import click
from click.testing import CliRunner
from docs.told import all_messages, checks, lacks, warnings

from lowtide.cli.app import app
from lowtide.cli.manual import manual_page
from lowtide.config.settings import DEFAULT_MAX_FILE_BYTES, KEYS, Config, IndexSettings, format_size
from lowtide.core.freshness import Freshness, FreshState
from lowtide.models import Reason

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {
    "LOWTIDE_HOME": "A folder for everything that Lowtide keeps, instead of the user's folders.",
    "LOWTIDE_BUDGET": "The memory budget, as `--budget` gives it; it comes before the configuration.",
    "LOWTIDE_MODEL": "The folder of an embedding model; it comes before the configuration.",
    "LOWTIDE_EMBEDDED": "`1`: commands do without the daemon.",
    "NO_COLOR": "Set to anything: no colours.",
    "TERM": "`dumb`: no colours, and no progress bar.",
    "XDG_CONFIG_HOME, XDG_CACHE_HOME, XDG_RUNTIME_DIR": "Where the folders of configuration, indexes and socket are, "
    "unless `LOWTIDE_HOME` says it.",
}
EXAMPLE = """\
budget = "384MiB"

[index]
exclude = ["fixtures/**"]
languages = ["python", "go"]
max_file_size = "8MiB"

[daemon]
idle_minutes = 120
"""


# -- commands ---------------------------------------------------------------------------------------------------------


def commands() -> str:
    """Every command with its arguments and options, as click knows them."""
    context = click.Context(app, info_name="lowtide", **app.context_settings)
    lines = ["# Commands", "", "Made from the commands themselves; `lowtide help COMMAND` says the same.", ""]
    lines += ["These options go before or after any command:", "", *_options(app, context), ""]
    lines += _group(app, context, "", {parameter.name or "" for parameter in app.params})
    lines += [
        "## Exit status",
        "",
        "0 done, 1 error, 2 usage, 3 no index or a bad path, 4 refused by budget or plan, 5 index locked by another",
        "process, 130 interrupted.",
    ]
    return "\n".join(lines) + "\n"


def _group(group: click.Group, context: click.Context, before: str, known: set[str]) -> Iterator[str]:
    for name in group.list_commands(context):
        inner = group.get_command(context, name)
        if inner is None or inner.hidden:
            continue
        own = click.Context(inner, info_name=name, parent=context)
        usage = " ".join(("lowtide", f"{before}{name}", *inner.collect_usage_pieces(own)))
        yield from (f"{'###' if before else '##'} lowtide {before}{name}", "", "```text", usage, "```", "")
        yield from _paragraphs(inner.help or "")
        if options := list(_options(inner, own, known)):
            yield from (*options, "")
        if isinstance(inner, click.Group):
            yield from _group(inner, own, f"{before}{name} ", known)


def _options(command: click.Command, context: click.Context, without: AbstractSet[str] = frozenset()) -> Iterator[str]:
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None and parameter.name not in without:
            name = record[0].replace("|", "\\|")
            rows.append(f"| `{name}` | {_cell(record[1])} |")
    if rows:
        yield from ("| option | |", "|---|---|", *rows)


def _paragraphs(text: str) -> Iterator[str]:
    """What click keeps as it stands (after a line `\\b`) stays so."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in paragraph.split("\n")]
        if lines[0] == "\b":
            yield from ("```text", *lines[1:], "```", "")
        else:
            yield from (_escaped(" ".join(lines)), "")


# -- configuration ----------------------------------------------------------------------------------------------------


def configuration() -> str:
    """Every key of a configuration, and every variable of the environment."""
    lines = ["# Configuration", ""]
    lines += [
        "Yours is `~/.config/lowtide/config.toml` (`config/config.toml` below `LOWTIDE_HOME`); changes apply without",
        "a restart. A workspace's is `.lowtide.toml` in its root and may say what is in `[index]`: it cannot raise the",
        "budget, name a program or a model. An unknown key is an error with its line, and the key that was probably",
        "meant.",
        "",
        "An option of the command line comes before a variable of the environment, that before the configuration, that",
        "before the default.",
        "",
        "No daemon starts with a file that is wrong: with the defaults in its place it could take more memory than you",
        "allow, or index what you leave out. One that runs keeps the settings it had, and each command says what is",
        "wrong.",
        "",
    ]
    for table, keys in KEYS.items():
        lines += [f"## `[{table}]`" if table else "## At the top", "", "| key | default | |", "|---|---|---|"]
        lines += [f"| `{key}` | {_default(table, key)} | {_cell(what)} |" for key, what in keys.items()]
        lines.append("")
    lines += ["## An example", "", "```toml", *EXAMPLE.splitlines(), "```", ""]
    lines += ["## Environment", "", "| variable | |", "|---|---|"]
    lines += [
        f"| {', '.join(f'`{name}`' for name in names.split(', '))} | {what} |" for names, what in ENVIRONMENT.items()
    ]
    lines += [
        "",
        "## `.lowtideignore`",
        "",
        "In any folder of a workspace, in gitignore's syntax: it leaves out more, or takes back in with `!` what",
        "`.gitignore` leaves out. Editors have [settings of their own](protocol.md#settings).",
    ]
    return "\n".join(lines) + "\n"


def _default(table: str, key: str) -> str:
    if (table, key) == ("index", "max_file_size"):
        return f"`{format_size(DEFAULT_MAX_FILE_BYTES).replace(' ', '')}`"
    if table not in ("daemon", "index"):
        return ""
    value = getattr(IndexSettings() if table == "index" else Config(budget_bytes=0), key)
    if isinstance(value, tuple):
        return "`[]`"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value:g}`"


# -- messages ---------------------------------------------------------------------------------------------------------


def messages() -> str:
    """Every error that a person may see, by its kind, with what to do."""
    lines = [
        "# Messages",
        "",
        "Every error that Lowtide tells, read from its code: what happened, why, what to do. `…` is what differs,",
        'a path or a number. With `--json` an error is `{"error": {"kind", "message", "remedy"}}`.',
        "[Troubleshooting](troubleshooting.md) goes by what you see instead, and has",
        "[what is behind each kind](troubleshooting.md#by-the-kind-of-a-message).",
        "",
    ]
    found = sorted(set(all_messages()), key=lambda one: (one.exit_code, one.kind, one.what, one.why, one.remedy))
    for kind in dict.fromkeys(one.kind for one in found):
        rows = [one for one in found if one.kind == kind]
        lines += [
            f"## {kind}",
            "",
            f"Exit status {rows[0].exit_code}.",
            "",
            "| what | why | what to do |",
            "|---|---|---|",
        ]
        lines += [f"| {_cell(one.what)} | {_cell(one.why)} | {_cell(one.remedy)} |" for one in rows]
        lines.append("")
    lines += ["## What an answer lacks", "", "After `degraded:`, under an answer that was given all the same.", ""]
    lines += [*(f"- {_escaped(text)}" for text in lacks()), ""]
    lines += ["## How far an answer is", "", "[Freshness](freshness.md) says what each means.", ""]
    lines += [*(f"- {words}" for words in _states()), ""]
    lines += ["## What doctor finds", "", "| check | what to do when it fails |", "|---|---|"]
    lines += [f"| {name} | {_cell(remedy)} |" for name, remedy in checks()]
    lines += ["", "## Beside an answer", "", "Lines on standard error that are no errors.", ""]
    lines += [*(f"- {_escaped(text)}" for text in warnings()), ""]
    lines += ["## Why a file is left out", "", ", ".join(f"`{reason}`" for reason in Reason), ""]
    lines.append("Each has its sentence in [formats](formats.md#why-a-file-is-not-indexed).")
    return "\n".join(lines) + "\n"


def _states() -> list[str]:
    states = [state for state in FreshState if state is not FreshState.CURRENT]
    return list(dict.fromkeys(Freshness(each, 12, 100, 180.0, why).words for each in states for why in ("", "…")))


def _escaped(text: str) -> str:
    """Text that Markdown leaves as it is; between back quotes it does so by itself."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*_<>\[\]])", r"\\\1", part) for part in parts)


def _cell(text: str) -> str:
    return _escaped(" ".join(text.split())).replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "configuration.md": configuration,
    "messages.md": messages,
}
"""Name -> what makes it."""


def completion(shell: str) -> str:
    """What has a shell complete the command, as `lowtide completion SHELL` prints it."""
    made = CliRunner().invoke(app, ["completion", shell])
    assert made.exit_code == 0, made.output
    return made.stdout


FILES: dict[str, Callable[[], str]] = {
    **{f"docs/{name}": make for name, make in PAGES.items()},
    "docs/lowtide.1": lambda: manual_page(app),
    "release/share/lowtide.bash": lambda: completion("bash"),
    "release/share/_lowtide": lambda: completion("zsh"),
    "release/share/lowtide.fish": lambda: completion("fish"),
}
"""All that is made from the code, by its path in the repository -> what makes it."""
FROM_ROOT = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
    "developing-vscode.md": "editors/vscode/DEVELOPING.md",
    "developing-nvim.md": "editors/nvim/DEVELOPING.md",
}
"""Pages that are files of the repository, beside the docs."""


def write() -> None:
    """Write every one of FILES."""
    for name, make in FILES.items():
        (ROOT / name).write_text(make(), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(PAGES[sys.argv[1]]())
    else:
        write()
