"""`lowtide doctor`."""

from __future__ import annotations

import click

from lowtide.cli.console import print_json
from lowtide.cli.options import Options, global_options
from lowtide.cli.setup import load
from lowtide.diagnose import examine


@click.command("doctor")
@global_options
def command(options: Options) -> int:
    """Check this machine, the model and every index, and say what to do about what is wrong."""
    places, config = load(options)
    checks = examine(places, config)
    if options.as_json:
        print_json({"checks": [check.as_json() for check in checks]})
    else:
        for check in checks:
            if check.ok and options.quiet:
                continue
            mark = click.style("ok  ", fg="green") if check.ok else click.style("FAIL", fg="red", bold=True)
            click.echo(f"{mark}  {check.name:<14} {check.detail}")
            if not check.ok and check.remedy:
                click.echo(f"      {'':<14} {check.remedy}")
    return 0 if all(check.ok for check in checks) else 1
