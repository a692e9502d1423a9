"""How a release is built and checked, and the recipes of packages."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from release.build import ROOT, build, export, sha256
from release.check import SHARED, check_changelog, check_packages, check_table, look, versions

BUILDS = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None or not (ROOT / ".git").exists(),
    reason="needs hatchling, and the repository",
)
PACKS = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None or not Path("/usr/bin/python3").exists(), reason="no Debian"
)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of what is committed."""
    folder = tmp_path_factory.mktemp("built")
    (made,) = build(export(folder / "tree"), folder / "out", "wheel")
    return made


def test_everything_that_needs_no_build_is_well() -> None:
    wrong = [f"{title}: {found.text}" for title, found in look(ROOT, quick=True) if not found.ok]
    assert wrong == []


def test_another_version_in_one_place_is_found(tmp_path: Path) -> None:
    for path in [*versions(ROOT), "RELEASING.md", "docs/formats.md", "daemon/lowtide/store/schema.py"]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / "tests/data/formats", tmp_path / "tests/data/formats")
    assert all(found.ok for found in check_table(tmp_path))
    number = versions(ROOT)["pyproject.toml"]
    for path in versions(ROOT):
        before = (tmp_path / path).read_text("utf-8")
        (tmp_path / path).write_text(before.replace(number, "7.8.9"), "utf-8")
        assert len(set(versions(tmp_path).values())) == 2, f"another version in {path} is not noticed"
        (tmp_path / path).write_text(before, "utf-8")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "7.8.9"\n', "utf-8")
    assert not all(found.ok for found in check_table(tmp_path))
    assert not all(found.ok for found in check_changelog(tmp_path, final=False))


@BUILDS
def test_the_packages_are_whole_and_the_same_each_time() -> None:
    wrong = [found.text for found in check_packages(ROOT) if not found.ok]
    assert wrong == []


@BUILDS
@PACKS
def test_a_debian_package_is_made_and_its_command_works(wheel: Path, tmp_path: Path) -> None:
    from release.debian import HOME, make

    one, two = (make(wheel, tmp_path / name, with_libraries=False) for name in ("one", "two"))
    assert sha256(one) == sha256(two)
    root = tmp_path / "root"
    subprocess.run(["dpkg-deb", "-x", one, root], check=True)
    for place in ("usr/share/man/man1/lowtide.1.gz", "usr/share/zsh/vendor-completions/_lowtide"):
        assert (root / place).is_file(), place
    assert (root / "usr/lib/systemd/user/lowtide.service").is_file()
    assert not list(root.rglob("__pycache__"))
    for path in root.rglob("*"):
        assert path.is_symlink() or not stat.S_IMODE(path.stat().st_mode) & 0o022, path
    assert f"/{HOME}/bin/python3" in (root / "usr/bin/lowtide").read_text("utf-8")
    # Its own libraries are left out here, so it gets those of the tests, where the interpreter is the same.
    (libraries,) = (root / HOME / "lib").glob("python*/site-packages")
    if libraries.parent.name == f"python{sys.version_info[0]}.{sys.version_info[1]}":
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(libraries), *filter(None, sys.path)])}
        command = [sys.executable, "-P", "-m", "lowtide.cli", "--version"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert versions(ROOT)["pyproject.toml"] in done.stdout


def test_the_container_file_copies_what_there_is_and_runs_as_nobody_special() -> None:
    text = (ROOT / "release/Containerfile").read_text("utf-8")
    assert "latest" not in text
    assert re.search(r"^USER lowtide$", text, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["lowtide"\]$', text, re.MULTILINE)


CONTAINERS: tuple[tuple[str, list[str], list[str]], ...] = (
    ("docker", ["build"], ["run", "--rm"]),
    ("podman", ["build"], ["run", "--rm"]),
    ("buildah", ["bud", "--isolation", "chroot"], []),
)
NO_BASE = re.compile(r"no such host|dial tcp|lookup|unable to (?:pull|copy)|not known|denied|no policy", re.IGNORECASE)


@BUILDS
def test_the_container_is_built_where_something_builds_containers(wheel: Path, tmp_path: Path) -> None:
    """With the first of docker, podman and buildah that answers, and can have the image that it begins with.

    By hand it was built with buildah on a Debian of mmdebstrap's in that image's place.
    """
    found = [each for each in CONTAINERS if shutil.which(each[0])]
    found = [each for each in found if not subprocess.run([each[0], "info"], capture_output=True).returncode]
    if not found:
        pytest.skip("neither docker nor podman nor buildah answers")
    program, build_words, run_words = found[0]
    (tmp_path / "dist").mkdir()
    shutil.copyfile(wheel, tmp_path / "dist" / wheel.name)
    words = [
        program,
        *build_words,
        "-q",
        "-t",
        "lowtide-test",
        "-f",
        str(ROOT / "release/Containerfile"),
        str(tmp_path),
    ]
    built = subprocess.run(words, capture_output=True, text=True, timeout=280)
    if built.returncode and NO_BASE.search(built.stderr):
        pytest.skip(f"{program} cannot have the image to begin with")
    assert built.returncode == 0, built.stderr
    if run_words:
        words = [program, *run_words, "lowtide-test", "--version"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert versions(ROOT)["pyproject.toml"] in done.stdout


INSTALLED = """\
set -eu
mount -t tmpfs none "$1"; cd "$1"; mkdir up work all
mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work all
cp "$2" all/root/lowtide.deb
mount --bind /dev all/dev; mount -t proc proc all/proc
exec chroot all /bin/sh -eu -c '
    export HOME=/root/user PATH=/usr/sbin:/usr/bin:/sbin:/bin; unset LOWTIDE_HOME PYTHONPATH
    dpkg -i /root/lowtide.deb >/dev/null
    mkdir -p /root/user/project; cd /root/user/project
    echo "def lantern_room(): return 1" > a.py
    lowtide --embedded index -q; lowtide --embedded symbols lantern
    lowtide index -q; lowtide symbols lantern; lowtide daemon stop
    dpkg -r lowtide >/dev/null; ls /usr/lib/lowtide /usr/bin/lowtide 2>&1 || echo nothing is left'
"""
"""Over this machine, of which nothing is changed: what is written goes into memory, and is gone with the process."""


@BUILDS
@PACKS
def test_the_debian_package_is_installed_works_and_goes_again(wheel: Path, tmp_path: Path) -> None:
    from release.debian import make

    (tmp_path / "over").mkdir()
    over = ["unshare", "--mount", "sh", "-euc"]
    may = 'mount -t tmpfs none "$0"; cd "$0"; mkdir u w a; mount -t overlay o -o lowerdir=/,upperdir=u,workdir=w a'
    if os.geteuid() or subprocess.run([*over, may, tmp_path / "over"], capture_output=True).returncode:
        pytest.skip("no file system may be laid over this one")
    try:
        package = make(wheel, tmp_path / "made")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"its libraries are not to be had: {error.stderr[-200:]!r}")
    done = subprocess.run(
        [*over, INSTALLED, "sh", tmp_path / "over", package], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("lantern_room function  a.py:1") == 2
    assert "nothing is left" in done.stdout


def test_the_unit_of_systemd_is_one(tmp_path: Path) -> None:
    unit = ROOT / SHARED["share/systemd/user/lowtide.service"]
    text = unit.read_text("utf-8")
    assert "ExecStart=/usr/bin/env lowtide daemon run\n" in text
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd")
    (tmp_path / "run").mkdir(mode=0o700)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "run"), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(unit)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    about = [line for line in done.stderr.splitlines() if "lowtide.service" in line]
    assert about == []


def test_hosted_machines_do_what_ci_does_and_the_others_are_refused() -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    assert "run: PYTHON=python bash .ci/run\n" in text
    for version in ("3.11", "3.12", "3.13"):
        assert f'"{version}"' in text
    for machine in ("ubuntu-24.04-arm", "macos-14", "windows-2022"):
        assert machine in text
    assert not re.search(r"secrets\.|publish|upload", text)
    # A 4.N of code-server is VS Code 1.N.
    package = (ROOT / "editors/vscode/package.json").read_text("utf-8")
    oldest = re.search(r'"vscode": "\^1\.(\d+)', package)
    newest = re.search(r"VSCODES:-([\d.]+)", (ROOT / "editors/vscode/ci.sh").read_text("utf-8"))
    assert oldest is not None
    assert newest is not None
    assert re.search(rf'vscode: \["4\.{oldest[1]}\.\d+", "{re.escape(newest[1])}"\]', text)
