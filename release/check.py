"""Checks all that a release must be, and publishes nothing.

    python -m release.check            what must hold at any time
    python -m release.check --final    also what must hold when a version is tagged

Each part says what it found; the command ends with 1 when anything is wrong. RELEASING.md says what is done by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from release.build import ROOT, SAFELY, build, export, sha256

SHARED = {
    "share/man/man1/lowtide.1": "docs/lowtide.1",
    "share/bash-completion/completions/lowtide": "release/share/lowtide.bash",
    "share/zsh/site-functions/_lowtide": "release/share/_lowtide",
    "share/fish/vendor_completions.d/lowtide.fish": "release/share/lowtide.fish",
    "share/systemd/user/lowtide.service": "release/share/lowtide.service",
}
"""What the wheel installs beside the packages -> where it is in the repository."""
MOST_WHEEL_BYTES = 12 << 20
_JUNK = re.compile(r"(^|/)(__pycache__|\.git|\.venv|node_modules|\.pytest_cache|\.hypothesis)(/|$)|\.py[co]$")


@dataclass(frozen=True, slots=True)
class Found:
    """What one look came to."""

    ok: bool
    text: str


def versions(root: Path) -> dict[str, str]:
    """Every place that says which version this is -> what it says; empty where it says nothing."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    extension = json.loads((root / "editors/vscode/package.json").read_text("utf-8"))["version"]
    lock = json.loads((root / "editors/vscode/package-lock.json").read_text("utf-8"))
    return {
        "pyproject.toml": project,
        "daemon/lowtide/__init__.py": _first(root, "daemon/lowtide/__init__.py", r'__version__ = "([^"]+)"'),
        "CHANGELOG.md": _first(root, "CHANGELOG.md", r"^## (\d\S*)"),
        "editors/vscode/package.json": extension,
        "editors/vscode/package-lock.json": lock["version"],
        "editors/vscode/CHANGELOG.md": _first(root, "editors/vscode/CHANGELOG.md", r"^## (\d\S*)"),
        "editors/nvim/lua/lowtide/version.lua": _first(root, "editors/nvim/lua/lowtide/version.lua", r"'(\d[^']*)'"),
        "docs/protocol.md": _first(root, "docs/protocol.md", r'"version": "([^"]+)"'),
    }


def _first(root: Path, path: str, pattern: str) -> str:
    found = re.search(pattern, (root / path).read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def check_versions(root: Path) -> Iterator[Found]:
    """They are all the same."""
    said = versions(root)
    wanted = said["pyproject.toml"]
    for place, version in said.items():
        yield Found(version == wanted, f"{place} says {version or 'nothing'}")


def check_table(root: Path) -> Iterator[Found]:
    """RELEASING.md says what goes with this version, and the formats of the code are written down."""
    short = ".".join(versions(root)["pyproject.toml"].split(".")[:2])
    rows = re.findall(r"^\| (\d+\.\d+) \|", (root / "RELEASING.md").read_text("utf-8"), re.MULTILINE)
    yield Found(short in rows, f"the table of RELEASING.md has {', '.join(rows) or 'no version'}; this is {short}")
    schema = int(_first(root, "daemon/lowtide/store/schema.py", r"^SCHEMA_VERSION = (\d+)") or 0)
    formats = (root / "docs/formats.md").read_text("utf-8")
    yield Found(f"| {schema} |" in formats, f"docs/formats.md has the catalog's schema {schema}")
    kept = sorted(path.name for path in (root / "tests/data/formats").glob("catalog-*.sqlite"))
    yield Found(f"catalog-{schema - 1}.sqlite" in kept, f"tests/data/formats keeps the schema before {schema}")


def check_protocol(root: Path) -> Iterator[Found]:
    """docs/protocol.md has every method that the code has, and no other."""
    text = (root / "docs/protocol.md").read_text("utf-8")
    method = re.compile(r"lowtide/[a-z]\w+(?![\w./-])")
    told = set(method.findall(text))
    code = set()
    # What only Lowtide's own commands ask (`lowtide/find` and the like) is no part of it.
    for path in ("lsp/lowtide_lsp/protocol.py", "lsp/lowtide_lsp/requests/table.py"):
        code |= set(re.findall(r'"(lowtide/[a-z]\w+)"', (root / path).read_text("utf-8")))
    for name in sorted(code - told):
        yield Found(False, f"docs/protocol.md does not tell of {name}")
    headed = set(re.findall(r"^### `(lowtide/\w+)`", text, re.MULTILINE))
    for name in sorted(headed - code):
        yield Found(False, f"docs/protocol.md tells of {name}, which the code has not")
    yield Found(not code - told, f"{len(code)} methods of lowtide/* are in docs/protocol.md")


def check_changelog(root: Path, final: bool) -> Iterator[Found]:
    """Something is told of this version; in a release nothing is left under Unreleased."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (\S+)[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    version = versions(root)["pyproject.toml"]
    yield Found(bool(sections.get(version, "").strip()), f"CHANGELOG.md tells of {version}")
    if final:
        waiting = sections.get("Unreleased", "").strip()
        yield Found(not waiting, "nothing stands under Unreleased" if not waiting else "Unreleased is not empty")


def check_tree(root: Path) -> Iterator[Found]:
    """What is built is what is committed."""
    done = subprocess.run(["git", "-C", str(root), "status", "--porcelain"], capture_output=True, text=True, check=True)
    changed = done.stdout.splitlines()
    yield Found(not changed, f"{len(changed)} files differ from the commit" if changed else "the tree is clean")


def check_packages(root: Path) -> Iterator[Found]:
    """Two builds are equal to the byte, the source distribution gives the same wheel, and all of it is inside."""
    version = versions(root)["pyproject.toml"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = build(export(folder / "one", root=root), folder / "out-one")
        second = build(export(folder / "elsewhere/two", root=root), folder / "out-two")
        for one, two in zip(first, second, strict=True):
            yield Found(sha256(one) == sha256(two), f"{one.name}, built twice: {sha256(one)[:16]}, {sha256(two)[:16]}")
        source, wheel = (next(path for path in first if path.suffix == suffix) for suffix in (".gz", ".whl"))
        with tarfile.open(source) as archive:
            names = archive.getnames()
            archive.extractall(folder / "source", **SAFELY)
        yield Found(not any(map(_JUNK.search, names)), f"{source.name}: {len(names)} files")
        (again,) = build(folder / "source" / source.name.removesuffix(".tar.gz"), folder / "again", "wheel")
        yield Found(sha256(again) == sha256(wheel), "the source distribution gives the same wheel")
        yield from check_wheel(wheel, root, version)


def check_wheel(wheel: Path, root: Path, version: str) -> Iterator[Found]:
    """What a wheel holds."""
    size = wheel.stat().st_size
    yield Found(size <= MOST_WHEEL_BYTES, f"{wheel.name}: {size / (1 << 20):.1f} MiB")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        yield Found(not any(map(_JUNK.search, names)), f"{len(names)} files")
        data = f"lowtide-{version}.data/data/"
        for place, path in SHARED.items():
            there = data + place in names and archive.read(data + place) == (root / path).read_bytes()
            yield Found(there, f"{place} is that of {path}")
        packaged = {name for name in names if name.startswith(("lowtide/", "lowtide_lsp/"))}
        wanted = {
            str(path.relative_to(root / base))
            for base in ("daemon", "lsp")
            for path in (root / base).rglob("*")
            if path.is_file() and not _JUNK.search(path.as_posix())
        }
        missing = sorted(wanted - packaged)
        yield Found(not missing, f"every file of the packages is inside{': not ' + missing[0] if missing else ''}")
        metadata = archive.read(f"lowtide-{version}.dist-info/METADATA").decode()
        yield Found(f"\nVersion: {version}\n" in metadata, f"its metadata say {version}")


def check_extension(root: Path) -> Iterator[Found]:
    """A built extension is of this version."""
    built = root / "editors/vscode/out/lowtide.vsix"
    if not built.exists():
        yield Found(True, "the extension is not built here: `npm run package` in editors/vscode")
        return
    with zipfile.ZipFile(built) as archive:
        version = json.loads(archive.read("extension/package.json"))["version"]
    yield Found(version == versions(root)["pyproject.toml"], f"{built.name} is of {version}")


def look(root: Path, *, final: bool = False, quick: bool = False) -> Iterator[tuple[str, Found]]:
    """Every look with the title that it belongs under. `quick`: nothing is built."""
    parts: list[tuple[str, Callable[[], Iterator[Found]]]] = [
        ("versions", lambda: check_versions(root)),
        ("what goes with which", lambda: check_table(root)),
        ("protocol", lambda: check_protocol(root)),
        ("changes", lambda: check_changelog(root, final)),
        ("extension", lambda: check_extension(root)),
    ]
    if not quick:
        parts += [("tree", lambda: check_tree(root)), ("packages", lambda: check_packages(root))]
    for title, part in parts:
        for found in part():
            yield title, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--final", action="store_true", help="as for a version that is tagged now")
    parser.add_argument("--quick", action="store_true", help="build nothing")
    options = parser.parse_args()
    wrong = 0
    for title, found in look(ROOT, final=options.final, quick=options.quick):
        print(f"{'ok  ' if found.ok else 'FAIL'}  {title}: {found.text}")
        wrong += not found.ok
    print(
        f"{wrong} things are wrong" if wrong else "all is well; nothing was published (RELEASING.md says what is next)"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
