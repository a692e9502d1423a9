"""An index as one file: exported, taken over, and refused when anything about it is not as it should be."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.e2e.contents import Contents, differences, read_contents
from tests.e2e.soak import git
from tests.worker.bundling import FILES, index, places_of, refused, repack, stage, workspace_of
from tests.worker.bundling import bundle as bundle
from tests.worker.bundling import exported as exported
from tests.worker.bundling import tree as tree

from lowtide.errors import LowtideError, StoreError
from lowtide.index import bundles
from lowtide.index.report import check_index
from lowtide.index.sharing import Begun
from lowtide.store import bundle_file, schema
from lowtide.store.bundle_file import Manifest, Part
from lowtide.store.catalog import Catalog
from lowtide.store.vectors.vector_segments import FlatSegment, build_graph, write_flat
from lowtide.system.memory import own_anonymous_bytes


def cloned(tree: Path, target: Path) -> Path:
    git(tree, "clone", "-q", str(tree), str(target))
    return target


@pytest.fixture
def root(tree: Path, tmp_path: Path) -> Path:
    """Another checkout of it, without an index."""
    return cloned(tree, tmp_path / "clone")


def contents(root: Path, home: Path) -> Contents:
    workspace = workspace_of(root, home)
    with closing(workspace.reading()) as catalog:
        assert check_index(workspace, catalog) == ""
    return read_contents(workspace.catalog_path)


def test_what_is_taken_over_is_what_would_have_been_built(root: Path, bundle: Path, tmp_path: Path) -> None:
    home = tmp_path / "ours"
    (root / "m3.py").write_text("def only_here(): ...\n")
    (root / "m4.py").unlink()

    report = index(root, home, Begun(stage(bundle, root, home)))

    assert (report.files.indexed, report.files.unchanged, report.files.removed) == (1, FILES - 2, 1)
    index(root, tmp_path / "fresh")
    assert differences(contents(root, home), contents(root, tmp_path / "fresh")) == []
    assert list((home / "cache" / "incoming").glob("*")) == []


def test_files_that_git_knows_to_be_the_same_are_not_read(tree: Path, root: Path, bundle: Path, tmp_path: Path) -> None:
    home = tmp_path / "ours"
    (root / "m3.py").write_text("def only_here(): ...\n")
    later = time.time() + 10
    os.utime(root / ".git" / "index", (later, later))  # git looked after the moment in which the files were made

    report = index(root, home, Begun(stage(bundle, root, home)))

    assert (report.files.indexed, report.files.unchanged) == (1, FILES - 1)
    assert report.source_bytes == len("def only_here(): ...\n")


def test_a_bundle_says_nothing_of_the_machine_it_was_made_on(
    tree: Path, root: Path, bundle: Path, tmp_path: Path
) -> None:
    staged = stage(bundle, root, tmp_path / "ours")
    try:
        with closing(sqlite3.connect(staged.folder / "catalog.sqlite")) as db:
            keys = {key for (key,) in db.execute("SELECT key FROM meta")}
        assert keys <= {"content_version", "recipe", "settings", "root", "vector_dims"}
    finally:
        staged.discard()
    with bundle.open("rb") as file:
        manifest = bundle_file.read_manifest(file, bundle.stat().st_size)
        unpacked = tmp_path / "unpacked"
        unpacked.mkdir()
        bundle_file.unpack(file, manifest, unpacked)
    assert manifest.facts.files == FILES
    for path in unpacked.rglob("*"):
        assert path.is_dir() or os.fsencode(tree.parent) not in path.read_bytes(), path


def test_an_index_that_is_not_complete_is_not_exported(tree: Path, tmp_path: Path) -> None:
    home = tmp_path / "theirs"
    index(tree, home)
    workspace = workspace_of(tree, home)
    with closing(sqlite3.connect(workspace.catalog_path, isolation_level=None)) as db:
        db.execute("DELETE FROM runs")
    with pytest.raises(StoreError, match="not complete"):
        bundles.export(places_of(home), workspace, tmp_path / "x.lowtide")
    assert not (tmp_path / "x.lowtide").exists()


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [0, 4, 20, 60, 0.1, 0.3, 0.5, 0.7, 0.9, -1])
def test_a_flipped_bit_is_found(root: Path, bundle: Path, tmp_path: Path, where: float) -> None:
    data = bytearray(bundle.read_bytes())
    at = int(where) if isinstance(where, int) else int(where * len(data))
    data[at] ^= 0x10
    bundle.write_bytes(data)
    assert refused(bundle, root, tmp_path / "ours")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_half_a_bundle_is_none(root: Path, bundle: Path, tmp_path: Path, share: float) -> None:
    data = bundle.read_bytes()
    bundle.write_bytes(data[: int(share * len(data))])
    assert refused(bundle, root, tmp_path / "ours")


def test_what_is_no_bundle_is_told(tree: Path, tmp_path: Path) -> None:
    home = tmp_path / "ours"
    for name, data in {"text": b"hello" * 1000, "zip": b"PK\3\4" + bytes(1000)}.items():
        (tmp_path / name).write_bytes(data)
        assert "no bundle" in refused(tmp_path / name, tree, home)
    assert "cannot be read" in refused(tmp_path / "missing", tree, home)
    os.mkfifo(tmp_path / "pipe")
    assert "plain file" in refused(tmp_path / "pipe", tree, home)


def run(sql: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)) as db:
            db.executescript(sql)

    return change


HOSTILE = {
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM files; END",
    "a view": "ALTER TABLE runs RENAME TO runs2; CREATE VIEW runs AS SELECT * FROM runs2",
    "another table": "CREATE TABLE more (x)",
    "a table less": "DROP TABLE dead_words",
    "an index less": "DROP INDEX chunks_by_vector",
    "another index": "DROP INDEX vectors_by_hash; CREATE INDEX vectors_by_hash ON vectors (abs(hash))",
    "a path out": "UPDATE files SET path = CAST('../../etc/passwd' AS BLOB) WHERE id = 1",
    "a whole path": "UPDATE files SET path = CAST('/etc/passwd' AS BLOB) WHERE id = 1",
    "text for a number": "UPDATE files SET size_bytes = 'many' WHERE id = 1",
    "text for an id": "UPDATE files SET first_chunk_id = 'many' WHERE id = 1",
    "no such status": "UPDATE files SET status = 'wonderful' WHERE id = 1",
    "symbols of another place": "UPDATE files SET first_symbol_id = 1 WHERE symbols > 0",
    "symbols of no place": "UPDATE files SET first_symbol_id = first_symbol_id - 100 WHERE symbols > 0",
    "fewer symbols": "UPDATE files SET symbols = symbols - 1 WHERE symbols > 0",
    "more symbols": "UPDATE files SET symbols = symbols + 1 WHERE symbols > 0",
    "chunks of another place": "UPDATE files SET first_chunk_id = 1 WHERE chunks > 0",
    "fewer chunks": "UPDATE files SET chunks = chunks - 1 WHERE id = 1",
    "more chunks": "UPDATE files SET chunks = chunks + 1 WHERE id = 1",
    "symbols in a row": "INSERT INTO symbols VALUES (1, 1, 'x', 12, '', 0, 0, 0, 0)",
    "details in a row": "INSERT INTO details VALUES (1, x'00')",
    "chunks in a row": "INSERT INTO chunks VALUES (1, 1, 1, 1, 0, 1, 0, 0, 0)",
    "vectors in a row": "INSERT INTO vectors VALUES (1, zeroblob(16))",
    "an id that cannot be": "UPDATE files SET first_symbol_id = 1 << 62 WHERE first_symbol_id = 1",
    "ids far apart": "UPDATE files SET first_symbol_id = 1 << 40 WHERE id = (SELECT max(id) FROM files)",
    "the last id": "UPDATE sqlite_sequence SET seq = 9223372036854775807",
    "components in a row": "INSERT INTO vector_data VALUES (1, zeroblob(256))",
    "no dimensions": "DELETE FROM meta WHERE key = 'vector_dims'",
    "other dimensions": "UPDATE meta SET value = '16' WHERE key = 'vector_dims'",
    "dimensions that are no number": "UPDATE meta SET value = 'many' WHERE key = 'vector_dims'",
    "a segment elsewhere": "UPDATE segments SET name = '../../../home/x'",
    "a graph": "UPDATE segments SET kind = 'graph', name = 'graph-0123456789abcdef.seg'",
    "a segment that is not there": "INSERT INTO segments VALUES ('lexical-0000000000000000', 'lexical', 0, 0, 0, 0, 0)",
    "another checksum": "UPDATE segments SET crc32 = crc32 + 1",
    "fewer files": "DELETE FROM files WHERE id = 1",
    "another version": "PRAGMA user_version = 2",
    "a newer version": "PRAGMA user_version = 99",
    "another program": "PRAGMA application_id = 7",
    "another content version": "UPDATE meta SET value = '3' WHERE key = 'content_version'",
    "another recipe": "UPDATE meta SET value = 'other' WHERE key = 'recipe'",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_catalog_is_refused(tree: Path, bundle: Path, tmp_path: Path, what: str) -> None:
    hostile = repack(bundle, tmp_path / "hostile.lowtide", run(HOSTILE[what]))
    assert refused(hostile, tree, tmp_path / "ours")


def test_damage_inside_that_has_a_right_checksum_is_refused(tree: Path, bundle: Path, tmp_path: Path) -> None:
    def zeros(folder: Path) -> None:
        file = folder / "catalog.sqlite"
        data = bytearray(file.read_bytes())
        data[8192:12288] = bytes(4096)
        file.write_bytes(data)

    assert refused(repack(bundle, tmp_path / "a.lowtide", zeros), tree, tmp_path / "ours")

    def other_words(folder: Path) -> None:
        (words,) = folder.glob("lexical-*/*.idx")
        words.write_bytes(words.read_bytes()[:-1] + b"?")

    assert refused(repack(bundle, tmp_path / "b.lowtide", other_words), tree, tmp_path / "ours")


@pytest.mark.parametrize("what", ["a row less", "a byte more", "none", "not there"])
def test_other_vectors_than_the_catalog_names_are_refused(tree: Path, bundle: Path, tmp_path: Path, what: str) -> None:
    def change(folder: Path) -> None:
        data = (folder / "vectors").read_bytes()
        (folder / "vectors").write_bytes({"a row less": data[:-256], "a byte more": data + b"?"}.get(what, b""))
        if what == "not there":
            (folder / "vectors").unlink()

    assert "vectors" in refused(repack(bundle, tmp_path / "a.lowtide", change), tree, tmp_path / "ours")


def test_vectors_are_carried_from_wherever_they_lie(tree: Path, tmp_path: Path) -> None:
    """In a graph, in a segment that overlaps it, in the catalog; and not those that no chunk uses."""
    home = tmp_path / "theirs"
    index(tree, home)
    workspace = workspace_of(tree, home)
    with closing(Catalog(workspace.catalog_path, writable=True)) as catalog:
        (flat,) = catalog.vector_segments()
        opened_flat = FlatSegment(workspace.folder / flat.name, flat)
        ids, matrix = np.array(opened_flat.rows.ids), np.array(opened_flat.rows.matrix)
        half, end = len(ids) // 2, len(ids) - 5
        graph = build_graph(workspace.folder / "graph-0123456789abcdef.seg", [opened_flat], ids[half:], lambda: False)
        rest = write_flat(workspace.folder / "vectors-0123456789abcdef.seg", 256, [(ids[9:end], matrix[9:end])])
        assert graph is not None
        assert rest is not None
        catalog.swap_segments([graph, rest], [flat.name])
    with closing(sqlite3.connect(workspace.catalog_path, isolation_level=None)) as db:
        loose = [(int(number), bytes(row)) for number, row in zip(ids[end:], matrix[end:], strict=True)]
        db.executemany("INSERT INTO vector_data VALUES (?, ?)", loose)
        for gone in (ids[2], ids[half + 2], ids[-2]):
            db.execute("UPDATE chunks SET vector_id = NULL WHERE vector_id = ?", (int(gone),))
    file = tmp_path / "one.lowtide"

    bundles.export(places_of(home), workspace, file)

    staged = stage(file, tree, tmp_path / "ours")
    with closing(Catalog(staged.folder / "catalog.sqlite", writable=False)) as catalog:
        (made,) = catalog.vector_segments()
        rows = FlatSegment(staged.folder / made.name, made).rows
    kept = np.delete(np.arange(len(ids)), [2, half + 2, len(ids) - 2])
    assert np.array_equal(rows.ids, ids[kept])
    assert np.array_equal(rows.matrix, matrix[kept])
    staged.discard()


def test_what_is_taken_over_leaves_no_pages_to_give_back(tree: Path, bundle: Path, tmp_path: Path) -> None:
    staged = stage(bundle, tree, tmp_path / "ours")
    with closing(sqlite3.connect(staged.folder / "catalog.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM vector_data").fetchone() == (0,)
        assert db.execute("PRAGMA freelist_count").fetchone()[0] <= 4
    staged.discard()


def test_numbers_of_a_strangers_blobs_are_not_believed_without_git(root: Path, bundle: Path, tmp_path: Path) -> None:
    def noise(folder: Path) -> None:
        (folder / "blobs").write_bytes(os.urandom(5001))

    hostile = repack(bundle, tmp_path / "a.lowtide", noise)
    home = tmp_path / "ours"
    assert index(root, home, Begun(stage(hostile, root, home))).files.unchanged == FILES


def manifest_of(bundle: Path, change: Callable[[list[Part]], list[Part]], body: bytes | None = None) -> None:
    """Give a bundle another manifest, with a right checksum."""
    with bundle.open("rb") as file:
        manifest = bundle_file.read_manifest(file, bundle.stat().st_size)
        rest = file.read() if body is None else body
    data = msgspec.json.encode(Manifest(manifest.facts, change(list(manifest.parts))))
    head = bundle_file._HEAD.pack(b"LTIDEBND", bundle_file.FORMAT_VERSION, len(data), hashlib.sha256(data).digest())
    bundle.write_bytes(head + data + rest)


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "/etc/x",
        "catalog.sqlite-wal",
        "lock",
        "root",
        "lexical-0123456789abcdef/../x",
        "lexical-0123456789abcdef/a/b",
        "lexical-0123456789abcdef",
        "lexical-0123456789abcdef/..",
        "vectors-0123456789abcdef.seg",
        "blobs\0",
        "",
    ],
)
def test_a_name_that_no_index_has_is_refused(tree: Path, bundle: Path, tmp_path: Path, name: str) -> None:
    def rename(parts: list[Part]) -> list[Part]:
        return [msgspec.structs.replace(part, name=name) if part.name == "blobs" else part for part in parts]

    manifest_of(bundle, rename)
    assert "which no index has" in refused(bundle, tree, tmp_path / "ours")


def test_a_part_twice_or_no_catalog_is_refused(tree: Path, bundle: Path, tmp_path: Path) -> None:
    whole = bundle.read_bytes()
    manifest_of(bundle, lambda parts: [*parts, parts[0]])
    assert "parts" in refused(bundle, tree, tmp_path / "ours")
    bundle.write_bytes(whole)
    manifest_of(bundle, lambda parts: parts[1:])
    assert refused(bundle, tree, tmp_path / "ours")


def test_what_unpacks_to_more_than_it_says_is_stopped_there(tree: Path, bundle: Path, tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(64 << 20), 9)
    part = Part("catalog.sqlite", 1000, len(bomb), hashlib.sha256(bytes(1000)).hexdigest())
    with bundle.open("rb") as file:
        packed_bytes = bundle_file.read_manifest(file, bundle.stat().st_size).parts[0].packed_bytes
        rest = file.read()[packed_bytes:]
    manifest_of(bundle, lambda parts: [part, *parts[1:]], bomb + rest)
    before = own_anonymous_bytes()
    assert "not as it was written" in refused(bundle, tree, tmp_path / "ours")
    assert own_anonymous_bytes() - before < 8 << 20


def test_what_says_that_it_is_larger_than_the_disk_is_not_begun(tree: Path, bundle: Path, tmp_path: Path) -> None:
    manifest_of(bundle, lambda parts: [msgspec.structs.replace(parts[0], size_bytes=1 << 39), *parts[1:]])
    with pytest.raises(StoreError, match="no room"):
        stage(bundle, tree, tmp_path / "ours")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"content_version": schema.CONTENT_VERSION - 1}, "another version of Lowtide"),
        ({"schema_version": schema.SCHEMA_VERSION - 1}, "another version of Lowtide"),
        ({"recipe": "f" * 16}, "another embedding model"),
        ({"prefix": "daemon/"}, "another folder"),
        ({"commit": "a" * 40, "repository": "example.org/a/b"}, "another repository"),
        ({"files": 7}, "does not hold what it says"),
    ],
)
def test_a_bundle_that_is_of_no_use_here_says_why(
    root: Path, bundle: Path, tmp_path: Path, facts: dict[str, object], why: str
) -> None:
    other = repack(bundle, tmp_path / "other.lowtide", lambda _: None, **facts)
    assert why in refused(other, root, tmp_path / "ours")


def test_a_bundle_must_be_of_the_commit_that_was_asked_for(root: Path, bundle: Path, tmp_path: Path) -> None:
    assert "another commit" in refused(bundle, root, tmp_path / "ours", commit="b" * 40)


def test_a_bundle_of_an_ancestor_is_of_this_repository(root: Path, bundle: Path, tmp_path: Path) -> None:
    home = tmp_path / "ours"
    git(root, "remote", "set-url", "origin", "https://example.org/fork/app.git")
    (root / "m1.py").write_text("def changed(): ...\n")
    git(root, "commit", "-qam", "two")
    assert index(root, home, Begun(stage(bundle, root, home))).files.indexed == 1


def test_a_bundle_that_cannot_be_installed_leaves_a_built_index(
    root: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "ours"
    staged = stage(bundle, root, home)
    moved = os.rename

    def rename(source: Path, target: Path) -> None:
        if Path(source).name == "catalog.sqlite":
            raise OSError(28, "No space left on device")
        moved(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(LowtideError, match="cannot put"):
        workspace = workspace_of(root, home)
        workspace.folder.mkdir(parents=True)
        bundles.install(staged, workspace)
    assert list(workspace.folder.iterdir()) == []
    monkeypatch.undo()
    staged.discard()
    assert index(root, home).files.indexed == FILES
