"""Milvus as the engine: a cluster in production, `milvus-lite` on one machine; the same client for both.

Three collections: chunks (vector, stems with BM25, partitioned by repository), places, and manifests. A collection must
have a vector, so those that need none have one of two zeros.

Invariant: the only module that imports pymilvus, and only the gateway imports this.
Invariant: nothing waits for the engine without end: its client would try again for minutes, and for ever where the
engine says nothing, until no thread of the gateway is left.
Invariant: what is written is seen by who asks next (strong consistency): a manifest never names what cannot be found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
import msgspec
import numpy as np
from pymilvus import DataType, Function, FunctionType, MilvusClient, MilvusException

from lowtide.team.engine import EngineError, Found
from lowtide.team.messages import Chunk, Commit, Place

ASK_S = 2.5
"""So long a question waits for the engine: a little less than who asks waits for the gateway."""
WORK_S = 60.0
"""The same for a push, and at the beginning."""
_NOT_LOADED = 101
"""The engine's number for it."""
_STRONG = "Strong"
_NOTHING = [0.0, 0.0]
_BLOCK = 1000
_MOST_BYTES = 65_535
_MOST_ROWS = 16_384
"""Of one answer: as many as the engine gives."""
_ANALYZER = {"tokenizer": "standard"}


class MilvusEngine:
    """See `engine.Engine`."""

    def __init__(self, uri: str, prefix: str, dims: int, *, token: str = "", exact: bool = False) -> None:
        """`uri` of a server, or a file for milvus-lite; `prefix` of the collections' names; `exact`: compare with every
        vector, as a small or filtered store must (milvus-lite filters after its graph). EngineError."""
        self._chunks, self._places, self._manifests = (f"{prefix}_{name}" for name in ("chunks", "places", "manifests"))
        self._dims = dims
        with _mapped():
            self._client = MilvusClient(uri, token=token, timeout=WORK_S)
            self._make_all(exact)

    def _make_all(self, exact: bool) -> None:
        there = set(self._client.list_collections(timeout=WORK_S))
        if self._chunks not in there:
            schema = self._schema(id=_MOST_KEY)
            schema.add_field("repository", DataType.VARCHAR, max_length=200, is_partition_key=True)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._dims)
            schema.add_field(
                "stems", DataType.VARCHAR, max_length=_MOST_BYTES, enable_analyzer=True, analyzer_params=_ANALYZER
            )
            schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
            bm25 = Function(
                name="bm25", function_type=FunctionType.BM25, input_field_names=["stems"], output_field_names=["sparse"]
            )
            schema.add_function(bm25)
            indexes = MilvusClient.prepare_index_params()
            indexes.add_index("vector", index_type="FLAT" if exact else "AUTOINDEX", metric_type="COSINE")
            indexes.add_index("sparse", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
            self._create(self._chunks, schema, indexes)
        if self._places not in there:
            schema = self._schema(id=_MOST_KEY)
            schema.add_field("repository", DataType.VARCHAR, max_length=200, is_partition_key=True)
            schema.add_field("commit", DataType.VARCHAR, max_length=64)
            schema.add_field("chunk", DataType.VARCHAR, max_length=32)
            schema.add_field("place", DataType.JSON)
            self._make_plain(self._places, schema)
        if self._manifests not in there:
            schema = self._schema(id=200)
            schema.add_field("manifest", DataType.JSON)
            self._make_plain(self._manifests, schema)

    def _schema(self, *, id: int) -> Any:
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, max_length=id, is_primary=True)
        return schema

    def _make_plain(self, name: str, schema: Any) -> None:
        schema.add_field("nothing", DataType.FLOAT_VECTOR, dim=len(_NOTHING))
        indexes = MilvusClient.prepare_index_params()
        indexes.add_index("nothing", index_type="FLAT", metric_type="L2")
        self._create(name, schema, indexes)

    def _create(self, name: str, schema: Any, indexes: Any) -> None:
        self._client.create_collection(
            name, schema=schema, index_params=indexes, consistency_level=_STRONG, timeout=WORK_S
        )

    def close(self) -> None:
        """Let go of it."""
        with _mapped():
            self._client.close()

    def manifests(self) -> list[Commit]:
        """See `Engine`."""
        return [
            msgspec.convert(row["manifest"], Commit)
            for row in self._all(self._manifests, 'id != ""', ["manifest"], ASK_S)
        ]

    def commit(self, manifest: Commit) -> None:
        """See `Engine`."""
        row = {"id": manifest.repository, "manifest": msgspec.to_builtins(manifest), "nothing": _NOTHING}
        self._upsert(self._manifests, [row])

    def which(self, repository: str, ids: Sequence[str]) -> set[str]:
        """See `Engine`."""
        found: set[str] = set()
        for start in range(0, len(ids), _BLOCK):
            keys = [_key(repository, each) for each in ids[start : start + _BLOCK]]
            rows = self._query(self._chunks, f"id in {_quoted(keys)}", "id", WORK_S)
            found.update(row["id"][-32:] for row in rows)
        return found

    def put_chunks(self, repository: str, chunks: Sequence[Chunk]) -> None:
        """See `Engine`."""
        rows = [
            {
                "id": _key(repository, chunk.id),
                "repository": repository,
                "vector": _floats(chunk.vector, self._dims),
                "stems": chunk.stems,
            }
            for chunk in chunks
        ]
        self._upsert(self._chunks, rows)

    def put_places(self, repository: str, commit: str, first: int, places: Sequence[Place]) -> None:
        """See `Engine`."""
        rows = [
            {
                "id": f"{repository}@{commit}:{number}",
                "repository": repository,
                "commit": commit,
                "chunk": place.id,
                "place": msgspec.to_builtins(place),
                "nothing": _NOTHING,
            }
            for number, place in enumerate(places, first)
        ]
        self._upsert(self._places, rows)

    def count_places(self, repository: str, commit: str) -> int:
        """See `Engine`."""
        rows = self._query(self._places, _of_commit(repository, commit), "count(*)", WORK_S)
        return int(rows[0]["count(*)"]) if rows else 0

    def nearest(self, vector: bytes, repositories: Sequence[str], limit: int) -> list[Found]:
        """See `Engine`."""
        return self._search("vector", _floats(vector, self._dims), f"repository in {_quoted(repositories)}", limit)

    def with_words(self, stems: Sequence[str], repositories: Sequence[str], limit: int) -> list[Found]:
        """See `Engine`."""
        found = self._search("sparse", " ".join(stems), f"repository in {_quoted(repositories)}", limit)
        # milvus-lite tells it as a distance: the lower the better.
        return [each._replace(score=abs(each.score)) for each in found]

    def cosines(self, vector: bytes, chunks: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], float]:
        """See `Engine`."""
        keys = [_key(*each) for each in chunks]
        if not keys:
            return {}
        found = self._search("vector", _floats(vector, self._dims), f"id in {_quoted(keys)}", len(keys))
        return {(each.repository, each.id): each.score for each in found}

    def places(self, repository: str, commit: str, ids: Sequence[str]) -> list[Place]:
        """See `Engine`."""
        expression = f"{_of_commit(repository, commit)} and chunk in {_quoted(ids)}"
        rows = self._query(self._places, expression, "place", ASK_S, limit=_MOST_ROWS)
        return [msgspec.convert(row["place"], Place) for row in rows]

    def let_go(self, repository: str, keep: Sequence[str]) -> None:
        """See `Engine`."""
        own = f"repository == {_quote(repository)}"
        self._delete(self._places, f"{own} and commit not in {_quoted(keep)}")
        used = {row["chunk"] for row in self._all(self._places, own, ["chunk"])}
        gone = [row["id"] for row in self._all(self._chunks, own, ["id"]) if row["id"][-32:] not in used]
        for start in range(0, len(gone), _BLOCK):
            self._delete(self._chunks, f"id in {_quoted(gone[start : start + _BLOCK])}")

    def _query(self, collection: str, expression: str, field: str, timeout_s: float, **limit: int) -> list[Any]:
        with _mapped():
            rows: list[Any] = self._loaded(
                self._client.query,
                collection,
                filter=expression,
                output_fields=[field],
                consistency_level=_STRONG,
                timeout=timeout_s,
                **limit,
            )
        return rows

    def _search(self, field: str, what: Any, expression: str, limit: int) -> list[Found]:
        with _mapped():
            (hits,) = self._loaded(
                self._client.search,
                self._chunks,
                data=[what],
                anns_field=field,
                filter=expression,
                limit=limit,
                output_fields=["repository"],
                consistency_level=_STRONG,
                timeout=ASK_S,
            )
        return [Found(hit["entity"]["repository"], hit["id"][-32:], float(hit["distance"])) for hit in hits]

    def _all(self, collection: str, expression: str, fields: list[str], timeout_s: float = WORK_S) -> Iterator[Any]:
        with _mapped():
            pages = self._loaded(
                self._client.query_iterator,
                collection,
                batch_size=_BLOCK,
                filter=expression,
                output_fields=fields,
                consistency_level=_STRONG,
                timeout=timeout_s,
            )
            try:
                while rows := pages.next():
                    yield from rows
            finally:
                pages.close()

    def _upsert(self, collection: str, rows: list[dict[str, Any]]) -> None:
        with _mapped():
            if rows:
                self._loaded(self._client.upsert, collection, rows, timeout=WORK_S)

    def _delete(self, collection: str, expression: str) -> None:
        with _mapped():
            self._loaded(self._client.delete, collection, filter=expression, timeout=WORK_S)

    def _loaded(self, do: Callable[..., Any], collection: str, *given: Any, **named: Any) -> Any:
        """What `do` gives. An engine that was begun again may not have its collections in memory yet."""
        try:
            return do(collection, *given, **named)
        except MilvusException as error:
            if error.code != _NOT_LOADED:
                raise
        self._client.load_collection(collection, timeout=WORK_S)
        return do(collection, *given, **named)


_MOST_KEY = 300


def _key(repository: str, chunk: str) -> str:
    return f"{repository}:{chunk}"


def _of_commit(repository: str, commit: str) -> str:
    return f"repository == {_quote(repository)} and commit == {_quote(commit)}"


def _quote(text: str) -> str:
    """A text of an expression. What is quoted has passed a pattern without quotes already; this is the second lock."""
    if '"' in text or "\\" in text:
        raise EngineError("a name cannot be asked for", repr(text[:60]), "use letters, digits, . _ / and -")
    return f'"{text}"'


def _quoted(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_quote, texts))}]"


def _floats(vector: bytes, dims: int) -> list[float]:
    values = np.frombuffer(vector, np.int8)
    if len(values) != dims:
        raise EngineError("a vector is of another model", f"{len(values)} components", f"this engine holds {dims}")
    return [float(value) for value in values]


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except MilvusException as error:
        why = str(error.message)[:300]
        raise EngineError("the engine does not do what it is asked", why, "look at its log") from error
    except grpc.RpcError as error:  # where the client gives up because of the time, it lets these through
        why = str(getattr(error, "details", lambda: "")() or "")[:300]
        raise EngineError("the engine does not answer", why, "look whether it runs") from error
    except (OSError, ValueError) as error:
        raise EngineError("the engine cannot be reached", str(error)[:300], "look whether it runs") from error
