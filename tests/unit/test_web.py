"""HTTP as far as it is needed: answers of every form are read, and whatever else a server sends costs little."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lowtide.errors import ConfigError
from lowtide.system import web
from lowtide.system.address import MOST_SHOWN, Origin, parse_url, shown_address
from lowtide.system.proxy import WebError
from lowtide.system.web import Connection


@contextmanager
def serving(*answers: bytes, stay: bool = False) -> Iterator[tuple[Origin, list[bytes]]]:
    """A server that gives these answers, one a request, then closes; it hears each request."""
    heard: list[bytes] = []
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(made: socket.socket, left: list[bytes]) -> None:
            with made:
                while left:
                    request = b""
                    while b"\r\n\r\n" not in request:
                        piece = made.recv(65536)
                        if not piece:
                            return
                        request += piece
                    heard.append(request)
                    made.sendall(left.pop(0))
                if stay:
                    done.wait(60)

        def run() -> None:
            left = list(answers)
            while left:
                try:
                    made, _ = server.accept()
                except OSError:
                    return
                answer(made, left)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield Origin("http", "127.0.0.1", server.getsockname()[1]), heard
        finally:
            done.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: 1\r\n\r\nhello"


def body_of(answer: bytes, **options: bool) -> bytes:
    with serving(answer, **options) as (origin, _), Connection(origin, 5.0) as connection:
        return connection.ask("GET", "/").whole(1 << 20)


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE,
        WHOLE.replace(b"\r\n", b"\n"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 \r\nConnection: close\r\n\r\nhello",
    ],
)
def test_a_body_is_read_however_its_end_is_told(answer: bytes) -> None:
    assert body_of(answer) == b"hello"


def test_one_connection_serves_many_requests_and_is_made_again_when_it_was_closed() -> None:
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 900\r\n\r\n"
    with serving(head, WHOLE, WHOLE) as (origin, heard), Connection(origin, 5.0) as connection:
        assert connection.ask("HEAD", "/a").status == 404
        assert connection.ask("GET", "/b", {"Authorization": "Bearer x"}).whole(100) == b"hello"
        connection._socket.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        assert connection.ask("POST", "/c", body=b"{}").whole(100) == b"hello"
    assert [line.split(b" ")[0] for line in heard] == [b"HEAD", b"GET", b"POST"]
    assert b"\r\nAuthorization: Bearer x\r\n" in heard[1]
    assert heard[2].endswith(b"\r\nContent-Length: 2\r\n\r\n{}")


def test_an_answer_that_was_not_read_to_its_end_leaves_nothing_for_the_next() -> None:
    with serving(WHOLE, WHOLE) as (origin, _), Connection(origin, 5.0) as connection:
        assert connection.ask("GET", "/").read(2) == b"he"
        assert connection.ask("GET", "/").whole(100) == b"hello"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 999 No\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 10,
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"a%d: b\r\n" % n for n in range(500)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + bytes(2_000_000),
    ],
)
def test_what_is_no_answer_is_an_error(answer: bytes) -> None:
    with pytest.raises(WebError):
        body_of(answer)


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    for answer in (b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"):
        silent = pytest.raises(WebError, match="does not answer")
        with serving(answer, stay=True) as (origin, _), Connection(origin, 0.2) as connection, silent:
            connection.ask("GET", "/").whole(100)


def test_who_cannot_be_reached_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with Connection(Origin("http", "127.0.0.1", port), 5.0) as connection, pytest.raises(WebError, match="reached"):
        connection.ask("GET", "/")


def test_a_certificate_is_checked() -> None:
    untrusted = pytest.raises(WebError)
    with serving(WHOLE) as (origin, _), Connection(origin._replace(scheme="https"), 0.3) as connection, untrusted:
        connection.ask("GET", "/")
    assert web._tls().check_hostname


def test_a_header_cannot_bring_another() -> None:
    with serving(WHOLE) as (origin, _), Connection(origin, 5.0) as connection, pytest.raises(WebError, match="line"):
        connection.ask("GET", "/", {"Authorization": "a\r\nHost: b"})


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://example.org/a/b?c=d", ("https", "example.org", 443), "/a/b?c=d"),
        ("https://example.org:8443", ("https", "example.org", 8443), "/"),
        ("http://127.0.0.1:80/x", ("http", "127.0.0.1", 80), "/x"),
        ("http://localhost:9/x", ("http", "localhost", 9), "/x"),
        ("http://[::1]:9/x", ("http", "::1", 9), "/x"),
    ],
)
def test_addresses_that_may_be_asked(url: str, origin: tuple[str, str, int], target: str) -> None:
    assert parse_url(url) == (origin, target)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "https://",
        "https://a b/",
        "x",
        "",
        "https://example.org/a b",
        "https://user:word@example.org/",
        "https://:word@example.org/",
        "http://user:word@example.org/",
        "ftp://user:word@example.org/?word",
        "user:word@example.org",
        "https://example.org:99999/",
        "https://e\r\nx/",
    ],
)
def test_addresses_that_may_not(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_url(url)
    assert "word" not in str(caught.value).replace("a user or a password", "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org:8443/a/b", "https://example.org:8443/a/b"),
        ("https://ann:p@ss/w?rd@example.org/a", "https://…@example.org/a"),
        ("https://@example.org/a", "https://…@example.org/a"),
        ("ann:word@example.org", "…@example.org"),
        ("https://example.org/a?signature=word", "https://example.org/a?…"),
        ("https://" + "x" * 999, ("https://" + "x" * 999)[:MOST_SHOWN]),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_is_secret(url: str, shown: str) -> None:
    assert shown_address(url) == shown
