"""The places and the configuration of a process, with the budget that its command line named.

Invariant: no part of the engine is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lowtide.paths import Places

if TYPE_CHECKING:
    from lowtide.config.settings import Config


def load(budget: str | None) -> tuple[Places, Config]:
    """The places and the configuration, with this budget before all others. ConfigError."""
    from lowtide.config.settings import load_config
    from lowtide.system.memory import machine_bytes

    places = Places.from_environment()
    budget_bytes = asked_budget(budget)
    return places, load_config(places.config_file, machine_bytes=machine_bytes(), budget_bytes=budget_bytes)


def asked_budget(budget: str | None) -> int | None:
    """The bytes of `--budget`, if it was given. ConfigError for what is no size, and for more than the machine has."""
    if not budget:
        return None
    from lowtide.config.settings import check_fits, parse_size
    from lowtide.system.memory import machine_bytes

    size = parse_size(budget)
    check_fits(size, machine_bytes(), "--budget")
    return size
