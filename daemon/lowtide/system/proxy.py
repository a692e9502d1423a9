"""The proxy that leads to a server, where there is one.

A proxy is asked for a tunnel (CONNECT), through which TLS goes as if there were none: it learns which server is asked,
and nothing else.

Invariant: what goes to this machine goes straight there; the answer of a proxy is bounded in size and time.
Threads: any.
Source: RFC 9110, 9.3.6; `urllib.request` for the environment's names (it would cost a daemon seven MiB).
"""

from __future__ import annotations

import os
import re
import socket
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from lowtide.errors import LowtideError
from lowtide.system.address import host_and_port, is_host
from lowtide.system.way import Way

MOST_HEAD_BYTES = 16 << 10
PORT = 8080
STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: .*)?")
_REMEDY = "look at `proxy` in the configuration, and at HTTPS_PROXY and NO_PROXY"


class WebError(LowtideError):
    """A server that cannot be reached, does not answer in time, or says what is no HTTP."""

    kind = "web"


class Proxy(NamedTuple):
    """Where a tunnel is asked for, and by whom."""

    host: str
    port: int
    user: str = ""
    password: str = ""

    def __str__(self) -> str:
        return f"the proxy {self.host}:{self.port}"


def proxy_for(host: str, port: int, way: Way, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy that leads to an HTTPS server, or None. WebError for an address that is none."""
    if way.proxy:
        return _parse(way.proxy)
    given = environment.get("https_proxy") or environment.get("HTTPS_PROXY") or ""
    if not given or _is_excepted(host, port, environment.get("no_proxy") or environment.get("NO_PROXY") or ""):
        return None
    return _parse(given)


def _is_excepted(host: str, port: int, names: str) -> bool:
    """Whether NO_PROXY names it: a host, a domain with all below it, either with a port, or `*`."""
    host = host.lower()
    for name in names.lower().replace(",", " ").split():
        domain = name.removesuffix(f":{port}").removeprefix("*").strip("[]").lstrip(".")
        if name == "*" or (domain and (host == domain or host.endswith(f".{domain}"))):
            return True
    return False


def _parse(address: str) -> Proxy:
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname or "", parts.port or PORT
    except ValueError:
        host, port = "", 0
    if not is_host(host) or parts.scheme.lower() != "http":
        # The address is not shown: it may hold a password.
        raise WebError("the address of the proxy is none", "it is to be http://host:port", _REMEDY)
    return Proxy(host, port, unquote(parts.username or ""), unquote(parts.password or ""))


def open_tunnel(made: socket.socket, proxy: Proxy, host: str, port: int, timeout_s: float) -> None:
    """Have the proxy at the other end of `made` lead to a server. WebError; OSError when it cannot be heard."""
    place = host_and_port(host, port)
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}", "User-Agent: lowtide"]
    if proxy.user:
        pair = f"{proxy.user}:{proxy.password}".encode()
        lines.append(f"Proxy-Authorization: Basic {b64encode(pair).decode()}")
    deadline_s = time.monotonic() + timeout_s
    made.settimeout(timeout_s)
    made.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    head = b""
    while b"\r\n\r\n" not in head:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("it does not answer in time")
        made.settimeout(left_s)
        piece = made.recv(4096)
        head += piece
        if not piece or len(head) > MOST_HEAD_BYTES:
            raise WebError(f"{proxy} says what is no HTTP", repr(head[:60]), _REMEDY)
    status = STATUS.fullmatch(head.partition(b"\r\n")[0])
    if status is None or not head.endswith(b"\r\n\r\n"):
        raise WebError(f"{proxy} says what is no HTTP", repr(head[:60]), _REMEDY)
    if not status[1].startswith(b"2"):
        why = "it wants a user and a password" if status[1] == b"407" else f"status {status[1].decode()}"
        raise WebError(f"{proxy} does not lead to {place}", why, _REMEDY)
