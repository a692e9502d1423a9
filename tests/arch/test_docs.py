"""What the documents say must be there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lowtide.cli.app import COMMANDS, app
from lowtide.cli.manual import manual_page
from lowtide.models import Reason

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(path for path in sorted(ROOT.glob("*.md"))),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "editors").glob("*/*.md")),
]
PLACE = re.compile(r"`([\w./]+\.py):([A-Za-z_][\w.]*)`")
"""A place of the code as documents name it, `file:function`."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8")):
        if not target.startswith(("http:", "https:")):
            assert (document.parent / target).exists(), target


def test_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for command in COMMANDS:
        assert f"`lowtide {command}" in text, command


def test_the_map_shows_every_module_by_its_whole_path_and_no_other() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    engine, _, server = text[text.index("\ndaemon/lowtide/\n") : text.index("\neditors/")].partition(
        "\nlsp/lowtide_lsp/"
    )
    for shown, package in ((engine, ROOT / "daemon/lowtide"), (server, ROOT / "lsp/lowtide_lsp")):
        named = re.findall(r"^    (\S+\.py) ", shown, re.MULTILINE)
        there = {str(path.relative_to(package)) for path in package.rglob("*.py") if path.name != "__init__.py"}
        assert len(named) == len(set(named))
        assert set(named) == there


def test_the_manual_page_tells_of_the_commands_as_they_are() -> None:
    made = manual_page(app)
    page = (ROOT / "docs/lowtide.1").read_text("utf-8")
    assert page == made, "run `python -m lowtide.cli help --man > docs/lowtide.1`"


def test_every_reason_has_its_sentence() -> None:
    text = (ROOT / "docs/formats.md").read_text("utf-8")
    for reason in Reason:
        assert f"`{reason}`" in text, reason


def names_of(body: list[ast.stmt], around: str = "") -> Iterator[str]:
    """Functions, classes and their methods, and what is assigned at the top."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield around + node.name
            if isinstance(node, ast.ClassDef):
                yield from names_of(node.body, f"{around}{node.name}.")
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        yield from (around + target.id for target in targets if isinstance(target, ast.Name))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_place_of_the_code_that_a_document_names_is_there(document: Path) -> None:
    for file, name in PLACE.findall(document.read_text("utf-8")):
        found = [
            base / file for base in (ROOT / "daemon/lowtide", ROOT / "lsp/lowtide_lsp", ROOT) if (base / file).exists()
        ]
        assert found, f"{document.name} names {file}, which is not there"
        known = {each for path in found for each in names_of(ast.parse(path.read_text("utf-8")).body)}
        assert name in known, f"{document.name} names {file}:{name}, which is not there; write what took its place"
