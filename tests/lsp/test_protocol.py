"""docs/protocol.md shows what the code takes and gives: each example is read by the types of the wire."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lowtide.serve.api import HANDLERS
from lowtide.status import Status
from lowtide_lsp.protocol import NOTIFICATIONS, REQUESTS, Experimental
from lowtide_lsp.settings import SERVED_ELSEWHERE, read_settings

TEXT = (Path(__file__).resolve().parents[2] / "docs/protocol.md").read_text("utf-8")


def section(method: str) -> str:
    return TEXT.split(f"### `{method}`\n")[1].split("\n### ")[0]


def examples(text: str) -> list[Any]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def names(value: Any) -> Any:
    """The keys of an example, at every depth."""
    if isinstance(value, dict):
        return {key: names(inner) for key, inner in value.items()}
    return [names(inner) for inner in value] if isinstance(value, list) else None


def fields(value: Any) -> set[str]:
    """The keys of an example, or of the first of a list of them."""
    return set(value[0] if isinstance(value, list) else value)


@pytest.mark.parametrize("method", sorted(REQUESTS))
def test_every_request_has_an_example_that_the_code_reads(method: str) -> None:
    takes, gives = REQUESTS[method]
    text = section(method)
    params, *result = examples(text)
    assert set(params) == {field.encode_name for field in msgspec.structs.fields(takes)}, "all fields are shown"
    msgspec.convert(params, takes, strict=True)
    if gives is Status and method != "lowtide/status":
        assert "a Status" in text
    else:
        answer = msgspec.convert(result[0], gives, strict=True)
        # What the type writes is in the example, by the same names.
        written = msgspec.to_builtins(answer)
        assert fields(written) <= fields(result[0])


def test_every_notification_is_described() -> None:
    for method in NOTIFICATIONS:
        assert "a Status" in section(method)


def test_nothing_is_described_that_there_is_not() -> None:
    assert set(re.findall(r"^### `(lowtide/\w+)`$", TEXT, re.MULTILINE)) == {*REQUESTS, *NOTIFICATIONS}


def test_requests_of_both_kinds_of_session_have_one_handler() -> None:
    assert set(REQUESTS) - set(HANDLERS) == {"lowtide/search", "lowtide/similar"}


def test_settings_and_capabilities_are_as_described() -> None:
    settings = examples(TEXT.split("<!-- settings -->")[1])[0]
    assert read_settings(settings) == read_settings(settings["lowtide"])
    assert msgspec.convert(examples(TEXT.split("<!-- experimental -->")[1])[0], Experimental)
    paragraph = TEXT.split("the other two for all but:")[1].split("\n\n")[0]
    assert set(re.findall(r"`([\w-]+)`", paragraph)) == SERVED_ELSEWHERE


def test_symbol_limit_is_checked() -> None:
    with pytest.raises(msgspec.ValidationError, match="symbolLimit"):
        read_settings({"symbolLimit": 201})
    assert read_settings(None) is None
    assert read_settings([]) is None
