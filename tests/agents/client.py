"""An agent's side of `lowtide mcp`, by hand: what it sends and hears, byte for byte."""

from __future__ import annotations

import json
import select
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.harness import Lowtide

PATIENCE_S = 60.0


class Agent:
    """A process of `lowtide mcp` and its streams."""

    def __init__(self, lowtide: Lowtide, folder: Path, *, begin: bool = True, roots: list[Path] | None = None) -> None:
        self.process = subprocess.Popen(
            lowtide.command("mcp"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env=lowtide.env(),
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self._held = b""
        self._next = 1
        self.notified: list[dict[str, Any]] = []
        self.roots = roots
        if begin:
            capabilities = {"roots": {"listChanged": True}} if roots is not None else {}
            self.ask("initialize", protocolVersion="2025-11-25", capabilities=capabilities, clientInfo={"name": "t"})
            self.send({"method": "notifications/initialized"})

    def send(self, message: dict[str, Any]) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def write(self, data: bytes) -> None:
        self.stdin.write(data)

    def hear(self, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next message; questions about folders are answered on the way."""
        deadline = time.monotonic() + within_s
        while True:
            while b"\n" not in self._held:
                left = deadline - time.monotonic()
                assert select.select([self.stdout], [], [], max(0.0, left))[0], "it said nothing"
                data = self.stdout.read(1 << 16)
                assert data, "it has ended"
                self._held += data
            line, _, self._held = self._held.partition(b"\n")
            message: dict[str, Any] = json.loads(line)
            if message.get("method") == "roots/list":
                roots = [{"uri": root.as_uri(), "name": root.name} for root in self.roots or ()]
                self.send({"id": message["id"], "result": {"roots": roots}})
            else:
                return message

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a request; notifications before it are kept."""
        number = self.begin(method, **params)
        while (message := self.hear()).get("id") != number:
            self.notified.append(message)
        return message

    def begin(self, method: str, **params: Any) -> int:
        number, self._next = self._next, self._next + 1
        self.send({"id": number, "method": method, "params": params})
        return number

    def call(self, tool: str, **arguments: Any) -> str:
        """The text of a tool's answer, which is no error."""
        result = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        assert not result["isError"], result
        text: str = result["content"][0]["text"]
        return text

    def fail(self, tool: str, **arguments: Any) -> str:
        """The text of a tool's error."""
        result = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        assert result["isError"], result
        text: str = result["content"][0]["text"]
        return text

    def close(self) -> int:
        """Close its input; its exit status."""
        self.stdin.close()
        code = self.process.wait(PATIENCE_S)
        self.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()
