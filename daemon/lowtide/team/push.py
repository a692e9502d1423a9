"""`lowtide push URL`: what CI sends of a workspace's index to the team's.

Only chunks that the gateway lacks travel; the places of the commit follow, and its manifest last: until that is there
nothing has changed for who asks. A push that was killed is begun again, and sends what is still missing.

Invariant: a block of chunks is held, however large the index is.
Threads: one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import msgspec
from msgspec.structs import asdict

from lowtide.errors import PathError, StoreError
from lowtide.index.donors import HeldVectors
from lowtide.index.workspace import Workspace
from lowtide.models import display_path
from lowtide.read.snippets import text_to_compare
from lowtide.store import schema
from lowtide.store.catalog import Catalog
from lowtide.store.details import NO_DETAILS
from lowtide.store.lexical.engine import document_text, stems
from lowtide.store.rows import ChunkRow
from lowtide.system.beneath import Root
from lowtide.system.tree.checkout import Checkout, checkout_at, committed_s
from lowtide.team.messages import MOST_WORDS_BYTES, Chunk, Chunks, Commit, Missing, Place, Places
from lowtide.team.remote import Gate
from lowtide.work.words import query_words

BLOCK = 500
_MOST_TEXT = 4096
_SITES = {
    "github": "https://{host}/{name}/blob/{commit}/{{path}}#L{{start}}-L{{end}}",
    "gitlab": "https://{host}/{name}/-/blob/{commit}/{{path}}#L{{start}}-{{end}}",
}


class Pushed(msgspec.Struct, frozen=True):
    """What a push came to. `uploaded`: chunks that the gateway lacked."""

    repository: str
    commit: str
    places: int
    uploaded: int
    already_there: bool

    def as_json(self) -> dict[str, Any]:
        """The object of `lowtide push --json`."""
        return asdict(self)


class _Found(msgspec.Struct):
    missing: list[str]


class _Commits(msgspec.Struct):
    commits: list[Commit]


class _Nothing(msgspec.Struct):
    pass


def push(workspace: Workspace, gate: Gate, web: str = "") -> Pushed:
    """Send the index of `workspace` as its commit's. PathError, StoreError, and what the gate raises."""
    checkout = checkout_at(os.fsencode(workspace.root))
    if checkout is None or not checkout.name or not checkout.commit:
        why = "it has no commit, or no remote `origin` at a server"
        raise PathError(f"{workspace.root} is of no repository that a team could know", why, "push from a clone")
    with closing(workspace.reading()) as catalog, Root(workspace.root) as root:
        recipe = catalog.get_meta("recipe") or ""
        if catalog.last_run() is None or not recipe:
            why = "it is not complete, or has no vectors"
            raise StoreError(f"the index of {workspace.root} cannot be pushed", why, "run `lowtide index` first")
        there = gate.ask("/v1/commits", None, _Commits, 64 << 20).commits
        known = next((each for each in there if each.repository == checkout.name), None)
        version = (checkout.commit, recipe, schema.CONTENT_VERSION)
        if known is not None and (known.commit, known.recipe, known.content_version) == version:
            return Pushed(checkout.name, checkout.commit, known.places, 0, True)
        count = uploaded = 0
        for block in _blocks(catalog, root, recipe):
            uploaded += _send(gate, checkout, block, count)
            count += len(block)
        manifest = Commit(
            repository=checkout.name,
            commit=checkout.commit,
            recipe=recipe,
            content_version=schema.CONTENT_VERSION,
            places=count,
            committed_s=committed_s(os.fsencode(workspace.root)),
            web=web or _web(checkout),
        )
        gate.ask("/v1/commit", manifest, _Nothing)
    return Pushed(checkout.name, checkout.commit, count, uploaded, False)


def _send(gate: Gate, checkout: Checkout, block: Sequence[tuple[Chunk, Place]], first: int) -> int:
    chunks = {chunk.id: chunk for chunk, _ in block}
    missing = gate.ask("/v1/missing", Missing(checkout.name, list(chunks)), _Found).missing
    if missing:
        gate.ask("/v1/chunks", Chunks(checkout.name, [chunks[each] for each in missing if each in chunks]), _Nothing)
    places = Places(checkout.name, checkout.commit, first, [place for _, place in block])
    gate.ask("/v1/places", places, _Nothing)
    return len(missing)


def _blocks(catalog: Catalog, root: Root, recipe: str) -> Iterator[list[tuple[Chunk, Place]]]:
    block: list[tuple[Chunk, Place]] = []
    held = HeldVectors(catalog)
    after = b""
    while files := catalog.indexed_files(after):
        for file in files:
            with catalog.view():
                rows = [row for row in catalog.chunks_of_file(file.file_id) if row.vector_id is not None]
                vectors = held.by_id([row.vector_id for row in rows if row.vector_id is not None])
                told = catalog.details([row.symbol_id for row in rows])
            for row in rows:
                vector = vectors.get(row.vector_id or 0)
                if vector is not None:
                    signature = told.get(row.symbol_id, NO_DETAILS).signature
                    block.append(_chunk(root, row, signature, vector, recipe))
                if len(block) == BLOCK:
                    yield block
                    block = []
        after = files[-1].path
    if block:
        yield block


def _chunk(root: Root, row: ChunkRow, signature: str, vector: bytes, recipe: str) -> tuple[Chunk, Place]:
    path = display_path(row.path)
    name = f"{row.container}.{row.name}" if row.container else row.name
    words = " ".join(query_words(text_to_compare(root, row)))
    said = stems(document_text(words, " ".join(query_words(name)), " ".join(query_words(path))))
    said = said.encode()[:MOST_WORDS_BYTES].decode("utf-8", "ignore")
    address = hashlib.blake2b(f"{recipe}\0{schema.CONTENT_VERSION}\0".encode() + vector, digest_size=16)
    address.update(said.encode())
    place = Place(
        id=address.hexdigest(),
        path=path[:_MOST_TEXT],
        language=row.language,
        start_line=row.start_line,
        end_line=row.end_line,
        kind=row.kind,
        name=row.name[:_MOST_TEXT],
        container=row.container[:_MOST_TEXT],
        signature=signature[:_MOST_TEXT],
        symbol_line=row.symbol_start_line,
    )
    return Chunk(place.id, vector, said), place


def _web(checkout: Checkout) -> str:
    host, _, name = checkout.name.partition("/")
    prefix = os.fsdecode(checkout.prefix)
    for mark, template in _SITES.items():
        if mark in host:
            made = template.format(host=host, name=name, commit=checkout.commit)
            return made.replace("{path}", f"{prefix}{{path}}")
    return ""
