"""The four tools: what an agent reads of them, what they ask the daemon, and what they answer in how much text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.answers import Definition, Reference, References, SymbolHit, Symbols, TextAnswer
from lowtide.errors import LowtideError, PathError, RefusedError
from lowtide.mcp import tools
from lowtide.mcp.calls import AskDaemon, AskRoots, Folder
from lowtide.mcp.roots import from_folders, globs_below

TOKEN_CHARACTERS = 3.5
Answer = Callable[[str, dict[str, Any]], Any]


def run(tool: str, arguments: dict[str, Any], answer: Answer, folders: list[str] | None = None) -> str:
    """The text of a call, whose questions `answer` answers; with `folders` the client says that it works there."""
    call = tools.call(tool, arguments)
    sent: Any = None
    error: LowtideError | None = None
    try:
        while True:
            wanted = call.send(sent) if error is None else call.throw(error)
            sent = error = None
            if isinstance(wanted, AskRoots):
                sent = None if folders is None else [Folder(Path(each).as_uri(), "") for each in folders]
                continue
            assert isinstance(wanted, AskDaemon)
            try:
                sent = answer(wanted.method, wanted.params)
            except LowtideError as raised:
                error = raised
    except StopIteration as end:
        return str(end.value)


def rooted(then: Answer) -> Answer:
    """Each folder is a workspace of its own."""

    def answer(method: str, params: dict[str, Any]) -> Any:
        if method == "lowtide/root":
            path = params["uri"].removeprefix("file://")
            return {"root": path, "rootUri": params["uri"], "hasIndex": True, "refused": ""}
        return then(method, params)

    return answer


def hit(name: str, code: str = "", **more: Any) -> dict[str, Any]:
    definition = {"start_line": 1, "end_line": 9, "signature": f"def {name}():", "doc": "It does.", "code": code}
    return {
        "path": f"src/{name}.py",
        "start_line": 2,
        "end_line": 5,
        "kind": "function",
        "name": name,
        "container": "",
        "score": 1.0,
        "snippet": "def",
        "signals": {},
        "stale": False,
        "weak": False,
        "more": 0,
        "snippet_line": 2,
        "definition": definition,
        **more,
    }


def found(*hits: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"query": "q", "took_ms": 0.1, "hits": list(hits), "degraded": None, "stale_files": 0, "note": "", **more}


NO_LINES = TextAnswer("x = 1", None, 0.1, 0, False, 3, ()).as_json()


def symbols(*some: SymbolHit) -> dict[str, Any]:
    return {**Symbols("q", 0.1, some).as_json(), "note": ""}


def uses(*some: Reference, truncated: bool = False) -> dict[str, Any]:
    return {**References(some, truncated, "q", "q", 0.1).as_json(), "note": ""}


def test_what_an_agent_reads_of_the_tools_is_short_and_says_that_they_only_read() -> None:
    listed = json.dumps({"tools": tools.TOOLS}, separators=(",", ":"))
    assert len(listed) / TOKEN_CHARACTERS <= 700
    assert [tool["name"] for tool in tools.TOOLS] == ["search", "symbols", "references", "status"]
    for tool in tools.TOOLS:
        assert tool["annotations"] == {"readOnlyHint": True, "destructiveHint": False, "openWorldHint": False}
    search = tools.TOOLS[0]
    assert "terms" in search["description"]
    assert {"query", "terms", "root", "path", "lang", "kind", "limit", "max_tokens"} <= set(
        search["inputSchema"]["properties"]
    )


def test_a_search_passes_on_what_narrows_it_and_what_helps() -> None:
    asked: list[dict[str, Any]] = []

    def answer(method: str, params: dict[str, Any]) -> Any:
        asked.append(params)
        return found(hit("retry", "def retry():\n\treturn 1"))

    text = run(
        "search",
        {
            "query": "try again\n\nrepeat after a failure",
            "terms": "backoff, HTTPAdapter",
            "path": "*.{py,pyi},!tests",
            "lang": ["python"],
            "kind": "Enum Member",
            "limit": "3",
            "max_tokens": 200,
        },
        rooted(answer),
        ["/code/shop"],
    )
    (params,) = asked
    assert params["query"] == "try again"
    assert params["phrasings"] == ["repeat after a failure"]
    assert params["terms"] == ["backoff", "HTTPAdapter"]
    assert params["globs"] == ["*.{py,pyi}", "!tests"]
    assert (params["languages"], params["kinds"], params["limit"]) == (["python"], ["enum-member"], 3)
    assert (params["rootUri"], params["begin"], params["codeCharacters"]) == ("file:///code/shop", True, 700)
    assert text == "src/retry.py:1-9 function retry\ndef retry():\n\treturn 1"


def test_what_does_not_fit_is_told_by_signature_and_documentation_and_what_lacks_comes_last() -> None:
    hits = [hit("first", "x = 1\n" * 20), hit("second"), hit("third", definition=None, snippet="y = 2")]
    answer = found(*hits, note="12 % indexed: results so far", degraded="no vectors", stale_files=2)
    text = run("search", {"query": "q"}, rooted(lambda *_: answer), ["/code/shop"])
    assert text.splitlines()[0] == "src/first.py:1-9 function first"
    assert "src/second.py:1-9 function second\n  def second():\n  It does.\n" in text
    assert "src/third.py:2-5 function third\ny = 2\n" in text
    assert text.splitlines()[-1] == "12 % indexed: results so far; degraded: no vectors; 2 files changed since"


def test_what_a_gateway_says_is_lacking_acts_on_nobody() -> None:
    answer = found(hit("first"), degraded="without \x1b[31mthe\a index\nsrc/forged.py:1-2 function forged")
    last = run("search", {"query": "q"}, rooted(lambda *_: answer), ["/code/shop"]).splitlines()[-1]
    assert last == r"degraded: without \x1b[31mthe\x07 index\x0asrc/forged.py:1-2 function forged"


def test_what_is_not_on_this_machine_says_whose_it_is_and_is_asked_for_once() -> None:
    asked: list[bool] = []

    def answer(method: str, params: dict[str, Any]) -> Any:
        asked.append(params.get("team", False))
        remote: dict[str, Any] = {"repository": "github.com/team/app", "commit": "4f2a" * 10, "age_s": 3.2 * 86400}
        if method == "lowtide/findText":
            return NO_LINES
        told = hit("retry", definition=None, snippet="def retry(times):", **remote, url="https://x.org/retry.py#L2-L5")
        return found(hit("own", score=2.0), told if asked == [True] else {**told, "age_s": 60.0, "url": ""})

    text = run("search", {"query": "q"}, rooted(answer), ["/code/shop"])
    assert text.splitlines()[:2] == ["src/own.py:1-9 function own", "  def own():"]
    head = "[not here: github.com/team/app, 3 days old, https://x.org/retry.py#L2-L5] src/retry.py:2-5 function retry"
    assert f"{head}\ndef retry(times):" in text

    text = run("search", {"query": "q"}, rooted(answer), ["/code/shop", "/code/till"])
    assert asked == [True, True, False]
    assert "[not here: github.com/team/app, of today, commit 4f2a4f2a4f2a] src/retry.py:2-5" in text
    run("search", {"query": "q", "exact": True}, rooted(answer), ["/code/shop"])
    assert asked[3:] == [False], "a text as it stands is looked for here alone"


@given(
    sizes=st.lists(st.integers(0, 400), max_size=40),
    tokens=st.integers(1, 3000),
    long=st.integers(1, 300),
    roots=st.integers(1, 3),
)
def test_an_answer_has_at_most_as_many_tokens_as_it_may(sizes: list[int], tokens: int, long: int, roots: int) -> None:
    hits = [hit(f"name{number}" + "x" * long, "line\n" * size) for number, size in enumerate(sizes)]
    folders = [f"/code/{number}" for number in range(roots)]
    text = run(
        "search",
        {"query": "q", "limit": 100, "max_tokens": tokens},
        rooted(lambda *_: found(*hits, note="n" * 90)),
        folders,
    )
    assert len(text) <= max(tokens, tools.LEAST_TOKENS) * TOKEN_CHARACTERS
    if sizes and text.count(".py:") < min(100, len(sizes) * roots):
        assert "more: raise max_tokens" in text


def test_several_workspaces_are_named_and_the_best_comes_first() -> None:
    answers = {"file:///code/shop": found(hit("low", score=0.2)), "file:///code/till": found(hit("high", score=0.9))}
    text = run(
        "search", {"query": "q"}, rooted(lambda _, params: answers[params["rootUri"]]), ["/code/shop", "/code/till"]
    )
    lines = text.splitlines()
    assert lines[0] == "root: /code/till"
    assert lines.index("src/high.py:1-9 function high") < lines.index("root: /code/shop")


def test_a_folder_in_a_workspace_narrows_and_the_workspace_is_named(tmp_path: Path) -> None:
    below = tmp_path / "src" / "core"
    below.mkdir(parents=True)
    asked: list[dict[str, Any]] = []

    def answer(method: str, params: dict[str, Any]) -> Any:
        if method == "lowtide/root":
            return {"root": str(tmp_path), "rootUri": tmp_path.as_uri(), "hasIndex": True, "refused": ""}
        asked.append(params)
        if method == "lowtide/find":
            return found(hit("core/a"))
        symbol = SymbolHit("A", "class", "B", "src/core/a.py", 1, "", "", (2, 0, 9, 0), (2, 6))
        return symbols(symbol, symbol._replace(path="src/other.py"))

    text = run("search", {"query": "q", "root": "src/core", "path": "*.py"}, answer, [str(tmp_path)])
    assert asked[0]["globs"] == ["/src/core/**/*.py"]
    assert text.splitlines()[0] == f"root: {tmp_path}"
    assert run("symbols", {"name": "A", "root": str(below)}, answer) == f"root: {tmp_path}\nsrc/core/a.py:3 class B.A"


def test_globs_mean_below_a_folder_what_they_mean_in_it() -> None:
    assert globs_below("", ["*.py"]) == ["*.py"]
    assert globs_below("a b/c", []) == ["/a b/c/**"]
    assert globs_below("a[1]", ["!tests"]) == ["/a\\[1\\]/**", "!/a\\[1\\]/**/tests"]
    assert globs_below("a", ["./src/*.py", "/top.py", "docs/"]) == ["/a/src/*.py", "/a/top.py", "/a/**/docs/"]


def test_a_whole_path_means_what_lies_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    here, other = str(tmp_path), str(tmp_path / "src")
    assert from_folders([f"{here}/src/**", f"!{here}/a.py", here, f"{here}/", "*.py", "/src"], [here]) == [
        ["/src/**", "!/a.py", "**", "**", "*.py", "/src"]
    ]
    assert from_folders([f"{here}/src/a.py"], [other, here]) == [["/a.py"], ["/src/a.py"]]
    assert from_folders(["/nowhere-at-all/x"], [here]) == [["/nowhere-at-all/x"]]
    with pytest.raises(LowtideError, match="outside of"):
        from_folders(["/etc/passwd"], [here])
    for outside in (f"!{here}x/a.py", "../../etc", "src/../../x/*.py", "!../*"):
        with pytest.raises(LowtideError, match="outside of"):
            from_folders([outside], [here])
    assert from_folders(["src/../*.py", f"../{tmp_path.name}/src"], [here]) == [["/*.py", "/src"]]


def test_a_search_takes_a_whole_path_and_refuses_one_outside(tmp_path: Path) -> None:
    asked: list[Any] = []

    def answer(_: str, params: dict[str, Any]) -> Any:
        asked.append(params["globs"])
        return found()

    run("search", {"query": "q", "path": [f"{tmp_path}/src"]}, rooted(answer), [str(tmp_path)])
    assert asked == [["/src"]]
    with pytest.raises(LowtideError, match="outside of"):
        run("search", {"query": "q", "path": "/etc/passwd"}, rooted(answer), [str(tmp_path)])


def test_an_exact_search_says_that_terms_are_not_looked_for() -> None:
    def said(**arguments: Any) -> str:
        return run("search", {"query": "x = 1", "exact": True, **arguments}, rooted(lambda *_: NO_LINES), ["/w"])

    assert "terms were not looked for" in said(terms=["retry"])
    assert "terms" not in said()


@pytest.mark.parametrize("limit", [-1, 0])
def test_a_limit_that_leaves_nothing_is_refused(limit: int) -> None:
    with pytest.raises(LowtideError, match="too few"):
        run("search", {"query": "q", "limit": limit}, rooted(lambda *_: {}), ["/c"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"query": " "}, "query is empty; say what to look for"),
        ({}, "query is not there; pass query"),
        ({"query": 7}, "query: a text is wanted; pass query as a text"),
        ({"query": "q", "kind": "klass"}, "kind: 'klass' is none; one of file, "),
        ({"query": "q", "limit": 10**9}, "limit: 1000000000 is too many; from 1 to 100"),
    ],
)
def test_what_is_refused_is_called_as_the_agent_called_it(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(LowtideError) as refused:
        run("search", arguments, rooted(lambda *_: found()), ["/c"])
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("size", "said"), [(316 << 10, "316 KiB"), (1, "1 KiB"), (3 << 19, "1.5 MiB"), (5 << 30, "5,120 MiB")]
)
def test_a_small_index_is_not_said_to_take_nothing(size: int, said: str) -> None:
    workspace = {"files": 1, "symbols": 1, "chunks": 1, "diskBytes": size, "skipped": 0, "quarantined": 0}
    memory = {"usedBytes": 0, "budgetBytes": 0}
    status = {"workspaces": [workspace], "memory": memory, "ladder": {"step": "full"}, "message": "", "health": "ok"}
    text = run("status", {}, rooted(lambda method, _: status if method == "lowtide/status" else found()), ["/c"])
    assert f"; {said} on disk" in text


def test_symbols_are_lines_and_with_code_their_definitions() -> None:
    symbol = SymbolHit("add", "method", "Cart", "a.py", 1, "def add(self, item):", "", (2, 4, 3, 9), (2, 8))
    plain = run("symbols", {"name": "add"}, rooted(lambda *_: symbols(symbol)), ["/c"])
    assert plain == "a.py:3 method Cart.add: def add(self, item):"
    defined = symbol._replace(definition=Definition(3, 4, "s", "", "def add\n  x"))
    coded = run("symbols", {"name": "add", "code": True}, rooted(lambda *_: symbols(defined)), ["/c"])
    assert coded == "a.py:3-4 method Cart.add\ndef add\n  x"


def test_references_are_grouped_by_file_with_their_holders() -> None:
    def use(path: str, line: int, holder: str, definition: bool = False) -> Reference:
        return Reference(path, line, 1, f"    add({line})  ", holder, definition)

    answer = uses(use("a.py", 1, "Cart", True), use("a.py", 9, "Cart.refill"), use("b.py", 2, ""), truncated=True)
    text = run("references", {"name": "add", "limit": 3}, rooted(lambda *_: answer), ["/c"])
    assert text.splitlines() == [
        "a.py",
        "  1: add(1)  [definition in Cart]",
        "  9: add(9)  [in Cart.refill]",
        "b.py",
        "  2: add(2)",
        "there are more: raise limit, or narrow root",
    ]
    many = uses(*(use("a.py", n, "Cart") for n in range(1000)))
    text = run("references", {"name": "add", "limit": 1000}, rooted(lambda *_: many), ["/c"])
    assert len(text) <= tools.LIST_TOKENS * TOKEN_CHARACTERS
    assert text.endswith("there are more: raise limit, or narrow root")


def test_nothing_found_says_where_it_was_looked_for() -> None:
    for tool, arguments, answer in (
        ("search", {"query": "q"}, found()),
        ("symbols", {"name": "q"}, symbols()),
        ("references", {"name": "q"}, uses()),
    ):
        assert (
            run(tool, arguments, rooted(lambda *_, answer=answer: answer), ["/code/shop"])
            == "nothing found in /code/shop"
        )


def test_what_would_act_on_who_looks_is_shown_as_what_it_is() -> None:
    evil = hit("a\x1b[31m", "def a():\n\t'\x1b]0;title\x07'\n\u202e")
    text = run("search", {"query": "q"}, rooted(lambda *_: found(evil)), ["/code"])
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\n\t'\\x1b]0;title\\x07'\n\\u202e" in text


def test_a_folder_that_cannot_be_asked_is_told_and_alone_is_an_error() -> None:
    def place(method: str, params: dict[str, Any]) -> Any:
        if params.get("uri") == "file:///gone":
            raise PathError("/gone is not there", "", "name a folder that exists")
        if params.get("rootUri") == "file:///home":
            raise RefusedError("will not index /home", "it is a home folder", "name a project's folder")
        return rooted(lambda *_: found(hit("a")))(method, params)

    assert run("search", {"query": "q"}, place, ["/gone", "/code"]) == run("search", {"query": "q"}, place, ["/code"])
    text = run("search", {"query": "q"}, place, ["/home", "/code"])
    assert "function a" in text
    assert text.endswith("/home: will not index /home: it is a home folder; name a project's folder")
    for folder, error in (("/gone", PathError), ("/home", RefusedError)):
        with pytest.raises(error):
            run("search", {"query": "q"}, place, [folder])


def test_more_tokens_than_an_answer_may_have_are_no_error() -> None:
    text = run(
        "search", {"query": "q", "max_tokens": 10**9}, rooted(lambda *_: found(hit("name", "line\n"))), ["/code"]
    )
    assert "name" in text
