"""What a walk leaves out, by name, by place and by rule, and what it says of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.unit.walked import by_path, make, reasons

from lowtide.config.settings import IndexSettings
from lowtide.models import Reason
from lowtide.read.explain import take_back
from lowtide.system.tree.walk import explain, explain_rule, folders, is_left_out, refuse_reason, walk

DEFAULTS = IndexSettings()
pytestmark = pytest.mark.usefixtures("no_global_ignores")


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
