"""What the tests of a team's index share: small repositories, tokens, a gateway, who pushes to it and who asks it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
from tests.e2e.soak import git
from tests.tls import Certificates

from lowtide.config.settings import Config
from lowtide.index.shared import Stay
from lowtide.index.workspace import Workspace
from lowtide.paths import Places
from lowtide.read.request import SearchRequest
from lowtide.serve.app import opened
from lowtide.serve.host import Host
from lowtide.store.lexical.engine import stem_of
from lowtide.system.memory import own_anonymous_bytes
from lowtide.team.access import Access, Grant
from lowtide.team.engine import Engine
from lowtide.team.gateway import Gateway
from lowtide.team.http import Server
from lowtide.team.messages import Question, RemoteAnswer
from lowtide.team.push import Pushed, push
from lowtide.team.remote import Gate
from lowtide.work.model.model_folder import default_model, read_model

SOURCES = {
    "retry.py": ("class RetryPolicy", "How often a request is sent again after a timeout.", "attempts backoff delay"),
    "cart.py": ("def cart_total", "Sum of the prices in a shopping cart.", "items price quantity"),
    "parse.py": ("def parse_date", "Read a date as people write it.", "year month day"),
    "lock.py": ("class FileLock", "Only one process writes at a time.", "acquire release holder"),
    "cache.py": ("class LruCache", "Keeps what was used last, within bytes.", "evict key value"),
    "tree.py": ("def walk_tree", "Every file of a folder and those below it.", "folder entry ignore"),
}
QUESTIONS = (
    "send a request again after a timeout",
    "sum of prices",
    "parse a date",
    "one process at a time",
    "evict the least recently used",
    "list files of a folder",
)


def token(name: str) -> str:
    return f"token of {name}"


def grant(name: str, *repositories: str, push: bool = False) -> Grant:
    return Grant(name, hashlib.sha256(token(name).encode()).hexdigest(), repositories, push)


GRANTS = [
    grant("ci", "example.org/team/*", push=True),
    grant("all", "example.org/team/*"),
    grant("ann", "example.org/team/one"),
    grant("bob", "example.org/other/*"),
    grant("nobody"),
]


@contextmanager
def serving(engine: Engine, tls: Certificates | None = None) -> Iterator[str]:
    pair = (tls.server, tls.key) if tls else None
    with Server(("127.0.0.1", 0), Gateway(engine), Access(GRANTS), pair) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.address
        finally:
            server.shutdown()
            thread.join()


def repository(folder: Path, name: str, files: dict[str, tuple[str, str, str]]) -> Path:
    root = folder / name
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    git(root, "remote", "add", "origin", f"git@example.org:team/{name}.git")
    write(root, files)
    return root


def write(root: Path, files: dict[str, tuple[str, str, str]]) -> None:
    for path, (head, doc, words) in files.items():
        bracket = "" if head.startswith("class") else "(given)"
        body = f'{head}{bracket}:\n    """{doc}"""\n\n    names = "{words}".split()\n'
        (root / path).write_text(body)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "a commit")


def places_of(home: Path) -> Places:
    return Places(home / "config", home / "cache", home / "run")


def index(root: Path, home: Path) -> Workspace:
    async def play() -> None:
        async with opened(places_of(home), Config((256 << 20) + own_anonymous_bytes()), Stay.BRIEF) as service:
            await service.index(root, "test")

    anyio.run(play)
    return Workspace(root, places_of(home).index_folder(root))


def gate(url: str, who: str, folder: Path, timeout_s: float = 30.0) -> Gate:
    file = folder / f"token-{who}"
    file.write_text(token(who) + "\n")
    return Gate(url, file, timeout_s)


def pushed(root: Path, url: str, folder: Path, who: str = "ci") -> Pushed:
    with gate(url, who, folder) as opened:
        return push(index(root, folder / "home"), opened)


def ask(url: str, who: str, folder: Path, query: str, *without: str, timeout_s: float = 30.0) -> RemoteAnswer:
    async def encode() -> bytes:
        async with Host(places_of(folder / "asking"), Config((256 << 20) + own_anonymous_bytes())) as host:
            return await host.encode_query(query)

    request = SearchRequest(query)
    stems = [stem for word in request.question.words if (stem := stem_of(word))]
    recipe = read_model(default_model()).recipe
    question = Question(query, stems, recipe, 10, anyio.run(encode), list(without))
    with gate(url, who, folder, timeout_s) as opened:
        return opened.search(question)


def names(answer: RemoteAnswer) -> list[str]:
    return [hit.name for hit in answer.hits]
