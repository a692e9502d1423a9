"""Ten thousand edits: nothing is left behind, and memory stays where it was."""

from __future__ import annotations

import asyncio
import gc
import random
from concurrent.futures import Future
from pathlib import Path

from tests.lsp.wire import FakeService, connected

from lowtide.system.memory import own_anonymous_bytes

EDITS = 10_000
MIB = 1 << 20


def test_ten_thousand_edits_leave_nothing_behind(tmp_path: Path) -> None:
    async def main() -> None:
        rng = random.Random(7)
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            uris = [(tmp_path / f"file_{number}.py").as_uri() for number in range(5)]
            marks = []
            for round_number in range(EDITS // 100):
                for uri in uris:
                    wire.open(uri, "".join(f"def function_{n}(): ...\n" for n in range(200)))
                for _ in range(100):
                    line, text = rng.randrange(200), rng.choice(["x = 1\n", "", "class Late: ...\n", "é😀", "("])
                    wire.edit(rng.choice(uris), (line, 0), (line, rng.randrange(4)), text)
                assert await wire.result("textDocument/documentSymbol", {"textDocument": {"uri": rng.choice(uris)}})
                found = await wire.result("workspace/symbol", {"query": "function_1"})
                assert found
                for uri in uris:
                    wire.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
                wire.heard.clear()
                if round_number % 20 == 19:
                    await wire.result("lowtide/status", {})
                    gc.collect()
                    futures = sum(isinstance(thing, Future | asyncio.Future) for thing in gc.get_objects())
                    marks.append((futures, own_anonymous_bytes()))
            assert marks[-1][0] <= marks[0][0] + 3, "futures"
            assert marks[-1][1] <= marks[1][1] + 2 * MIB, "memory"

    asyncio.run(asyncio.wait_for(main(), 300))
