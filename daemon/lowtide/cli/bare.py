"""What is printed without click: the version, and of an error its object, for the commands that read their arguments
themselves, too.

Standard library only; it is imported when there is something to print.

Invariant: with `--json` it is one object, and nothing in it acts on a terminal.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import lowtide
from lowtide.errors import LowtideError
from lowtide.visible import visible_json


def print_version(*, as_json: bool) -> None:
    """The version, for people or as `{"version"}`."""
    version = lowtide.__version__
    sys.stdout.write(_object({"version": version}) if as_json else f"lowtide, version {version}\n")


def print_error(error: LowtideError) -> None:
    """`{"error": {kind, message, remedy}}`."""
    sys.stdout.write(_object({"error": {"kind": error.kind, "message": error.message, "remedy": error.remedy}}))


def _object(value: dict[str, Any]) -> str:
    return visible_json(json.dumps(value, ensure_ascii=False)) + "\n"
