"""The way to a server over HTTPS: the user's certificates, and the proxy of the configuration or the environment."""

from __future__ import annotations

import os
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.tls import Certificates, make_certificates, proxying

from lowtide.system.address import Origin
from lowtide.system.proxy import Proxy, WebError, proxy_for
from lowtide.system.way import STRAIGHT, Way
from lowtide.system.web import Connection


class _Hello(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")


@contextmanager
def serving(certificates: Certificates) -> Iterator[Origin]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hello) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server, certificates.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield Origin("https", "localhost", server.server_port)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def own(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def hello(origin: Origin, way: Way) -> bytes:
    with Connection(origin, 10.0, way) as connection:
        return connection.ask("GET", "/").whole(100)


def test_certificates_that_the_user_names_are_trusted_and_no_others(own: Certificates, tmp_path: Path) -> None:
    with serving(own) as origin:
        assert hello(origin, Way(own.authority)) == b"hello"
        other = tmp_path / "other"
        other.mkdir()
        for way in (Way(make_certificates(other).authority), STRAIGHT):
            with pytest.raises(WebError, match="not trusted") as caught:
                hello(origin, way)
            assert "certificates" in caught.value.remedy


def test_certificates_that_are_changed_are_read_again(own: Certificates, tmp_path: Path) -> None:
    named = tmp_path / "named.pem"
    other = tmp_path / "other"
    other.mkdir()
    with serving(own) as origin:
        named.write_bytes(make_certificates(other).authority.read_bytes())
        with pytest.raises(WebError, match="not trusted"):
            hello(origin, Way(named))
        named.write_bytes(own.authority.read_bytes())
        os.utime(named, ns=(1, 1))
        assert hello(origin, Way(named)) == b"hello"


@pytest.mark.parametrize("text", [None, "", "no certificates\n"])
def test_certificates_that_cannot_be_read_are_told(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "x.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(WebError, match=r"x\.pem cannot be read"):
        hello(Origin("https", "localhost", 9), Way(file))


def test_through_a_proxy_goes_what_it_cannot_read(own: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(own) as origin, proxying() as proxy:
        assert hello(origin, Way(own.authority, proxy.url)) == b"hello"
        assert proxy.heads[0].startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % origin.port)
        assert b"GET" not in proxy.sent
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert hello(origin, Way(own.authority)) == b"hello"
        assert len(proxy.heads) == 2
        monkeypatch.setenv("NO_PROXY", "example.org, localhost")
        assert hello(origin, Way(own.authority)) == b"hello"
        assert len(proxy.heads) == 2


def test_a_proxy_is_given_its_user_and_password_and_the_server_is_not(own: Certificates) -> None:
    wanted = b"\r\nProxy-Authorization: Basic " + b64encode(b"ann:p@ss") + b"\r\n"
    with serving(own) as origin, proxying(wanted=wanted) as proxy:
        address = proxy.url.replace("://", "://ann:p%40ss@")
        assert hello(origin, Way(own.authority, address)) == b"hello"
        with pytest.raises(WebError, match="wants a user") as caught:
            hello(origin, Way(own.authority, address.replace("p%40ss", "secret")))
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "status 403"),
        (b"SSH-2.0\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", "no HTTP"),
        (b"x" * 100_000, "no HTTP"),
        (b"HTTP/1.1 200", "no HTTP"),
    ],
)
def test_a_proxy_that_does_not_lead_there_is_told(own: Certificates, answer: bytes, why: str) -> None:
    with proxying(answer) as proxy, pytest.raises(WebError, match=why) as caught:
        hello(Origin("https", "localhost", 9), Way(own.authority, proxy.url))
    assert "HTTPS_PROXY" in caught.value.remedy


def test_a_proxy_that_is_not_there_is_named(own: Certificates) -> None:
    with pytest.raises(WebError, match=r"the proxy 127\.0\.0\.1:1 cannot be reached"):
        hello(Origin("https", "localhost", 9), Way(own.authority, "http://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTP_PROXY": "http://p:1", "ALL_PROXY": "http://p:1"}, None),
        ({"HTTPS_PROXY": "http://p:3128/"}, Proxy("p", 3128)),
        ({"https_proxy": "p:3128", "HTTPS_PROXY": "http://q:1"}, Proxy("p", 3128)),
        ({"HTTPS_PROXY": "http://p"}, Proxy("p", 8080)),
        ({"HTTPS_PROXY": "http://u:w@[::1]:5"}, Proxy("::1", 5, "u", "w")),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.org"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".A.org"}, None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "x.a.org"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*.a.org"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x.a.org:8450"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x.a.org:443, b.org, org.x, ,"}, Proxy("p", 1)),
    ],
)
def test_what_the_environment_says(environment: dict[str, str], proxy: Proxy | None) -> None:
    assert proxy_for("x.a.org", 8450, STRAIGHT, environment) == proxy


def test_the_configuration_goes_before_the_environment() -> None:
    environment = {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}
    assert proxy_for("a.org", 1, Way(proxy="http://q:2"), environment) == Proxy("q", 2)


@pytest.mark.parametrize(
    "address", ["socks5://p:1", "https://p:1", "http://u:w@", "http://a b:1", "http://p:99999", "http://p:x"]
)
def test_an_address_that_is_none_is_told_without_its_password(address: str) -> None:
    with pytest.raises(WebError, match="address of the proxy") as caught:
        proxy_for("a.org", 1, STRAIGHT, {"HTTPS_PROXY": address})
    assert address not in str(caught.value)
