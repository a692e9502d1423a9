"""What the documents say must be there."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from docs.pages import ENVIRONMENT, EXAMPLE, FILES, FROM_ROOT, PAGES, commands, configuration, messages
from docs.told import all_messages, checks, lacks

from lowtide.cli.app import COMMANDS, app
from lowtide.config.settings import KEYS, load_config
from lowtide.core.freshness import Freshness, FreshState
from lowtide.languages import LANGUAGES
from lowtide.models import Reason

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(path for path in sorted(ROOT.glob("*.md"))),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "editors").glob("*/*.md")),
]
RUN = [path for path in DOCUMENTS if "editors" not in path.parts and path.name not in ("RELEASING.md", "commands.md")]
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


def below(line: str) -> set[str]:
    """The folders of one part of the repository that the map shows, under the line that begins with `line`."""
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    shown = text[text.index("\n```\ndaemon/lowtide/\n") : text.index("\n## Four walks")]
    part = re.search(rf"^{line}.*\n((?:  .*\n)*)", shown, re.MULTILINE)
    assert part is not None, line
    return set(re.findall(r"(?:^ | )(\w+)/(?=\s)", part[1], re.MULTILINE))


@pytest.mark.parametrize("part", ["tests", "bench", "docs"])
def test_the_map_shows_every_folder_of_what_is_not_the_program(part: str) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", part],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    there = {path.split("/")[1] for path in listed.stdout.split("\0") if path.count("/") > 1}
    assert below(f"{part}/") == there


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_is_made_from_the_code_is_as_the_code_is(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == FILES[name](), "run `python -m docs.pages`, and commit what it writes"


def test_the_pages_made_from_the_code_tell_of_all_of_it() -> None:
    told = commands()
    for command in COMMANDS:
        assert f"\n## lowtide {command}\n" in told, command
    keys = configuration()
    for table, names in KEYS.items():
        assert not table or f"## `[{table}]`" in keys
        for name in names:
            assert f"| `{name}` |" in keys, name
    code = [path.read_text("utf-8") for part in ("daemon", "lsp") for path in (ROOT / part).rglob("*.py")]
    read = {name for text in code for name in re.findall(r"[\"'](LOWTIDE_[A-Z_]+)[\"']", text)}
    assert len(read) >= 4
    assert read == {name for name in ENVIRONMENT if name.startswith("LOWTIDE_")}
    for kind in ("locked", "config", "path", "refused", "store", "daemon"):
        assert f"\n## {kind}\n" in messages(), kind


def test_troubleshooting_has_each_message_that_people_see() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text("utf-8")

    def rows(heading: str) -> set[str]:
        """What the first column names in the table under a heading."""
        part = page[page.index(heading) :].split("\n\n|", 1)[1].split("\n\n", 1)[0]
        return {name for line in part.split("\n")[2:] for name in re.findall(r"`([^`]+)`", line.split(" | ")[0])}

    assert rows("## By the kind of a message") == {message.kind for message in all_messages()}
    assert rows("## What doctor finds") == {name for name, _ in checks()}
    assert rows("**`degraded: …`**") >= set(lacks())
    freshness = (ROOT / "docs/freshness.md").read_text("utf-8")
    for state in set(FreshState) - {FreshState.CURRENT}:
        assert any(Freshness(state, 12, 100, 180.0, why).words in freshness for why in ("", "…")), state


def test_what_troubleshooting_quotes_is_what_the_program_says() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    told = " ".join(f"{each.what}: {each.why}; {each.remedy}" for each in all_messages()) + messages()
    code = " ".join(path.read_text("utf-8") for path in (ROOT / "daemon/lowtide").rglob("*.py"))
    quoted = re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\*\*(`.*?)\*\*", page, re.MULTILINE)))
    assert len(quoted) > 12
    for text in quoted:
        for part in filter(None, (part.strip(" ():;.") for part in re.split(r"…|; |\d+ %", text))):
            assert part in told or part in code, f"nothing says {part!r} of {text!r}"


def test_troubleshooting_has_what_vs_code_says_when_the_server_is_not_to_be_had() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    sources = ROOT / "editors/vscode/src/setup"
    says = {"failure.ts": r"t\(\s*'([^']+)'", "supported.ts": r"t\(\s*'([^']+)'"}
    says |= {"install.ts": r"'((?:This build|Lowtide needs)[^']+)'", "missing.ts": r"'(Lowtide keeps[^']+)'"}
    texts = [
        text for file, pattern in says.items() for text in re.findall(pattern, (sources / file).read_text("utf-8"))
    ]
    assert len(texts) >= 11
    for text in texts:
        assert text.partition(" {")[0].split("{")[0] in page, text


def test_the_example_of_a_configuration_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(EXAMPLE, "utf-8")
    assert load_config(file, machine_bytes=1 << 40, environment={}).idle_minutes == 120


def test_every_page_of_the_navigation_is_there() -> None:
    named = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert len(named) > 20
    for name in named:
        assert name in PAGES or name in FROM_ROOT or (ROOT / "docs" / name).exists(), name
    for source in FROM_ROOT.values():
        assert (ROOT / source).exists(), source


def test_nobody_is_sent_to_a_package_index_for_what_is_not_there() -> None:
    """Until a version is published, `pip install lowtide` would bring what somebody else has put under that name."""
    assert "Lowtide is not on PyPI yet" in (ROOT / "docs/install.md").read_text("utf-8")
    # In one command: up to its end, or the end of the code that it stands in.
    named = re.compile(
        r"(?:pip|pipx|uv tool|uvx)\s+(?:install|upgrade|run)\s[^\n;|&`]*(?<![\w./-])lowtide(?![\w./]|-\*?\.)"
    )
    sources = [
        path
        for pattern in (
            "daemon/**/*.py",
            "lsp/**/*.py",
            "examples/*.py",
            "editors/*/lua/**/*.lua",
            "editors/*/src/**/*.ts",
        )
        for path in ROOT.glob(pattern)
    ]
    helps = [*ROOT.glob("editors/*/doc/*.txt"), ROOT / "editors/vscode/package.nls.json", ROOT / "mkdocs.yml"]
    told = {
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in (*DOCUMENTS, *sources, *helps)
        for match in named.finditer(path.read_text("utf-8"))
    }
    assert told == set()
    assert named.search("uv tool install lowtide")
    assert named.search("pip install --force-reinstall 'lowtide[serve]'")


def test_every_language_is_listed() -> None:
    text = (ROOT / "docs/languages.md").read_text("utf-8")
    for language in LANGUAGES:
        assert f"| {language.name} |" in text, language.name


@pytest.mark.parametrize(
    "page", ["README.md", "docs/languages.md", "editors/vscode/README.md", "editors/vscode/CHANGELOG.md"]
)
def test_the_number_of_languages_is_that_of_the_registry(page: str) -> None:
    told = re.findall(r"\b(\d+) languages", (ROOT / page).read_text("utf-8"))
    assert told
    assert {int(number) for number in told} == {len(list(LANGUAGES))}


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


def commands_in(document: Path) -> Iterator[list[str]]:
    """Each call of `lowtide` in the shell blocks of a document, as words."""
    for block in re.findall(r"^```sh\n(.*?)^```", document.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            parts: list[list[str]] = [[]]
            for word in words:
                if word in ("&&", "||", "|", ";", "<", ">"):
                    parts.append([])
                else:
                    parts[-1].append(word)
            for part in parts:
                while part and re.fullmatch(r"[A-Z_]+=.*", part[0]):
                    part = part[1:]
                if part and part[0].rpartition("/")[2] == "lowtide":
                    yield part[1:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_the_documents_is_one_that_there_is(document: Path) -> None:
    """Names, options and how many arguments: as click reads them. What they do is for `tests/e2e/test_pages.py`."""
    for words in commands_in(document):
        command: click.Command = app
        context = click.Context(app, info_name="lowtide")
        try:
            while isinstance(command, click.Group):
                context = command.make_context("lowtide", words, parent=context if command is not app else None)
                rest = [*context._protected_args, *context.args]
                if not rest:
                    break
                _, inner, words = command.resolve_command(context, rest)
                assert inner is not None
                command = inner
            if not isinstance(command, click.Group) and command.name not in ("lsp", "mcp"):
                command.make_context(command.name, words, parent=context)
        except click.exceptions.Exit:
            pass  # --help, --version
        except click.ClickException as error:
            raise AssertionError(f"{document.name}: lowtide {shlex.join(words)}: {error.format_message()}") from error


@pytest.mark.parametrize("document", RUN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_of_shell_is_run_or_says_why_not(document: Path) -> None:
    """`tests/e2e/test_pages.py` runs those that are marked so."""
    text = document.read_text("utf-8")
    for found in re.finditer(r"^(.*)\n```sh\n(.*)", text, re.MULTILINE):
        assert re.fullmatch(r"<!-- (?:run|run with \w+|not run: .+) -->", found[1]), found[2]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_of_data_and_of_python_can_be_read(document: Path) -> None:
    yaml = pytest.importorskip("yaml")  # `tokenizers` brings it
    readers = {"json": json.loads, "python": ast.parse, "yaml": yaml.safe_load, "ini": tomllib.loads}
    for kind, block in re.findall(r"^```(\w+)\n(.*?)^```", document.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        if kind in readers:
            readers[kind](block)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_configuration_of_the_documents_can_be_read(document: Path, tmp_path: Path) -> None:
    if document.name in ("agents.md", "editors.md"):
        pytest.skip("the configuration of other programs")
    for number, block in enumerate(re.findall(r"^```toml\n(.*?)^```", document.read_text("utf-8"), re.M | re.S)):
        file = tmp_path / f"{number}.toml"
        file.write_text(block, "utf-8")
        load_config(file, machine_bytes=1 << 40, environment={})
