"""Adversaries by how the tree is made: counts, depths, names, kinds of entries, links, rights, mounts."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path

from bench.adversaries import mounts
from bench.adversaries.case import Case, Scale, put


def tiny_files(root: Path, scale: Scale) -> None:
    """A million files of a few bytes, in a thousand folders."""
    count = scale.pick(1_000_000, 50_000)
    for number in range(count):
        if number % 1000 == 0:
            folder = os.path.join(root, f"d{number // 100_000}", f"e{number // 1000}")
            os.makedirs(folder)
        fd = os.open(os.path.join(folder, f"f{number}.py"), os.O_CREAT | os.O_WRONLY)
        os.write(fd, b"v%d = %d\n" % (number, number))
        os.close(fd)


def wide_folder(root: Path, scale: Scale) -> None:
    """200,000 files in one folder."""
    folder = root / "wide"
    folder.mkdir(parents=True)
    for number in range(scale.pick(200_000, 200_000)):
        fd = os.open(os.path.join(folder, f"file{number}.log"), os.O_CREAT | os.O_WRONLY)
        if number % 20 == 0:
            os.write(fd, b"line %d\n" % number)
        os.close(fd)


def long_names(root: Path, scale: Scale) -> None:
    """300,000 names of 255 bytes in one folder: 76 MB of names alone. Half of them are folders."""
    folder = root / "names"
    folder.mkdir(parents=True)
    at = os.open(folder, os.O_RDONLY)
    for number in range(scale.pick(300_000, 60_000)):
        name = f"{number:07d}" + "n" * 245
        if number % 2:
            os.mkdir(name, dir_fd=at)
        else:
            os.close(os.open(name + ".py", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)


def many_folders(root: Path, scale: Scale) -> None:
    """Many folders with long names and a file each: more than the budget has room to watch."""
    root.mkdir(exist_ok=True)
    for number in range(scale.pick(120_000, 36_000)):
        folder = os.path.join(root, f"g{number // 1000}", f"{number:07d}" + "f" * 200)
        os.makedirs(folder)
        if number % 10 == 0:
            fd = os.open(os.path.join(folder, "a.py"), os.O_CREAT | os.O_WRONLY)
            os.write(fd, b"v%d = 1\n" % number)
            os.close(fd)


def deep_paths(root: Path, scale: Scale) -> None:
    """5,000 folders inside each other, files all the way down, more than any path may be long."""
    root.mkdir(exist_ok=True)
    for width in (1, 50, 250):
        folder = os.open(root, os.O_RDONLY)
        for depth in range(scale.pick(5_000, 1_500)):
            name = chr(97 + width % 26) * width
            os.mkdir(name, dir_fd=folder)
            inner = os.open(name, os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = inner
            if depth % 25 == 0:
                fd = os.open("f.py", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
                os.write(fd, b"def at_depth_%d_%d():\n    pass\n" % (width, depth))
                os.close(fd)
        os.close(folder)


def odd_names(root: Path, scale: Scale) -> None:
    """Names with every byte that a name may have; names that are options, globs, URIs, other systems' devices; the
    longest."""
    root.mkdir(exist_ok=True)
    at = os.open(root, os.O_RDONLY)
    names = [bytes([byte]) for byte in range(1, 256) if byte not in b"/."]
    names += [
        b"new\nline.py",
        b"tab\t.py",
        b"\x1b[31m.py",
        b"caf\xe9.py",
        "café.py".encode(),
        b"\xff\xfe.py",
        b" ",
        b" .py",
        b"-rf",
        b"--help.py",
    ]
    names += [
        b"*.py",
        b"[a].py",
        b"?.py",
        b"{a,b}.py",
        b"a'b\"c`$(d).py",
        b"a\\b.py",
        b"a:b.py",
        b"con",
        b"nul.py",
        b"a%2Fb.py",
        b"#a.py",
        b"!b.py",
    ]
    names += [
        b"x" * 252 + b".py",
        "満".encode() * 84 + b".py",
        b"a" * 200 + b"\n" * 50,
        "\u202egnp.py".encode(),
        b"...",
        b".py",
        b"..a",
        b"~",
        b"$HOME",
        b"\r.py",
        b"\x7f.py",
    ]
    for name in names:
        fd = os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=at)
        os.write(fd, b"def odd():\n    pass\n")
        os.close(fd)
    for name in (b"fol\nder", b"d\xff", b"\x01\x02", b"[x]", b"**"):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(os.open(b"in\n\xfe.py", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
        os.close(inner)
    os.close(at)


def alike_names(root: Path, scale: Scale) -> None:
    """Names that differ by case or by normal form alone, or by a `/` in their order."""
    forms = [
        "Straße",
        "STRASSE",
        "straße",
        "caf\u00e9",
        "cafe\u0301",
        "ﬁle",
        "file",
        "FILE",
        "File",
        "Å",
        "\u212b",
        "A\u030a",
        "ı",
        "I",
        "i",
        "İ",
    ]
    put(root, {f"{form}.py": f"def of_{number}():\n    pass\n" for number, form in enumerate(forms)})
    put(root, {f"{form}/inner.py": f"def in_{number}():\n    pass\n" for number, form in enumerate(forms)})
    put(root, dict.fromkeys(("a.py", "a-b/c.py", "a/b.py", "a.b/c.py", "a0.py", "a/b/c.py", "a b/c.py"), "x = 1\n"))


def no_files(root: Path, scale: Scale) -> None:
    """Pipes, sockets, devices (also ones that never end), under names of source files and of ignore files."""
    root.mkdir(exist_ok=True)
    for folder in (root, root / "pkg", root / "pkg" / "deeper"):
        folder.mkdir(exist_ok=True)
        for name in ("pipe.py", ".gitignore", "CACHEDIR.TAG"):
            os.mkfifo(folder / name)
        for name, number in (("zero.py", 5), ("null.c", 3), ("random.js", 8), ("full.rs", 7)):
            os.mknod(folder / name, 0o600 | stat.S_IFCHR, os.makedev(1, number))
        os.mknod(folder / "block.go", 0o600 | stat.S_IFBLK, os.makedev(7, 200))
        server = socket.socket(socket.AF_UNIX)
        before = os.getcwd()
        os.chdir(folder)
        server.bind("socket.py")
        os.chdir(before)
        server.close()
    os.mkfifo(root / ".lowtideignore")


def link_mazes(root: Path, scale: Scale) -> None:
    """Links that loop, chain, lead out, lead to what never ends; one file under 5,000 names."""
    put(root, {"real/a.py": "def real_one():\n    pass\n", "many/first.py": "def shared():\n    pass\n"})
    for name, target in {
        "loop": ".",
        "up": "..",
        "self.py": "self.py",
        "ping.py": "pong.py",
        "pong.py": "ping.py",
        "root": "/",
        "proc": "/proc/self/root",
        "mem.py": "/proc/self/mem",
        "zero.py": "/dev/zero",
        "out.py": "/etc/passwd",
        "gone.py": "nowhere",
        "real/again": "../real",
        "long.py": "x/" * 2000,
        "fd.py": "/proc/self/fd/0",
        "kmsg.c": "/proc/kmsg",
        ".gitignore": "/dev/zero",
        ".lowtideignore": "/dev/random",
    }.items():
        (root / name).symlink_to(target)
    for number in range(60):
        (root / f"chain{number}.py").symlink_to(f"chain{number + 1}.py" if number < 59 else "real/a.py")
    for number in range(5_000):
        os.link(root / "many/first.py", root / "many" / f"name{number}.py")


def forbidden(root: Path, scale: Scale) -> None:
    """Files and folders that may not be read, listed or entered."""
    put(
        root,
        {f"{kind}/{name}.py": "def hidden():\n    pass\n" for kind in ("list", "enter", "nothing") for name in "ab"},
    )
    put(
        root,
        {
            "unreadable.py": "x = 1\n",
            ".gitignore": "*.log\n",
            "sub/.gitignore": "*.py\n",
            "sub/kept.py": "x = 1\n",
            "w.log": "x\n",
        },
    )
    for path, mode in {
        "list": 0o444,
        "enter": 0o111,
        "nothing": 0o000,
        "unreadable.py": 0o000,
        "sub/.gitignore": 0o000,
    }.items():
        (root / path).chmod(mode)


def _unlock(root: Path) -> None:
    for folder, names, _ in os.walk(root):
        for name in names:
            with_rights = os.path.join(folder, name)
            if not os.path.islink(with_rights):
                os.chmod(with_rights, 0o755)


def dead_mount(root: Path, scale: Scale) -> None:
    """A mount whose server has died: every call fails with ENOTCONN."""
    put(root, {"near.py": "x = 1\n"})
    (root / "remote").mkdir()
    mounts.mount_dead(root / "remote")


def silent_mount(root: Path, scale: Scale) -> None:
    """A mount whose server never answers: every call waits until its process is killed."""
    put(root, {"near.py": "x = 1\n"})
    (root / "remote").mkdir()
    mounts.mount_silent(root / "remote")


def remove(root: Path) -> None:
    """Remove any of these trees, however deep."""
    mounts.unmount(root / "remote")
    _unlock(root)
    _flatten(root)
    shutil.rmtree(root)


def _flatten(root: Path) -> None:
    """Bring folders that are too deep for a path near the root, so that they can be removed by path."""
    number = 0
    for name in os.listdir(root):
        if len(name) < 255 and (root / name).is_dir() and not (root / name).is_symlink() and set(name) == {name[0]}:
            current = root / name
            while True:
                steps: list[str] = []
                here = current
                while len(steps) < 12 and (children := [c for c in os.listdir(here) if (here / c).is_dir()]):
                    here = here / children[0]
                    steps.append(children[0])
                if len(steps) < 12:
                    break
                moved = root / f"flat{number}"
                number += 1
                here.rename(moved)
                shutil.rmtree(current)
                current = moved


CASES = [
    Case("tiny-files", "a million files of a few bytes", tiny_files, limit_s=1500),
    Case("wide-folder", "200,000 files in one folder", wide_folder, limit_s=600),
    Case("long-names", "300,000 names of 255 bytes in one folder", long_names, limit_s=600),
    Case("many-folders", "120,000 folders with names of 200 bytes", many_folders),
    Case("deep-paths", "5,000 folders inside each other", deep_paths),
    Case("odd-names", "newlines, controls, bytes that are no UTF-8, the longest names", odd_names),
    Case("alike-names", "names that differ by case or normal form alone", alike_names),
    Case("no-files", "pipes, sockets and devices under the names of source and of ignore files", no_files),
    Case("link-mazes", "loops, chains, links out and to what never ends; a file of 5,000 names", link_mazes),
    Case("forbidden", "what may not be read, listed or entered", forbidden, clean=_unlock, bound=True),
    Case("dead-mount", "a mount whose server has died", dead_mount, clean=lambda root: mounts.unmount(root / "remote")),
    Case(
        "silent-mount",
        "a mount that never answers, ended by Ctrl-C",
        silent_mount,
        interrupted=True,
        exit_codes=(130,),
        clean=lambda root: mounts.unmount(root / "remote"),
    ),
]
