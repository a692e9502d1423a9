"""Words of text: what a user can find by them, and that text and query agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.work import words
from lowtide.work.words import query_words, split_words


def whole(text: str) -> str:
    encoded = text.encode()
    return split_words(encoded, [0, len(encoded)])[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("camelCase", "camel case"),
        ("HTTPServer", "http server"),
        ("getHTTPResponse_v2(x)", "get http response v 2 x"),
        ("snake_case__name", "snake case name"),
        ("utf8 = Int64toStr", "utf 8 int 64 to str"),
        ("parse the URLs and IDs", "parse the urls and ids"),
        ("DNSsec", "dn ssec"),
        ("ABC", "abc"),
        ("A", "a"),
        ("", ""),
        (" \t\n--> ", ""),
        ("a\x00b", "a b"),
        ("привет МИР", "привет мир"),
        ("日本語のtext", "日本 本語 語の text"),
        ("用户登录失败", "用户 户登 登录 录失 失败"),
        ("名 x中y", "名 x 中 y"),
        ("顧客ID3の", "顧客 id 3 の"),
        ("사용자가 로그인", "사용 용자 자가 로그 그인"),
        ("naïve—café…", "naïve café"),
        ("ΣΑΣ", "σασ"),
        ("x٣y1٣2", "x ٣ y 1 ٣ 2"),
    ],
)
def test_identifiers_are_split_and_lower_cased(text: str, expected: str) -> None:
    assert whole(text) == expected
    assert " ".join(query_words(text)) == expected


def test_a_word_inside_a_longer_run_is_among_its_words() -> None:
    for text, word in (
        ("# 用户登录失败时显示错误信息", "登录失败"),
        ('"""顧客の名前を取得する関数です。"""', "取得する関数"),
        ("// 설정파일을읽는다", "파일을"),
    ):
        assert set(query_words(word)) <= set(whole(text).split())


def test_each_span_has_its_own_words() -> None:
    text = "def readFile():\n    return 1\nclass É: pass\n".encode()
    cuts = [0, text.index(b"class"), text.index(b":", 20), len(text)]
    assert split_words(text, cuts) == ["def read file return 1", "class é", "pass"]
    assert split_words(text, [0]) == []
    assert split_words(text, [4, 4, 12]) == ["", "read file"]


SOURCE_LIKE = st.text(st.one_of(st.sampled_from("aZsS9٣²é_ .-(\n\x00"), st.characters(codec="utf-8")), max_size=60)


@given(SOURCE_LIKE)
def test_a_query_is_split_like_the_text(text: str) -> None:
    assert " ".join(query_words(text)) == whole(text)


@given(st.lists(SOURCE_LIKE, max_size=8))
def test_a_boundary_cuts_as_if_the_text_ended_there(spans: list[str]) -> None:
    encoded = [span.encode() for span in spans]
    boundaries = [0]
    for span in encoded:
        boundaries.append(boundaries[-1] + len(span))
    assert split_words(b"".join(encoded), boundaries) == [whole(span) for span in spans]


@given(st.lists(SOURCE_LIKE, max_size=30), st.integers(8, 40))
def test_blocks_do_not_show_in_the_words(lines: list[str], block_bytes: int) -> None:
    text = " ".join(lines).encode()
    expected = split_words(text, [0, len(text)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_BLOCK_BYTES", block_bytes + max((len(line.encode()) for line in lines), default=0))
        assert split_words(text, [0, len(text)]) == expected


def test_a_long_run_without_spaces_is_cut_between_characters() -> None:
    text = ("é" * 100_000).encode()
    assert split_words(text, [0, len(text)])[0].replace(" ", "") == "é" * 100_000
