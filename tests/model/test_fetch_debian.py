"""Debian's packages: the licence that a package states, and which of its files may be used."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from model import fetch_debian

FORMAT = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: x\n\n"


@pytest.mark.parametrize(
    ("said", "normal"),
    [
        ("Expat", "MIT"),
        ("Apache-2.0 or GPL-2", "Apache-2.0"),
        ("BSD-3-clause and Expat", "BSD-3-Clause AND MIT"),
        ("Expat, and LGPL-2.1", None),
        ("GPL-2", None),
    ],
)
def test_debians_short_names_are_understood(said: str, normal: str | None) -> None:
    assert fetch_debian.accepted(said) == normal
    assert fetch_debian.read_copyright(f"{FORMAT}Files: *\nCopyright: y\nLicense: {said}\n")[1] == normal


def test_free_text_is_no_statement() -> None:
    assert fetch_debian.read_copyright("This is under the MIT license.") == ("not machine-readable", None, None)


def test_files_under_another_licence_are_left_out() -> None:
    text = (
        f"{FORMAT}Files: *\nCopyright: y\nLicense: Expat\n text\n\n"
        "Files: lib/gpl/*\n src/odd.c\nCopyright: z\nLicense: GPL-2+\n\n"
        "Files: lib/gpl/fine.c\nCopyright: z\nLicense: BSD-2-clause\n"
    )
    _, normal, rights = fetch_debian.read_copyright(text)
    assert normal == "MIT"
    assert rights is not None
    files = [(path, b"x") for path in ("a.c", "lib/gpl/b.c", "src/odd.c", "lib/gpl/fine.c", "a.txt")]
    kept = fetch_debian.kept(files, rights, lambda path, _size: path.endswith(".c"))
    assert [path for path, _ in kept] == ["a.c", "lib/gpl/fine.c"]


def pack(target: Path, files: dict[str, str]) -> None:
    with tarfile.open(target, "w:gz") as tar:
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))


def test_a_source_package_is_read_from_its_archives(tmp_path: Path) -> None:
    said = f"{FORMAT}Files: *\nCopyright: y\nLicense: Expat\n"
    pack(tmp_path / "thing_1.2.orig.tar.gz", {"thing-1.2/src/a.c": "int a;", "thing-1.2/../../outside.c": "int b;"})
    pack(tmp_path / "thing_1.2-1.debian.tar.gz", {"debian/copyright": said, "debian/patches/x.c": "int c;"})
    (tmp_path / "thing_1.2-1.dsc").write_text("")
    got = fetch_debian.read_source("thing", tmp_path)
    assert got is not None
    version, _, copyright_text, files = got
    assert (version, copyright_text, files) == ("1.2-1", said, [("src/a.c", b"int a;")])
    assert fetch_debian.read_source("absent", tmp_path) is None
