"""A real `lowtide` in processes of its own, over real folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Lowtide:
    """Runs the command line with a home of its own."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "lowtide.cli", *map(str, arguments)]

    def env(self) -> dict[str, str]:
        own = {"LOWTIDE_HOME": str(self.home), "LOWTIDE_EMBEDDED": "1", "PYTHONWARNINGS": "error"}
        return {**os.environ, **own, **self.environment}

    def run(
        self, *arguments: str | Path, code: int | None = 0, stdin: str | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        out = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            env=self.env(),
            input=stdin,
            cwd=cwd,
            timeout=300,
            errors="surrogateescape",
        )
        if code is not None:
            assert out.returncode == code, (
                f"{arguments} ended with {out.returncode}: {out.stdout[-2000:]} {out.stderr[-2000:]}"
            )
        return out

    def json(self, *arguments: str | Path, code: int | None = 0, cwd: Path | None = None) -> dict[str, Any]:
        """The object that the command prints with --json; its stdout holds nothing else."""
        value: dict[str, Any] = json.loads(self.run("--json", *arguments, code=code, cwd=cwd).stdout)
        return value

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env(),
            start_new_session=True,
        )

    def index_folder(self) -> Path:
        """The folder of the only index."""
        (catalog,) = self.home.glob("**/catalog.sqlite")
        return catalog.parent


def until(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for what has no event to wait on: a process that ends, a file that is indexed."""
    deadline = time.monotonic() + seconds
    while not (value := look()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
    return value


def python_module(number: int, functions: int = 8) -> str:
    """A plausible module, different for each number."""
    parts = [f'"""Module {number}: helpers for part {number}."""\n\nimport os\n\nLIMIT_{number} = {number}\n\n']
    for index in range(functions):
        parts.append(
            f"def compute_part_{number}_{index}(value, scale={index}):\n"
            f'    """Compute the {index}th figure of part {number} from a value."""\n'
            f"    total = value * scale + {number * 31 + index}\n"
            f"    for step in range({index + 3}):\n"
            f"        total += step * LIMIT_{number}\n"
            f"    return os.path.join(str(total), 'part{number}', '{index}')\n\n\n"
        )
    parts.append(
        f"class Holder{number}:\n    def __init__(self, size):\n        self.size = size\n\n    def grow(self):\n     "
        f"   self.size += {number}\n"
    )
    return "".join(parts)
