"""Bundles that tests take over, and how a hostile one is made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
import pytest
from tests.e2e.soak import git

from lowtide.config.settings import Config
from lowtide.errors import BundleError
from lowtide.index import bundles
from lowtide.index.shared import Stay
from lowtide.index.sharing import Begun
from lowtide.index.workspace import Workspace
from lowtide.paths import Places
from lowtide.serve.app import opened
from lowtide.serve.service import Wish
from lowtide.status import IndexReport
from lowtide.store import bundle_file
from lowtide.store.bundle_file import Facts
from lowtide.system.memory import own_anonymous_bytes
from lowtide.work.model.model_folder import default_model, read_model

FILES = 40
SYMBOLS = 8
"""Of each."""


def make_tree(root: Path) -> Path:
    """A repository of one commit."""
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    for number in range(FILES):
        part = "def part_{0}_{1}(x):\n    '''Part {1} of {0}.'''\n    return x + {1}\n\n\n"
        (root / f"m{number}.py").write_text("".join(part.format(number, n) for n in range(SYMBOLS)))
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root


def make_bundle(tree: Path) -> Path:
    """The bundle of it, beside it."""
    home = tree.parent / "theirs"
    assert index(tree, home).files.indexed == FILES
    file = tree.parent / "one.lowtide"
    bundles.export(places_of(home), workspace_of(tree, home), file)
    return file


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that nobody changes."""
    return make_tree(tmp_path_factory.mktemp("trees") / "origin")


@pytest.fixture(scope="module")
def exported(tree: Path) -> Path:
    return make_bundle(tree)


@pytest.fixture
def bundle(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(exported, tmp_path / "one.lowtide"))


def recipe() -> str:
    return read_model(default_model()).recipe


def places_of(home: Path) -> Places:
    return Places(home / "config", home / "cache", home / "run")


def workspace_of(root: Path, home: Path) -> Workspace:
    return Workspace(root, places_of(home).index_folder(root))


def index(root: Path, home: Path, begun: Begun | None = None) -> IndexReport:
    async def play() -> IndexReport:
        async with opened(places_of(home), Config((256 << 20) + own_anonymous_bytes()), Stay.BRIEF) as service:
            staged = begun.staged.folder.name if begun and begun.staged else ""
            return await service.index(root, "test", Wish(staged=staged))

    return anyio.run(play)


def stage(file: Path, root: Path, home: Path, commit: str = "") -> bundles.Staged:
    return bundles.stage(places_of(home), file, workspace_of(root, home), recipe(), commit=commit)


def refused(file: Path, root: Path, home: Path, commit: str = "") -> str:
    """Why a bundle is not taken; nothing of it is left behind."""
    with pytest.raises(BundleError) as caught:
        stage(file, root, home, commit)
    assert list((home / "cache" / "incoming").glob("*")) == []
    assert not workspace_of(root, home).has_index
    return caught.value.message


def repack(bundle: Path, target: Path, change: Callable[[Path], None], **facts: object) -> Path:
    """The same bundle with other contents: all its own checksums right, as somebody who means ill would make it."""
    unpacked = target.parent / f"{target.name}.parts"
    unpacked.mkdir()
    with bundle.open("rb") as file:
        manifest = bundle_file.read_manifest(file, bundle.stat().st_size)
        bundle_file.unpack(file, manifest, unpacked)
    change(unpacked)
    parts = [(part.name, unpacked / part.name) for part in manifest.parts if (unpacked / part.name).exists()]
    told = msgspec.convert({**msgspec.to_builtins(manifest.facts), **facts}, Facts)
    bundle_file.write(target, told, parts)
    return target
