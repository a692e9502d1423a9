"""Fetch the training sources from PyPI, npm and Debian with their ordinary clients, keep the source files of the
permissive ones.

`sources.toml` names the packages; `sources.lock.json` pins what was used, with version and licence, and is written anew
by each run. A package already fetched is not fetched again.
Invariant: no code of a package is run: wheels, npm tarballs and Debian's archives only, unpacked here; a package whose
own metadata does not name a permissive licence leaves no file behind.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from model import fetch_debian, licences
from model.progress import progress

HERE = Path(__file__).parent
SOURCES = HERE / "sources.toml"
LOCK = HERE / "sources.lock.json"
SUFFIXES = frozenset(
    [
        ".py",
        ".js",
        ".mjs",
        ".cjs",
        ".jsx",
        ".ts",
        ".mts",
        ".tsx",
        ".go",
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".cxx",
        ".hpp",
        ".java",
        ".kt",
        ".swift",
        ".rs",
        ".rb",
        ".php",
        ".cs",
    ]
)
RECORD = "package.json.lock"
REGISTRIES = ("pypi", "npm", "debian", "debian-source")
_MAX_FILE_BYTES = 3_000_000


def fetch_all(work: Path, sources: Path = SOURCES, lock: Path = LOCK) -> list[dict[str, str]]:
    """Fetch every package of `sources` into `work/packages/REGISTRY/NAME`; returns the rows written to `lock`."""
    wanted = tomllib.loads(sources.read_text("utf-8"))
    pinned = {}
    if lock.exists():
        pinned = {(row["registry"], row["name"]): row["version"] for row in json.loads(lock.read_text("utf-8"))}
    jobs = [(registry, name) for registry in REGISTRIES for name in dict.fromkeys(wanted[registry]["packages"])]
    judges = [(registry, name) for registry in ("pypi", "npm") for name in wanted["never"][registry]]
    if set(jobs) & set(judges):
        raise SystemExit(f"sources.toml asks for projects that judge: {set(jobs) & set(judges)}")
    missing = [job for job in jobs if not (_target(work, *job) / RECORD).exists()]
    named = {registry: [name for other, name in missing if other == registry] for registry in REGISTRIES}
    if named["debian"] or named["debian-source"]:
        fetch_debian.download_all(named["debian"], named["debian-source"], work)
    with ThreadPoolExecutor(4) as pool, progress("fetch", len(jobs), "packages") as advance:
        rows = []
        for row in pool.map(lambda job: _fetch(work, job[0], job[1], pinned.get(job)), jobs):
            advance(f"{row['registry']} {row['name']} {row['version']}: {row['licence']}")
            rows.append(row)
        # The judging projects are fetched too, only to recognise their code in the others (model/pairs.py).
        for registry, name in judges:
            _fetch(work, registry, name, None, folder="judges", any_licence=True)
    rows.sort(key=lambda row: (row["registry"], row["name"]))
    lock.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return rows


def _target(work: Path, registry: str, name: str, folder: str = "packages") -> Path:
    return work / folder / registry / name.replace("/", "__")


def _fetch(
    work: Path, registry: str, name: str, version: str | None, folder: str = "packages", any_licence: bool = False
) -> dict[str, str]:
    target = _target(work, registry, name, folder)
    record = target / RECORD
    if record.exists():
        return dict(json.loads(record.read_text("utf-8")))
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=work) as temporary:
        if registry.startswith("debian"):
            row = _fetch_debian(registry, name, work / "downloads", target)
            record.write_text(json.dumps(row), "utf-8")
            return row
        archive = (_pip if registry == "pypi" else _npm)(name, version, Path(temporary))
        row = {"registry": registry, "name": name, "version": version or "", "licence": "not fetched", "use": "no"}
        target.mkdir(parents=True)
        if archive is not None:
            members = dict(_members(archive))
            read = _read_wheel if registry == "pypi" else _read_npm
            row["version"], said, normal = read(members, Path(temporary))
            row |= {"licence": normal or said[:80], "use": "yes" if normal else "no"}
            row["sha256"] = hashlib.sha256(archive.read_bytes()).hexdigest()
            if normal or any_licence:
                _unpack(members, target)
    record.write_text(json.dumps(row), "utf-8")
    return row


def _fetch_debian(registry: str, name: str, downloads: Path, target: Path) -> dict[str, str]:
    """Debian keeps one version of a package, so none is asked for; the lock says which it was."""
    row = {"registry": registry, "name": name, "version": "", "licence": "not fetched", "use": "no"}
    target.mkdir(parents=True)
    read = fetch_debian.read_binary if registry == "debian" else fetch_debian.read_source
    got = read(name, downloads)
    if got is None:
        return row
    row["version"], archive, copyright_text, files = got
    said, normal, rights = fetch_debian.read_copyright(copyright_text)
    row |= {"licence": normal or said[:80], "use": "yes" if normal else "no"}
    row["sha256"] = hashlib.sha256(archive).hexdigest()
    if rights:
        _unpack(dict(fetch_debian.kept(files, rights, _wanted)), target)
    return row


def _run(command: list[str], cwd: Path) -> bool:
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True, timeout=240).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _pip(name: str, version: str | None, folder: Path) -> Path | None:
    requirement = f"{name}=={version}" if version else name
    _run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", ".", requirement],
        folder,
    )
    return next(iter(folder.glob("*.whl")), None)


def _npm(name: str, version: str | None, folder: Path) -> Path | None:
    _run(["npm", "pack", "--silent", "--ignore-scripts", f"{name}@{version}" if version else name], folder)
    return next(iter(folder.glob("*.tgz")), None)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """The source and metadata files of an archive, by their path inside it."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                if _wanted(info.filename, info.file_size):
                    yield info.filename, wheel.read(info)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and _wanted(member.name, member.size):
                file = tar.extractfile(member)
                if file is not None:
                    yield member.name, file.read()


def _wanted(name: str, size: int) -> bool:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return False
    metadata = re.fullmatch(r"[^/]+\.dist-info/METADATA|[^/]+/package\.json", name) is not None
    return metadata or (path.suffix.lower() in SUFFIXES and size <= _MAX_FILE_BYTES)


def _read_wheel(members: dict[str, bytes], _folder: Path) -> tuple[str, str, str | None]:
    text = next((body for path, body in members.items() if path.endswith("/METADATA")), b"").decode("utf-8", "replace")
    version = re.search(r"^Version: (.+)$", text, re.MULTILINE)
    return (version[1].strip() if version else "", *licences.of_wheel(text))


def _read_npm(members: dict[str, bytes], folder: Path) -> tuple[str, str, str | None]:
    body = next(
        (body for path, body in members.items() if path.count("/") == 1 and path.endswith("package.json")), b"{}"
    )
    (folder / "package.json").write_bytes(body)
    return (json.loads(body).get("version", ""), *licences.of_npm(folder / "package.json"))


def _unpack(members: dict[str, bytes], target: Path) -> None:
    for path, body in members.items():
        if PurePosixPath(path).suffix.lower() in SUFFIXES:
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body)
