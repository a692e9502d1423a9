"""Functions with their doc comments from source trees, one JSON object a line.

Python goes through `ast` (it must tell docstrings from code exactly), the other languages through tree-sitter.
Invariant: a doc comment is never inside the `code` of its own record.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from itertools import chain, islice
from pathlib import Path

import tree_sitter

from model.files import whole
from model.sentences import first_sentence, uncomment

LANGUAGES = {
    "py": (".py",),
    "js": (".js", ".mjs", ".cjs", ".jsx"),
    "ts": (".ts", ".mts"),
    "go": (".go",),
    "c": (".c", ".h"),
    "cpp": (".cc", ".cpp", ".cxx", ".hpp"),
    "java": (".java",),
    "rust": (".rs",),
    "ruby": (".rb",),
    "php": (".php",),
    "kotlin": (".kt",),
    "swift": (".swift",),
    "c_sharp": (".cs",),
}
_BY_SUFFIX = {suffix: language for language, suffixes in LANGUAGES.items() for suffix in suffixes}
_GRAMMARS = {
    "ts": ("typescript", "language_typescript"),
    "js": ("javascript", "language"),
    "php": ("php", "language_php"),
}
_SCRIPT_FUNCTIONS = frozenset(
    {
        "function_declaration",
        "generator_function_declaration",
        "method_definition",
        "variable_declarator",
        "assignment_expression",
        "pair",
    }
)
_FUNCTIONS = {
    "js": _SCRIPT_FUNCTIONS,
    "ts": _SCRIPT_FUNCTIONS,
    "go": frozenset({"function_declaration", "method_declaration"}),
    "c": frozenset({"function_definition"}),
    "cpp": frozenset({"function_definition"}),
    "java": frozenset({"method_declaration", "constructor_declaration"}),
    "rust": frozenset({"function_item"}),
    "ruby": frozenset({"method", "singleton_method"}),
    "php": frozenset({"method_declaration", "function_definition"}),
    "kotlin": frozenset({"function_declaration"}),
    "swift": frozenset({"function_declaration"}),
    "c_sharp": frozenset({"method_declaration", "constructor_declaration", "local_function_statement"}),
}
_VALUES = frozenset({"function_expression", "arrow_function", "generator_function", "function"})
_CONTAINERS = frozenset(
    {
        "class_declaration",
        "class",
        "abstract_class_declaration",
        "interface_declaration",
        "impl_item",
        "trait_item",
        "module",
        "class_specifier",
        "struct_specifier",
        "namespace_definition",
        "object_declaration",
        "struct_declaration",
    }
)
_WRAPPERS = frozenset(
    {
        "lexical_declaration",
        "variable_declaration",
        "export_statement",
        "expression_statement",
        "decorated_definition",
        "template_declaration",
    }
)
_COMMENTS = frozenset({"comment", "line_comment", "block_comment", "multiline_comment"})
_BETWEEN = frozenset({"attribute_item", "attribute_list", "decorator", ";", ","})
_DECLARED = frozenset({"identifier", "field_identifier", "qualified_identifier", "destructor_name", "operator_name"})
NOT_SOURCE = re.compile(
    r"(^|/)(tests?|testing|_vendor|vendor|vendored|third_?party|externals?|deps|node_modules|__tests__|spec|fixtures|migrations"
    r"|locale|umd|benchmarks?|examples?|extern|site-packages|min)(/|$)",
    re.IGNORECASE,
)
NOTHING = re.compile(r"(?!)")
_LONGEST_CODE = 5_000
_LARGEST_FILE_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Function:
    """One function: where, what it is called, the first sentence of its doc (or None), its doc, its code without the
    doc."""

    project: str
    language: str
    path: str
    name: str
    qualified_name: str
    sentence: str | None
    doc: str
    code: str
    code_hash: str


def code_hash(code: str) -> str:
    """Equal for codes that differ in white space only."""
    return hashlib.md5(re.sub(r"\s+", "", code).encode()).hexdigest()


def write_functions(
    root: Path,
    project: str,
    target: Path,
    skip: re.Pattern[str] = NOT_SOURCE,
    bundled: str | None = None,
    most: int = 25_000,
) -> int:
    """Write up to `most` functions of the package unpacked at `root` to `target`, whole or not at all; returns how
    many.

    `bundled` is a folder below it that is searched besides, though its name looks like foreign code.
    """
    top = root / "package" if (root / "package").is_dir() else root
    found = chain(functions(top, project, skip), functions(top / bundled, project, skip) if bundled else ())
    count = 0
    with whole(target) as part, part.open("w", encoding="utf-8") as out:
        for function in islice(found, most):
            out.write(json.dumps(asdict(function)) + "\n")
            count += 1
    return count


def functions(root: Path, project: str, skip: re.Pattern[str] = NOT_SOURCE) -> Iterator[Function]:
    """Every distinct function of at least three lines under `root`, tests and vendored code left out."""
    seen: set[str] = set()
    for path, relative in _files(root, skip):
        language = _BY_SUFFIX[path.suffix.lower()]
        content = path.read_bytes().replace(b"\r\n", b"\n")
        if content[:4000].count(b"\n") < len(content[:4000]) / 300:
            continue  # minified
        found = _python(content) if language == "py" else _parsed(content, language)
        try:
            for qualified_name, name, doc, code in found:
                if code.count("\n") < 2 or not 50 <= len(code) <= 60_000:
                    continue
                digest = code_hash(code)
                if digest in seen:
                    continue
                seen.add(digest)
                sentence = first_sentence(doc, name) if doc else None
                yield Function(
                    project,
                    language,
                    relative,
                    name,
                    qualified_name,
                    sentence,
                    doc[:1500],
                    code[:_LONGEST_CODE],
                    digest,
                )
        except (RecursionError, SyntaxError, ValueError):
            continue


def _files(root: Path, skip: re.Pattern[str]) -> Iterator[tuple[Path, str]]:
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            relative = path.relative_to(root).as_posix()
            lowered = name.lower()
            if (
                path.suffix.lower() not in _BY_SUFFIX
                or skip.search(relative)
                or lowered.endswith((".min.js", ".d.ts", ".d.mts", "_test.go", "_test.py"))
                or lowered.startswith("test_")
                or re.search(r"\.(test|spec|bundle|prod|production)\.", lowered)
                or path.is_symlink()
                or not 60 <= path.stat().st_size <= _LARGEST_FILE_BYTES
            ):
                continue
            yield path, relative


def _python(content: bytes) -> Iterator[tuple[str, str, str, str]]:
    source = content.decode("utf-8", "ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    lines = source.split("\n")

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, str, str, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                doc = ast.get_docstring(child) or ""
                first, last = child.lineno - 1, child.end_lineno or child.lineno
                code = lines[first:last]
                if doc:
                    statement = child.body[0]
                    if statement.lineno - 1 == first:
                        continue
                    code = lines[first : statement.lineno - 1] + lines[statement.end_lineno or last : last]
                yield prefix + child.name, child.name, doc, "\n".join(code)
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.If | ast.Try | ast.With):
                yield from walk(child, prefix)

    yield from walk(tree, "")


@cache
def _grammar(language: str) -> tree_sitter.Language:
    package, function = _GRAMMARS.get(language, (language, "language"))
    return tree_sitter.Language(getattr(import_module(f"tree_sitter_{package}"), function)())


def _parsed(content: bytes, language: str) -> Iterator[tuple[str, str, str, str]]:
    tree = tree_sitter.Parser(_grammar(language)).parse(content)
    wanted = _FUNCTIONS[language]
    pending: list[tuple[tree_sitter.Node, str]] = [(tree.root_node, "")]
    while pending:
        node, prefix = pending.pop()
        if node.type in wanted and _has_body(node, language):
            name = _name(node, language, content)
            if name:
                outer = node
                while outer.parent is not None and outer.parent.type in _WRAPPERS:
                    outer = outer.parent
                code = _text(content, outer)
                if outer.start_point[1]:
                    code = re.sub(rf"\n[ \t]{{1,{outer.start_point[1]}}}", "\n", code)
                yield prefix + name, re.split(r"\.|::", name)[-1], _doc(outer, content), code
                continue
        inner = prefix
        if node.type in _CONTAINERS:
            named = node.child_by_field_name("name") or node.child_by_field_name("type")
            if named is not None:
                inner = f"{prefix}{_text(content, named)[:60]}."
        pending.extend((child, inner) for child in reversed(node.children))


def _has_body(node: tree_sitter.Node, language: str) -> bool:
    if language not in ("js", "ts") or node.type not in ("variable_declarator", "assignment_expression", "pair"):
        return True
    value = node.child_by_field_name("value") or node.child_by_field_name("right")
    return value is not None and value.type in _VALUES


def _name(node: tree_sitter.Node, language: str, content: bytes) -> str | None:
    field = {"assignment_expression": "left", "pair": "key"}.get(node.type, "name")
    named = node.child_by_field_name(field)
    if named is None and language in ("c", "cpp"):
        named = node.child_by_field_name("declarator")
        while named is not None and named.type not in _DECLARED:
            inner = named.child_by_field_name("declarator")
            named = inner or next((child for child in named.children if child.type in _DECLARED), None)
    return _text(content, named) if named is not None else None


def _doc(node: tree_sitter.Node, content: bytes) -> str:
    comments: list[str] = []
    row = node.start_point[0]
    before = node.prev_sibling
    while before is not None and len(comments) < 80:
        if before.type in _COMMENTS and row - before.end_point[0] <= (2 if before.end_point[1] == 0 else 1):
            comments.append(_text(content, before))
            row = before.start_point[0]
            if comments[-1].startswith("/*"):
                break
        elif before.type in _BETWEEN:
            row = before.start_point[0]
        else:
            break
        before = before.prev_sibling
    return "\n".join(uncomment(comment) for comment in reversed(comments))


def _text(content: bytes, node: tree_sitter.Node) -> str:
    return content[node.start_byte : node.end_byte].decode("utf-8", "ignore")
