"""What a gateway sends is bounded, leads nowhere else, and is refused where it is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lowtide.team.messages import MOST_URL, BadMessage, Question, RemoteAnswer, decode
from lowtide.team.remote import Gate

HIT: dict[str, Any] = {
    "repository": "example.org/team/one",
    "commit": "4f2a" * 10,
    "age_s": 5.0,
    "url": "https://example.org/team/one/retry.py#L2",
    "path": "src/retry.py",
    "language": "python",
    "start_line": 1,
    "end_line": 4,
    "kind": 5,
    "name": "RetryPolicy",
    "container": "",
    "signature": "class RetryPolicy:",
    "symbol_line": 1,
    "bm25": 2.5,
    "cosine": None,
}


def told(*hits: dict[str, Any], degraded: str = "") -> bytes:
    return msgspec.json.encode({"hits": hits, "degraded": degraded})


def searched(monkeypatch: pytest.MonkeyPatch, *hits: dict[str, Any]) -> RemoteAnswer:
    monkeypatch.setattr(Gate, "ask", lambda *_: decode(told(*hits), RemoteAnswer))
    with Gate("http://127.0.0.1:1", None, 1.0) as gate:
        return gate.search(Question("retry", [], "r", 10))


@pytest.mark.parametrize(
    "field",
    [
        {"path": "x" * 5000},
        {"name": "x" * 5000},
        {"container": "x" * 5000},
        {"signature": "x" * 5000},
        {"language": "x" * 5000},
        {"url": "https://example.org/" + "x" * MOST_URL},
        {"repository": "\x1b[31m"},
        {"commit": "HEAD"},
        {"age_s": -1.0},
        {"age_s": 1e300},
        {"start_line": -1},
        {"end_line": 1 << 40},
        {"kind": 256},
        {"bm25": 1e300},
    ],
    ids=str,
)
def test_a_hit_beyond_its_bounds_is_no_message(field: dict[str, Any]) -> None:
    assert decode(told(HIT), RemoteAnswer).hits[0].name == "RetryPolicy"
    with pytest.raises(BadMessage):
        decode(told({**HIT, **field}), RemoteAnswer)


def test_what_an_answer_lacks_is_said_shortly() -> None:
    with pytest.raises(BadMessage):
        decode(told(degraded="x" * 1001), RemoteAnswer)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a/..", "..", "", "a\0b"])
def test_a_path_that_leads_out_costs_its_hit_alone(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    answer = searched(monkeypatch, {**HIT, "path": path}, {**HIT, "path": "a/..b/c..py"})
    assert [hit.path for hit in answer.hits] == ["a/..b/c..py"]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.org/a b/ü.py#L1-L2", True),
        ("HTTP://[::1]:80?x", True),
        ("https://example.org", True),
        ("", True),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("command:x", False),
        ("https://example.org@evil.org/", False),
        ("https:///x", False),
        ("https://example.org/\x1b[31m", False),
        ("https://example.org/\nfile:///x", False),
    ],
)
def test_only_addresses_of_the_web_are_taken(monkeypatch: pytest.MonkeyPatch, url: str, kept: bool) -> None:
    (hit,) = searched(monkeypatch, {**HIT, "url": url}).hits
    assert hit.url == (url if kept else "")
