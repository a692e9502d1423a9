"""What a caller decides by is a code or a type, never the words of a message: those are for people, and change."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("daemon", "lsp")
WORDS = {"message", "degraded", "reason", "reasons", "why", "detail", "what", "remedy", "note", "strerror"}
"""Attributes, keys and names that hold words for people. (A `message` by that name alone may be one of JSON-RPC.)"""
FOREIGN = {"daemon/lowtide/store/vectors/vectors.py", "daemon/lowtide/store/lexical/engine.py"}
"""usearch tells by the words of a RuntimeError alone that a signal has ended its work, and Tantivy the number of the
system's error."""
LOOKS = {"startswith", "endswith", "find", "removeprefix", "removesuffix"}
"""Methods that look at what words say."""
PATTERNS = {"search", "match", "fullmatch", "findall", "finditer"}


def decided_by_words(source: str) -> Iterator[tuple[int, str]]:
    """(line, code) of what compares the words of a message, or looks for something in them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [side for side in (node.left, *node.comparators) if not _is_named(side, "message")]
            compared = any(isinstance(op, ast.In | ast.NotIn | ast.Eq | ast.NotEq) for op in node.ops)
            if compared and any(_holds_words(side) for side in sides) and any(_is_text(side) for side in sides):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            looks = node.func.attr in LOOKS and _holds_words(node.func.value)
            if looks or (node.func.attr in PATTERNS and any(map(_holds_words, node.args))):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Match) and _holds_words(node.subject):
            yield node.lineno, ast.unparse(node.subject)


def _is_named(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _holds_words(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in WORDS
    if isinstance(node, ast.Name):
        return node.id in WORDS
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value in WORDS
    if isinstance(node, ast.Call):
        # `str(error)`; `error.message.lower()`; `told.get("message")`
        if isinstance(node.func, ast.Attribute):
            is_key = bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value in WORDS
            inner = node.func.value
            return is_key if node.func.attr == "get" else not _is_named(inner, "message") and _holds_words(inner)
        is_text = _is_named(node.func, "str") or _is_named(node.func, "repr")
        return is_text and bool(node.args) and _is_named(node.args[0], "error")
    return isinstance(node, ast.BoolOp) and any(map(_holds_words, node.values))


def _is_text(node: ast.expr) -> bool:
    """A text that stands there; the empty one tells only whether there is a message."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value != ""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(map(_is_text, node.elts))
    return isinstance(node, ast.JoinedStr)


def test_nothing_is_decided_by_words() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {code}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in FOREIGN
        for line, code in decided_by_words(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ('if "no semantic" in answer.degraded: pass', 1),
        ('if not (answer.degraded and "no semantic" in answer.degraded): pass', 1),
        ('if error.message == "gone": pass', 1),
        ('if answer["degraded"].startswith("no vectors"): pass', 1),
        ('if "locked" in str(error): pass', 1),
        ('if error.why.lower().endswith("late"): pass', 1),
        ('if told.get("reason") in ("pause", "stop"): pass', 1),
        ('if re.search("damaged", error.message): pass', 1),
        ('match error.message:\n    case "gone": pass', 1),
        ("if message.startswith(state): pass", 1),
        ("if stat.reason == Reason.BINARY: pass", 0),
        ("if row.reason in RETRIED: pass", 0),
        ('if error.kind == "locked": pass', 0),
        ('if message.get("jsonrpc") != "2.0" or "id" not in message: pass', 0),
        ('if error.why != "": pass', 0),
        ("if answer.degraded is not None: pass", 0),
        ('log.info("event=x why=%r", error.why)', 0),
    ],
)
def test_the_rule_sees_what_it_is_for(source: str, count: int) -> None:
    assert len(list(decided_by_words(source))) == count
