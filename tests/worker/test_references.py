"""Where a name is used: lines as they are on the disk, with the definition that holds each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.worker.services import Asker, serving

from lowtide.errors import LowtideError, PathError, UsageError
from lowtide.read import references, text_pieces
from lowtide.serve.api import HANDLERS

Tree = Callable[[dict[str, str]], Path]
SHOP = {
    "shop/cart.py": (
        "class Cart:\n"
        "    def add_item(self, item):\n"
        "        self.items.append(item)\n"
        "\n"
        "    def refill(self):\n"
        "        # add_item is asked twice\n"
        "        self.add_item(1); self.add_item(2)\n"
        "\n"
        "add_item = Cart().add_item\n"
    ),
    "shop/till.py": "def pay(cart):\n    def inner():\n        return cart.add_item(3)\n    return inner\n",
    "web/page.js": "export function show(cart) {\n  cart.add_item(4);\n  cart.add_items(5);\n}\n",
    "tests/test_cart.py": "def test_add_item():\n    Cart().add_item(6)\n",
    "notes.md": "# Shop\n\nCall `add_item` to add an item.\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    def write(files: dict[str, str]) -> Path:
        root = tmp_path / "tree"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return root

    return write


def ask(root: Path, home: Path, *questions: dict[str, Any], before: Callable[[], None] = lambda: None) -> list[Any]:
    """What `lowtide/references` answers, or its errors, once `root` is indexed and `before` was done."""

    async def main() -> list[Any]:
        async with serving(home) as service:
            await service.open_workspace(root, "test")
            await service.wait_idle(root)
            before()
            handler = HANDLERS["lowtide/references"]
            answers: list[Any] = []
            for each in questions:
                try:
                    answers.append(await handler(service, Asker(), {"rootUri": root.as_uri(), **each}))
                except LowtideError as error:
                    answers.append(error)
            return answers

    return anyio.run(main)


def places(answer: dict[str, Any]) -> list[tuple[str, int, int, str, bool]]:
    return [(ref["path"], ref["line"], ref["column"], ref["holder"], ref["definition"]) for ref in answer["refs"]]


def test_each_line_is_told_with_its_holder_the_definitions_file_first_and_tests_last(
    tree: Tree, tmp_path: Path
) -> None:
    (answer,) = ask(tree(SHOP), tmp_path / "home", {"name": "Cart.add_item"})
    found = places(answer)
    assert found == [
        ("shop/cart.py", 2, 9, "Cart", True),
        ("shop/cart.py", 6, 11, "Cart.refill", False),
        ("shop/cart.py", 7, 14, "Cart.refill", False),
        ("shop/cart.py", 9, 1, "", False),
        ("shop/till.py", 3, 21, "pay.inner", False),
        ("notes.md", 3, 7, "Shop", False),
        ("web/page.js", 2, 8, "show", False),
        ("tests/test_cart.py", 2, 12, "test_add_item", False),
    ]
    assert answer["refs"][2]["text"] == "        self.add_item(1); self.add_item(2)"
    assert (answer["truncated"], answer["freshness"]["state"], answer["query"]) == (False, "current", "Cart.add_item")


def test_a_limit_cuts_and_it_is_told(tree: Tree, tmp_path: Path) -> None:
    root = tree(SHOP)
    some, all_of_them = ask(root, tmp_path / "home", {"name": "add_item", "limit": 3}, {"name": "add_item", "limit": 8})
    assert [ref["line"] for ref in some["refs"]] == [2, 6, 7]
    assert some["truncated"]
    assert len(all_of_them["refs"]) == 8
    assert not all_of_them["truncated"]


def test_what_is_no_name_is_refused_and_a_name_that_nobody_has_is_used_nowhere(tree: Tree, tmp_path: Path) -> None:
    root = tree(SHOP)
    names = ("", "  ", "::", "$", "x" * 5000)
    elsewhere = {"rootUri": (tmp_path / "elsewhere").as_uri()}
    answer, *refused, without_index = ask(
        root,
        tmp_path / "home",
        {"name": "no_such_name"},
        *({"name": name} for name in names),
        {"name": "add_item", **elsewhere},
    )
    assert (answer["refs"], answer["truncated"]) == ([], False)
    assert [type(error) for error in refused] == [UsageError] * len(names)
    assert isinstance(without_index, PathError)


def test_lines_of_a_changed_file_are_those_on_the_disk(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a.py": "def tide():\n    pass\n", "b.py": "from a import tide\n\ndef ebb():\n    tide()\n"})

    def change() -> None:
        (root / "b.py").unlink()
        (root / "c.py").symlink_to("/etc/passwd")
        (root / "a.py").write_text("x = 1\ndef tide():\n    return tide\n")

    (answer,) = ask(root, tmp_path / "home", {"name": "tide", "fresh": True}, before=change)
    assert places(answer) == [("a.py", 2, 5, "", True), ("a.py", 3, 12, "tide", False)]


def test_a_name_is_found_in_any_encoding_and_in_lines_of_any_length(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_pieces, "MOST_PIECE_BYTES", 64)
    root = tree({"a.py": "def küste():\n    pass\n"})
    (root / "wide.py").write_bytes("# 漢😀\nx = küste()\n".encode("utf-16"))
    (root / "west.py").write_bytes("# -*- coding: latin-1 -*-\ny = küste()\n".encode("latin-1"))
    (root / "long.py").write_text(f"z = [{'1, ' * 500}küste, {'2, ' * 500}küste]\n")
    (answer,) = ask(root, tmp_path / "home", {"name": "küste"})
    assert {(path, line, column) for path, line, column, _, _ in places(answer)} == {
        ("a.py", 1, 5),
        ("wide.py", 2, 5),
        ("west.py", 2, 5),
        ("long.py", 1, 1506),
    }
    (long,) = [ref for ref in answer["refs"] if ref["path"] == "long.py"]
    assert "küste" in long["text"]
    assert len(long["text"].encode()) <= references.MOST_LINE_BYTES


def test_a_file_that_is_swapped_for_a_link_is_not_followed(tree: Tree, tmp_path: Path) -> None:
    root = tree({"a.py": "def tide():\n    pass\n", "b.py": "tide()\n"})
    (tmp_path / "outside.py").write_text("tide()  # a secret\n")

    def swap() -> None:
        (root / "b.py").unlink()
        os.symlink(tmp_path / "outside.py", root / "b.py")

    (answer,) = ask(root, tmp_path / "home", {"name": "tide"}, before=swap)
    assert {ref["path"] for ref in answer["refs"]} == {"a.py"}


def test_looking_through_files_ends_in_time_and_says_so(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "LONGEST_S", -1.0)
    (answer,) = ask(tree(SHOP), tmp_path / "home", {"name": "add_item"})
    assert (answer["refs"], answer["truncated"]) == ([], True)
