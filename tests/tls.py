"""A certificate authority of a test's own, and a proxy that leads to servers by CONNECT."""

from __future__ import annotations

import ipaddress
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest


class Certificates(NamedTuple):
    """Files: the authority's certificate; a server's for `localhost` and 127.0.0.1, and its key."""

    authority: Path
    server: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """The files, made in `folder`."""
    pytest.importorskip("cryptography", reason="no cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def begun(subject: x509.Name, public: ec.EllipticCurvePublicKey, *, is_authority: bool) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(named("a test's authority"))
        made = made.public_key(public).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        key_id = x509.SubjectKeyIdentifier.from_public_key(public)
        made = made.add_extension(key_id, critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
        return made.add_extension(issuer, critical=False)

    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    whole = begun(named("a test's authority"), authority.public_key(), is_authority=True)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    vouching = whole.add_extension(usage, critical=True).sign(authority, hashes.SHA256())
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    own = begun(named("localhost"), server.public_key(), is_authority=False)
    own = own.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = own.sign(authority, hashes.SHA256())
    made = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    pem = serialization.Encoding.PEM
    made.authority.write_bytes(vouching.public_bytes(pem))
    made.server.write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    made.key.write_bytes(server.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return made


class Proxying:
    """What a proxy has heard: the heads of the requests, and how many bytes went through it to servers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heads: list[bytes] = []
        self.sent = b""


@contextmanager
def proxying(answer: bytes = b"", wanted: bytes = b"") -> Iterator[Proxying]:
    """A proxy, which leads to every server unless it has an `answer` of its own, or lacks the header `wanted`."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = Proxying(f"http://127.0.0.1:{server.getsockname()[1]}")

        def lead(made: socket.socket) -> None:
            with made:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = made.recv(4096)
                    if not piece:
                        return
                    head += piece
                told.heads.append(head)
                if answer or wanted not in head:
                    made.sendall(answer or b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                    return
                host, _, port = head.split(b" ")[1].decode().rpartition(":")
                with socket.create_connection((host, int(port))) as there:
                    made.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 a test\r\n\r\n")
                    _pass_on(made, there)

        def _pass_on(made: socket.socket, there: socket.socket) -> None:
            while not done.is_set():
                for ready in select.select([made, there], [], [], 0.1)[0]:
                    try:
                        data = ready.recv(65536)
                        if not data:
                            return
                        if ready is made:
                            told.sent += data
                        (there if ready is made else made).sendall(data)
                    except OSError:
                        return

        def run() -> None:
            while True:
                try:
                    made, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=lead, args=(made,), daemon=True).start()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            done.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)
