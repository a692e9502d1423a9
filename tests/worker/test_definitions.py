"""What an agent asks beyond a person: definitions whole, and a folder that nobody has indexed yet."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.worker.services import Asker, serving

from lowtide.errors import LowtideError, RefusedError, UsageError
from lowtide.read import definitions
from lowtide.serve.api import HANDLERS

LONG = "".join(f"    total += {number}\n" for number in range(60))
CODE = f'''\
import os


class Ledger:
    """Keeps the books of the harbour."""

    def enter(self, ship):
        """Write a ship into the books."""
        return self.book(ship)


def count_everything(total):
    """Add up every harbour due."""
{LONG}    return total


def tide_table(day):
    """The hours of high water."""
    return [day, day]
'''


def ask(
    root: Path,
    home: Path,
    *questions: tuple[str, dict[str, Any]],
    index: bool = True,
    before: Callable[[], None] = lambda: None,
) -> list[Any]:
    """What each request answers, or its error."""

    async def main() -> list[Any]:
        async with serving(home) as service:
            if index:
                await service.open_workspace(root, "test")
                await service.wait_idle(root)
            before()
            answers: list[Any] = []
            for method, params in questions:
                try:
                    answers.append(await HANDLERS[method](service, Asker(), {"rootUri": root.as_uri(), **params}))
                except LowtideError as error:
                    answers.append(error)
            return answers

    return anyio.run(main)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "harbour.py").write_text(CODE)
    return tmp_path / "tree"


def test_hits_have_their_definition_whole_where_it_fits_and_told_of_where_not(root: Path, tmp_path: Path) -> None:
    (answer, symbols, without) = ask(
        root,
        tmp_path / "home",
        ("lowtide/find", {"query": "add up every harbour due count_everything", "codeCharacters": 1000, "limit": 20}),
        ("lowtide/symbols", {"query": "tide_table", "codeCharacters": 1000}),
        ("lowtide/find", {"query": "tide_table"}),
    )
    by_name = {hit["name"]: hit["definition"] for hit in answer["hits"]}
    long = by_name["count_everything"]
    assert long["code"] == ""
    assert (long["start_line"], long["end_line"]) == (12, 74)
    assert long["signature"] == "def count_everything(total):"
    assert long["doc"] == "Add up every harbour due."
    table = CODE[CODE.index("def tide_table") :].rstrip()
    assert by_name["tide_table"]["code"] == table
    assert symbols["symbols"][0]["definition"]["code"] == table
    assert "code" not in without["hits"][0]["definition"]


def test_code_is_bounded_in_all_and_of_the_file_as_it_is(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ("lowtide/symbols", {"query": "e", "codeCharacters": 200})
    wide = "def wide_sea():\n    return '漢'\n"

    def change() -> None:
        (root / "wide.py").write_bytes(wide.encode("utf-16"))
        stamp = (root / "harbour.py").stat()
        (root / "harbour.py").write_text("x" + CODE[1:])
        os.utime(root / "harbour.py", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

    found, waited = ask(
        root,
        tmp_path / "home",
        question,
        ("lowtide/symbols", {"query": "wide_sea", "codeCharacters": 500, "fresh": True}),
        before=change,
    )
    codes = [symbol["definition"]["code"] for symbol in found["symbols"]]
    assert 0 < sum(map(len, codes)) <= 200
    assert waited["symbols"][0]["definition"]["code"] == wide.rstrip()
    monkeypatch.setattr(definitions, "MOST_CHARACTERS", 10)
    (short,) = ask(root, tmp_path / "home", ("lowtide/symbols", {"query": "tide_table", "codeCharacters": 10}))
    assert short["symbols"][0]["definition"]["code"] == ""


def test_a_folder_without_an_index_is_begun_and_answered_from_what_is_there(root: Path, tmp_path: Path) -> None:
    begin = {"begin": True}
    high_water = {"query": "hours of high water", **begin}
    asked = [("lowtide/find", high_water), ("lowtide/find", {**high_water, "fresh": True})]
    *_, found, symbols, refs, place = ask(
        root,
        tmp_path / "home",
        *asked,
        ("lowtide/symbols", {"query": "Ledger", **begin}),
        ("lowtide/references", {"name": "book", **begin}),
        ("lowtide/root", {"uri": (root / "harbour.py").as_uri()}),
        index=False,
    )
    assert found["freshness"]["state"] == "current"
    assert found["hits"][0]["name"] == "tide_table"
    assert [symbol["name"] for symbol in symbols["symbols"]] == ["Ledger"]
    assert [(ref["line"], ref["holder"]) for ref in refs["refs"]] == [(9, "Ledger.enter")]
    assert place == {"root": str(root), "rootUri": root.as_uri(), "hasIndex": True, "refused": ""}


def test_what_is_no_project_is_not_begun(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root))
    begun, language = ask(
        root,
        tmp_path / "home",
        ("lowtide/find", {"query": "water", "begin": True}),
        ("lowtide/find", {"query": "water", "languages": ["klingon"]}),
        index=False,
    )
    assert isinstance(begun, RefusedError)
    assert isinstance(language, UsageError)


def test_languages_are_known_by_any_of_their_names(root: Path, tmp_path: Path) -> None:
    python, go = ask(
        root,
        tmp_path / "home",
        ("lowtide/find", {"query": "tide_table", "languages": ["Python"]}),
        ("lowtide/find", {"query": "tide_table", "languages": ["golang"]}),
    )
    assert python["hits"]
    assert not go["hits"]


def test_many_who_ask_at_once_of_a_closed_workspace_are_all_answered(root: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path / "home") as service:
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
            await service.close_workspace(root, "test")
            answers: list[Any] = []

            async def ask() -> None:
                params = {"query": "Ledger", "rootUri": root.as_uri()}
                answers.append(await HANDLERS["lowtide/symbols"](service, Asker(), params))

            with anyio.fail_after(60):
                async with anyio.create_task_group() as group:
                    for _ in range(20):
                        group.start_soon(ask)
            assert [answer["symbols"][0]["name"] for answer in answers] == ["Ledger"] * 20

    anyio.run(main)
