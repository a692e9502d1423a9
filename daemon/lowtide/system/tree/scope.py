"""Which entries of a tree are left out by a rule: git's, the workspace's own, the configuration's.

The configuration's `exclude` and `include` come first, then `.lowtideignore` (nearest first), then git's rules; files
that git tracks stay although git's rules would ignore them, as in `git ls-files -co --exclude-standard`.

Invariant: entries are judged in the order of a walk; a Scope is immutable.
"""

from __future__ import annotations

import os

import msgspec
from msgspec.structs import replace

from lowtide.config.settings import IndexSettings
from lowtide.system.tree.ignore import MAX_IGNORE_BYTES, Origin, Rule, Rules, read_rules, read_rules_beneath, rules_of
from lowtide.system.tree.repository import Tracked, enclosing_repository, global_rules, repository_at

GIT, GIT_IGNORE, OWN_IGNORE = b".git", b".gitignore", b".lowtideignore"
MARKS = frozenset({GIT, GIT_IGNORE, OWN_IGNORE})
"""The entries of a folder that `Judge.enter` wants to know of."""

_NOT_INCLUDED = Rule(False, "not in `include` of the configuration", Origin.INCLUDE)


class Scope(msgspec.Struct, frozen=True):
    """What decides inside one folder: ignore files, nearest first.

    `ignored` is the rule by which git ignores the folder, of which it tracks some files all the same. `included`: the
    folder is one that `include` names.
    """

    git: tuple[Rules, ...] = ()
    own: tuple[Rules, ...] = ()
    ignored: Rule | None = None
    included: bool = False
    tracked: Tracked | None = None
    fold: bool = False
    read_bytes: int = 0


class Judge:
    """Judges the entries of one walk. `root` is a real path."""

    def __init__(self, root: bytes, settings: IndexSettings) -> None:
        self._root = root
        self._exclude = rules_of(settings.exclude, "exclude in the configuration", Origin.EXCLUDE)
        self._include = rules_of(settings.include, "include in the configuration", Origin.INCLUDE)
        self._gitignore = settings.gitignore
        self._global = global_rules(root) if settings.gitignore else None

    def outermost(self) -> Scope:
        """The scope around the root: the user's rules, and those of the repository that the root lies in.

        A repository that ignores the folder that holds the root has no say in it: it was named to be indexed.
        """
        alone = Scope(git=(self._global,), read_bytes=self._global.read_bytes) if self._global else Scope()
        if not self._gitignore or (found := enclosing_repository(self._root)) is None:
            return alone
        top, repository = found
        if top == self._root:
            return alone  # `enter` reads it
        prefix = os.path.relpath(self._root, top) + b"/"
        git = list(alone.git)
        left_bytes = MAX_IGNORE_BYTES - alone.read_bytes
        if rules := repository.exclude_rules(outer=prefix, limit_bytes=left_bytes):
            git.insert(0, rules)
            left_bytes -= rules.read_bytes
        folder = top
        for name in prefix[:-1].split(b"/"):
            file = os.path.join(folder, GIT_IGNORE)
            outer = os.path.relpath(self._root, folder) + b"/"
            rules = read_rules(file, os.fsdecode(file), outer=outer, fold=repository.fold, limit_bytes=left_bytes)
            if rules:
                git.insert(0, rules)
                left_bytes -= rules.read_bytes
            folder = os.path.join(folder, name)
            below = os.path.relpath(self._root, folder) + b"/" if folder != self._root else b""
            if _ignores(git, below, name):
                return alone
        return replace(
            alone,
            git=tuple(git),
            tracked=Tracked(repository, prefix=prefix),
            fold=repository.fold,
            read_bytes=MAX_IGNORE_BYTES - left_bytes,
        )

    def enter(self, path: bytes, scope: Scope, marks: frozenset[bytes]) -> Scope:
        """The scope inside the folder `path` (nothing for the root), which holds `marks`."""
        if MARKS.isdisjoint(marks):
            return scope
        base = path + b"/" if path else b""
        folder = os.path.join(self._root, path) if path else self._root
        if GIT in marks and self._gitignore and (repository := repository_at(folder)) is not None:
            # A repository of its own: the rules of the one around it end here.
            git = (self._global,) if self._global else ()
            read_bytes = scope.read_bytes  # the scopes around hold theirs all the while
            if rules := repository.exclude_rules(base_bytes=len(base), limit_bytes=MAX_IGNORE_BYTES - read_bytes):
                git = (rules, *git)
                read_bytes += rules.read_bytes
            tracked = Tracked(repository, base_bytes=len(base))
            scope = replace(scope, git=git, tracked=tracked, fold=repository.fold, ignored=None, read_bytes=read_bytes)
        if GIT_IGNORE in marks and self._gitignore and (rules := self._read(base, GIT_IGNORE, scope, scope.fold)):
            scope = replace(scope, git=(rules, *scope.git), read_bytes=scope.read_bytes + rules.read_bytes)
        if OWN_IGNORE in marks and (rules := self._read(base, OWN_IGNORE, scope, False)):
            scope = replace(scope, own=(rules, *scope.own), read_bytes=scope.read_bytes + rules.read_bytes)
        return scope

    def leave(self, scope: Scope, outer: Scope | None) -> None:
        """Give back what `scope` holds open and `outer` does not."""
        if scope.tracked is not None and (outer is None or outer.tracked is not scope.tracked):
            scope.tracked.close()

    def file(self, path: bytes, name: bytes, scope: Scope) -> Rule | None:
        """The rule that leaves a file out, or None."""
        if self._exclude and (rule := self._exclude.find(path, name, False)):
            return None if rule.negated else rule
        if self._include:
            rule = self._include.find(path, name, False)
            if rule.negated if rule else not scope.included:
                return _NOT_INCLUDED
        for rules in scope.own:
            if rule := rules.find(path, name, False):
                return None if rule.negated else rule
        rule = self._git_rule(path, name, False, scope)
        if rule is None or (scope.tracked is not None and scope.tracked.has(path, False)):
            return None
        return rule

    def folder(self, path: bytes, name: bytes, scope: Scope) -> Rule | Scope:
        """The rule that leaves a folder out, or the scope for its inside, before its own ignore files."""
        ignored = None
        rule = self._exclude.find(path, name, True) if self._exclude else None
        if rule is None:
            rule = next((found for rules in scope.own if (found := rules.find(path, name, True))), None)
        if rule is not None:
            if not rule.negated:
                return rule
        elif (ignored := self._git_rule(path, name, True, scope)) is not None and (
            scope.tracked is None or not scope.tracked.has(path, True)
        ):
            return ignored
        included = scope.included
        if self._include and (rule := self._include.find(path, name, True)):
            included = not rule.negated
        if ignored is scope.ignored and included is scope.included:
            return scope
        return replace(scope, ignored=ignored, included=included)

    def _git_rule(self, path: bytes, name: bytes, is_folder: bool, scope: Scope) -> Rule | None:
        if scope.ignored is not None:
            return scope.ignored
        for rules in scope.git:
            if rule := rules.find(path, name, is_folder):
                return None if rule.negated else rule
        return None

    def _read(self, base: bytes, name: bytes, scope: Scope, fold: bool) -> Rules | None:
        shown = (base + name).decode("utf-8", "backslashreplace")
        limit_bytes = MAX_IGNORE_BYTES - scope.read_bytes
        return read_rules_beneath(
            self._root, base + name, shown, base_bytes=len(base), fold=fold, limit_bytes=limit_bytes
        )


def _ignores(git: list[Rules], below: bytes, name: bytes) -> bool:
    """Whether rules from above the root ignore the folder `name`, which lies above the root by `below`, or is the
    root."""
    for rules in git:
        relative = rules.outer[: len(rules.outer) - len(below)].rstrip(b"/")
        if rule := rules.match(relative, name, True):
            return not rule.negated
    return False
