"""Why an index holds no file at all: which rules leave everything out.

Threads: any; it reads the disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from lowtide.config.settings import IndexSettings
from lowtide.models import Reason
from lowtide.system.tree.named import NEVER_WALKED
from lowtide.system.tree.walk import explain

MOST_LOOKED_AT = 100
"""Entries of a folder of which nothing is left, to say by which rules."""


def why_nothing(root: Path, settings: IndexSettings, skipped: Mapping[str, int]) -> str:
    """Why an index of `root` would hold no file at all, for people; `skipped`: how many files each reason leaves
    out."""
    if skipped:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in skipped.items())
        return f"no file is indexed: all are skipped ({counts}); `lowtide why FILE` tells of one"
    rules: dict[str, None] = {}
    with os.scandir(root) as entries:
        for entry in islice(entries, MOST_LOOKED_AT):
            found = explain(root, os.fsencode(entry.name), settings)
            if found is not None and found.reason is Reason.EXCLUDED and os.fsencode(entry.name) not in NEVER_WALKED:
                rules[found.rule] = None
    if not rules:
        return "no file is indexed: the folder holds none"
    shown = "; ".join(list(rules)[:3])
    return (
        f"no file is indexed: ignore rules leave everything out ({shown}); "
        "set `gitignore = false` under [index] in .lowtide.toml to index it all the same"
    )
