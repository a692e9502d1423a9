"""Who may ask for which repositories, and who may push: tokens, in a file of the gateway's user.

Invariant: a token is known by its SHA-256 alone, compared in constant time; what no token allows is as if it were not
there.
"""

from __future__ import annotations

import hashlib
import hmac
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from lowtide.errors import ConfigError
from lowtide.system.beneath import CannotRead, open_plain

MOST_BYTES = 4 << 20


class Grant(msgspec.Struct, frozen=True):
    """What one token allows. `repositories`: patterns of their names, `*` matches any characters."""

    name: str
    sha256: str
    repositories: tuple[str, ...]
    may_push: bool

    def allows(self, repository: str) -> bool:
        """Whether it may see the repository."""
        return any(fnmatchcase(repository, pattern) for pattern in self.repositories)


class Access:
    """All grants."""

    def __init__(self, grants: Sequence[Grant]) -> None:
        self._grants = tuple(grants)

    @classmethod
    def from_file(cls, file: Path) -> Access:
        """`[NAME]` tables with `sha256`, `repositories`, `push`. ConfigError."""
        try:
            with open_plain(file, MOST_BYTES, follow=True) as opened:
                tables = tomllib.loads(opened.whole().decode())
        except CannotRead as error:
            raise ConfigError(f"{file} cannot be read", error.why, "name a file of tokens with --tokens") from error
        except ValueError as error:
            raise ConfigError(f"{file} cannot be read", str(error), "correct the file") from error
        return cls([_grant(file, name, table) for name, table in tables.items()])

    def grant_of(self, token: str) -> Grant | None:
        """What a token allows; None for one that is not known."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        found = None
        for grant in self._grants:
            if hmac.compare_digest(grant.sha256, digest):
                found = grant
        return found


def _grant(file: Path, name: str, table: object) -> Grant:
    if not isinstance(table, dict) or set(table) - {"sha256", "repositories", "push"}:
        why = "a table with sha256, repositories and push is expected"
        raise ConfigError(f"{file}: [{name}]", why, "correct the file")
    digest, patterns, push = table.get("sha256"), table.get("repositories"), table.get("push", False)
    if not isinstance(digest, str) or len(digest) != 64 or not isinstance(push, bool):
        why = "sha256 is not the SHA-256 of a token in hexadecimal, or push is not true or false"
        raise ConfigError(f"{file}: [{name}]", why, "correct the file")
    if not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
        raise ConfigError(f"{file}: [{name}]", "repositories is not a list of patterns", "correct the file")
    return Grant(name, digest.lower(), tuple(patterns), push)
