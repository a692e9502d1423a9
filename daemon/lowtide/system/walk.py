"""The scan, which is the truth: every file of a workspace that git would list, with the reason for those not to index.

Invariant: files come sorted by their relative path, byte by byte, folders walked in depth; memory is bounded by one
folder's names a level, whatever the size of the tree.
Invariant: nothing is opened but ignore files; no link is followed; an entry that cannot be read comes with its reason.
Files that git tracks although they match an ignore pattern are found with git's help; without git they are left out.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lowtide.config import IndexSettings, format_size
from lowtide.models import FileStat, Reason
from lowtide.system.ignore import Rule, Rules, read_rules, rules_of
from lowtide.system.named import NEVER_WALKED, VENDOR_MARKS, named_reason, vendored_folder
from lowtide.work.languages import language_for

_MARKS = frozenset({b".git", b".gitignore", b".lowtideignore", b"CACHEDIR.TAG", b"pyvenv.cfg", b".lowtide.toml"})
_CACHEDIR_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
_SYSTEM_FOLDERS = (
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root", "/run",
    "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/Users", "/System", "/Library", "/Applications", "/Volumes",
)  # fmt: skip
_SYSTEM_TREES = ("/proc", "/sys", "/dev", "/boot", "/run")


def refuse_reason(root: Path) -> str | None:
    """Why `root` should not be indexed without the user's word, or None: a home folder, one above it, a system folder."""
    real = Path(os.path.realpath(root))
    with suppress(RuntimeError):
        home = Path(os.path.realpath(Path.home()))
        if real == home:
            return "it is your home folder"
        if real in home.parents:
            return "your home folder lies in it"
    if str(real) in _SYSTEM_FOLDERS or any(str(real).startswith(f"{tree}/") for tree in _SYSTEM_TREES):
        return "it is a system folder"
    return None


@dataclass(frozen=True, slots=True)
class _Scope:
    """What decides inside one folder: ignore files, nearest first, and whether the folder itself is ignored by git."""

    git: tuple[Rules, ...]
    own: tuple[Rules, ...]
    ignored: bool = False


def walk(root: Path, settings: IndexSettings, cancelled: Callable[[], bool] = lambda: False) -> Iterator[FileStat]:
    """Every file below `root` as a FileStat, sorted; ends early when `cancelled()`. OSError when `root` cannot be read."""
    walker = _Walker(os.fsencode(root), settings)
    yield from walker.run(cancelled)


def explain(root: Path, path: bytes, settings: IndexSettings) -> FileStat | None:
    """Why one existing `path` (relative to `root`) would be left out: a FileStat with its reason; None when it would not."""
    walker = _Walker(os.fsencode(root), settings)
    scope = walker.outermost()
    parts = path.split(b"/")
    for depth in range(len(parts)):
        parent = b"/".join(parts[:depth])
        prefix = parent + b"/" if parent else b""
        here = prefix + parts[depth]
        listing = walker.list(parent)
        if listing is None:
            return FileStat(prefix, 0, 0, 0, Reason.UNREADABLE, "its folder cannot be read")
        if (why := walker.left_out(parent, listing)) and parent:
            return FileStat(path, 0, 0, 0, Reason.VENDORED, why)
        if parts[depth] in NEVER_WALKED:
            return FileStat(path, 0, 0, 0, Reason.EXCLUDED, f"{parts[depth].decode()}/ is never walked")
        scope = walker.enter(parent, scope, listing)
        is_folder = stat.S_ISDIR(os.lstat(os.path.join(walker.root, here)).st_mode)
        ignored, rule = walker.judge(here, parts[depth], is_folder, scope)
        if ignored and not walker.is_tracked(here, is_folder):
            where = rule.describe() if rule else "its folder is ignored"
            return FileStat(path, 0, 0, 0, Reason.EXCLUDED, where)
        scope = _Scope(scope.git, scope.own, ignored)
        if is_folder and depth == len(parts) - 1:
            inside = walker.list(here)
            why = walker.left_out(here, inside) if inside is not None else ""
            return FileStat(path, 0, 0, 0, Reason.VENDORED, why) if why else None
    found = walker.examine(path, parts[-1])
    return found if found is not None and found.reason else None


@dataclass(frozen=True, slots=True)
class _Listing:
    """A folder's names, folders with a `/` behind, sorted; and which of the marks are among them."""

    names: list[bytes]
    marks: frozenset[bytes]


class _Walker:
    def __init__(self, root: bytes, settings: IndexSettings) -> None:
        self.root = root
        self._settings = settings
        self._exclude = rules_of(settings.exclude, "exclude in the configuration")
        self._include = rules_of(settings.include, "include in the configuration")
        self._git_top = _git_top(root)
        self._tracked, self._tracked_folders = _tracked_although_ignored(root) if self._git_top else (set(), set())
        self._global = _global_rules()

    # -- the walk -----------------------------------------------------------------------------------------------

    def run(self, cancelled: Callable[[], bool]) -> Iterator[FileStat]:
        listing = self.list(b"")
        if listing is None:
            os.listdir(self.root)  # raises what is wrong
            return
        stack: list[tuple[bytes, Iterator[bytes], _Scope]] = [
            (b"", iter(listing.names), self.enter(b"", self.outermost(), listing))
        ]
        while stack:
            prefix, names, scope = stack[-1]
            for entry in names:
                if entry.endswith(b"/"):
                    opened = self._open_folder(prefix + entry[:-1], entry[:-1], scope)
                    if isinstance(opened, FileStat):
                        yield opened
                    elif opened is not None:
                        stack.append(opened)
                        break
                elif (found := self._file(prefix + entry, entry, scope)) is not None:
                    yield found
            else:
                stack.pop()
            if cancelled():
                return

    def _open_folder(
        self, path: bytes, name: bytes, scope: _Scope
    ) -> tuple[bytes, Iterator[bytes], _Scope] | FileStat | None:
        if name in NEVER_WALKED:
            return None
        ignored, _ = self.judge(path, name, True, scope)
        if ignored and not self.is_tracked(path, True):
            return None
        if not self._settings.vendored and (why := vendored_folder(name, frozenset())):
            return FileStat(path + b"/", 0, 0, 0, Reason.VENDORED, why)
        listing = self.list(path)
        if listing is None:
            return FileStat(path + b"/", 0, 0, 0, Reason.UNREADABLE, self._why_unreadable(path))
        if why := self.left_out(path, listing):
            return FileStat(path + b"/", 0, 0, 0, Reason.VENDORED, why)
        inner = self.enter(path, _Scope(scope.git, scope.own, ignored), listing)
        return path + b"/", iter(listing.names), inner

    def _file(self, path: bytes, name: bytes, scope: _Scope) -> FileStat | None:
        ignored, _ = self.judge(path, name, False, scope)
        if ignored and not self.is_tracked(path, False):
            return None
        return self.examine(path, name)

    def examine(self, path: bytes, name: bytes) -> FileStat | None:
        """What the file system and the name tell of one file; None when it has gone meanwhile."""
        full = os.path.join(self.root, path)
        try:
            info = os.lstat(full)
        except FileNotFoundError:
            return None
        except OSError as error:
            return FileStat(path, 0, 0, 0, Reason.UNREADABLE, error.strerror or str(error))
        reason: Reason | None = None
        rule = ""
        settings = self._settings
        if stat.S_ISLNK(info.st_mode):
            reason, rule = self._link(full)
        elif not stat.S_ISREG(info.st_mode):
            reason, rule = Reason.NOT_A_FILE, _kind(info.st_mode)
        elif found := named_reason(name, generated=settings.generated, minified=settings.minified):
            reason, rule = found
        elif info.st_size == 0:
            reason, rule = Reason.EMPTY, "the file is empty"
        elif info.st_size > settings.max_file_bytes:
            reason = Reason.TOO_LARGE
            rule = f"{format_size(info.st_size)} is over max_file_size = {format_size(settings.max_file_bytes)}"
        elif settings.languages:
            language = language_for(path, b"")
            if language is None or language.name not in settings.languages:
                reason, rule = Reason.EXCLUDED, "not one of `languages` in the configuration"
        return FileStat(path, info.st_size, info.st_mtime_ns, info.st_ino, reason, rule)

    def _link(self, full: bytes) -> tuple[Reason, str]:
        real = os.path.realpath(full)
        top = os.path.realpath(self.root)
        target = os.readlink(full).decode("utf-8", "backslashreplace")
        if real == top or real.startswith(top.rstrip(b"/") + b"/"):
            return Reason.SYMLINK, f"a link to {target}"
        return Reason.SYMLINK_OUT, f"a link to {target}"

    def list(self, path: bytes) -> _Listing | None:
        """A folder's entries; None when it cannot be read."""
        names: list[bytes] = []
        marks: set[bytes] = set()
        interesting = _MARKS | VENDOR_MARKS
        try:
            with os.scandir(os.path.join(self.root, path) if path else self.root) as entries:
                for entry in entries:
                    name = entry.name
                    if name in interesting:
                        marks.add(name)
                    names.append(name + b"/" if entry.is_dir(follow_symlinks=False) else name)
        except OSError:
            return None
        names.sort()
        return _Listing(names, frozenset(marks))

    def _why_unreadable(self, path: bytes) -> str:
        try:
            with os.scandir(os.path.join(self.root, path)):
                return "it could not be read"
        except OSError as error:
            return error.strerror or str(error)

    def left_out(self, path: bytes, listing: _Listing) -> str:
        """Why a folder is left out whole, by its name and by what it holds; nothing for the root."""
        if self._settings.vendored or not path:
            return ""
        if why := vendored_folder(path.rpartition(b"/")[2], listing.marks):
            return why
        if b"CACHEDIR.TAG" in listing.marks:
            with suppress(OSError), open(os.path.join(self.root, path, b"CACHEDIR.TAG"), "rb") as file:
                if file.read(len(_CACHEDIR_SIGNATURE)) == _CACHEDIR_SIGNATURE:
                    return "CACHEDIR.TAG in it: a cache"
        return ""

    # -- ignore rules -------------------------------------------------------------------------------------------

    def outermost(self) -> _Scope:
        """The rules that hold above the root: the user's, the repository's, and those of folders around the root."""
        git = [self._global] if self._global else []
        if self._git_top is not None and self._git_top != self.root:
            git = _repository_rules(self._git_top, self.root) + git
            folder = os.path.dirname(self.root)
            between = []
            while True:
                outer = os.path.relpath(self.root, folder) + b"/"
                if rules := read_rules(
                    os.path.join(folder, b".gitignore"), f"{os.fsdecode(folder)}/.gitignore", outer=outer
                ):
                    between.append(rules)
                if folder == self._git_top:
                    break
                folder = os.path.dirname(folder)
            git = between + git
        return _Scope(tuple(git), ())

    def enter(self, path: bytes, scope: _Scope, listing: _Listing) -> _Scope:
        """The scope inside the folder `path`, with the ignore files that it holds."""
        marks = listing.marks
        git, own = scope.git, scope.own
        base = path + b"/" if path else b""
        folder = os.path.join(self.root, path) if path else self.root
        if b".git" in marks and os.path.exists(os.path.join(folder, b".git")):
            # A repository of its own: the rules of the one around it end here.
            outer = (self._global,) if self._global else ()
            git = (*_repository_rules(folder, folder, base), *outer)
        if b".gitignore" in marks and (
            rules := read_rules(os.path.join(folder, b".gitignore"), _shown(base, ".gitignore"), base=base)
        ):
            git = (rules, *git)
        if b".lowtideignore" in marks and (
            rules := read_rules(os.path.join(folder, b".lowtideignore"), _shown(base, ".lowtideignore"), base=base)
        ):
            own = (rules, *own)
        if git is scope.git and own is scope.own:
            return scope
        return _Scope(git, own, scope.ignored)

    def judge(self, path: bytes, name: bytes, is_folder: bool, scope: _Scope) -> tuple[bool, Rule | None]:
        """Whether an entry is ignored, and the rule that says so (None: nothing says anything)."""
        if self._exclude and (rule := self._exclude.find(path, name, is_folder)):
            return not rule.negated, rule
        if self._include and not is_folder and self._include.find(path, name, False) is None:
            return True, Rule(b"", False, False, "not in `include` of the configuration")
        for rules in scope.own:
            if rule := rules.find(path, name, is_folder):
                return not rule.negated, rule
        if not self._settings.gitignore:
            return False, None
        if scope.ignored:
            return True, None
        for rules in scope.git:
            if rule := rules.find(path, name, is_folder):
                return not rule.negated, rule
        return False, None

    def is_tracked(self, path: bytes, is_folder: bool) -> bool:
        """Whether git tracks an ignored file, or a file below an ignored folder."""
        return path in (self._tracked_folders if is_folder else self._tracked)


def _shown(base: bytes, name: str) -> str:
    return base.decode("utf-8", "backslashreplace") + name


def _kind(mode: int) -> str:
    for test, name in (
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    ):
        if test(mode):
            return name
    return "not a regular file"


def _git_top(root: bytes) -> bytes | None:
    """The folder of the repository that `root` lies in, or None."""
    folder = os.path.realpath(root)
    while True:
        if os.path.exists(os.path.join(folder, b".git")):
            return folder if folder != os.path.realpath(root) else root
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _repository_rules(top: bytes, root: bytes, base: bytes = b"") -> list[Rules]:
    """`info/exclude` of the repository at `top`; `.git` may be a file that names another folder (worktree, submodule)."""
    git = os.path.join(top, b".git")
    with suppress(OSError):
        if os.path.isfile(git):
            with open(git, "rb") as file:
                line = file.read(4096).strip()
            if not line.startswith(b"gitdir:"):
                return []
            git = os.path.normpath(os.path.join(top, line.removeprefix(b"gitdir:").strip()))
            with suppress(OSError), open(os.path.join(git, b"commondir"), "rb") as file:
                git = os.path.normpath(os.path.join(git, file.read(4096).strip()))
    outer = os.path.relpath(root, top) + b"/" if root != top else b""
    rules = read_rules(os.path.join(git, b"info", b"exclude"), ".git/info/exclude", base=base, outer=outer)
    return [rules] if rules else []


def _git(*arguments: str | bytes, cwd: bytes) -> bytes:
    """Output of git, which runs no program that the repository names; empty when it fails or is not there."""
    git = shutil.which("git")
    if not git:
        return b""
    command: list[str | bytes] = [git, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        out = subprocess.run(
            command, cwd=cwd, capture_output=True, timeout=60, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return out.stdout if out.returncode == 0 else b""


def _tracked_although_ignored(root: bytes) -> tuple[set[bytes], set[bytes]]:
    tracked = {path for path in _git("ls-files", "-c", "-i", "--exclude-standard", "-z", cwd=root).split(b"\0") if path}
    folders = set()
    for path in tracked:
        while b"/" in path:
            path = path.rpartition(b"/")[0]
            folders.add(path)
    return tracked, folders


def _global_rules() -> Rules | None:
    """core.excludesFile, else git's default place for it."""
    named = _git("config", "--global", "--type=path", "--get", "core.excludesFile", cwd=b"/").strip()
    if named:
        return read_rules(named, os.fsdecode(named))
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    file = os.path.join(config, "git", "ignore")
    return read_rules(os.fsencode(file), file)
