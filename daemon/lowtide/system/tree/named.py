"""What a name alone tells: folders that others made, and files that are no source, by convention.

Invariant: data and pure functions; each rule can be shown to people.
"""

from __future__ import annotations

import re

from lowtide.models import Reason
from lowtide.system.tree.secrets import secret_rule

NEVER_WALKED = frozenset({b".git", b".hg", b".svn", b".jj", b"CVS", b".bzr", b".pijul", b"_darcs"})

_VENDORED_FOLDERS = frozenset(
    b"node_modules bower_components jspm_packages site-packages dist-packages __pycache__ __pypackages__ .tox .nox "
    b".venv "
    b".mypy_cache .pytest_cache .ruff_cache .hypothesis .ipynb_checkpoints .eggs .pixi .gradle .terraform .yarn "
    b".pnpm-store "
    b"Pods Carthage third_party third-party thirdparty 3rdparty _vendor .bundle .dart_tool .stack-work elm-stuff "
    b".parcel-cache .turbo .next .nuxt .svelte-kit .angular .cache .npm .nvm .rustup .pyenv .rbenv .sdkman "
    b".vscode-server "
    b".cursor-server .mozilla .thunderbird".split()
)
_VENDOR_MARKS = frozenset(
    {b"modules.txt", b"autoload.php", b"composer", b"bundle", b"github.com", b"golang.org", b"jquery", b"bootstrap"}
)
"""In a folder called `vendor`: it is someone else's. Without one, `vendor` may be a word of the program's own trade."""
_FOLDER_MARKS = {
    b"pyvenv.cfg": "a Python environment",
    b"conda-meta": "a conda environment",
    b".cargo-checksum.json": "a vendored crate",
}
GIT_MARKS = frozenset({b"HEAD", b"objects", b"refs"})
MARKS = _VENDOR_MARKS | _FOLDER_MARKS.keys() | GIT_MARKS
"""The entries of a folder that `vendored_folder` and `is_git_folder` want to know of."""

_BINARY = frozenset(
    b"a avif bin bmp br bz2 cab class cur deb der dex dll dmg dylib ear egg elf eot exe flac gif gz heic icns ico "
    b"idx img iso jar "
    b"jpeg jpg ko lz lz4 lzma m4a mkv mov mp3 mp4 mpeg mpg msi nar ncb npy npz o odp ods odt ogg ogv onnx opus "
    b"otf "
    b"pack parquet pch pdf pickle png ppt pptx psd pyc pyd pyo rar rlib rmeta rpm safetensors so sqlite "
    b"sqlite3 swf syso "
    b"tar tgz tif tiff ttc ttf war wasm wav webm webp whl wim woff woff2 xls xlsx xz zip zst docx".split()
)
"""Not those that some texts have too: `.mo` is Modelica's, `.obj` a shape's, `.pdb` a protein's, `.pkl` a setting's."""
_IN_DOUBT = frozenset(b"db doc lib mo obj pdb pkl".split())
"""These."""
_SHARED_OBJECT = re.compile(rb".*\.so(?:\.[0-9]+)+")

_SCRIPTS = frozenset({b"js", b"mjs", b"cjs", b"css", b"html", b"ts", b"map"})
_MINIFIED = re.compile(rb".+(?:[.-]min\.(?:js|css|mjs|cjs|html)|\.bundle\.(?:js|css)|\.(?:js|css|mjs|cjs|ts)\.map)")

_LOCKS = frozenset(
    b"package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock poetry.lock Pipfile.lock uv.lock "
    b"pdm.lock pixi.lock "
    b"Cargo.lock go.sum go.work.sum composer.lock Gemfile.lock mix.lock pubspec.lock Podfile.lock flake.lock "
    b"gradle.lockfile "
    b"packages.lock.json .terraform.lock.hcl deno.lock conda-lock.yml".split()
)
_GENERATED_ENDINGS = (
    b".pb.go",
    b".pb.gw.go",
    b".pb.cc",
    b".pb.h",
    b".pb.swift",
    b".pb.dart",
    b"_pb2.py",
    b"_pb2.pyi",
    b"_pb2_grpc.py",
    b"_pb2_grpc.pyi",
    b"_pb.js",
    b"_pb.d.ts",
    b"_pb.rb",
    b".g.dart",
    b".g.cs",
    b".freezed.dart",
    b".designer.cs",
    b".Designer.cs",
    b".generated.cs",
    b".generated.ts",
    b".generated.js",
    b".generated.go",
    b".generated.swift",
    b".tsbuildinfo",
)


def vendored_folder(name: bytes, entries: frozenset[bytes]) -> str:
    """Why a folder is left out whole, or nothing; `entries` are those of MARKS that it holds."""
    if name in _VENDORED_FOLDERS:
        return f"{name.decode()}/ (not this project's own source)"
    if not entries:
        return ""
    for mark, what in _FOLDER_MARKS.items():
        if mark in entries:
            return f"{mark.decode()} in it: {what}"
    if name == b"vendor" and (marks := entries & _VENDOR_MARKS):
        return f"vendor/ with {min(marks).decode()} in it: third-party source"
    return ""


_BUILT = frozenset({b"dist", b"build"})
PACKAGE = b"package.json"
MOST_PACKAGE_BYTES = 1 << 18
_BUILT_MARKS = re.compile(
    rb"\"(?:\./)?build(?:/[^\"\n]{0,200})?\"\s*[,\]}]|\"react-scripts\"\s*:|\"@sveltejs/adapter-\w+\"\s*:"
)
"""What a package says of its `build` when that is its output: a value that names it, or a tool that writes there."""


def may_be_built(name: bytes) -> bool:
    """Whether a folder of this name may be what a package is built into: `built_folder` knows."""
    return name in _BUILT


def built_folder(name: bytes, package: bytes) -> str:
    """Why a folder beside a package.json that holds `package` is output, or nothing: `build` may hold what builds."""
    if name == b"dist" or (name == b"build" and _BUILT_MARKS.search(package)):
        return f"{name.decode()}/ of an npm package"
    return ""


def is_git_folder(marks: frozenset[bytes]) -> bool:
    """Whether a folder that holds `marks` is a repository's own, whatever it is called: `.bare`, `project.git`."""
    return marks >= GIT_MARKS


def is_in_doubt(path: bytes) -> bool:
    """Whether a file of this name may be a text or binary, as its content says."""
    return path[-4:].rpartition(b".")[2].lower() in _IN_DOUBT


def named_reason(path: bytes, *, generated: bool, minified: bool) -> tuple[Reason, str] | None:
    """Why a file is left out by its name, with the rule; `generated` and `minified` ones only when they are not wanted.

    `path`: relative, for a few names mean something only in a folder of their own.
    """
    name = path.rpartition(b"/")[2]
    lower = name.lower()
    stem, dot, extension = lower.rpartition(b".")
    if rule := secret_rule(path):
        return Reason.SECRET, rule
    if dot:
        if extension in _BINARY:
            return Reason.BINARY, f"*.{extension.decode()}"
        if b".so." in lower and _SHARED_OBJECT.fullmatch(lower):
            return Reason.BINARY, "*.so.N"
        if extension in _SCRIPTS and not minified and stem and _MINIFIED.fullmatch(lower):
            return Reason.MINIFIED, "named as minified code or its map"
        if not generated and name.endswith(_GENERATED_ENDINGS):
            ending = next(ending for ending in _GENERATED_ENDINGS if name.endswith(ending))
            return Reason.GENERATED, f"*{ending.decode()}: named as a generated file"
    if not generated and name in _LOCKS:
        return Reason.GENERATED, f"{name.decode()}: a lock file"
    return None
