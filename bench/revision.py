"""Which code a figure was measured on."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def commit() -> str:
    """The commit that is checked out, with `+` when a tracked file of the product differs from it."""
    git = ["git", "-C", str(ROOT)]
    shown = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "daemon", "lsp"], capture_output=True).returncode
    return f"{shown or 'unknown'}{'+' if changed else ''}"
