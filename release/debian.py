"""Makes a Debian package of a wheel: a private environment in /usr/lib/lowtide, with the command, the manual page, the
completions and the systemd unit where Debian has them.

    python -m release.debian WHEEL OUT [--python /usr/bin/python3] [--no-deps]

The libraries are not in Debian, so they come along, and the package is for the machine's architecture and for the
version of Python that it was made with. `--no-deps` leaves them out: a package to look at, not to install.

Invariant: equal inputs give equal bytes: times are those of SOURCE_DATE_EPOCH (1580601600 unless told), owners are
root.
Invariant: nothing of the folder that it is made in stands in the package.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from release.check import SHARED

HOME = "usr/lib/lowtide"
EPOCH = "1580601600"
UNUSED = ("huggingface_hub", "hf_xet", "fsspec", "httpx*", "httpcore*", "typer", "shellingham", "yaml", "PyYAML")
"""What `tokenizers` brings for downloading, which Lowtide never does: nothing imports it
(tests/e2e/test_imports.py)."""
_PLACES = {
    "share/bash-completion/": "usr/share/bash-completion/",
    "share/zsh/site-functions/": "usr/share/zsh/vendor-completions/",
    "share/fish/": "usr/share/fish/",
    "share/systemd/user/": "usr/lib/systemd/user/",
    "share/man/": "usr/share/man/",
}
_COMMAND = f"""\
#!/bin/sh
exec /{HOME}/bin/python3 -P -m lowtide.cli "$@"
"""
_AFTER = f"""\
#!/bin/sh
set -e
[ "$1" != configure ] || /{HOME}/bin/python3 -m compileall -q /{HOME}/lib || true
"""
_BEFORE = f"""\
#!/bin/sh
set -e
find /{HOME} -name __pycache__ -type d -prune -exec rm -rf {{}} +
"""


def make(wheel: Path, out: Path, python: str = "/usr/bin/python3", *, with_libraries: bool = True) -> Path:
    """Write the package into the folder `out`. CalledProcessError when pip or dpkg-deb fails."""
    version = re.match(r"lowtide-([^-]+)-", wheel.name)
    if version is None:
        raise SystemExit(f"{wheel.name} is no wheel of Lowtide; make one with `python -m release.build FOLDER`")
    minor = _said(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    architecture = _said("dpkg", "--print-architecture")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        _environment(root, wheel, python, minor, with_libraries)
        _beside(root)
        control = _control(root, version[1], minor, architecture)
        (root / "DEBIAN").mkdir()
        (root / "DEBIAN/control").write_text(control, "utf-8")
        for script, text in (("postinst", _AFTER), ("prerm", _BEFORE)):
            (root / "DEBIAN" / script).write_text(text, "utf-8")
            (root / "DEBIAN" / script).chmod(0o755)
        _settle(root)
        out.mkdir(parents=True, exist_ok=True)
        package = out / f"lowtide_{version[1]}_{architecture}.deb"
        environment = {**os.environ, "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", EPOCH)}
        command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z9", "--build", str(root), str(package)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
    return package


def _environment(root: Path, wheel: Path, python: str, minor: str, with_libraries: bool) -> None:
    """The environment below HOME: its own packages, and the machine's interpreter."""
    home = root / HOME
    libraries = home / f"lib/python{minor}/site-packages"
    libraries.mkdir(parents=True)
    (home / "bin").mkdir()
    (home / "bin/python3").symlink_to(f"/usr/bin/python{minor}")
    version = _said(python, "-c", "import platform; print(platform.python_version())")
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n", "utf-8"
    )
    command = ["pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target", str(libraries)]
    command += ["--only-binary=:all:", "--python-version", minor, "--implementation", "cp"]
    command += [str(wheel)] if with_libraries else ["--no-deps", str(wheel)]
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
    for path in {path for name in UNUSED for end in ("", "-[0-9]*.dist-info") for path in libraries.glob(name + end)}:
        shutil.rmtree(path)
    for extra in (libraries / "bin", libraries / "share"):
        shutil.rmtree(extra, ignore_errors=True)
    for told in libraries.glob("*.dist-info/*"):
        if told.name in ("direct_url.json", "RECORD", "REQUESTED", "INSTALLER"):
            told.unlink()


def _beside(root: Path) -> None:
    """What stands outside of HOME."""
    repository = Path(__file__).resolve().parents[1]
    for place, source in SHARED.items():
        start = next(start for start in _PLACES if place.startswith(start))
        target = root / (_PLACES[start] + place.removeprefix(start))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository / source, target)
    subprocess.run(["gzip", "-9n", str(root / "usr/share/man/man1/lowtide.1")], check=True)
    documents = root / "usr/share/doc/lowtide"
    documents.mkdir(parents=True)
    shutil.copyfile(repository / "LICENSE", documents / "copyright")
    shutil.copyfile(repository / "CHANGELOG.md", documents / "changelog")
    subprocess.run(["gzip", "-9n", str(documents / "changelog")], check=True)
    command = root / "usr/bin/lowtide"
    command.parent.mkdir(parents=True)
    command.write_text(_COMMAND, "utf-8")
    command.chmod(0o755)


def _control(root: Path, version: str, minor: str, architecture: str) -> str:
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file()) // 1024
    return f"""\
Package: lowtide
Version: {version}
Architecture: {architecture}
Maintainer: The Lowtide authors <lowtide@users.noreply.github.com>
Installed-Size: {size}
Depends: python{minor}
Recommends: git
Section: devel
Priority: optional
Homepage: https://github.com/lowtide/lowtide
Description: code search by symbol and by meaning, within a memory budget
 Lowtide keeps whole workspaces searchable for editors, terminals and coding
 agents, and never takes more memory than it was allowed. One daemon serves
 everything of a user. The model comes along, and nothing leaves the machine
 unless it is told to.
"""


def _settle(root: Path) -> None:
    """Modes as Debian has them; dpkg-deb sees to times and owners."""
    for path in root.rglob("*"):
        if path.is_symlink():
            continue
        executable = path.is_dir() or path.suffix == ".so" or os.access(path, os.X_OK)
        path.chmod(0o755 if executable and path.suffix != ".so" else 0o644)
    root.chmod(0o755)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--no-deps", action="store_true")
    options = parser.parse_args()
    print(make(options.wheel, options.out, options.python, with_libraries=not options.no_deps))


if __name__ == "__main__":
    main()
