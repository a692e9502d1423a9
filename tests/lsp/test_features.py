"""What an editor sees, with a service that finds what it is told to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.lsp.wire import FakeService, Wire, connected, symbol

from lowtide.core.freshness import Freshness, FreshState
from lowtide.errors import NoIndex

TEXT = '''class Tide:
    """Rises and falls."""

    def rise(self, metres):
        return "😀漢", self.rise(1)

    class Inner:
        def ebb(self): ...


def moon(): ...
'''
TREES = {"textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": True}}}


def run(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main(), 60))


def names(items: list[dict[str, Any]]) -> list[Any]:
    return [[item["name"], names(item["children"])] if item["children"] else item["name"] for item in items]


async def outline(wire: Wire, uri: str) -> Any:
    return await wire.result("textDocument/documentSymbol", {"textDocument": {"uri": uri}})


def test_outline_is_a_tree_of_the_unsaved_text(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path, capabilities=TREES)
            uri = (tmp_path / "tide.py").as_uri()
            wire.open(uri, TEXT)
            tree = await outline(wire, uri)
            assert names(tree) == [["Tide", ["rise", ["Inner", ["ebb"]]]], "moon"]
            assert tree[0]["selectionRange"] == {
                "start": {"line": 0, "character": 6},
                "end": {"line": 0, "character": 10},
            }
            assert tree[0]["children"][0]["detail"] == "def rise(self, metres):"
            wire.edit(uri, (10, 4), (10, 8), "sun")
            wire.edit(uri, (11, 0), (11, 0), "def late(): ...\n", 3)
            assert names(await outline(wire, uri)) == [["Tide", ["rise", ["Inner", ["ebb"]]]], "sun", "late"]
            whole = {"textDocument": {"uri": uri, "version": 4}, "contentChanges": [{"text": "def only(): ...\n"}]}
            wire.notify("textDocument/didChange", whole)
            assert names(await outline(wire, uri)) == ["only"]

    run(main)


def test_a_text_is_read_when_it_is_opened(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            wire.open((tmp_path / "notes.unknown").as_uri(), "nothing\n", "nothing")
            wire.open((tmp_path / "tide.py").as_uri(), TEXT)
            while not service.documents.count:
                await wire.result("lowtide/status", {})
            await outline(wire, (tmp_path / "tide.py").as_uri())
            assert service.documents.count == 1

    run(main)


def test_outline_is_flat_for_a_client_without_trees(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            await connection.wire.initialize(tmp_path)
            uri = (tmp_path / "tide.py").as_uri()
            connection.wire.open(uri, TEXT)
            flat = await outline(connection.wire, uri)
            assert [(item["name"], item.get("containerName")) for item in flat] == [
                ("Tide", None),
                ("rise", "Tide"),
                ("Inner", "Tide"),
                ("ebb", "Inner"),
                ("moon", None),
            ]
            assert flat[0]["location"]["uri"] == uri

    run(main)


@pytest.mark.parametrize(
    ("offered", "chosen", "column"),
    [
        (None, "utf-16", 12),
        (["utf-8", "utf-16"], "utf-8", 16),
        (["utf-32"], "utf-32", 11),
        (["utf-7", "utf-16"], "utf-16", 12),
        (["utf-7"], "utf-16", 12),
    ],
)
def test_columns_count_what_was_agreed_on(tmp_path: Path, offered: list[str] | None, chosen: str, column: int) -> None:
    async def main() -> None:
        text = "x = '😀漢'; \ty = 1\nclass Z: ...\n"
        capabilities = {**TREES, "general": {"positionEncodings": offered}} if offered else TREES
        service = FakeService()
        service.found = [symbol("y", "disk.py", 0, len("x = '😀漢'; \t"))]
        (tmp_path / "disk.py").write_text(text, "utf-8")
        async with connected(service) as connection:
            wire = connection.wire
            answer = await wire.initialize(tmp_path, capabilities=capabilities)
            assert answer["capabilities"]["positionEncoding"] == chosen
            found = await wire.result("workspace/symbol", {"query": "y"})
            assert found[0]["location"]["range"]["start"] == {"line": 0, "character": column}
            uri = (tmp_path / "open.py").as_uri()
            wire.open(uri, text)
            wire.edit(uri, (0, column), (0, column + 1), "renamed")
            tree = await outline(wire, uri)
            renamed = next(item for item in tree if item["name"] == "renamed")
            assert renamed["selectionRange"] == {
                "start": {"line": 0, "character": column},
                "end": {"line": 0, "character": column + 7},
            }

    run(main)


def test_open_texts_lie_over_the_disk_until_they_are_closed(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.found = [symbol("moon", "tide.py", 10, 4), symbol("moonlight", "other.py", 3, 4, score=2.0)]
        (tmp_path / "tide.py").write_text(TEXT)
        async with connected(service) as connection, connected(service) as other:
            wire = connection.wire
            await wire.initialize(tmp_path)
            await other.wire.initialize(tmp_path)
            uri = (tmp_path / "tide.py").as_uri()

            async def found(wire: Wire, query: str) -> list[tuple[str, int]]:
                answer = await wire.result("workspace/symbol", {"query": query})
                return [(item["name"], item["location"]["range"]["start"]["line"]) for item in answer]

            wire.open(uri, TEXT)
            assert await found(wire, "moon") == [("moon", 10), ("moonlight", 3)]
            assert service.open_files == (tmp_path / "tide.py",)
            wire.edit(uri, (0, 0), (0, 0), "def moonrise(): ...\n\n")
            assert await found(wire, "moon") == [("moon", 12), ("moonrise", 0), ("moonlight", 3)]
            assert (await found(wire, "Tide.rise"))[0] == ("rise", 5)
            assert await found(other.wire, "moon") == [("moon", 10), ("moonlight", 3)], "another editor's"
            wire.edit(uri, (12, 4), (12, 8), "sun")
            assert await found(wire, "moon") == [("moonrise", 0), ("moonlight", 3)]
            wire.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
            wire.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
            assert await found(wire, "moon") == [("moon", 10), ("moonlight", 3)]
            assert service.open_files == ()

    run(main)


def test_a_text_opened_with_unsaved_changes_counts_as_changed(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.found = [symbol("moon", "tide.py", 10, 4)]
        (tmp_path / "tide.py").write_text(TEXT)
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            wire.open((tmp_path / "tide.py").as_uri(), "def recovered(): ...\n")
            while not await wire.result("workspace/symbol", {"query": "recovered"}):
                pass
            assert await wire.result("workspace/symbol", {"query": "moon"}) == []

    run(main)


def test_definition_and_references_are_on_where_no_other_server_is_usual(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.found = [
            symbol("tide", "lib/b.sh", 2, 0),
            symbol("tide", "a.py", 4, 4),
            symbol("tide", "other.sh", 1, 0, container="Moon"),
            symbol("tidelike", "c.sh", 1),
        ]
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            shell, python = (tmp_path / "x.sh").as_uri(), (tmp_path / "x.py").as_uri()
            wire.open(shell, "tide 1\n# tide\nMoon.tide\n", "shellscript")
            wire.open(python, "tide(1)\n")

            def at(uri: str, line: int, column: int) -> dict[str, Any]:
                return {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}

            async def files(uri: str, line: int, column: int) -> Any:
                found = await wire.result("textDocument/definition", at(uri, line, column))
                return found and [Path(item["uri"]).name for item in found]

            assert await files(shell, 0, 1) == ["b.sh", "other.sh", "a.py"]
            assert await files(shell, 2, 6) == ["other.sh", "b.sh", "a.py"]
            assert await files(shell, 0, 5) == []
            assert await files(python, 0, 1) is None
            everywhere = {**at(shell, 0, 0), "context": {"includeDeclaration": True}}
            found = await wire.result("textDocument/references", everywhere)
            assert [item["range"]["start"] for item in found if item["uri"] == shell] == [
                {"line": 0, "character": 0},
                {"line": 1, "character": 2},
                {"line": 2, "character": 5},
            ]
            wire.notify(
                "workspace/didChangeConfiguration",
                {"settings": {"lowtide": {"definition": {"python": True, "*": False}}}},
            )
            assert await files(python, 0, 1) == ["a.py", "b.sh", "other.sh"]
            assert await files(shell, 0, 1) is None

    run(main)


def test_what_the_limits_cut_off_of_references_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lowtide_lsp.requests.by_name.MOST_REFERENCES", 100)

    async def main() -> None:
        for number in range(30):
            (tmp_path / f"{number}.sh").write_text("tide\n" * 5)
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            uri = (tmp_path / "0.sh").as_uri()
            wire.open(uri, "tide\n", "shellscript")
            place = {
                "textDocument": {"uri": uri},
                "position": {"line": 0, "character": 0},
                "context": {"includeDeclaration": True},
            }
            assert len(await wire.result("textDocument/references", place)) == 100
            told = await wire.hear("window/logMessage")
            assert "100 are shown, there may be more" in told["params"]["message"]

    run(main)


def test_hover_tells_signature_doc_and_place(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.found = [symbol("tide", "lib/b.py", 2, 4)]
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            uri = (tmp_path / "x.py").as_uri()
            wire.open(uri, "tide(1)\n")
            params = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 2}}
            text = (await wire.result("textDocument/hover", params))["contents"]["value"]
            assert "```python\ndef tide():\n```" in text
            assert "Does tide." in text
            assert "lib/b.py:3" in text
            params["position"] = {"line": 9, "character": 9}
            assert await wire.result("textDocument/hover", params) is None

    run(main)


def test_hover_is_plain_for_a_client_without_markdown(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.found = [symbol("tide", "lib/b.py", 2, 4)]
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path, capabilities={"textDocument": {"hover": {"contentFormat": ["plaintext"]}}})
            uri = (tmp_path / "x.py").as_uri()
            wire.open(uri, "tide(1)\n")
            params = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 2}}
            contents = (await wire.result("textDocument/hover", params))["contents"]
            assert contents["kind"] == "plaintext"
            assert "`" not in contents["value"]

    run(main)


def test_folders_come_and_go(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        one, two = tmp_path / "one", tmp_path / "two"
        one.mkdir()
        two.mkdir()
        async with connected(service) as connection:
            wire = connection.wire
            folders = [{"uri": one.as_uri(), "name": "one"}, {"uri": "vscode-remote://x/y", "name": "far"}]
            await wire.initialize(None, workspaceFolders=folders)
            await wire.result("lowtide/status", {})
            change = {"event": {"added": [{"uri": two.as_uri(), "name": "two"}], "removed": [folders[0]]}}
            wire.notify("workspace/didChangeWorkspaceFolders", change)
            while len(service.opened) < 2:
                await wire.result("lowtide/status", {})
            assert (service.opened, service.closed) == ([one, two], [one])

    run(main)


def test_a_home_folder_is_not_indexed_and_no_pop_up_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            await connection.wire.initialize(tmp_path)
            told = await connection.wire.hear("window/logMessage")
            assert "is not indexed" in told["params"]["message"]
            assert service.opened == []

    run(main)


def test_settings_are_pulled_from_a_client_that_offers_them(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(
                tmp_path,
                capabilities={
                    "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}
                },
            )
            asked = await wire.hear("workspace/configuration")
            assert asked["params"] == {"items": [{"section": "lowtide"}]}
            registered = await wire.hear("client/registerCapability")
            wire.send({"jsonrpc": "2.0", "id": registered["id"], "result": None})
            wire.send({"jsonrpc": "2.0", "id": asked["id"], "result": [{"budget": "128MiB"}]})
            while not service.budget:
                await wire.result("lowtide/status", {})
            assert service.budget == 128 << 20
            wire.notify("workspace/didChangeConfiguration", {"settings": None})
            asked = await wire.hear("workspace/configuration")
            wire.send({"jsonrpc": "2.0", "id": asked["id"], "result": [{"budget": "256MiB"}]})
            while service.budget != 256 << 20:
                await wire.result("lowtide/status", {})

    run(main)


def test_files_that_are_not_here(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(FakeService()) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path, capabilities=TREES)
            for uri in (
                "untitled:Untitled-1",
                "vscode-remote://ssh/x.py",
                "file:///no/such/file.py",
                "http://a/b",
                "",
                "file://[",
                "file:///a%00b",
            ):
                answer = await wire.ask("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
                assert answer["error"]["code"] == -32803, uri
                answer = await wire.ask(
                    "textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}}
                )
                assert answer["error"]["code"] == -32803, uri
            wire.open("untitled:Untitled-1", "def nameless(): ...\n")
            assert names(await outline(wire, "untitled:Untitled-1")) == ["nameless"]
            (tmp_path / "closed.py").write_text("def closed(): ...\n")
            assert names(await outline(wire, (tmp_path / "closed.py").as_uri())) == ["closed"]
            (tmp_path / "with space é😀.py").write_text("def odd(): ...\n")
            assert names(await outline(wire, (tmp_path / "with space é😀.py").as_uri())) == ["odd"]

    run(main)


def test_a_folder_without_an_index_yet_answers_with_what_is_open(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.error = NoIndex("no index yet", "", "wait")
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            assert await wire.result("workspace/symbol", {"query": "a"}) == []
            uri = (tmp_path / "a.py").as_uri()
            wire.open(uri, "")
            wire.edit(uri, (0, 0), (0, 0), "def early(): ...\n")
            assert [item["name"] for item in await wire.result("workspace/symbol", {"query": "early"})] == ["early"]
            assert [item["name"] for item in await wire.result("workspace/symbol", {"query": ""})] == ["early"]

    run(main)


def test_a_folder_behind_a_link_keeps_the_editors_name(tmp_path: Path) -> None:
    async def main() -> None:
        real, link = tmp_path / "real", tmp_path / "link"
        real.mkdir()
        link.symlink_to(real)
        service = FakeService()
        service.found = [symbol("moon", "a b.py", 1)]
        async with connected(service) as connection:
            await connection.wire.initialize(link)
            found = await connection.wire.result("workspace/symbol", {"query": "moon"})
            assert found[0]["location"]["uri"] == (link / "a b.py").as_uri()
            while not service.opened:
                await connection.wire.result("lowtide/status", {})
            assert service.opened == [real]

    run(main)


def test_a_keystroke_in_the_middle_of_a_parse_is_answered_with_the_version_before(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            uri = (tmp_path / "a.py").as_uri()
            wire.open(uri, "def first(): ...\n")
            wire.edit(uri, (1, 0), (1, 0), "def second(): ...\n")
            assert await wire.result("workspace/symbol", {"query": "second"})
            gate, read = anyio.Event(), service.documents.read

            async def slow(*args: Any, **kwargs: Any) -> Any:
                await gate.wait()
                return await read(*args, **kwargs)

            service.documents.read = slow  # type: ignore[method-assign]
            wire.edit(uri, (2, 0), (2, 0), "def third(): ...\n")
            assert await wire.result("workspace/symbol", {"query": "second"})
            assert not await wire.result("workspace/symbol", {"query": "third"})
            gate.set()
            while not await wire.result("workspace/symbol", {"query": "third"}):
                pass

    run(main)


def test_a_language_is_meant_as_people_call_it(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            for names, meant in ((["TypeScript"], ("typescript", "tsx")), (["golang", "text"], ("go", ""))):
                await wire.result("lowtide/search", {"query": "tide", "languages": names})
                assert service.asked is not None
                assert service.asked.narrow.languages == meant
            answer = await wire.ask("lowtide/search", {"query": "tide", "languages": ["klingon"]})
            assert answer["error"]["data"]["kind"] == "usage"

    run(main)


def test_answers_say_how_they_stand_to_the_disk(tmp_path: Path) -> None:
    async def main() -> None:
        service = FakeService()
        service.found = [symbol("rise", "tide.py", 3)]
        service.freshness = Freshness(FreshState.INDEXING, 12, 100, None)
        async with connected(service) as connection:
            wire = connection.wire
            await wire.initialize(tmp_path)
            (tmp_path / "tide.py").write_text(TEXT)
            expected = {"state": "indexing", "indexed": 12, "total": 100, "ageS": None, "reason": ""}
            found = await wire.result("lowtide/symbols", {"query": "ris"})
            assert found["freshness"] == expected
            assert found["symbols"] == await wire.result("workspace/symbol", {"query": "ris"})
            assert (await wire.result("lowtide/search", {"query": "tide"}))["freshness"] == expected

    run(main)
