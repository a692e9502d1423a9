"""From bytes to text, or to the reason why not."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowtide.models import Reason
from lowtide.system.tree.named import named_reason
from lowtide.work.parse import chunk
from lowtide.work.sniff import HEAD_BYTES, LONG_AVERAGE_LINE, LONGEST_LINE, Skip, SniffSettings, Text, sniff

DEFAULTS = SniffSettings()
EVERYTHING = SniffSettings(generated=True, minified=True)
KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3S\n"


def skipped(data: bytes, path: bytes = b"a.txt", settings: SniffSettings = DEFAULTS) -> Reason | None:
    found = sniff(path, data, settings)
    assert isinstance(found, Text) or found.rule
    return found.reason if isinstance(found, Skip) else None


def text_of(data: bytes, path: bytes = b"a.txt") -> tuple[str, str]:
    found = sniff(path, data, DEFAULTS)
    assert isinstance(found, Text), found
    return found.utf8.decode("utf-8"), found.encoding


@given(st.binary(max_size=300), st.sampled_from([b"a.py", b"a.js", b"", b"\xff"]), st.booleans())
def test_any_bytes_give_valid_text_or_a_reason(data: bytes, path: bytes, everything: bool) -> None:
    found = sniff(path, data, EVERYTHING if everything else DEFAULTS)
    if isinstance(found, Text):
        assert found.utf8
        found.utf8.decode("utf-8")
    else:
        assert found.rule


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), min_size=1).filter(
        lambda text: text.isprintable()
    ),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_text_comes_back_from_every_unicode_encoding(text: str, encoding: str) -> None:
    found = sniff(b"a.txt", text.encode(encoding), EVERYTHING)
    assert isinstance(found, Text)
    assert found.utf8 == text.encode()


def test_plain_text_is_handed_on_uncopied() -> None:
    data = b"int main(void) { return 0; }\r\n" * 3
    found = sniff(b"a.c", data, DEFAULTS)
    assert isinstance(found, Text)
    assert found.utf8 is data


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("\ufeffnaïve\r\nx\n".encode(), "utf-8"),
        ("\ufeffnaïve\r\nx\n".encode("utf-16-le"), "utf-16-le"),
        ("\ufeffnaïve\r\nx\n".encode("utf-16-be"), "utf-16-be"),
        ("\ufeffnaïve\r\nx\n".encode("utf-32-le"), "utf-32-le"),
        ("\ufeffnaïve\r\nx\n".encode("utf-32-be"), "utf-32-be"),
        ("naïve\r\nx\n".encode("utf-16-le"), "utf-16-le"),
        ("naïve\r\nx\n".encode("utf-16-be"), "utf-16-be"),
        ("naïve\r\nx\n".encode("cp1252"), "cp1252"),
    ],
)
def test_mark_goes_and_line_ends_stay(data: bytes, encoding: str) -> None:
    assert text_of(data) == ("naïve\r\nx\n", encoding)


def test_western_text_is_read_as_windows_wrote_it_else_as_latin_1() -> None:
    assert text_of("the price: 5 € – “so”\n".encode("cp1252"))[0] == "the price: 5 € – “so”\n"
    assert text_of(b"a text with one odd byte: \x81 and more of it\n") == (
        "a text with one odd byte: \x81 and more of it\n",
        "latin-1",
    )


def test_encoding_tells_ascii_from_the_rest_of_utf8() -> None:
    assert text_of(b"plain\n") == ("plain\n", "ascii")
    assert text_of("é\n".encode()) == ("é\n", "utf-8")


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("# -*- coding: koi8-r -*-\n", "koi8-r"),
        ("/* vim: set fileencoding=shift_jis : */\n", "shift_jis"),
        ('<?xml version="1.0" encoding="EUC-JP"?>\n', "euc_jp"),
        ('<html><head><meta charset="iso-8859-5">\n', "iso8859-5"),
    ],
)
def test_encoding_that_a_text_declares_is_taken(head: str, encoding: str) -> None:
    body = head + ("привет, мир " if encoding in ("koi8-r", "iso8859-5") else "日本語の文章") * 5
    assert text_of(body.encode(encoding)) == (body, encoding)


@pytest.mark.parametrize("name", ["unicode_escape", "rot13", "zlib", "utf-7", "idna", "nonsense", "base64", "punycode"])
def test_declared_encoding_is_only_taken_for_text(name: str) -> None:
    assert text_of(f"# coding: {name}\nthe rest of it: ".encode() + b"\xe9\n")[1] == "cp1252"


CHINESE, TRADITIONAL = "用户登录失败时显示错误信息", "使用者登入失敗時顯示錯誤訊息"
JAPANESE, KOREAN = "顧客の名前を取得する関数です", "사용자 로그인 실패 시 오류를 표시한다"
RUSSIAN, GERMAN, POLISH = (
    "Показать сообщение об ошибке",
    "Erläuterung der Größe für Übergabe",
    "długość żądanej ścieżki",
)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("gbk", CHINESE),
        ("big5", TRADITIONAL),
        ("shift_jis", JAPANESE),
        ("euc_jp", JAPANESE),
        ("euc_kr", KOREAN),
        ("koi8-r", RUSSIAN),
        ("cp1251", RUSSIAN),
        ("cp866", RUSSIAN),
        ("iso8859-5", RUSSIAN),
        ("cp1252", GERMAN),
        ("cp1250", POLISH),
        ("utf-16-le", CHINESE),
        ("utf-16-be", JAPANESE),
        ("utf-16-le", RUSSIAN),
        ("utf-16-le", "一一一一一一一一"),
        ("cp1253", "Ελληνικά κείμενο και σχόλια"),
        ("cp1255", "הודעת שגיאה בכניסה"),
    ],
)
@pytest.mark.parametrize("code", ["// %s\nint f(void) {\n  return 1;\n}\n", "x = 1\n" * 300 + '# %s\ny = "%s"\n'])
def test_encoding_that_a_text_does_not_declare_is_guessed(encoding: str, words: str, code: str) -> None:
    text = code.replace("%s", words)
    text += " " * (len(text.encode(encoding)) % 2)
    assert text_of(text.encode(encoding)) == (text, encoding)


def test_text_in_an_unknown_encoding_is_left_out_unless_it_is_a_program() -> None:
    data = (bytes(range(128, 256)) + b"\n") * 20
    assert skipped(data, b"a.txt") is Reason.ENCODING
    assert skipped(b"def f(): pass\n# " + data, b"a.py") is None


def test_wide_numbers_are_no_text() -> None:
    assert skipped(b"".join(number.to_bytes(2, "little") for number in range(0, 3000, 7))) is Reason.BINARY
    assert skipped(b"\x01\0\x02\0" * 200) is Reason.BINARY


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\x7fELF\x02\x01\x01" + b"\0" * 9,
        b"%PDF-1.4\n% all of it ASCII\n",
        bytes(range(256)) * 4,
        b"text with\0" + b"\0" * 20,
        b"short \0",
        "\ufeff".encode("utf-16") + b"\0\0" * 40,
    ],
)
def test_binary_is_told_from_text(data: bytes) -> None:
    assert skipped(data) is Reason.BINARY


def test_stray_nul_in_a_long_text_is_let_pass() -> None:
    data = b"a line of text\n" * 200 + b"\0" + b"\nmore\n" * 50
    assert skipped(data) is None
    assert skipped(data + b"\0" * 9) is Reason.BINARY


def test_mark_that_lies_is_an_encoding_fault() -> None:
    assert skipped(b"\xef\xbb\xbfcaf\xe9\n") is Reason.ENCODING
    assert skipped(b"\xff\xfea") is Reason.ENCODING
    assert skipped("\ufeffx".encode("utf-16-le") + b"\x00\xd8") is Reason.ENCODING  # half a surrogate pair


def test_nothing_and_a_mark_alone_are_empty() -> None:
    for data in (b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0"):
        assert skipped(data) is Reason.EMPTY, data


@pytest.mark.parametrize(
    "text",
    [
        f"-----BEGIN PRIVATE KEY-----\n{KEY}-----END PRIVATE KEY-----\n",
        f"-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00FF\n\n{KEY}",
        f"name: x\nkey: |\n    -----BEGIN OPENSSH PRIVATE KEY-----\n    {KEY}",
        '{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\\n' + KEY.replace("\n", "\\n") + '"}',
        f'key = "-----BEGIN EC PRIVATE KEY-----\\n" +\n    "{KEY}'.replace("\n", '"\n', 1),
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n{KEY}",
        "x = 1\n" * 50_000 + f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{KEY}",
    ],
)
def test_private_key_is_a_secret_under_any_name(text: str) -> None:
    assert skipped(text.encode(), b"notes.txt") is Reason.SECRET
    # A program with more in it than the key loses the key alone: see test_secrets.py.
    found = sniff(b"a.py", text.encode(), EVERYTHING)
    assert isinstance(found, Skip) if len(text) < 1000 else isinstance(found, Text) and b"MIIEvQ" not in found.utf8


@pytest.mark.parametrize(
    "text",
    [
        'if line == "-----BEGIN RSA PRIVATE KEY-----":\n    return load(line)\n',
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
        f"-----BEGIN CERTIFICATE-----\n{KEY}-----END CERTIFICATE-----\n",
        f"-----BEGIN PUBLIC KEY-----\n{KEY}",
    ],
)
def test_what_only_speaks_of_keys_is_no_secret(text: str) -> None:
    assert skipped(text.encode()) is None


@pytest.mark.parametrize(
    "head",
    [
        "// Code generated by protoc-gen-go. DO NOT EDIT.\n",
        "# @generated by a tool\n",
        "/*\n * This file was automatically generated by SWIG.\n */\n",
        '#!/usr/bin/env python\n# Copyright\n\n"""This file is auto-generated."""\n',
        "<!-- This file has been generated; do not modify -->\n",
        "-- Autogenerated by make_tables; edits are lost\n",
        "; DO NOT EDIT: generated from x.td\n",
        "# Generated by the protocol buffer compiler.  DO NOT EDIT!\n",
        "/* Automatically created, please do not edit */\n",
    ],
)
def test_generated_file_is_known_by_its_header(head: str) -> None:
    data = (head + "x = 1\n").encode()
    assert skipped(data) is Reason.GENERATED
    assert skipped(data, settings=SniffSettings(generated=True)) is None
    assert skipped(("#\n" * HEAD_BYTES + head).encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        '"""The source is generated from the tree at run time."""\n',
        "import x\n# Code generated by hand. DO NOT EDIT.\n",
        'BANNER = "// Code generated by us. DO NOT EDIT."\n',
        "# A generator of generated things\n",
        "// The report is generated automatically when the day ends.\n",
        "# Generated by Django 5.2 on 2025-01-01\n",
    ],
)
def test_file_about_generating_is_not_generated(text: str) -> None:
    assert skipped(text.encode()) is None


@pytest.mark.parametrize(
    ("path", "head"),
    [
        (
            b"db/schema.rb",
            "# This file is auto-generated from the current state of the database. Instead\n# of editing it\n",
        ),
        (b"src/Function12.scala", "// GENERATED CODE: DO NOT EDIT. See scala.Function0 for timestamp.\n"),
        (b"generated/_Arrays.kt", "/*\n * Auto-generated file. DO NOT EDIT!\n */\n"),
        (b"pkg/api.py", "# This file was automatically generated by SWIG (https://www.swig.org).\n# Version 4.2\n"),
        (
            b"QtGui/qopenglfunctions_4_5.h",
            "/*\n** This is an auto-generated file.\n** Do not edit! All changes are lost.\n*/\n",
        ),
    ],
)
def test_what_people_read_of_generated_files_is_kept(path: bytes, head: str) -> None:
    assert skipped((head + "x = 1\n").encode(), path) is None


@pytest.mark.parametrize(
    ("path", "head"),
    [
        (b"pkg/api_wrap.cxx", "/* This file was automatically generated by SWIG. */\n"),
        (b"a/moc_x.h", "/* Meta object code, this file was generated by moc. Do not edit! */\n"),
        (
            b"a/Tide.scala",
            "// Generated by the Scala Plugin for the Protocol Buffer Compiler.\n// Do not edit!\n",
        ),
        (b"a/zz.h", "// Code generated by cmd/cgo. DO NOT EDIT.\n"),
        (b"config.h", "/* config.h.  This file was generated by configure.  */\n"),
        (b"a/tide.py", "# This file was automatically generated by pyuic.\n"),
        (b"vector/detail/vector50.hpp", "/* This is an auto-generated file. Do not edit! */\n"),
        (b"Statement/Preprocessed/switch_50.hpp", "/* This is an auto-generated file. Do not edit! */\n"),
    ],
)
def test_what_nobody_reads_of_generated_files_is_left_out(path: bytes, head: str) -> None:
    assert skipped((head + "x = 1\n").encode(), path) is Reason.GENERATED


@pytest.mark.parametrize(
    "path", [b"Tide.mo", b"shape.obj", b"protein.pdb", b"deck.key", b"game.p8", b"old.doc", b"app.pkl"]
)
def test_what_an_extension_leaves_open_the_content_tells(path: bytes) -> None:
    assert named_reason(path, generated=False, minified=False) is None
    assert skipped(b"model Tide\n  Real level;\nequation\n  level = 1;\nend Tide;\n", path) is None
    assert skipped(b"\xde\x12\x04\x95" + b"\0\0\0\x01" * 40, path) is Reason.BINARY


@pytest.mark.parametrize("path", [b"app.key", b"x/y.p8"])
def test_a_key_is_one_by_what_it_holds(path: bytes) -> None:
    assert skipped(b"wGkT3nYF0PZ8aRz1mZ7yqf2mQ0c5w1s8b6v4n2k9x3E=\n", path) is Reason.SECRET
    assert skipped(b"0123456789abcdef0123456789abcdef", path) is Reason.SECRET
    assert skipped(f"-----BEGIN PRIVATE KEY-----\n{KEY}".encode(), path) is Reason.SECRET
    assert skipped(b"a table of the keys\nq: quit\nw: write\n", path) is None


def test_rule_of_a_generated_file_quotes_the_line() -> None:
    found = sniff(b"a.go", b"// Copyright\n// Code generated by x. DO NOT EDIT.\npackage a\n", DEFAULTS)
    assert found == Skip(Reason.GENERATED, "its header says: // Code generated by x. DO NOT EDIT.")


def test_long_lines_on_average_are_minified_but_in_prose() -> None:
    data = (b"a=1;" * 100 + b"\n") * 20
    assert len(data) // 20 > LONG_AVERAGE_LINE
    for path, reason in (
        (b"a.js", Reason.MINIFIED),
        (b"a.json", Reason.MINIFIED),
        (b"a.py", Reason.MINIFIED),
        (b"README.md", None),
    ):
        assert skipped(data, path) is reason
    assert skipped(data, b"a.js", SniffSettings(minified=True)) is None
    assert skipped(b"a=1;" * 500, b"a.js") is None


def test_average_is_that_of_the_whole_file() -> None:
    short, long = b"x = 1\n" * 3000, b"y" * 9000 + b"\n"
    assert skipped(short + long, b"a.dat") is None
    assert skipped(short[:600] + long * 10, b"a.dat") is Reason.MINIFIED
    assert skipped(long * 10 + short[:600], b"a.dat") is Reason.MINIFIED


def test_one_very_long_line_of_code_is_telling_in_what_the_web_is_made_of() -> None:
    lines, code, data = b"const a = 1\n" * 10_000, b"b(1);" * (LONGEST_LINE // 4), b"b" * (LONGEST_LINE + 1)
    assert skipped(lines + code, b"a.js") is Reason.MINIFIED
    assert skipped(lines + data, b"a.js") is None
    assert skipped(lines + b"b" * LONGEST_LINE, b"a.js") is None
    assert skipped(b"// by somebody\n" * 10 + code[:5000] + b"\n" + code[:5000], b"a.js") is Reason.MINIFIED
    assert skipped(lines + code + b"\n" + lines, b"a.py") is None
    assert skipped(b"[1]\n" * 2000 + data, b"a.json") is Reason.MINIFIED
    assert skipped(b"x\n" * 2000 + data, b"a.dat") is Reason.MINIFIED


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"a.py", "# blob\ndef before(): pass\nICON = '%s'\ndef after(): pass\n" % ("A" * 60_000)),
        (b"a.php", "<?php\nfunction page() {\n    return '%s';\n}\n" % ("<p>text; (more) {x}</p>" * 3000)),
        (b"a.kt", 'class Fixture {\n    val json = "%s"\n}\n' % ('{\\"key\\": [1, 2]},' * 3000)),
        (
            b"a.html.erb",
            "<h1><%%= @title %%></h1>\n<img src='data:image/png;base64,%s'>\n<p>end</p>\n" % ("iVBOR" * 9000),
        ),
        (b"a.md", "# Title\n\nSome text.\n\n![x](data:image/png;base64,%s)\n\nMore of it.\n" % ("iVBOR" * 9000)),
        (b"a.ts", "export const wasm = '%s'\nexport function load() {\n  return wasm\n}\n" % ("AGFzbQ" * 9000)),
        (
            b"a.css",
            "a { color: red }\nb { background: url(data:font/woff;base64,%s) }\nc { top: 0 }\n" % ("d09G" * 9000),
        ),
        (b"a.ipynb", '{"cells": [{"outputs": [{"image/png": "%s"}], "source": ["x = 1"]}]}' % ("iVBOR" * 9000)),
    ],
)
def test_a_source_with_data_in_it_is_not_minified(path: bytes, text: str) -> None:
    assert len(text) > LONGEST_LINE
    assert skipped(text.encode(), path) is None


def test_a_line_of_data_gives_one_chunk() -> None:
    text = b"x = 1\nICON = '" + b"A" * 60_000 + b"'\ny = 2\n"
    rows = [row for row in chunk.chunk_lines(text) if not chunk.is_filler(text, row[0], row[1])]
    assert text[rows[0][0] : rows[0][1]].startswith(b"x = 1")
    assert len(rows) <= 4
    assert text[rows[-1][0] : rows[-1][1]].endswith(b"y = 2\n")
    prose = "a paragraph of many words, 一个很长的段落 ".encode() * 200
    assert not any(chunk.is_filler(prose, row[0], row[1]) for row in chunk.chunk_lines(prose))


def test_lines_of_an_old_mac_are_lines() -> None:
    assert skipped(b"x = 1\r" * 5000, b"a.py") is None
    assert text_of(b"one\rtwo\r") == ("one\ntwo\n", "ascii")
    assert text_of("eins\rzwei – drei\r".encode("utf-16")) == ("eins\nzwei – drei\n", "utf-16-le")
    assert text_of(b"one\rtwo\nthree\r\n") == ("one\rtwo\nthree\r\n", "ascii")


@pytest.mark.parametrize(
    "data",
    [
        b"x = 1\n" * 700_000,
        ("x = 'é'\n" * 500_000).encode(),
        ("x = '😀'\n" * 400_000).encode(),
        ("x = '😀'\n" * 200_000).encode("utf-16"),
        ("x = 'é'\n" * 500_000).encode("cp1252"),
        ("x = '€'\n" * 500_000).encode("cp1252"),
    ],
)
def test_memory_stays_within_three_times_the_file(data: bytes) -> None:
    tracemalloc.start()
    found = sniff(b"a.py", data, DEFAULTS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(found, Text)
    assert len(data) + peak <= 3 * len(data)
