"""The walk: what comes, in which order, and why the rest does not."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowtide.config.settings import IndexSettings
from lowtide.models import FileStat, Reason
from lowtide.read.explain import take_back
from lowtide.system.tree.walk import explain, explain_rule, folders, is_left_out, refuse_reason, walk

DEFAULTS = IndexSettings()


@pytest.fixture(autouse=True)
def no_global_ignores(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


def make(root: Path, files: dict[str, str]) -> Path:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return root


def by_path(root: Path, **options: object) -> dict[bytes, FileStat]:
    return {found.path: found for found in walk(root, IndexSettings(**options))}  # type: ignore[arg-type]


def reasons(root: Path, **options: object) -> dict[str, str | None]:
    return {os.fsdecode(path): found.reason for path, found in by_path(root, **options).items()}


def test_files_come_sorted_by_the_bytes_of_their_whole_path(tmp_path: Path) -> None:
    files = ["a.c", "a/b", "a/z/x", "a-b", "a0", "a", "ab/c", "é", "Z", "a b/c", "a/.x"]
    make(tmp_path, {path: "x" for path in files if path != "a"})
    found = list(by_path(tmp_path))
    assert found == sorted(found) == sorted(os.fsencode(path) for path in files if path != "a")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sets(st.lists(st.text("aA.-0é \n", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join), max_size=12)
)
def test_any_tree_comes_sorted_and_whole(tmp_path_factory: pytest.TempPathFactory, paths: set[str]) -> None:
    root = tmp_path_factory.mktemp("tree")
    made = set()
    for path in paths:
        if any(part.strip(".") == "" for part in path.split("/")):
            continue
        target = root / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("x")
        except OSError:  # a file stands where another needs a folder
            continue
        made.add(os.fsencode(path))
    assert list(by_path(root)) == sorted(made)


def test_candidate_carries_what_the_file_system_says(tmp_path: Path) -> None:
    file = make(tmp_path, {"s/a.py": "four"}) / "s/a.py"
    info = file.stat()
    assert by_path(tmp_path)[b"s/a.py"] == FileStat(
        b"s/a.py", 4, info.st_mtime_ns, info.st_ino, ctime_ns=info.st_ctime_ns
    )


def test_names_of_any_bytes_come_as_they_are(tmp_path: Path) -> None:
    names = [b"new\nline", b"\xff\xfe.py", b"tab\t", b"quote'\"", b"back\\slash", b"-rf"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_text("x")
    assert list(by_path(tmp_path)) == sorted(names)


def test_links_are_told_apart_and_never_followed(tmp_path: Path) -> None:
    root = make(tmp_path / "r", {"a.c": "x", "d/b.c": "x"})
    outside = make(tmp_path / "out", {"o.c": "x"})
    (tmp_path / "r-twin").mkdir()
    links = {
        "to-file": "a.c",
        "to-folder": "d",
        "up/loop": "..",
        "self": "self",
        "gone": "nothing",
        "out-file": str(outside / "o.c"),
        "out-folder": "../out",
        "twin": "../r-twin",
        "top": ".",
    }
    (root / "up").mkdir()
    for name, target in links.items():
        (root / name).symlink_to(target)
    found = by_path(root)
    inside = {"to-file", "to-folder", "up/loop", "self", "gone", "top"}
    for name, target in links.items():
        expected = Reason.SYMLINK if name in inside else Reason.SYMLINK_OUT
        assert (found[name.encode()].reason, found[name.encode()].rule) == (expected, f"a link to {target}")
    assert len(found) == len(links) + 2


def test_what_is_no_file_is_named_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    os.mkfifo(tmp_path / ".gitignore")
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d/CACHEDIR.TAG")
    server = socket.socket(socket.AF_UNIX)
    try:
        here = os.getcwd()
        os.chdir(tmp_path)
        server.bind("s.py")
        os.chdir(here)
        found = by_path(tmp_path)
    finally:
        server.close()
    assert {path: stat.rule for path, stat in found.items()} == {
        b".gitignore": "a named pipe",
        b"d/CACHEDIR.TAG": "a named pipe",
        b"pipe.py": "a named pipe",
        b"s.py": "a socket",
    }
    assert {stat.reason for stat in found.values()} == {Reason.NOT_A_FILE}


def test_gitignore_that_is_a_link_is_not_obeyed(tmp_path: Path) -> None:
    root = make(tmp_path / "r", {"rules": "*\n", "a.c": "x"})
    (root / ".gitignore").symlink_to("rules")
    assert list(by_path(root)) == [b".gitignore", b"a.c", b"rules"]


def test_tree_deeper_than_any_path_ends_with_an_unreadable_folder(tmp_path: Path) -> None:
    (tmp_path / "z.c").write_text("x")
    here = os.open(tmp_path, os.O_RDONLY)
    opened = [here]
    made = 0
    try:
        for _ in range(40):
            os.mkdir(b"n" * 200, dir_fd=opened[-1])
            opened.append(os.open(b"n" * 200, os.O_RDONLY, dir_fd=opened[-1]))
            made += 1
        found = list(walk(tmp_path, DEFAULTS))
        assert found[-1].path == b"z.c"
        assert found[0].path.endswith(b"n/")
        assert (found[0].reason, found[0].rule) == (Reason.UNREADABLE, "File name too long")
        why = explain(tmp_path, b"/".join([b"n" * 200] * 40), DEFAULTS)
        assert why is not None
        assert why.reason is Reason.UNREADABLE
    finally:
        for parent in reversed(opened[:-1]):
            os.close(opened.pop())
            os.rmdir(b"n" * 200, dir_fd=parent)
        os.close(here)


def test_hundreds_of_levels_are_walked(tmp_path: Path) -> None:
    path = tmp_path
    opened = [os.open(tmp_path, os.O_RDONLY)]
    try:
        for _ in range(600):
            os.mkdir("d", dir_fd=opened[-1])
            opened.append(os.open("d", os.O_RDONLY, dir_fd=opened[-1]))
            if len(opened) > 2:
                os.close(opened.pop(0))
        os.close(os.open("a.c", os.O_CREAT | os.O_WRONLY, dir_fd=opened[-1]))
    finally:
        for fd in opened:
            os.close(fd)
    assert list(by_path(path)) == [b"d/" * 600 + b"a.c"]
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


@pytest.fixture
def plain_user() -> Iterator[Path]:
    """A folder of a user who is not root, who is the one to run the test."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(0)


def test_what_may_not_be_read_comes_with_the_reason(plain_user: Path) -> None:
    make(plain_user, {"a/b.c": "x", "c.c": "x", "listed/d.c": "x"})
    (plain_user / "a").chmod(0)
    (plain_user / "listed").chmod(0o400)
    try:
        found = by_path(plain_user)
        assert {path: (stat.reason, stat.rule) for path, stat in found.items()} == {
            b"a/": (Reason.UNREADABLE, "Permission denied"),
            b"c.c": (None, ""),
            b"listed/d.c": (Reason.UNREADABLE, "Permission denied"),
        }
        assert explain(plain_user, b"a/b.c", DEFAULTS) == FileStat(
            b"a/b.c", 0, 0, 0, Reason.UNREADABLE, "a/: Permission denied"
        )
    finally:
        (plain_user / "a").chmod(0o700)
        (plain_user / "listed").chmod(0o700)


def test_root_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(walk(tmp_path / "nothing", DEFAULTS))
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        list(walk(tmp_path / "file", DEFAULTS))


def test_root_may_be_a_link_or_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "r", {"a.c": "x", ".gitignore": "*.o\n", "b.o": "x"})
    (tmp_path / "link").symlink_to("r")
    expected = [b".gitignore", b"a.c"]
    assert list(by_path(tmp_path / "link")) == expected
    monkeypatch.chdir(tmp_path / "r")
    assert list(by_path(Path("."))) == expected


def test_file_that_goes_while_walking_does_not_come(tmp_path: Path) -> None:
    make(tmp_path, {"a.c": "x", "b.c": "x", "d/e.c": "x"})
    found = walk(tmp_path, DEFAULTS)
    assert next(found).path == b"a.c"
    (tmp_path / "b.c").unlink()
    (tmp_path / "d/e.c").unlink()
    (tmp_path / "d").rmdir()
    rest = list(found)
    assert [(stat.path, stat.reason) for stat in rest] == [(b"d/", Reason.UNREADABLE)]


def test_cancelled_walk_ends_soon_also_among_ignored_files(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "*.log\n", **{f"{number:04}.log": "" for number in range(1500)}, "z.c": "x"})
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked == 2

    assert [stat.path for stat in walk(tmp_path, DEFAULTS, cancelled)] == [b".gitignore"]


def test_abandoned_walk_leaves_no_file_open(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "*.log\n", "a.log": "x", "b.c": "x", "c.c": "x"})
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "b.c"], cwd=tmp_path, check=True)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    found = walk(tmp_path, DEFAULTS)
    next(found)
    next(found)
    del found
    gc.collect()
    assert not before or len(os.listdir("/proc/self/fd")) == before


def test_memory_does_not_grow_with_the_tree(tmp_path: Path) -> None:
    def peak(folders: int) -> int:
        root = tmp_path / str(folders)
        for folder in range(folders):
            (root / f"f{folder:04}").mkdir(parents=True)
            for file in range(20):
                os.close(os.open(root / f"f{folder:04}/{file}.c", os.O_CREAT | os.O_WRONLY))
        tracemalloc.start()
        count = sum(1 for _ in walk(root, DEFAULTS))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == folders * 20
        return most

    peak(5)
    assert peak(200) - peak(20) < 40_000


def test_vendored_folders_come_as_one_entry_each(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "a.c": "x",
            "node_modules/m/index.js": "x",
            "web/node_modules/m/i.js": "x",
            "venv/pyvenv.cfg": "x",
            "venv/lib/x.py": "x",
            "vendor/github.com/x/y.go": "x",
            "trade/vendor/sell.py": "x",
            "crates/serde/.cargo-checksum.json": "{}",
            "target/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n# by cargo",
            "target/debug/x.rs": "x",
            "odd/CACHEDIR.TAG": "Signature: none",
            "odd/a.c": "x",
        },
    )
    found = by_path(tmp_path)
    assert {os.fsdecode(path): stat.rule for path, stat in found.items() if stat.reason is Reason.VENDORED} == {
        "crates/serde/": ".cargo-checksum.json in it: a vendored crate",
        "node_modules/": "node_modules/ (not this project's own source)",
        "target/": "CACHEDIR.TAG in it: a cache",
        "vendor/": "vendor/ with github.com in it: third-party source",
        "venv/": "pyvenv.cfg in it: a Python environment",
        "web/node_modules/": "node_modules/ (not this project's own source)",
    }
    others = [path for path, stat in found.items() if stat.reason is None]
    assert others == [b"a.c", b"odd/CACHEDIR.TAG", b"odd/a.c", b"trade/vendor/sell.py"]
    assert b"node_modules/m/index.js" in by_path(tmp_path, vendored=True)


def test_root_itself_may_be_a_vendored_folder(tmp_path: Path) -> None:
    root = make(tmp_path / "node_modules", {"CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55", "a.js": "x"})
    assert list(by_path(root)) == [b"CACHEDIR.TAG", b"a.js"]


def test_folders_of_version_control_are_never_walked(tmp_path: Path) -> None:
    make(
        tmp_path,
        {f"{name}/config": "x" for name in (".git", ".hg", ".svn", ".jj")}
        | {"s/.git": "gitdir: x\n", ".github/a.yml": "x"},
    )
    assert list(by_path(tmp_path, vendored=True)) == [b".github/a.yml"]
    why = explain(tmp_path, b".git/config", DEFAULTS)
    assert why is not None
    assert why.rule == ".git is never walked"


@pytest.mark.parametrize(
    ("reason", "names"),
    [
        (
            Reason.SECRET,
            ".env .env.local .env.production.local .envrc prod.env ID_RSA id_ed25519 server.pem tls.KEY app.p12 "
            "store.jks a.kdbx "
            ".netrc .npmrc .pypirc credentials.json credentials x.pfx app.keystore signing.p8 terraform.tfstate",
        ),
        (Reason.BINARY, "a.png B.JPG x.tar.gz lib.so lib.so.1.2 m.pyc f.woff2 doc.pdf a.wasm d.sqlite3 core.o"),
        (Reason.MINIFIED, "a.min.js jquery-3.1.min.js a-min.css main.bundle.js a.js.map style.css.map"),
        (
            Reason.GENERATED,
            "package-lock.json yarn.lock pnpm-lock.yaml poetry.lock Cargo.lock go.sum uv.lock composer.lock "
            "Gemfile.lock x.pb.go "
            "x_pb2.py x_pb2_grpc.py x.pb.h x.pb.cc m.g.dart F.Designer.cs F.designer.cs",
        ),
    ],
)
def test_name_alone_leaves_out(tmp_path: Path, reason: Reason, names: str) -> None:
    make(tmp_path, dict.fromkeys(names.split(), "x"))
    found = by_path(tmp_path)
    assert {os.fsdecode(path): stat.reason for path, stat in found.items()} == dict.fromkeys(names.split(), reason)
    assert all(stat.rule for stat in found.values())
    if reason in (Reason.MINIFIED, Reason.GENERATED):
        assert set(reasons(tmp_path, **{str(reason): True}).values()) == {None}


def test_names_that_only_look_alike_stay(tmp_path: Path) -> None:
    names = (
        ".env.example .env.sample env.py env.d.ts id_rsa.pub keys.py min.js bundle.js pem.py admin.js secrets.py "
        "map a.lock so.c x.env.js pb.go"
    )
    make(tmp_path, dict.fromkeys(names.split(), "x"))
    assert set(reasons(tmp_path).values()) == {None}


def test_empty_and_large_files_are_left_out_with_the_limit(tmp_path: Path) -> None:
    make(tmp_path, {"e.c": "", "l.c": "x" * 3000, "s.c": "x" * 2048})
    found = by_path(tmp_path, max_file_bytes=2048)
    assert [(stat.reason, stat.rule) for stat in found.values()] == [
        (Reason.EMPTY, "the file is empty"),
        (Reason.TOO_LARGE, "2.9 KiB is over max_file_size = 2 KiB"),
        (None, ""),
    ]


def test_languages_of_the_configuration_leave_out_the_others(tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "x", "b.go": "x", "README": "x"})
    assert list(by_path(tmp_path, languages=("python",))) == [b"a.py"]
    why = explain(tmp_path, b"b.go", IndexSettings(languages=("python",)))
    assert why is not None
    assert (why.reason, why.rule) == (Reason.EXCLUDED, "not one of `languages` in the configuration")


def test_time_beyond_what_the_index_can_hold_is_cut(tmp_path: Path) -> None:
    file = make(tmp_path, {"a.c": "x"}) / "a.c"
    os.utime(file, (2**34, 2**34))
    assert by_path(tmp_path)[b"a.c"].mtime_ns == min(file.stat().st_mtime_ns, 2**63 - 1)


def test_why_answers_for_any_path(tmp_path: Path) -> None:
    root = make(
        tmp_path / "r",
        {".gitignore": "out/\n", "a.c": "x", "s/.env": "x", "out/x/b.c": "x", "node_modules/m/a.js": "x", "s/b.c": "x"},
    )
    (root / "link").symlink_to("s")
    (root / "away").symlink_to("/")

    def why(path: str) -> tuple[str, str] | None:
        found = explain(root, path.encode(), DEFAULTS)
        assert found is None or (found.path == path.strip("/").encode() and found.reason)
        return (str(found.reason), found.rule) if found else None

    assert why("a.c") is None
    assert why("s") is None
    assert why("") is None
    assert why("nothing") is None
    assert why("s/nothing/deeper") is None
    assert why("a.c/x") is None
    assert why("s/.env") == ("secret", ".env (secrets)")
    assert why("out") == ("excluded", ".gitignore:1: out/")
    assert why("out/x/b.c") == ("excluded", ".gitignore:1: out/")
    assert why("node_modules") == ("vendored", "node_modules/ (not this project's own source)")
    assert why("node_modules/m/a.js") == ("vendored", "node_modules/ (not this project's own source)")
    assert why("link") == ("symlink", "a link to s")
    assert why("link/b.c") == ("symlink", "link is a link to s")
    assert why("away/etc/passwd") == ("symlink-out-of-root", "away is a link to /")


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_what_is_gits_own_is_no_source(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    make(repository, {"src/a.py": "x = 1\n"})
    git(repository, "init", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "x")
    git(repository, "worktree", "add", "-q", "--detach", ".agents/one")
    bare = tmp_path / "bare"
    bare.mkdir()
    git(tmp_path, "clone", "-q", "--bare", str(repository), str(bare / ".bare"))
    (bare / ".git").write_text("gitdir: ./.bare\n")
    git(bare, "worktree", "add", "-q", "--detach", "feature")
    git(tmp_path, "clone", "-q", "--bare", str(repository), str(tmp_path / "beside" / "copy.git"))
    make(tmp_path / "beside", {"code/z.py": "x = 1\n"})
    git(repository, "clone", "-q", ".", "other")  # a repository of its own
    for vendored in (False, True):
        assert reasons(repository, vendored=vendored) == {
            ".agents/one/": "git",
            "other/src/a.py": None,
            "src/a.py": None,
        }
        assert reasons(bare, vendored=vendored) == {".bare/": "git", "feature/src/a.py": None}
        assert reasons(tmp_path / "beside", vendored=vendored) == {"code/z.py": None, "copy.git/": "git"}
    assert reasons(repository / ".agents" / "one") == {"src/a.py": None}
    why = explain(repository, b".agents/one/src/a.py", DEFAULTS)
    assert why is not None
    assert (why.reason, why.rule) == (Reason.GIT, "another work tree of the same repository")
    assert refuse_reason(tmp_path / "beside" / "copy.git")
    assert refuse_reason(bare) is None


def test_a_copy_of_a_home_folder_is_told_and_its_caches_left_out(tmp_path: Path) -> None:
    home = make(
        tmp_path / "old",
        {".bash_history": "ls\n", ".cache/pip/a.py": "x", ".local/a.py": "x", ".ssh/id_rsa": "x", "src/a.py": "x"},
    )
    assert "home folder" in str(refuse_reason(home))
    assert reasons(home) == {
        ".bash_history": "secret",
        ".cache/": "vendored",
        ".local/a.py": None,
        ".ssh/id_rsa": "secret",
        "src/a.py": None,
    }
    dotfiles = make(tmp_path / "dotfiles", {".git/HEAD": "x", ".bashrc": "x", ".config/a": "x", ".local/bin/b": "x"})
    assert refuse_reason(dotfiles) is None


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ({".gitignore": "build/\n"}, "build/out.py"),
        ({".gitignore": "build\n"}, "a/build/b/out.py"),
        ({".gitignore": "*.py\n"}, "a/out.py"),
        ({"a/.gitignore": "*\n"}, "a/b/out.py"),
        ({".gitignore": "*\n"}, "a/b/out.py"),
        ({".gitignore": "odd[[]*\n"}, "odd[1] name/out.py"),
    ],
)
def test_advice_on_a_file_left_out_brings_it_in(tmp_path: Path, rules: dict[str, str], path: str) -> None:
    make(tmp_path, {path: "x", **rules})
    git(tmp_path, "init", "-q")
    added: list[str] = []
    while explain(tmp_path, path.encode(), DEFAULTS) is not None:
        advice = take_back(explain_rule(tmp_path, path.encode(), DEFAULTS)[1])
        line = advice.partition("`")[2].partition("`")[0]
        assert line.startswith("!")
        assert line not in added, advice
        added.append(line)
        make(tmp_path, {".lowtideignore": "".join(f"{each}\n" for each in added)})
    assert path in reasons(tmp_path)
    assert len(added) <= path.count("/") + 1


def test_what_is_left_out_by_name_is_so_before_it_exists(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "ignored/\n", "ignored/here.py": "x", "empty.py": "", "a.py": "x"})
    git(tmp_path, "init", "-q")
    judged = {
        path: is_left_out(tmp_path, path.encode(), DEFAULTS)
        for path in (
            ".env",
            "sub/.env",
            "ignored/here.py",
            "ignored/new.py",
            "gone/ignored/new.py",
            "empty.py",
            "a.py",
            "new/folder/b.py",
        )
    }
    assert judged == {
        ".env": True,
        "sub/.env": True,
        "ignored/here.py": True,
        "ignored/new.py": True,
        "gone/ignored/new.py": True,
        "empty.py": False,
        "a.py": False,
        "new/folder/b.py": False,
    }


def test_home_its_parents_and_system_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "people" / "me"
    (home / "project").mkdir(parents=True)
    (tmp_path / "link").symlink_to(home)
    monkeypatch.setenv("HOME", str(home))
    assert refuse_reason(home) == "it is your home folder"
    assert refuse_reason(tmp_path / "link") == "it is your home folder"
    assert refuse_reason(home.parent) == "your home folder lies in it"
    for folder in ("/", "/usr", "/etc", "/proc", "/sys", "/dev", "/tmp", "/var", "/etc/ssh", "/home/somebody"):
        assert refuse_reason(Path(folder)), folder
    assert refuse_reason(home / "project") is None
    assert refuse_reason(tmp_path / "other") is None


def test_a_folder_that_is_swapped_for_a_link_while_it_is_walked_is_not_listed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder, name in ((root / "d", "inside.py"), (outside, "outside.py")):
        folder.mkdir(parents=True)
        (folder / name).write_text("x = 1\n")
    (outside / ".gitignore").write_text("z.py\n")
    (root / "a.py").write_text("x = 1\n")
    (root / "z.py").write_text("x = 1\n")
    walking = walk(root, IndexSettings())
    assert next(walking).path == b"a.py"
    (root / "d").rename(root / "moved")
    (root / "d").symlink_to(outside)
    left = [(stat.path, stat.reason) for stat in walking]
    assert left == [(b"d/", Reason.UNREADABLE), (b"z.py", None)]
    assert [(stat.path, stat.reason) for stat in walk(root, IndexSettings())][1] == (b"d", Reason.SYMLINK_OUT)


def test_a_walk_gives_back_its_descriptors(tmp_path: Path) -> None:
    for name in ("a.py", "b/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    before = len(os.listdir("/proc/self/fd"))
    assert len(list(walk(tmp_path, IndexSettings()))) == 2
    walking = walk(tmp_path, IndexSettings())
    next(walking)
    walking.close()  # type: ignore[attr-defined]
    with pytest.raises(OSError):
        list(walk(tmp_path / "none", IndexSettings()))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("package", "left_out"),
    [
        ('{"name": "tide", "main": "build/index.js"}', {b"build/", b"dist/"}),
        ('{"name": "tide", "files": ["./build", "src"]}', {b"build/", b"dist/"}),
        ('{"dependencies": {"react-scripts": "5"}}', {b"build/", b"dist/"}),
        ('{"scripts": {"build": "node build/build.js", "lint": "eslint build"}}', {b"dist/"}),
        (None, set()),
    ],
)
def test_what_an_npm_package_is_built_into_is_generated(
    tmp_path: Path, package: str | None, left_out: set[bytes]
) -> None:
    files = {"build/index.js": "x", "dist/a/b.js": "x", "src/dist.js": "x", "build.js": "x"}
    make(tmp_path, files if package is None else {**files, "package.json": package})
    found = by_path(tmp_path)
    assert {path for path, stat in found.items() if stat.reason is Reason.GENERATED} == left_out
    assert found[b"src/dist.js"].reason is None
    told = explain(tmp_path, b"dist/a/b.js", IndexSettings())
    assert (told.reason if told else None) is (Reason.GENERATED if left_out else None)
    assert b"dist" not in {*folders(tmp_path, IndexSettings())} or not left_out
    assert all(stat.reason is None for stat in walk(tmp_path, IndexSettings(generated=True)))
