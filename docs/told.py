"""What the program says to people, read from its code: errors, warnings, what an answer lacks, what `doctor` finds.

Invariant: texts stand here as they stand in the code; what is filled in is an ellipsis.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lowtide.cli import supported
from lowtide.errors import LowtideError

ENGINE = Path(__file__).resolve().parents[1] / "daemon/lowtide"


@dataclass(frozen=True, slots=True)
class Message:
    """What an error says, as it stands in the code; what is filled in is an ellipsis."""

    kind: str
    exit_code: int
    what: str
    why: str
    remedy: str


UNSEEN = {"QuestionStopped", "WorkerRecycled", "LeaseWithdrawn", "ResultTooLarge", "FileChanged"}
"""Errors that nobody but the program meets: it does the work again."""


def all_messages() -> Iterator[Message]:
    """The errors of the engine that are written out where they are raised."""
    modules = _modules("")
    kinds = _kinds(modules)
    yield from _last_resorts()
    yield _elsewhere()
    for module in modules:
        constants = dict(_assigned(module.body))
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef) and node.name in kinds:
                calls = [(node.name, call) for call in ast.walk(node) if _is_super(call)]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
                calls = [(node.func.id, node)]
            else:
                continue
            for name, call in calls:
                assert isinstance(call, ast.Call)
                what, why, remedy = (*(_text_of(argument, constants) for argument in call.args[:3]), "", "", "")[:3]
                if name not in UNSEEN and re.search(r"\w", what):
                    yield Message(*kinds[name], what, why, remedy)


def _last_resorts() -> Iterator[Message]:
    """What the command says of errors that are not Lowtide's own."""
    for call in _calls("cli/app.py", "_fail"):
        kind, what, remedy, code = call.args[:4]
        if isinstance(kind, ast.Constant) and isinstance(code, ast.Constant) and kind.value != "usage":
            yield Message(str(kind.value), int(str(code.value)), _text_of(what, {}), "", _text_of(remedy, {}))


def _elsewhere() -> Message:
    """What the command says where it does not run."""
    (said,) = (
        node.value
        for module in _modules("cli/supported.py")
        for node in ast.walk(module)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "message"
    )
    return Message("unsupported", 1, _text_of(said, {}), "", supported.REMEDY)


def warnings() -> list[str]:
    """What commands write beside their answers."""
    texts = {_plain(call.args[0]) for call in _calls("cli", "warn")}
    return sorted(text for text in texts if re.search(r"[a-z]{3}", text))


def lacks() -> list[str]:
    """What follows `degraded:` under an answer."""
    found: set[str] = set()
    for module in _modules("read"):
        constants = dict(_assigned(module.body))
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "reasons.append":
                found |= _texts_in(node.args[0], constants)
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("reasons", "degraded"):
                found |= _texts_in(node.value, constants)
            elif isinstance(node, ast.Return) and _is_reason(node.value):
                found |= _texts_in(node, constants)
    return sorted(text for text in found if re.search(r"[a-z]{3}.* ", text))


def _is_reason(node: ast.expr | None) -> bool:
    """Whether it is `None, WHY`."""
    return isinstance(node, ast.Tuple) and len(node.elts) == 2 and ast.unparse(node.elts[0]) == "None"


def _texts_in(node: ast.AST, constants: dict[str, ast.expr]) -> set[str]:
    """Every text that an expression is made of, or chooses from."""
    if isinstance(node, ast.Constant | ast.JoinedStr | ast.Name):
        text = _text_of(node, constants)
        return {text} if text != "…" else set()
    return {text for part in ast.iter_child_nodes(node) for text in _texts_in(part, constants)}


def checks() -> list[tuple[str, str]]:
    """What `lowtide doctor` examines, and what it says to do when that fails."""
    found: dict[str, None] = {}
    remedies: dict[str, list[str]] = {}
    for call in _calls("serve/diagnose.py", "Check"):
        name, _, _, remedy = (*call.args, ast.Constant(""))[:4]
        if isinstance(name, ast.Constant):
            found[str(name.value)] = None
            text = _text_of(remedy, {})
            if re.search(r"[a-z]{3}", text):
                remedies.setdefault(str(name.value), []).append(text)
    return [(name, "; or ".join(remedies.get(name, []))) for name in found]


@cache
def _modules(under: str) -> list[ast.Module]:
    """Every module of the engine below `under`, a folder or a file."""
    base = ENGINE / under
    paths = [base] if base.suffix == ".py" else sorted(base.rglob("*.py"))
    return [ast.parse(path.read_text("utf-8")) for path in paths]


def _calls(under: str, name: str) -> Iterator[ast.Call]:
    for module in _modules(under):
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name and node.args:
                yield node


def _plain(node: ast.expr) -> str:
    """The text of `paint(TEXT, …)` or of a text."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "paint":
        return _text_of(node.args[0], {})
    return _text_of(node, {})


def _kinds(modules: list[ast.Module]) -> dict[str, tuple[str, int]]:
    """Kind and exit status of each class of error, its own or those of the class that it is made of."""
    classes = {node.name: node for module in modules for node in module.body if isinstance(node, ast.ClassDef)}

    def of(name: str) -> tuple[str, int] | None:
        if name == "LowtideError":
            return LowtideError.kind, LowtideError.exit_code
        node = classes.get(name)
        bases = [of(base.id) for base in node.bases if isinstance(base, ast.Name)] if node else []
        found = next(filter(None, bases), None)
        if found is None or node is None:
            return None
        own = {key: value.value for key, value in _assigned(node.body) if isinstance(value, ast.Constant)}
        return str(own.get("kind", found[0])), int(str(own.get("exit_code", found[1])))

    return {name: kind for name in [*classes, "LowtideError"] if (kind := of(name)) is not None}


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__"


def _text_of(node: ast.expr, constants: dict[str, ast.expr]) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(part, constants) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.IfExp):
        either = [_text_of(branch, constants) for branch in (node.body, node.orelse)]
        return " / ".join(text for text in either if text)
    if isinstance(node, ast.Name) and node.id in constants:
        return _text_of(constants[node.id], {})
    return "…"
