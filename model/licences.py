"""Read a package's licence from its own metadata and say whether its code may be trained on.

Invariant: only the licences in `PERMISSIVE` pass; what is unknown, unclear or not listed is left out.
"""

from __future__ import annotations

import email
import json
import re
from pathlib import Path

PERMISSIVE = frozenset(
    [
        "MIT",
        "MIT-0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "0BSD",
        "BSD",
        "Apache-2.0",
        "ISC",
        "PSF-2.0",
        "Python-2.0",
        "Zlib",
        "Unlicense",
    ]
)

_SPELLINGS = {
    "mit license": "MIT",
    "the mit license": "MIT",
    "mit licence": "MIT",
    "expat": "MIT",
    "bsd license": "BSD",
    "new bsd": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "bsd-3": "BSD-3-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "python software foundation license": "PSF-2.0",
    "psf": "PSF-2.0",
    "zlib/libpng license": "Zlib",
    "the unlicense (unlicense)": "Unlicense",
    "the unlicense": "Unlicense",
}


def identifier(text: str) -> str | None:
    """The SPDX-like name of one licence as people spell it, or None."""
    text = " ".join(text.split())
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    for known in PERMISSIVE:
        if text.lower() == known.lower():
            return known
    return _SPELLINGS.get(text.lower())


def accepted(expression: str) -> str | None:
    """The expression in normal form when every licence it needs is permissive (`OR`: one alternative is), else None."""
    alternatives = []
    expression = expression.strip()
    if expression.startswith("(") and expression.endswith(")") and expression.count("(") == 1:
        expression = expression[1:-1]
    for alternative in re.split(r"\s+OR\s+", expression, flags=re.IGNORECASE):
        parts = [identifier(part) for part in re.split(r"\s+AND\s+", alternative, flags=re.IGNORECASE)]
        if all(parts):
            alternatives.append(" AND ".join(part for part in parts if part))
    return alternatives[0] if alternatives else None


def of_wheel(metadata: str) -> tuple[str, str | None]:
    """(what a wheel's METADATA says, normal form or None) from its licence expression, classifiers or licence field."""
    headers = email.message_from_string(metadata)
    expression = headers.get("License-Expression")
    if expression:
        return expression, accepted(expression)
    prefix = "License :: OSI Approved :: "
    classifiers = [c.removeprefix(prefix) for c in headers.get_all("Classifier", []) if c.startswith(prefix)]
    if classifiers:
        return "; ".join(classifiers), accepted(" AND ".join(classifiers))
    field = (headers.get("License") or "").strip()
    if field and "\n" not in field:
        return field, accepted(field)
    return "unknown", None


def of_npm(package_json: Path) -> tuple[str, str | None]:
    """(what a package.json says, normal form or None)."""
    licence = json.loads(package_json.read_text("utf-8")).get("license")
    if isinstance(licence, dict):
        licence = licence.get("type")
    if not isinstance(licence, str):
        return "unknown", None
    return licence, accepted(licence)
