"""What an editor can set, with `initializationOptions`, `workspace/didChangeConfiguration` or
`workspace/configuration`.

Invariant: a setting that cannot be read is logged and leaves all as they were.
"""

from __future__ import annotations

from typing import Any

import msgspec

SERVED_ELSEWHERE = frozenset(
    "c cpp c-sharp css dart go haskell html java javascript json kotlin objc php python ruby rust scala swift tsx "
    "typescript zig".split()
)
"""Languages for which most people run a language server that knows more than names."""
ANY = "*"


class Settings(msgspec.Struct, rename="camel", frozen=True):
    """`definition`, `references` and `hover` map a language to whether they answer there; `*` means all others."""

    definition: dict[str, bool] = {}
    references: dict[str, bool] = {}
    hover: dict[str, bool] = {}
    symbol_limit: int = 200
    progress: bool = True
    budget: str | None = None

    def gives_definition(self, language: str) -> bool:
        """Whether definitions are found by name in this language."""
        return _chosen(self.definition, language, language not in SERVED_ELSEWHERE)

    def gives_references(self, language: str) -> bool:
        """Whether references are found by name in this language."""
        return _chosen(self.references, language, language not in SERVED_ELSEWHERE)

    def gives_hover(self, language: str) -> bool:
        """Whether hovering tells of the name."""
        return _chosen(self.hover, language, True)


def _chosen(table: dict[str, bool], language: str, default: bool) -> bool:
    return table.get(language, table.get(ANY, default))


def read_settings(value: Any) -> Settings | None:
    """The settings in what a client sent: `{"lowtide": {...}}` or the inner table; None when there are none.

    Errors: msgspec.ValidationError names the key.
    """
    if isinstance(value, dict) and isinstance(value.get("lowtide"), dict):
        value = value["lowtide"]
    if not isinstance(value, dict):
        return None
    settings = msgspec.convert(value, Settings)
    if not 1 <= settings.symbol_limit <= 200:
        raise msgspec.ValidationError("Expected 1 to 200 - at `$.symbolLimit`")
    return settings
