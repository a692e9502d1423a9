"""Fetch training sources from Debian: Go, Rust, Ruby and PHP from binary packages that carry sources, C, C++ and Java
from source packages.

A package's licence is read from its own `debian/copyright` (the machine-readable format 1.0): that of `Files: *` must
be permissive, and every file whose stanza names another licence that is not is left out.
Invariant: no code of a package is run and none is installed: archives are read in memory.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from model import licences

_ROOTS = re.compile(
    r"^(?:usr/share/gocode/src/|usr/share/cargo/registry/[^/]+/|usr/share/php/|usr/share/rubygems-integration/[^/]+/gems/[^/]+/"
    r"|usr/lib/ruby/vendor_ruby/|usr/src/rustc-[^/]+/|usr/share/nodejs/|usr/include/|usr/)"
)
_SPELLINGS = {
    "expat": "MIT",
    "expat/mit": "MIT",
    "mit/x11": "MIT",
    "x11": "MIT",
    "apache-2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "bsd-3": "BSD-3-Clause",
    "bsd-2": "BSD-2-Clause",
    "bsd-3-clauses": "BSD-3-Clause",
    "bsd-2-clauses": "BSD-2-Clause",
    "bsd-3-clause-google": "BSD-3-Clause",
    "bsd (3 clause)": "BSD-3-Clause",
    "zlib/libpng": "Zlib",
}

_TOGETHER = 40


@dataclass(frozen=True, slots=True)
class Copyright:
    """What a `debian/copyright` says: the licence of everything else, and of the files of single stanzas."""

    main: str
    others: tuple[tuple[re.Pattern[str], bool], ...]
    """(paths, whether they may be used), the last match counts."""

    def may_use(self, path: str) -> bool:
        """Whether the file at `path`, from the source's root, is under a permissive licence."""
        allowed = True
        for pattern, permissive in self.others:
            if pattern.fullmatch(path):
                allowed = permissive
        return allowed


def read_copyright(text: str) -> tuple[str, str | None, Copyright | None]:
    """(what `Files: *` says, normal form or None, everything when it is permissive)."""
    if not re.search(r"^Format(-Specification)?:.*(copyright-format|dep5|DEP5|1\.0)", text[:2000], re.MULTILINE):
        return "not machine-readable", None, None
    said, others = "unknown", []
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(Files|License):[ \t]*((?:.*)(?:\n[ \t]+.*)*)", stanza, re.MULTILINE))
        if "Files" not in fields or "License" not in fields:
            continue
        licence = fields["License"].split("\n")[0].strip()
        globs = fields["Files"].split()
        if "*" in globs:
            said = licence
        else:
            others += [(_glob(glob), accepted(licence) is not None) for glob in globs]
    normal = accepted(said)
    return said, normal, Copyright(normal, tuple(others)) if normal else None


def accepted(expression: str) -> str | None:
    """`licences.accepted`, for Debian's short names and its commas."""
    words = re.split(r"(\s+(?:or|and|and/or)\s+|,)", expression.strip().rstrip(","), flags=re.IGNORECASE)
    return licences.accepted("".join(_SPELLINGS.get(word.strip().lower(), word) for word in words).replace(",", ""))


def download_all(binary: list[str], source: list[str], work: Path) -> None:
    """Download packages into `work/downloads`, many with one command: apt-get takes seconds to start."""
    folder = work / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    for names, command in (
        (binary, ["apt-get", "download", "-qq"]),
        (source, ["apt-get", *_source_options(work), "source", "-qq", "--download-only", "--only-source"]),
    ):
        for start in range(0, len(names), _TOGETHER):
            group = names[start : start + _TOGETHER]
            if not _run([*command, *group], folder):
                # One name that there is not fails them all.
                for name in group:
                    _run([*command, name], folder)
            print(f"[{start + len(group)}/{len(names)}] downloaded from Debian", flush=True)


def read_binary(name: str, folder: Path) -> tuple[str, bytes, str, list[tuple[str, bytes]]] | None:
    """(version, the archive, copyright, files) of the binary package `name` in `folder`; None when it is not there."""
    archive = next(iter(folder.glob(f"{name}_*.deb")), None)
    if archive is None:
        return None
    tar = subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], capture_output=True, check=True).stdout
    copyright_text, files = "", []
    for path, body in _files(tar):
        path = path.removeprefix("./")
        if path == f"usr/share/doc/{name}/copyright":
            copyright_text = body.decode("utf-8", "replace")
        elif _ROOTS.match(path):
            files.append((_ROOTS.sub("", path), body))
    return archive.name.split("_")[1].replace("%3a", ":"), archive.read_bytes(), copyright_text, files


def read_source(name: str, folder: Path) -> tuple[str, bytes, str, list[tuple[str, bytes]]] | None:
    """The same of the source package `name`, from its upstream archive; Debian's own files only say the licence."""
    described = next(iter(folder.glob(f"{name}_*.dsc")), None)
    if described is None:
        return None
    copyright_text, files, everything = "", [], b""
    archives = sorted(path for path in folder.glob(f"{name}_*") if re.search(r"\.tar\.\w+$", path.name))
    for archive in archives:
        body = archive.read_bytes()
        everything += hashlib.sha256(body).digest()
        if ".debian.tar." in archive.name or len(archives) == 1:
            for path, content in _files(body):
                if path.endswith("debian/copyright"):
                    copyright_text = content.decode("utf-8", "replace")
        if ".debian.tar." not in archive.name:
            files += [(path.removeprefix("./").partition("/")[2], content) for path, content in _files(body)]
    return described.name.split("_")[1].removesuffix(".dsc"), everything, copyright_text, files


def kept(
    files: list[tuple[str, bytes]], rights: Copyright, wanted: Callable[[str, int], bool]
) -> Iterator[tuple[str, bytes]]:
    """The files that may be used and that `wanted(path, size)` asks for."""
    for path, body in files:
        if path and wanted(path, len(body)) and rights.may_use(path):
            yield path, body


def _glob(glob: str) -> re.Pattern[str]:
    return re.compile(re.escape(glob).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _files(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if member.isfile() and ".." not in path.parts and not path.is_absolute() and member.size < 3_000_000:
                file = tar.extractfile(member)
                if file is not None:
                    yield member.name, file.read()


def _source_options(work: Path) -> list[str]:
    """Options by which apt-get knows source packages too: the machine's own sources, as `deb-src`, in a folder of
    ours."""
    state = work / "apt"
    options = ["-o", f"Dir::Etc::SourceParts={state}", "-o", "Dir::Etc::SourceList=/dev/null"]
    options += ["-o", f"Dir::State::Lists={state}/lists", "-o", "APT::Sandbox::User=root"]
    if not (state / "ready").exists():
        (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        for file in Path("/etc/apt/sources.list.d").glob("*.sources"):
            text = re.sub(r"^Types:.*$", "Types: deb-src", file.read_text("utf-8"), flags=re.MULTILINE)
            (state / file.name).write_text(text, "utf-8")
        plain = Path("/etc/apt/sources.list")
        if plain.exists():
            text = re.sub(r"^deb\s", "deb-src ", plain.read_text("utf-8"), flags=re.MULTILINE)
            (state / "plain.list").write_text(text, "utf-8")
        subprocess.run(["apt-get", *options, "update", "-qq"], check=True, timeout=300)
        (state / "ready").touch()
    return options


def _run(command: list[str], cwd: Path) -> bool:
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True, timeout=900).returncode == 0
    except subprocess.TimeoutExpired:
        return False
