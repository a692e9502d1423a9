"""The address of a server: what may be asked, and how an address is shown.

Invariant: no message and no log holds the user, the password or the query of an address: all show it by
`shown_address`.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from lowtide.errors import ConfigError

MOST_SHOWN = 200
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_PLAIN = re.compile(r"[!-~]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Origin(NamedTuple):
    """What a connection leads to."""

    scheme: str
    host: str
    port: int

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    def __str__(self) -> str:
        return f"{self.scheme}://{host_and_port(self.host, self.port)}"


def is_host(name: str) -> bool:
    """Whether it may be a host: a name, or an IP address without brackets."""
    return _HOST.fullmatch(name) is not None


def host_and_port(host: str, port: int) -> str:
    """As they stand in an address: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def shown_address(url: str) -> str:
    """An address as it may be shown, at most MOST_SHOWN characters: `…@` for a user and a password, no query.

    What stands before the last `@` is left out even where it is no valid address: a password may hold any character.
    """
    scheme = match[0] if (match := _SCHEME.match(url)) else ""
    before, at, rest = url[len(scheme) :].rpartition("@")
    rest, query, _ = rest.partition("?")
    shown = scheme + (f"…{at}" if before or at else "") + rest + ("?…" if query else "")
    return shown[:MOST_SHOWN]


def parse_url(url: str) -> tuple[Origin, str]:
    """The origin of a URL, and the target at it. ConfigError when it is none that may be asked."""
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
        has_user = "@" in parts.netloc
    except ValueError:
        scheme, host, port, has_user = "", "", None, False
    if not _PLAIN.fullmatch(url):
        scheme = ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "") if host else ""
    if has_user and scheme in ("http", "https"):
        why = "it holds a user or a password"
        raise ConfigError(f"{shown_address(url)!r} cannot be asked", why, "write it without, and name a token_file")
    if scheme not in ("http", "https") or not is_host(host):
        raise ConfigError(f"{shown_address(url)!r} is no address of a server", "", "write it as https://host/path")
    if scheme == "http" and not _LOOPBACK.fullmatch(host):
        why = "what is sent could be read, and what comes changed, on the way"
        raise ConfigError(f"{shown_address(url)!r} is not encrypted", why, "write https")
    return Origin(scheme, host, port or (443 if scheme == "https" else 80)), target
