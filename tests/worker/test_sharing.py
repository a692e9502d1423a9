"""`[share] url`: a repository without an index begins with the nearest bundle, or is built, whatever a server does."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest
from tests.e2e.soak import git
from tests.tls import Certificates, make_certificates, proxying

from lowtide.cli import import_
from lowtide.cli.options import Options
from lowtide.config.settings import Config, ShareSettings, load_config
from lowtide.errors import BundleError, ConfigError
from lowtide.index import bundles, sharing
from lowtide.index.shared import Stay
from lowtide.index.workspace import Workspace
from lowtide.paths import Places
from lowtide.serve.app import opened
from lowtide.status import IndexReport
from lowtide.system.memory import own_anonymous_bytes
from lowtide.system.tree.checkout import ancestors
from lowtide.system.way import STRAIGHT, Way

FILES = 12
BACK = 200


class Share(ThreadingHTTPServer):
    """Files by their path, with faults that can be asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.fault = ""
        self.token = ""
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that does not trust it goes."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Share

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def _answer(self, with_body: bool) -> None:
        share = self.server
        share.asked.append(f"{self.command} {self.path}")
        if share.token and self.headers.get("Authorization") != f"Bearer {share.token}":
            self._send(401, b"", with_body)
        elif share.fault == "silent":
            threading.Event().wait(30)
        elif with_body and share.fault == "redirect" and not self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", f"/moved{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            data = share.files.get(self.path.removeprefix("/moved"))
            self._send(404 if data is None else 200, data or b"", with_body)

    def _send(self, status: int, data: bytes, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if with_body:
            half = self.server.fault == "half"
            self.wfile.write(data[: len(data) // 2] if half else data)
            self.close_connection = half


@contextmanager
def serving(certificates: Certificates | None = None) -> Iterator[Share]:
    with Share() as share:
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.server, certificates.key)
            share.socket = context.wrap_socket(share.socket, server_side=True, do_handshake_on_connect=False)
            share.scheme = "https"
        thread = threading.Thread(target=share.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield share
        finally:
            share.shutdown()
            thread.join()


@pytest.fixture
def share() -> Iterator[Share]:
    with serving() as share:
        yield share


def places_of(home: Path) -> Places:
    return Places(home / "config", home / "cache", home / "run")


def index(root: Path, home: Path, url: str = "", token_file: Path | None = None, way: Way = STRAIGHT) -> IndexReport:
    async def play() -> IndexReport:
        config = Config((256 << 20) + own_anonymous_bytes(), share=ShareSettings(url, token_file, way))
        async with opened(places_of(home), config, Stay.BRIEF) as service:
            return await service.index(root, "test")

    return anyio.run(play)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, bytes]:
    """A repository whose first commit has a bundle, with many after it; that commit, and the bundle."""
    folder = tmp_path_factory.mktemp("trees")
    root = folder / "origin"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    for number in range(FILES):
        (root / f"m{number}.py").write_text(f"def part_{number}(x):\n    return x + {number}\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    git(root, "remote", "add", "origin", "https://example.org/team/app.git")
    home = folder / "theirs"
    index(root, home)
    carried = bundles.export(places_of(home), Workspace(root, places_of(home).index_folder(root)), folder / "b")
    (root / "m1.py").write_text("def changed(): ...\n")
    git(root, "commit", "-qam", "change")
    for number in range(BACK - 1):
        git(root, "commit", "-q", "--allow-empty", "-m", f"{number}")
    return root, carried.commit, (folder / "b").read_bytes()


@pytest.fixture
def root(made: tuple[Path, str, bytes], tmp_path: Path) -> Path:
    git(tmp_path, "clone", "-q", str(made[0]), "clone")
    git(tmp_path / "clone", "remote", "set-url", "origin", "git@example.org:team/app.git")
    return tmp_path / "clone"


def test_the_nearest_commit_back_is_taken(
    made: tuple[Path, str, bytes], root: Path, tmp_path: Path, share: Share
) -> None:
    _, commit, bundle = made
    share.files[f"/team/app/{commit}.lowtide"] = bundle
    assert ancestors(os.fsencode(root), 1000).index(commit) == BACK
    share.fault = "redirect"

    report = index(root, tmp_path / "ours", share.url + "/{repo}/{commit}.lowtide")

    assert (report.files.indexed, report.files.unchanged) == (1, FILES - 1)
    assert list(report.messages) == [f"begun with the shared index of {commit[:12]}, 200 commits back"]
    assert len(share.asked) == BACK + 3
    assert list((tmp_path / "ours" / "cache" / "incoming").iterdir()) == []


def test_a_folder_serves_as_well(made: tuple[Path, str, bytes], root: Path, tmp_path: Path) -> None:
    _, commit, bundle = made
    (tmp_path / "net" / "team" / "app").mkdir(parents=True)
    (tmp_path / "net" / "team" / "app" / commit).write_bytes(bundle)
    assert index(root, tmp_path / "ours", f"{tmp_path}/net/{{repo}}/{{commit}}").files.indexed == 1


def test_a_token_is_sent_to_its_server(made: tuple[Path, str, bytes], root: Path, tmp_path: Path, share: Share) -> None:
    _, commit, bundle = made
    share.files[f"/{commit}"], share.token = bundle, "sesame"
    told = index(root, tmp_path / "a", share.url + "/{commit}").messages
    assert "token" in told[0]
    (tmp_path / "token").write_text("sesame\n")
    assert index(root, tmp_path / "b", share.url + "/{commit}", tmp_path / "token").files.indexed == 1


@pytest.mark.parametrize("fault", ["half", "silent", "none", "damaged", "wrong name", "gone", "no repository"])
def test_whatever_goes_wrong_costs_a_line_and_it_is_built(
    made: tuple[Path, str, bytes],
    root: Path,
    tmp_path: Path,
    share: Share,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, commit, bundle = made
    url = share.url + "/{repo}/{commit}"
    monkeypatch.setattr(sharing, "ANSWER_S", 0.3 if fault == "silent" else 10.0)
    place = f"/team/app/{commit}"
    if fault == "wrong name":
        place = f"/team/app/{ancestors(os.fsencode(root), 1)[0]}"
    if fault != "none":
        share.files[place] = bundle
    if fault == "damaged":
        share.files[place] = bundle[:-20] + bytes(20)
    if fault == "gone":
        url = "http://127.0.0.1:1/{repo}/{commit}"
    if fault == "no repository":
        git(root, "remote", "remove", "origin")
    share.fault = fault

    report = index(root, tmp_path / "ours", url)

    assert report.files.indexed == FILES
    assert len(report.messages) == (0 if fault in ("none", "no repository") else 1)
    for line in report.messages:
        assert line.startswith("the shared index cannot be taken over: ")
        assert line.endswith("; it is built here")


def test_it_is_asked_for_once_and_not_by_an_index_that_is_there(
    made: tuple[Path, str, bytes], root: Path, tmp_path: Path, share: Share
) -> None:
    index(root, tmp_path / "ours")
    assert index(root, tmp_path / "ours", share.url + "/{commit}").files.unchanged == FILES
    git(root, "worktree", "add", "-q", str(tmp_path / "other"))
    assert index(tmp_path / "other", tmp_path / "ours", share.url + "/{commit}").files.indexed == 0
    assert share.asked == []


def test_who_waits_for_a_server_can_be_stopped(
    made: tuple[Path, str, bytes], root: Path, tmp_path: Path, share: Share
) -> None:
    share.fault = "silent"

    async def play() -> None:
        config = Config((256 << 20) + own_anonymous_bytes(), share=ShareSettings(share.url + "/{commit}"))
        async with opened(places_of(tmp_path / "ours"), config, Stay.BRIEF) as service:
            with anyio.move_on_after(60):
                async with anyio.create_task_group() as group:
                    group.start_soon(service.index, root, "test")
                    while not share.asked:
                        await anyio.sleep(0.01)
                    began = anyio.current_time()
                    group.cancel_scope.cancel()
        assert anyio.current_time() - began < 5

    anyio.run(play)


def test_a_bundle_comes_by_tls_and_through_a_proxy(made: tuple[Path, str, bytes], root: Path, tmp_path: Path) -> None:
    _, commit, bundle = made
    own = make_certificates(tmp_path)
    with serving(own) as share, proxying() as proxy:
        share.files[f"/{commit}"] = bundle
        url = share.url + "/{commit}"
        (untrusted,) = index(root, tmp_path / "a", url, way=Way(proxy=proxy.url)).messages
        assert "is not trusted" in untrusted
        assert "built here" in untrusted
        assert share.asked == []

        (begun,) = index(root, tmp_path / "b", url, way=Way(own.authority, proxy.url)).messages
        assert begun.startswith("begun with the shared index")
        assert proxy.heads[-1].startswith(f"CONNECT 127.0.0.1:{share.server_port} ".encode())
        assert b"GET" not in proxy.sent
    (gone,) = index(root, tmp_path / "c", url, way=Way(own.authority, proxy.url)).messages
    assert "the proxy 127.0.0.1" in gone


def test_what_the_configuration_may_say(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"

    def read(text: str) -> ShareSettings:
        file.write_text(text)
        return load_config(file, machine_bytes=1 << 40, environment={}).share

    assert read("") == ShareSettings()
    found = read("[share]\nurl = 'https://e.org/{repo}/{commit}.lowtide'\ntoken_file = 'token'\n")
    assert found == ShareSettings("https://e.org/{repo}/{commit}.lowtide", tmp_path / "token")
    found = read("[share]\ncertificates = 'own.pem'\nproxy = 'http://p:3128'\n")
    assert found.way == Way(tmp_path / "own.pem", "http://p:3128")
    for wrong in ("'https://e.org/x'", "'https://e.org/{commit}/{user}'", "7", "'{commit}/}'"):
        with pytest.raises(ConfigError, match="share"):
            read(f"[share]\nurl = {wrong}\n")


def test_an_import_that_fails_does_not_show_what_its_address_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOWTIDE_HOME", str(tmp_path / "home"))
    share = Share()
    thread = threading.Thread(target=share.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        with pytest.raises(BundleError, match="does not give it: status 404") as caught:
            import_._stage(f"{share.url}/x.lowtide?signature=s3cret", tmp_path, False, Options())
        assert f"cannot take over {share.url}/x.lowtide?…: " in str(caught.value)
        with pytest.raises(ConfigError, match="holds a user or a password") as refused:
            import_._stage("https://bob:s3cret@127.0.0.1/x.lowtide", tmp_path, False, Options())
        assert "s3cret" not in str(refused.value)
    finally:
        share.shutdown()
        thread.join()
        share.server_close()
