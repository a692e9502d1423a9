"""Adversaries in what the walk itself reads: ignore files, git's own files, the workspace's configuration."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

from bench.adversaries.case import Case, Scale, put


def ignore_files(root: Path, scale: Scale) -> None:
    """Ignore files of 10 MB, of patterns made for backtracking, by the hundred; names made to match them slowly."""
    slow = [
        "*a" * 60 + "b",
        "**/" * 200 + "x",
        "*?" * 80 + "!",
        "[[:alpha:]]*" * 60 + "z",
        "(a+)+$",
        "a*" * 100 + "/b",
        "\\" * 99 + "q",
        "[" * 500,
    ]
    put(
        root,
        {
            ".gitignore": "".join(f"pattern-number-{at}-*.x?z\n" for at in range(scale.pick(400_000, 400_000))),
            "slow/.gitignore": "\n".join(slow * 30) + "\n",
            "slow/.lowtideignore": "\n".join(slow * 30) + "\n",
            "plain/.gitignore": "".join(f"name{at}\n" for at in range(900_000)),
            "one/.gitignore": "x" * 10_000_000,
            "nul/.gitignore": b"\0" * 10_000_000,
            "bang/.gitignore": "!\n" * 3_000_000,
            "binary/.gitignore": bytes(range(256)) * 40_000,
        },
    )
    for number in range(300):
        put(root, {f"slow/{'a' * (number % 200 + 20)}{number}.py": "x = 1\n"})
    for number in range(40):
        put(
            root,
            {
                f"many/{'n/' * number}.gitignore": "".join(f"other{number}-{at}-*.y?\n" for at in range(30_000)),
                f"many/{'n/' * number}kept.py": f"x = {number}\n",
            },
        )


def nested_repositories(root: Path, scale: Scale) -> None:
    """Forty repositories inside each other, each with exclude and ignore files as large as are obeyed."""
    rules = "".join(f"rule-{at}-*.z?\n" for at in range(32_000))
    for number in range(40):
        base = "r/" * number
        put(
            root,
            {
                f"{base}.git/HEAD": "ref: refs/heads/main\n",
                f"{base}.git/info/exclude": rules,
                f"{base}.gitignore": rules,
                f"{base}.git/config": "[core]\n",
                f"{base}a{number}.py": f"def in_repository_{number}():\n    pass\n",
            },
        )


def broken_git(root: Path, scale: Scale) -> None:
    """Repositories whose own files are cut, looped, enormous, or no files at all."""
    head = {
        ".git/HEAD": "ref: refs/heads/main\n",
        ".gitignore": "*.log\n",
        "a.py": "def kept():\n    pass\n",
        "b.log": "left out\n",
    }

    def repository(name: str, files: dict[str, str | bytes] | None = None) -> Path:
        put(root, {f"{name}/{path}": content for path, content in {**head, **(files or {})}.items()})
        return root / name

    def entry(path: bytes, mode: int = 0o100644) -> bytes:
        data = (
            struct.pack(">10I", 0, 0, 0, 0, 0, 0, mode, 0, 0, 0)
            + b"\1" * 20
            + struct.pack(">H", min(len(path), 0xFFF))
            + path
        )
        return data + b"\0" * (8 - len(data) % 8)

    index = lambda entries, version=2, count=None: (
        struct.pack(">4sII", b"DIRC", version, len(entries) if count is None else count) + b"".join(entries)
    )
    repository("index-empty", {".git/index": b""})
    repository("index-cut", {".git/index": index([entry(b"a.py")])[:40]})
    repository("index-random", {".git/index": b"DIRC\0\0\0\2\xff\xff\xff\xff" + os.urandom(1 << 20)})
    repository("index-claims", {".git/index": index([entry(b"b.log")], count=0xFFFFFFFF)})
    repository("index-long", {".git/index": index([entry(b"b" * 3_000_000)])})
    repository("index-unsorted", {".git/index": index([entry(b"z"), entry(b"a.py"), entry(b"b.log")])})
    repository(
        "index-links",
        {".git/index": index([entry(b"%07d" % at, 0o160000) for at in range(scale.pick(600_000, 600_000))])},
    )
    grown = bytearray(struct.pack(">4sII", b"DIRC", 4, 600))
    for _ in range(600):
        grown += (
            struct.pack(">10I", 0, 0, 0, 0, 0, 0, 0o100644, 0, 0, 0)
            + b"\1" * 20
            + b"\x0f\xff"
            + b"\0"
            + b"p" * 12_000
            + b"\0"
        )
    repository("index-grows", {".git/index": bytes(grown)})
    for name, at in (
        ("index-pipe", "index"),
        ("config-pipe", "config"),
        ("exclude-pipe", "info/exclude"),
        ("common-pipe", "commondir"),
    ):
        folder = repository(name)
        (folder / ".git" / at).parent.mkdir(exist_ok=True)
        os.mkfifo(folder / ".git" / at)
    os.mkfifo(repository("head-gone") / ".git/pipe")
    (root / "head-gone/.git/HEAD").unlink()
    (repository("head-loop") / ".git/HEAD").unlink()
    (root / "head-loop/.git/HEAD").symlink_to("HEAD")
    for name, content in {
        "file-self": "gitdir: .git\n",
        "file-zero": "gitdir: /dev/zero\n",
        "file-long": "gitdir: " + "x/" * 30_000,
        "file-nul": "gitdir: \0a",
        "file-empty": "",
        "file-up": "gitdir: ../../../../../../../../..\n",
    }.items():
        put(root, {f"{name}/.git": content, f"{name}/a.py": "x = 1\n"})
    (root / "pipe").mkdir()
    os.mkfifo(root / "pipe/.git")
    put(root, {"pipe/a.py": "x = 1\n", "link/a.py": "x = 1\n", "link2/a.py": "x = 1\n"})
    (root / "link/.git").symlink_to(".git")
    (root / "link2/.git").symlink_to("/dev/zero")
    repository(
        "config-include",
        {
            ".git/config": "[include]\n\tpath = /dev/zero\n[core]\n\texcludesFile = /dev/zero\n\tfsmonitor = "
            "/bin/false\n"
        },
    )
    repository("common-long", {".git/commondir": "../" * 20_000})
    repository(
        "objects-gone",
        {".git/config": "[core]\n\trepositoryformatversion = 99\n[extensions]\n\tobjectformat = sha999\n"},
    )
    split = root / "index-split"
    subprocess.run(["git", "init", "-q", split], check=True)
    for number in range(200):
        put(split, {f"s{number}.py": f"x = {number}\n"})
    subprocess.run(["git", "-C", split, "add", "."], check=True)
    subprocess.run(["git", "-C", split, "update-index", "--split-index"], check=True)
    next((split / ".git").glob("sharedindex.*")).write_bytes(b"DIRC" + os.urandom(5_000))


def broken_root(root: Path, scale: Scale) -> None:
    """The root's own repository is broken: its configuration is a pipe and includes what never ends."""
    put(
        root,
        {
            ".git/HEAD": "ref: refs/heads/main\n",
            "a.py": "def kept():\n    pass\n",
            ".gitignore": "*.log\n",
            "b.log": "x\n",
        },
    )
    os.mkfifo(root / ".git/config")
    os.mkfifo(root / ".git/index")


def split_index(root: Path, scale: Scale) -> None:
    """A split index of 400,000 tracked files that are not there, beside those that are."""
    put(root, {"a.py": "def kept():\n    pass\n", ".gitignore": "*.log\n", "tracked.log": "def tracked():\n"})
    git = ["git", "-C", str(root)]
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    blob = subprocess.run(
        [*git, "hash-object", "-w", "a.py"], check=True, capture_output=True, text=True
    ).stdout.strip()
    names = "".join(f"100644 {blob}\tfolder{at // 1000}/a-file-with-a-longer-name-{at}.py\n" for at in range(400_000))
    subprocess.run([*git, "update-index", "--index-info"], input=names, text=True, check=True)
    subprocess.run([*git, "add", "-f", "a.py", ".gitignore", "tracked.log"], check=True)
    subprocess.run([*git, "update-index", "--split-index"], check=True)


def pattern_configuration(root: Path, scale: Scale) -> None:
    """A configuration of the workspace as large as is read, all patterns."""
    put(
        root,
        {
            ".lowtide.toml": "[index]\nexclude = [" + ",\n".join(f'"exclude-{at}-*.w?"' for at in range(2_900)) + "]\n",
            "a.py": "def kept():\n    pass\n",
        },
    )


def deep_configuration(root: Path, scale: Scale) -> None:
    """A configuration with one key of half a million parts."""
    put(root, {".lowtide.toml": "a." * 500_000 + "b = 1\n"})


def wild_configuration(root: Path, scale: Scale) -> None:
    """A configuration that is nested without end."""
    put(root, {".lowtide.toml": "a = " + "[" * 500_000})


def no_configuration(root: Path, scale: Scale) -> None:
    """A configuration that is a pipe."""
    root.mkdir(exist_ok=True)
    os.mkfifo(root / ".lowtide.toml")


CASES = [
    Case("ignore-files", "ignore files of 10 MB, of slow patterns, forty deep", ignore_files),
    Case(
        "nested-repositories", "forty repositories inside each other, each with the largest rules", nested_repositories
    ),
    Case("broken-git", "30 repositories whose own files are cut, looped, enormous or pipes", broken_git),
    Case("broken-root", "the root's repository has pipes for its configuration and its index", broken_root),
    Case("split-index", "a split index of 400,000 files", split_index),
    Case("pattern-configuration", "a .lowtide.toml of 64 KiB of patterns, as large as is read", pattern_configuration),
    Case(
        "deep-configuration",
        "a .lowtide.toml whose one key has half a million parts",
        deep_configuration,
        refused=True,
        exit_codes=(2,),
    ),
    Case("wild-configuration", "a .lowtide.toml nested without end", wild_configuration, refused=True, exit_codes=(2,)),
    Case("no-configuration", "a .lowtide.toml that is a pipe", no_configuration, refused=True, exit_codes=(2,)),
]
