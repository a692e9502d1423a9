"""`lowtide doctor`."""

from __future__ import annotations

import click

from lowtide.cli.console import hang, paint, print_json, say, say_lines
from lowtide.cli.options import Options, global_options
from lowtide.cli.setup import load
from lowtide.config.settings import Config, default_budget_bytes, parse_size
from lowtide.errors import ConfigError
from lowtide.paths import Places
from lowtide.serve.diagnose import examine
from lowtide.system.memory import machine_bytes


@click.command("doctor")
@global_options
def command(options: Options) -> int:
    """Check this machine, the model and every index, and say what to do about what is wrong."""
    places = Places.from_environment()
    budget_bytes = parse_size(options.budget) if options.budget else None
    complaint = None
    try:
        config = load(options)[1]
    except ConfigError as error:
        # The rest is examined all the same, as with the defaults.
        complaint, config = error, Config(budget_bytes or default_budget_bytes(machine_bytes()))
    checks = examine(places, config, complaint)
    if options.as_json:
        print_json({"checks": [check.as_json() for check in checks]})
    else:
        for check in checks:
            if check.ok and options.quiet:
                continue
            lead = f"      {check.name:<14} "
            first, *rest = hang(lead, check.detail)
            say(paint("ok  ", "green") if check.ok else paint("FAIL", "red", bold=True), first[4:])
            say_lines(rest)
            if not check.ok and check.remedy:
                say_lines(hang(" " * len(lead), check.remedy))
    return 0 if all(check.ok for check in checks) else 1
