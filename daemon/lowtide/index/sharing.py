"""`[share] url`: a repository without an index begins with the bundle of the nearest commit before the one here.

Invariant: only what the user's own configuration names is asked, and only for commits of the repository at hand.
Invariant: whatever goes wrong costs one line and a bounded time; then the index is built.
Threads: `fetch` and what it calls, any thread of its own; it ends soon after it is told to.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urljoin

import msgspec

from lowtide.config.settings import ShareSettings
from lowtide.errors import BundleError, LowtideError
from lowtide.index.bundles import INCOMING, Staged, stage
from lowtide.index.workspace import Workspace
from lowtide.paths import Places, make_private
from lowtide.store.durable import mapped_errors
from lowtide.system.address import parse_url
from lowtide.system.beneath import open_plain
from lowtide.system.proxy import WebError
from lowtide.system.tree.checkout import ancestors, checkout_at
from lowtide.system.way import Way
from lowtide.system.web import MOST_REDIRECTS, Connection, Response

log = logging.getLogger(__name__)

MOST_ASKED = 500
"""Commits back that a bundle is looked for."""
LOOKING_S = 15.0
"""So long a server is asked which commits it has."""
ANSWER_S = 10.0
SLOWEST_BYTES_S = 128 << 10
"""A server that sends less in a second is given up after PATIENCE_S."""
PATIENCE_S = 30.0
MOST_BUNDLE_BYTES = 1 << 36
_BLOCK_BYTES = 1 << 18
_MOST_TOKEN_BYTES = 4096

Stopped = Callable[[], bool]


class Begun(msgspec.Struct, frozen=True):
    """What there is to begin with: a sound bundle, or none; and what there is to tell."""

    staged: Staged | None = None
    message: str = ""


def fetch(places: Places, share: ShareSettings, workspace: Workspace, recipe: str, is_stopped: Stopped) -> Begun:
    """The bundle of the nearest commit at or before the one that is checked out in `workspace`. Errors: none."""
    if not share.url:
        return Begun()
    root = os.fsencode(workspace.root)
    try:
        checkout = checkout_at(root)
        commits = ancestors(root, MOST_ASKED) if checkout else []
        if checkout is None or not commits or ("{repo}" in share.url and not _repo_of(checkout.name)):
            return Begun()
        template = share.url.replace("{repo}", quote(_repo_of(checkout.name)))
        found = _nearest(template, share, commits, is_stopped)
        if found is None:
            return Begun()
        commit, place = found
        with _at_hand(places, place, share, is_stopped) as file:
            staged = stage(places, file, workspace, recipe, commit=commit, is_stopped=is_stopped)
    except LowtideError as error:
        if is_stopped():
            return Begun()
        log.warning("event=bundle-not-taken root=%r why=%r", str(workspace.root), str(error))
        return Begun(None, f"the shared index cannot be taken over: {error.message}; it is built here")
    except OSError as error:
        log.warning("event=bundle-not-taken root=%r why=%r", str(workspace.root), str(error))
        return Begun(None, f"the shared index cannot be taken over: {error.strerror or error}; it is built here")
    if is_stopped():
        staged.discard()
        return Begun()
    back = commits.index(commit)
    log.info("event=bundle-taken root=%r commit=%s back=%d", str(workspace.root), commit, back)
    return Begun(staged, f"begun with the shared index of {commit[:12]}" + (f", {back:,} commits back" if back else ""))


def _repo_of(name: str) -> str:
    """`owner/name` of `host/owner/name`."""
    return name.partition("/")[2]


def _nearest(template: str, share: ShareSettings, commits: list[str], is_stopped: Stopped) -> tuple[str, str] | None:
    """The nearest of the commits that there is a bundle of, with its place. WebError, ConfigError."""
    deadline_s = time.monotonic() + LOOKING_S
    with ExitStack() as stack:
        has = _in_folder if "://" not in template else _on_server(template, share, stack)
        for commit in commits:
            if is_stopped() or time.monotonic() > deadline_s:
                break
            place = template.replace("{commit}", commit)
            if has(place):
                return commit, place
    return None


def _in_folder(place: str) -> bool:
    return os.path.isfile(os.path.expanduser(place))


def _on_server(template: str, share: ShareSettings, stack: ExitStack) -> Callable[[str], bool]:
    origin, _ = parse_url(template.replace("{commit}", "0"))
    connection = stack.enter_context(Connection(origin, ANSWER_S, share.way))
    headers = _credentials(share)

    def has(place: str) -> bool:
        status = connection.ask("HEAD", parse_url(place)[1], headers).status
        if status in (401, 403):
            raise WebError(
                f"{origin} lets nobody in without another token", f"status {status}", "see [share] token_file"
            )
        return status < 400

    return has


def _credentials(share: ShareSettings) -> dict[str, str]:
    """ConfigError, CannotRead."""
    if share.token_file is None:
        return {}
    with open_plain(share.token_file, _MOST_TOKEN_BYTES, follow=True) as file:
        return {"Authorization": "Bearer " + file.whole().decode("latin-1").strip()}


@contextmanager
def _at_hand(places: Places, place: str, share: ShareSettings, is_stopped: Stopped) -> Iterator[Path]:
    """The file itself, or a copy of it here while it is needed."""
    if "://" not in place:
        yield Path(os.path.expanduser(place))
        return
    with download(places, place, share.way, _credentials(share), is_stopped) as file:
        yield file


@contextmanager
def download(
    places: Places,
    url: str,
    way: Way,
    headers: dict[str, str] | None = None,
    is_stopped: Stopped = lambda: False,
) -> Iterator[Path]:
    """A file from a server, here for as long as it is needed. BundleError, WebError, ConfigError, StoreError."""
    incoming = places.cache / INCOMING
    make_private(incoming)
    path = incoming / f"{secrets.token_hex(8)}.lowtide"
    try:
        with mapped_errors(path), path.open("xb") as out:
            path.chmod(0o600)
            connection, response = _get(url, headers or {}, way)
            with connection:
                _keep(response, url, out.write, is_stopped)
        yield path
    finally:
        with suppress(OSError):
            path.unlink()


def _get(url: str, headers: dict[str, str], way: Way) -> tuple[Connection, Response]:
    """The answer to a GET, wherever it was sent on to; credentials go to the first server alone."""
    first = parse_url(url)[0]
    for _ in range(MOST_REDIRECTS + 1):
        origin, target = parse_url(url)
        if first.is_secure and not origin.is_secure:
            raise BundleError(f"{first} sends on to what is not encrypted", str(origin), "look at its address")
        connection = Connection(origin, ANSWER_S, way)
        try:
            response = connection.ask("GET", target, headers if origin == first else {})
            if response.status not in (301, 302, 303, 307, 308):
                break
            url = urljoin(url, response.headers.get("location", ""))
        except BaseException:
            connection.close()
            raise
        connection.close()
    else:
        raise BundleError(f"{first} sends on and on", f"{MOST_REDIRECTS} times", "look at its address")
    if response.status != 200:
        connection.close()
        raise BundleError(
            f"{origin} does not give it", f"status {response.status}", "look at its address, and the token"
        )
    return connection, response


def _keep(response: Response, url: str, write: Callable[[bytes], object], is_stopped: Stopped) -> None:
    began_s, size = time.monotonic(), 0
    if (response.length or 0) > MOST_BUNDLE_BYTES:
        raise BundleError("it is too large", f"{response.length:,} bytes", "look at its address")
    while block := response.read(_BLOCK_BYTES):
        size += len(block)
        if is_stopped():
            raise BundleError("it was given up", "nobody waits for it", "try it again")
        if size > MOST_BUNDLE_BYTES:
            raise BundleError("it is too large", f"more than {MOST_BUNDLE_BYTES:,} bytes", "look at its address")
        took_s = time.monotonic() - began_s
        if took_s > PATIENCE_S and size < took_s * SLOWEST_BYTES_S:
            raise BundleError("it comes too slowly", f"{size:,} bytes in {took_s:.0f} s", "try it again later")
        write(block)
