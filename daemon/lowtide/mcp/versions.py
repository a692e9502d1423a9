"""Which revisions of the protocol are spoken, and what a request says of its own.

Until 2025-11-25 a session begins with `initialize`, which settles the revision. From 2026-07-28 on each request names
it in `_meta`, with what the client can do, and nothing is remembered between two. Both are served side by side.

Source: MCP 2026-07-28, "Versioning and Compatibility" and "Base protocol".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lowtide.serve.rpc import INVALID_PARAMS

STATELESS = "2026-07-28"
BY_HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Newest first."""
SUPPORTED = (STATELESS, *BY_HANDSHAKE)
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
UNSUPPORTED_VERSION = -32022


class Refused(Exception):
    """A request that cannot be served, with its JSON-RPC error."""

    def __init__(self, code: int, text: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.data = data


class Terms(NamedTuple):
    """How a request is to be answered."""

    is_stateless: bool
    has_roots: bool
    """The client can say which folders it works in."""


def settle(asked: Any) -> str:
    """The revision of a session, for what `initialize` asks: the same if it is spoken, else the newest of its kind."""
    return asked if asked in BY_HANDSHAKE else BY_HANDSHAKE[0]


def terms_of(params: dict[str, Any], session_has_roots: bool) -> Terms:
    """Of a request with these parameters. Refused when it names a revision that is not spoken, or says too little."""
    meta = params.get("_meta")
    if not isinstance(meta, dict) or VERSION_KEY not in meta:
        return Terms(is_stateless=False, has_roots=session_has_roots)
    version, capabilities = meta[VERSION_KEY], meta.get(CAPABILITIES_KEY)
    if not isinstance(version, str):
        raise Refused(INVALID_PARAMS, f"_meta: {VERSION_KEY}: a text is wanted")
    if version != STATELESS:
        data = {"supported": list(SUPPORTED), "requested": version[:100]}
        raise Refused(UNSUPPORTED_VERSION, "Unsupported protocol version", data)
    if not isinstance(capabilities, dict):
        raise Refused(INVALID_PARAMS, f"_meta: {CAPABILITIES_KEY}: an object is wanted")
    return Terms(is_stateless=True, has_roots=isinstance(capabilities.get("roots"), dict))
