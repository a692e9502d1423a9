"""The scan, which is the truth: every file of a workspace that git would list, with the reason for those not to index.

Invariant: files come sorted by their relative path, byte by byte, folders walked in depth; memory is bounded, whatever
the size of the tree or of a folder (`listing.py`).
Invariant: nothing is opened but ignore files, marks of caches and git's index; no link is followed; an entry that
cannot be read comes with its reason.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from lowtide.config.settings import IndexSettings, format_size
from lowtide.core.hints import folders_around, outermost
from lowtide.languages import language_for
from lowtide.models import FileStat, Reason
from lowtide.system.beneath import Root
from lowtide.system.tree import named, scope
from lowtide.system.tree.ignore import Origin, read_small_beneath
from lowtide.system.tree.listing import HELD_BYTES, Listing, Names, read_names
from lowtide.system.tree.repository import is_added_work_tree
from lowtide.system.tree.scope import Judge, Scope

_CACHE_TAG = b"CACHEDIR.TAG"
_CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
MARKS = scope.MARKS | named.MARKS | {_CACHE_TAG}
"""Entries of a folder that decide what the walk does with all of it."""
_FOR_NOW = frozenset(os.strerror(number) for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM))
"""Why a folder cannot be listed now, though it could be at another time."""
_CHECK_EVERY = 512
_MOST_INT64 = (1 << 63) - 1
_SYSTEM_FOLDERS = frozenset(
    {
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib32",
        "/lib64",
        "/libx32",
        "/media",
        "/mnt",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/snap",
        "/srv",
        "/sys",
        "/tmp",
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local",
        "/usr/sbin",
        "/usr/share",
        "/usr/src",
        "/var",
        "/var/cache",
        "/var/lib",
        "/var/log",
        "/var/tmp",
        "/nix",
        "/nix/store",
        "/gnu",
        "/Applications",
        "/Library",
        "/System",
        "/Users",
        "/Volumes",
        "/private",
        "/private/tmp",
        "/private/var",
    }
)
_SYSTEM_TREES = ("/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/System")
_HOMES = ("/home", "/Users")
_HOME_MARKS = frozenset(
    b".bash_history .zsh_history .python_history .lesshst .viminfo .cache .local .ssh .gnupg .mozilla .Xauthority "
    b".npm .dbus "
    b".Trash Downloads".split()
)
LEAST_HOME_MARKS = 3
"""A copy of a home folder holds so many of these."""


def refuse_reason(root: Path) -> str | None:
    """Why `root` should not be indexed without the user's word, or None: a home folder, one above it, a system
    folder."""
    real = Path(os.path.realpath(root))
    with suppress(RuntimeError):
        home = Path(os.path.realpath(Path.home()))
        if real == home:
            return "it is your home folder"
        if real in home.parents:
            return "your home folder lies in it"
    if real == real.parent:
        return "it is the whole file system"
    if str(real.parent) in _HOMES:
        return "it is a home folder"
    if named.is_git_folder(_held(real, named.GIT_MARKS)):
        return "it is a git repository without a work tree: there is no source in it"
    kept = _held(real, _HOME_MARKS)
    if len(kept) >= LEAST_HOME_MARKS and not os.path.lexists(real / ".git"):
        return f"it looks like a home folder ({', '.join(sorted(map(os.fsdecode, kept))[:LEAST_HOME_MARKS])} in it)"
    if str(real) in _SYSTEM_FOLDERS or any(str(real).startswith(f"{tree}/") for tree in _SYSTEM_TREES):
        return "it is a system folder"
    return None


def _held(folder: Path, names: frozenset[bytes]) -> frozenset[bytes]:
    inside = os.fsencode(folder)
    return frozenset(name for name in names if os.path.lexists(os.path.join(inside, name)))


def walk(
    root: Path,
    settings: IndexSettings,
    cancelled: Callable[[], bool] = lambda: False,
    only: Sequence[bytes] | None = None,
) -> Iterator[FileStat]:
    """Every file below `root` as a FileStat, sorted by path; a folder left out whole is one, with a `/` at its end.

    What a rule ignores does not come at all (see `explain`). Ends early when `cancelled()`. With `only`, just these
    files, what is below these folders, and the folders around them that are left out whole: as the whole walk would
    give them. OSError when `root` cannot be read.
    """
    return _Walker(root, settings, only).run(cancelled)


def folders(root: Path, settings: IndexSettings, only: Sequence[bytes] | None = None) -> Iterator[bytes]:
    """Every folder that `walk` lists, the root (nothing) first; with `only`, these, those below and those around them.

    Each comes just before it is listed: who begins to watch it then misses nothing that appears in it later. OSError
    when the system cannot open one for want of means.
    """
    return _Walker(root, settings, only).folders()


def explain(root: Path, path: bytes, settings: IndexSettings) -> FileStat | None:
    """Why one `path` (relative to `root`) would be left out: a FileStat with its reason; None when it would not, or is
    not there."""
    return explain_rule(root, path, settings)[0]


class Decision(msgspec.Struct, frozen=True):
    """What a rule decided on: the path itself, or a folder above it, relative to the root."""

    path: bytes
    is_folder: bool
    origin: Origin


def explain_rule(root: Path, path: bytes, settings: IndexSettings) -> tuple[FileStat | None, Decision | None]:
    """The same, and where a rule of an ignore file or of the configuration decided it; None beside it: none did."""
    walker = _Walker(root, settings)
    try:
        return walker.explain(path), walker.decision
    finally:
        walker.close()


_BY_NAME = frozenset(
    {Reason.SECRET, Reason.EXCLUDED, Reason.VENDORED, Reason.GIT, Reason.BINARY, Reason.GENERATED, Reason.MINIFIED}
)


def is_left_out(root: Path, path: bytes, settings: IndexSettings) -> bool:
    """Whether the file at `path` (relative to `root`) is not to be indexed whatever it holds, and whether it exists or
    not."""
    if named.named_reason(path, generated=settings.generated, minified=settings.minified):
        return True
    found = explain(root, path, settings)
    return found is not None and found.reason in _BY_NAME


class _Walker:
    def __init__(self, root: Path, settings: IndexSettings, only: Sequence[bytes] | None = None) -> None:
        self._only = frozenset(outermost(only)) if only is not None and b"" not in only else None
        self._around = frozenset(around for path in self._only or () for around in (b"", *folders_around(path)))
        self._root = os.path.realpath(os.fsencode(root))
        self._inside = self._root.rstrip(b"/") + b"/"
        self._settings = settings
        self._tree: Root | None = None
        self._judge = Judge(self._root, settings)
        self._stack: list[tuple[bytes, Names, Scope]] = []
        self.decision: Decision | None = None

    def close(self) -> None:
        while self._stack:
            self._pop()
        if self._tree is not None:
            self._tree.close()

    def _push(self, path: bytes, listing: Listing, around: Scope) -> None:
        inner = self._judge.enter(path, around, listing.marks)
        prefix = path + b"/" if path else b""
        wanted = None
        if self._only is not None and path in self._around and path not in self._only:
            wanted = lambda name: self._wanted(prefix + name.removesuffix(b"/"))
        self._stack.append((prefix, Names(listing, partial(self._list, path), wanted), inner))
        held = sum(names.size_bytes for _, names, _ in self._stack)
        for _, names, _ in self._stack[:-1]:
            if held <= HELD_BYTES:
                break
            held -= names.shed()

    def _wanted(self, path: bytes) -> bool:
        return self._only is None or path in self._only or path in self._around

    def _pop(self) -> None:
        _, _, inner = self._stack.pop()
        self._judge.leave(inner, self._stack[-1][2] if self._stack else None)

    def run(self, cancelled: Callable[[], bool]) -> Iterator[FileStat]:
        try:
            listing = self._list(b"")
            if isinstance(listing, str):
                os.listdir(self._root)  # raises what is wrong
                return
            self._push(b"", listing, self._judge.outermost())
            until_check = _CHECK_EVERY
            while self._stack:
                prefix, names, inner = self._stack[-1]
                for entry in names:
                    if entry.endswith(b"/"):
                        if (found := self._open(prefix + entry[:-1], entry[:-1], inner)) is not None:
                            yield found
                        if self._stack[-1][1] is not names:
                            break
                    elif (
                        entry != scope.GIT
                        and self._judge.file(prefix + entry, entry, inner) is None
                        and (found := self._examine(prefix + entry, entry)) is not None
                        and found.reason is not Reason.EXCLUDED
                    ):
                        yield found
                    until_check -= 1
                    if until_check < 0:
                        until_check = _CHECK_EVERY
                        if cancelled():
                            return
                else:
                    self._pop()
        finally:
            self.close()

    def _open(self, path: bytes, name: bytes, around: Scope) -> FileStat | None:
        """Go into a folder, or say why not; None also when a rule ignores it."""
        if name in named.NEVER_WALKED:
            return None
        inner = self._judge.folder(path, name, around)
        if not isinstance(inner, Scope):
            return None
        if why := self._left_out(path, name, frozenset()):
            return FileStat(path + b"/", 0, 0, 0, Reason.VENDORED, why)
        if why := self._built(path, name):
            return FileStat(path + b"/", 0, 0, 0, Reason.GENERATED, why)
        listing = self._list(path)
        if isinstance(listing, str):
            return FileStat(path + b"/", 0, 0, 0, Reason.UNREADABLE, listing)
        if why := self._gits(path, listing.marks):
            return FileStat(path + b"/", 0, 0, 0, Reason.GIT, why)
        if why := self._left_out(path, name, listing.marks):
            return FileStat(path + b"/", 0, 0, 0, Reason.VENDORED, why)
        self._push(path, listing, inner)
        return None

    def folders(self) -> Iterator[bytes]:
        yield b""
        try:
            listing = self._list_now(b"")
            if listing is None:
                return
            self._push(b"", listing, self._judge.outermost())
            while self._stack:
                prefix, names, around = self._stack[-1]
                for entry in names:
                    path, name = prefix + entry[:-1], entry[:-1]
                    if not entry.endswith(b"/") or name in named.NEVER_WALKED:
                        continue
                    inner = self._judge.folder(path, name, around)
                    if (
                        not isinstance(inner, Scope)
                        or self._left_out(path, name, frozenset())
                        or self._built(path, name)
                    ):
                        continue
                    yield path
                    listing = self._list_now(path)
                    if (
                        listing is not None
                        and not self._gits(path, listing.marks)
                        and not self._left_out(path, name, listing.marks)
                    ):
                        self._push(path, listing, inner)
                        break
                else:
                    self._pop()
        finally:
            self.close()

    def _list_now(self, path: bytes) -> Listing | None:
        listing = self._list(path)
        if isinstance(listing, Listing):
            return listing
        if listing in _FOR_NOW:
            raise OSError(errno.EMFILE, listing)
        return None

    def explain(self, path: bytes) -> FileStat | None:
        parts = [part for part in path.split(b"/") if part]
        whole = b"/".join(parts)
        around = self._judge.outermost()
        for depth, name in enumerate(parts):
            parent = b"/".join(parts[:depth])
            here = b"/".join(parts[: depth + 1])
            is_last = depth + 1 == len(parts)
            is_there = os.path.lexists(self._inside + here)
            if os.path.lexists(self._inside + parent):
                if (found := self._explain_folder(whole, parent, parts[depth - 1], around)) is not None:
                    return found
                around = self._stack[-1][2]
            is_folder = os.path.isdir(self._inside + here) and not os.path.islink(self._inside + here)
            is_folder = is_folder or not (is_there or is_last)  # one that is yet to be made
            if name == scope.GIT or (is_folder and name in named.NEVER_WALKED):
                return FileStat(whole, 0, 0, 0, Reason.EXCLUDED, f"{_shown(name)} is never walked")
            if not is_folder:
                if rule := self._judge.file(here, name, around):
                    self.decision = Decision(here, False, rule.origin)
                    return FileStat(whole, 0, 0, 0, Reason.EXCLUDED, rule.text)
                found = self._examine(here, name)
                if found is None or not found.reason:
                    return None
                if here == whole:
                    return found
                return FileStat(whole, 0, 0, 0, found.reason, f"{_shown(here)} is {found.rule}")
            inner = self._judge.folder(here, name, around)
            if not isinstance(inner, Scope):
                self.decision = Decision(here, True, inner.origin)
                return FileStat(whole, 0, 0, 0, Reason.EXCLUDED, inner.text)
            around = inner
        listing = self._list(whole)
        if isinstance(listing, str):
            return FileStat(whole, 0, 0, 0, Reason.UNREADABLE, listing)
        if parts and (why := self._gits(whole, listing.marks)):
            return FileStat(whole, 0, 0, 0, Reason.GIT, why)
        if parts and (why := self._left_out(whole, parts[-1], listing.marks)):
            return FileStat(whole, 0, 0, 0, Reason.VENDORED, why)
        why = self._built(whole, parts[-1]) if parts else ""
        return FileStat(whole, 0, 0, 0, Reason.GENERATED, why) if why else None

    def _explain_folder(self, whole: bytes, parent: bytes, name: bytes, around: Scope) -> FileStat | None:
        """Why all of a folder on the way to `whole` is left out; else go into it."""
        listing = self._list(parent)
        if isinstance(listing, str):
            return FileStat(whole, 0, 0, 0, Reason.UNREADABLE, f"{_shown(parent)}/: {listing}")
        if parent and (why := self._gits(parent, listing.marks)):
            return FileStat(whole, 0, 0, 0, Reason.GIT, why)
        if parent and (why := self._left_out(parent, name, listing.marks)):
            return FileStat(whole, 0, 0, 0, Reason.VENDORED, why)
        if parent and (why := self._built(parent, name)):
            return FileStat(whole, 0, 0, 0, Reason.GENERATED, why)
        self._push(parent, listing, around)
        return None

    def _examine(self, path: bytes, name: bytes) -> FileStat | None:
        """What the file system and the name tell of one file; None when it has gone meanwhile."""
        try:
            info = os.lstat(self._inside + path)
        except FileNotFoundError:
            return None
        except OSError as error:
            return FileStat(path, 0, 0, 0, Reason.UNREADABLE, error.strerror or str(error))
        reason: Reason | None = None
        rule = ""
        settings = self._settings
        if not stat.S_ISREG(info.st_mode):
            if stat.S_ISLNK(info.st_mode):
                reason, rule = self._link(self._inside + path)
            else:
                reason, rule = Reason.NOT_A_FILE, _kind(info.st_mode)
        elif found := named.named_reason(path, generated=settings.generated, minified=settings.minified):
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
        # What the index can hold: some file systems give 64-bit inodes, and times beyond the year 2262.
        return FileStat(
            path,
            info.st_size,
            min(info.st_mtime_ns, _MOST_INT64),
            info.st_ino & _MOST_INT64,
            reason,
            rule,
            min(info.st_ctime_ns, _MOST_INT64),
        )

    def _link(self, full: bytes) -> tuple[Reason, str]:
        try:
            rule = f"a link to {_shown(os.readlink(full))}"
            real = os.path.realpath(full)
        except OSError as error:
            return Reason.UNREADABLE, error.strerror or str(error)
        inside = real.startswith(self._inside) or real + b"/" == self._inside
        return (Reason.SYMLINK if inside else Reason.SYMLINK_OUT), rule

    def _list(self, path: bytes, after: bytes = b"") -> Listing | str:
        """A folder's first entries after `after`, or why they cannot be read: also when a link stands there by now."""
        tree = self._tree = self._tree or Root(self._root)
        try:
            folder = tree.open_folder(path)
            try:
                return read_names(folder, MARKS, after)
            finally:
                os.close(folder)
        except OSError as error:
            return error.strerror or str(error)

    def _gits(self, path: bytes, marks: frozenset[bytes]) -> str:
        """What a folder is to git, when it is none of this work tree's."""
        if named.is_git_folder(marks):
            return "a git repository's own folder"
        if scope.GIT in marks and is_added_work_tree(os.path.join(self._root, path)):
            return "another work tree of the same repository"
        return ""

    def _left_out(self, path: bytes, name: bytes, marks: frozenset[bytes]) -> str:
        """Why a folder is left out whole, by its name and by what it holds."""
        if self._settings.vendored:
            return ""
        if why := named.vendored_folder(name, marks & named.MARKS if marks else marks):
            return why
        if _CACHE_TAG in marks:
            file = b"%b/%b" % (path, _CACHE_TAG) if path else _CACHE_TAG
            tag = read_small_beneath(self._root, file, len(_CACHE_SIGNATURE))
            if tag == _CACHE_SIGNATURE:
                return f"{_CACHE_TAG.decode()} in it: a cache"
        return ""

    def _built(self, path: bytes, name: bytes) -> str:
        """Why a folder that no rule ignores is left out all the same: it is the output of the npm package beside it."""
        if self._settings.generated or not named.may_be_built(name):
            return ""
        file = path[: len(path) - len(name)] + named.PACKAGE
        package = read_small_beneath(self._root, file, named.MOST_PACKAGE_BYTES)
        return named.built_folder(name, package) if package is not None else ""


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


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
