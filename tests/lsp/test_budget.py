"""The budget is the user's, and one for all: what editors may do about it, and by which name it is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.lsp.wire import FakeService, connected

from lowtide.status import set_by


def run(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize(
    ("by", "taken"), [("default", True), ("an editor", True), ("/home/me/config.toml:1: budget", False)]
)
def test_an_editor_that_starts_does_not_change_a_budget_that_somebody_has_set(
    tmp_path: Path, by: str, taken: bool
) -> None:
    async def main() -> None:
        service = FakeService()
        service.budget_from = by
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path, initializationOptions={"budget": "128MiB"})
            await wire.result("lowtide/status", {})
            if not taken:
                told = await wire.hear("window/logMessage")
                assert (
                    "as it is, set in /home/me/config.toml, line 1; 128MiB of this editor" in told["params"]["message"]
                )
            assert service.budget == (128 << 20 if taken else 0)
            wire.notify("workspace/didChangeConfiguration", {"settings": {"lowtide": {"budget": "256MiB"}}})
            await wire.result("lowtide/status", {})
            assert (service.budget, service.budget_from) == (256 << 20, "an editor"), "what is changed now, is meant"

    run(main)


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("/home/me/config.toml:12: budget", "set in /home/me/config.toml, line 12"),
        ("/home/me/config.toml: budget", "set in /home/me/config.toml"),
        ("LOWTIDE_BUDGET", "set by LOWTIDE_BUDGET"),
        ("Visual Studio Code", "set by Visual Studio Code"),
    ],
)
def test_who_has_set_the_budget_is_said_in_words(by: str, said: str) -> None:
    assert set_by(by) == said


def test_a_budget_that_an_editor_asks_for_is_told_by_its_name(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path, clientInfo={"name": "Vim\x1b[31m"})
            await wire.result("lowtide/setBudget", {"bytes": 128 << 20})
            assert service.budget == 128 << 20
            assert service.budget_from.startswith("Vim")
            assert "\x1b" not in service.budget_from

    run(main)
