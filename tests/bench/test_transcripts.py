"""The sessions that the agents' page shows can be held, and are written anew without touching the rest."""

from __future__ import annotations

from bench.transcripts import PAGE, calls, rewritten

from lowtide.mcp.tools import TOOLS


def test_the_page_shows_a_session_of_each_tool() -> None:
    shown = calls(PAGE.read_text("utf-8"))
    assert {tool for tool, _ in shown} == {tool["name"] for tool in TOOLS}
    for name, arguments in shown:
        (schema,) = [tool["inputSchema"] for tool in TOOLS if tool["name"] == name]
        assert set(schema.get("required", ())) <= set(arguments) <= set(schema["properties"])


def test_only_answers_are_written_anew() -> None:
    text = PAGE.read_text("utf-8")
    asked: list[tuple[str, dict[str, object]]] = []

    def ask(tool: str, arguments: dict[str, object]) -> str:
        asked.append((tool, arguments))
        return "as `it` is\n"

    fresh = rewritten(text, ask)
    assert asked == calls(text) == calls(fresh)
    assert fresh.count("\n\nas `it` is\n```\n") == len(asked)
    assert [line for line in fresh.split("\n") if line.startswith("#")] == [
        line for line in text.split("\n") if line.startswith("#")
    ]
