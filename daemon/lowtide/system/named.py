"""What a name alone tells: folders that others made, and files that are no source, by convention.

Invariant: data and pure functions; each rule can be shown to people.
"""

from __future__ import annotations

import re

from lowtide.models import Reason

NEVER_WALKED = frozenset({b".git", b".hg", b".svn", b".jj", b"CVS", b".bzr", b".pijul", b"_darcs"})

VENDORED_FOLDERS = frozenset(
    b"node_modules bower_components jspm_packages site-packages dist-packages __pycache__ .tox .nox .mypy_cache "
    b".pytest_cache .ruff_cache .hypothesis .gradle .terraform .yarn .pnpm-store .eggs .ipynb_checkpoints Pods Carthage "
    b"third_party third-party thirdparty 3rdparty .bundle .cargo .dart_tool .stack-work .parcel-cache .next .nuxt .svelte-kit".split()
)
VENDOR_MARKS = frozenset(
    {b"modules.txt", b"autoload.php", b"composer", b"bundle", b"github.com", b"golang.org", b"jquery"}
)
"""In a folder called `vendor`: it is someone else's. Without one, `vendor` may be a word of the program's own trade."""

_BINARY = frozenset(
    b"a avif bin bmp br bz2 cab class cur dat.gz db deb dex dll dmg dylib ear egg elf eot exe flac gif gz heic icns ico "
    b"idx img iso jar jpeg jpg ko lib lz lz4 lzma m4a mkv mo mov mp3 mp4 mpeg mpg msi nar ncb npy npz o obj odp ods odt "
    b"ogg ogv onnx opus otf pack parquet pch pdb pdf pickle pkl png ppt pptx psd pyc pyd pyo rar rlib rmeta rpm safetensors "
    b"so sqlite sqlite3 swf syso tar tgz tif tiff ttc ttf war wasm wav webm webp whl wim woff woff2 xls xlsx xz zip zst doc docx".split()
)
_SHARED_OBJECT = re.compile(rb".*\.so(?:\.[0-9]+)+")

_SECRET_NAMES = frozenset(
    b".netrc _netrc .npmrc .pypirc .pgpass .htpasswd .git-credentials credentials.json .dockercfg id_rsa id_dsa id_ecdsa "
    b"id_ed25519 id_ecdsa_sk id_ed25519_sk secring.gpg service-account.json .s3cfg .boto".split()
)
_SECRET_SUFFIXES = (
    b".pem",
    b".key",
    b".p12",
    b".pfx",
    b".kdbx",
    b".jks",
    b".keystore",
    b".ppk",
    b".asc.key",
    b".tfstate",
)
_ENV = re.compile(rb"\.env(?:\..+|rc)?|.+\.env")
_ENV_SAMPLES = (b".example", b".sample", b".template", b".dist", b".defaults", b".schema")

_MINIFIED = re.compile(rb".*(?:[.-]min\.(?:js|css|mjs|cjs|html)|\.bundle\.(?:js|css)|\.(?:js|css|mjs|cjs|ts)\.map)")
_GENERATED_NAMES = frozenset(
    b"package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock poetry.lock Pipfile.lock uv.lock pdm.lock "
    b"Cargo.lock go.sum composer.lock Gemfile.lock mix.lock pubspec.lock Podfile.lock flake.lock gradle.lockfile "
    b"packages.lock.json .terraform.lock.hcl deno.lock".split()
)
_GENERATED = re.compile(
    rb".*(?:\.pb\.(?:go|cc|h|swift|dart)|_pb2(?:_grpc)?\.pyi?|_pb\.(?:js|d\.ts|rb)|\.g\.(?:dart|cs)|\.freezed\.dart"
    rb"|\.[Dd]esigner\.cs|_generated\.go|\.generated\.(?:cs|ts|js|go|swift)|zz_generated\..*\.go|\.tsbuildinfo)"
)


def vendored_folder(name: bytes, entries: frozenset[bytes]) -> str:
    """Why a folder is left out whole, or nothing; `entries` are those of VENDOR_MARKS and of the marks that it holds."""
    if name in VENDORED_FOLDERS:
        return f"{name.decode()}/ (not this project's own source)"
    if b"pyvenv.cfg" in entries:
        return "pyvenv.cfg in it: a Python environment"
    if name == b"vendor" and entries & VENDOR_MARKS:
        mark = min(entries & VENDOR_MARKS).decode()
        return f"vendor/ with {mark} in it: third-party source"
    return ""


def named_reason(name: bytes, *, generated: bool, minified: bool) -> tuple[Reason, str] | None:
    """Why a file is left out by its name, with the rule; `generated` and `minified` ones only when they are not wanted."""
    lower = name.lower()
    if lower in _SECRET_NAMES or lower.endswith(_SECRET_SUFFIXES):
        shown = lower if lower in _SECRET_NAMES else b"*" + lower[lower.rfind(b".") :]
        return Reason.SECRET, f"{shown.decode('utf-8', 'replace')} (secrets)"
    if b".env" in lower and _ENV.fullmatch(lower) and not lower.endswith(_ENV_SAMPLES):
        return Reason.SECRET, ".env (secrets)"
    extension = lower.rpartition(b".")[2]
    if b"." in lower and extension in _BINARY:
        return Reason.BINARY, f"*.{extension.decode()}"
    if b".so." in lower and _SHARED_OBJECT.fullmatch(lower):
        return Reason.BINARY, "*.so.N"
    if not minified and _MINIFIED.fullmatch(lower):
        return Reason.MINIFIED, "named as minified code or its map"
    if not generated and (name in _GENERATED_NAMES or _GENERATED.fullmatch(name)):
        return Reason.GENERATED, "named as a generated file"
    return None
