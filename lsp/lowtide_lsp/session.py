"""One editor's connection: its folders, its open texts, its settings, and what it is told unasked.

Invariant: all that a session holds ends with it; nothing of it is seen by other sessions.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import anyio.abc
import anyio.to_thread
import msgspec
from lsprotocol import types
from pygls.lsp.server import LanguageServer

import lowtide
from lowtide.answers import SymbolHit
from lowtide.config.settings import NOBODY, parse_size
from lowtide.core.positions import Units
from lowtide.errors import LowtideError, RefusedError
from lowtide.index.attending import OPENING_S
from lowtide.paths import path_of
from lowtide.read.unsaved.buffer import TextBuffer
from lowtide.read.unsaved.documents import MOST_TEXTS_BYTES, Document, Documents
from lowtide.serve import rpc
from lowtide.serve.intake import PassedOver
from lowtide.serve.service import Service
from lowtide.serve.session import RequestError
from lowtide.status import Status, set_by
from lowtide.system.beneath import CannotRead, Refusal, Root
from lowtide.visible import visible
from lowtide_lsp import convert
from lowtide_lsp.progress import IndexProgress
from lowtide_lsp.protocol import STATUS_CHANGED
from lowtide_lsp.settings import Settings, read_settings
from lowtide_lsp.transport import ConnectionLost, Protocol

log = logging.getLogger(__name__)

MOST_NAME = 60
"""Characters of what an editor calls itself."""
REFRESH_S = 0.05
"""A text whose outline the editor shows is parsed again this long after an edit, before it is asked for."""


class Folder(msgspec.Struct, frozen=True):
    """A folder of the editor's: as it named it, and its real path, by which the engine knows it."""

    uri: str
    shown: Path
    real: Path


class Session:
    """See the module."""

    def __init__(self, service: Service, client: str, group: anyio.abc.TaskGroup) -> None:
        self.service = service
        self.client = client
        self.name = "an editor"
        """As it calls itself."""
        self.group = group
        self.server = LanguageServer("lowtide", lowtide.__version__, protocol_cls=Protocol)
        self.protocol: Protocol = self.server.protocol  # type: ignore[assignment]
        self.protocol.group = group
        self.documents = Documents(service.documents, client, group)
        self.folders: dict[str, Folder] = {}
        self.settings = Settings()
        self.lines = convert.Lines()
        self.capabilities: types.ClientCapabilities = types.ClientCapabilities()
        self.progress = IndexProgress(self)
        self.watch: Callable[[int], None] = lambda pid: None
        """Told the process whose end is the client's."""
        self._coming = ExitStack()
        """Held from when folders are named until they are open."""
        self._opening: anyio.Event | None = None
        """Set once the folders that were named last are open."""
        self._end_status: Callable[[], None] | None = None
        self._budget: str | None = None
        self._starting = True
        """Until its first settings are in: what they say of the budget is a wish, and no act of the user's."""
        self._bases: dict[Path, str] = {}
        """URIs of roots."""
        self._refreshing = False

    # -- the life of it ---------------------------------------------------------------------------------------------

    def begin(self, params: types.InitializeParams) -> None:
        """What `initialize` says."""
        self.capabilities = params.capabilities
        if params.client_info is not None and params.client_info.name:
            self.name = visible(params.client_info.name[:MOST_NAME])
        if params.process_id is not None:
            self.watch(params.process_id)
        encoding = self.server.workspace.position_encoding
        self.documents.units = Units(getattr(encoding, "value", encoding) or Units.UTF16)
        uris = [folder.uri for folder in params.workspace_folders or []]
        if not uris and params.root_uri:
            uris = [params.root_uri]
        elif not uris and params.root_path:
            uris = [Path(params.root_path).absolute().as_uri()]
        for uri in uris:
            self._add_folder(uri)
        if self.folders:
            self._coming.enter_context(self.service.coming())
        self._take_settings(params.initialization_options)

    async def started(self) -> None:
        """The client is ready: open its folders, take its settings, tell it the status from now on."""
        self._end_status = self.service.subscribe(self._tell)
        with self._coming, self._folders_opening():
            await self.apply_settings()
            for folder in list(self.folders.values()):
                await self._open(folder)
        if self._asks_for_settings():
            self.group.start_soon(self._pull_first)
            if self._can_register():
                self.group.start_soon(self._register)
        else:
            self._starting = False
        self._tell(self.service.status())

    async def end(self) -> None:
        """The connection is closed."""
        self._coming.close()
        if self._end_status is not None:
            self._end_status()
        self.protocol.close()
        await self.service.drop_client(self.client)

    async def _register(self) -> None:
        registration = types.Registration("lowtide-configuration", types.WORKSPACE_DID_CHANGE_CONFIGURATION)
        try:
            await self.protocol.ask(types.CLIENT_REGISTER_CAPABILITY, types.RegistrationParams([registration]))
        except (RequestError, ConnectionLost):
            pass

    def _can_register(self) -> bool:
        workspace = self.capabilities.workspace
        configuration = workspace.did_change_configuration if workspace else None
        return bool(configuration and configuration.dynamic_registration)

    # -- settings ---------------------------------------------------------------------------------------------------

    def _asks_for_settings(self) -> bool:
        workspace = self.capabilities.workspace
        return bool(workspace and workspace.configuration)

    def _take_settings(self, value: Any) -> None:
        try:
            settings = read_settings(value)
        except msgspec.ValidationError as error:
            self.log_message(types.MessageType.Warning, f"lowtide: settings: {error}; they are left as they were")
            return
        if settings is not None:
            self.settings = settings

    async def change_settings(self, value: Any) -> None:
        """`workspace/didChangeConfiguration`."""
        if self._asks_for_settings():
            await self.pull_settings()
        else:
            self._take_settings(value)
            await self.apply_settings()

    async def _pull_first(self) -> None:
        await self.pull_settings()
        self._starting = False

    async def pull_settings(self) -> None:
        """Ask the client for its `lowtide` section."""
        params = types.ConfigurationParams([types.ConfigurationItem(section="lowtide")])
        try:
            answer = await self.protocol.ask(types.WORKSPACE_CONFIGURATION, params)
        except (RequestError, ConnectionLost):
            return
        if isinstance(answer, list) and answer and isinstance(answer[0], dict):
            self._take_settings(answer[0])
            await self.apply_settings()

    async def apply_settings(self) -> None:
        """Those that act beyond this session: the budget.

        It is the user's, and one for all: an editor that only starts does not change what somebody else has set.
        """
        budget = self.settings.budget
        if not budget or budget == self._budget:
            return
        self._budget = budget
        by, name = self.service.budget_from, self.name
        if self._starting and by not in (NOBODY, name):
            text = f"lowtide: the budget stays as it is, {set_by(by)}; {budget} of this editor's settings is not taken"
            self.log_message(types.MessageType.Info, text)
            return
        try:
            await self.service.set_budget(parse_size(budget), name)
        except LowtideError as error:
            self.log_message(types.MessageType.Warning, f"lowtide: budget: {error}")

    # -- folders ----------------------------------------------------------------------------------------------------

    @property
    def roots(self) -> list[Path]:
        """The real paths of the folders."""
        return list(dict.fromkeys(folder.real for folder in self.folders.values()))

    def _add_folder(self, uri: str) -> Folder | None:
        path = path_of(uri)
        if path is None:
            self.log_message(types.MessageType.Log, "lowtide: a folder that is not on this machine is not indexed")
            return None
        self._bases.clear()
        folder = self.folders[uri] = Folder(uri, path, Path(os.path.realpath(path)))
        return folder

    async def change_folders(self, added: Sequence[str], removed: Sequence[str]) -> None:
        """`workspace/didChangeWorkspaceFolders`."""
        self._bases.clear()
        gone = [folder for uri in removed if (folder := self.folders.pop(uri, None)) is not None]
        fresh = [folder for uri in added if (folder := self._add_folder(uri)) is not None]
        with self.service.coming() if fresh else nullcontext(), self._folders_opening():
            for folder in gone:
                if folder.real not in self.roots:
                    await self.service.close_workspace(folder.real, self.client)
            for folder in fresh:
                await self._open(folder)

    @contextmanager
    def _folders_opening(self) -> Iterator[None]:
        opened = self._opening = anyio.Event()
        try:
            yield
        finally:
            opened.set()

    async def folders_opened(self) -> None:
        """Wait for folders that were named just before: a question must not find them unknown. At most OPENING_S."""
        if self._opening is not None:
            with anyio.move_on_after(OPENING_S):
                await self._opening.wait()

    async def _open(self, folder: Folder) -> None:
        try:
            await self.service.open_workspace(folder.real, self.client)
        except RefusedError as error:
            text = f"lowtide: {folder.shown} is not indexed: {error.why}; open a folder inside it"
            self.log_message(types.MessageType.Warning, text)
        except LowtideError as error:
            self.log_message(types.MessageType.Warning, f"lowtide: {error}")

    # -- texts ------------------------------------------------------------------------------------------------------

    def uri_of(self, root: Path, shown: str) -> tuple[str, Document | None]:
        """URI and open text of a file of a workspace, from its root and its name as shown. A few µs: an answer has
        hundreds."""
        name = convert.name_in(root, shown) if "\\x" in shown else shown.encode()
        document = self.documents.at(os.fsdecode(b"%b/%b" % (os.fsencode(root), name)))
        if document is not None:
            return document.uri, document
        base = self._bases.get(root)
        if base is None:
            # As the editor calls it, which may be a link.
            own = next((folder.shown for folder in self.folders.values() if folder.real == root), root)
            base = self._bases[root] = own.as_uri().rstrip("/")
        return f"{base}/{quote(name)}", None

    def lines_of(self, root: Path, symbol: SymbolHit, document: Document | None) -> convert.WideLines:
        """The lines that the place of a symbol counts in, but for ASCII: the editor's when it has the file open.
        Blocking."""
        if self.documents.units is Units.UTF32:
            return {}
        if document is not None:
            lines = document.buffer.lines
            number = symbol.name_range[0]
            return {number: lines[number]} if number < len(lines) else {}
        encoding = symbol.encoding
        return {} if encoding == "ascii" else self.lines.of(root, convert.name_in(root, symbol.path), encoding)

    def place(self, uri: str) -> Path | None:
        """The real path of a file, by which the engine knows it; None when it is not on this machine."""
        path = path_of(uri)
        return Path(os.path.realpath(path.parent)) / path.name if path is not None else None

    def need_file(self, uri: str) -> Path:
        """The same, or the error of a request."""
        path = self.place(uri)
        if path is None:
            raise RequestError(
                rpc.REQUEST_FAILED, f"{uri[:200]} is not a file on this machine: open it there, or use a file: URI"
            )
        return path

    def need_root(self, uri: str) -> Path:
        """The real path of a folder that a request names, whether it is called by a link or not. Errors as
        `need_file`."""
        return Path(os.path.realpath(self.need_file(uri)))

    async def read_closed(self, uri: str) -> Document:
        """A file of the editor's folders that is not open, as if it were. RequestError when it cannot be read."""
        path = self.need_file(uri)
        if self.documents.is_refused(uri):
            why = f"the texts that are open take more than {MOST_TEXTS_BYTES >> 20} MiB"
            raise RequestError(rpc.REQUEST_FAILED, f"{path} is not held: {why}; close others")
        return Document(uri, path, "", 0, TextBuffer(await anyio.to_thread.run_sync(_read, self.roots, path)))

    @property
    def open_paths(self) -> list[Path]:
        """Files that the editor shows."""
        return [document.path for document in self.documents if document.path is not None]

    def opened(self, document: Document | None) -> None:
        """A text was opened or closed."""
        self.service.set_open_files(self.client, self.open_paths)
        if document is not None:
            self.group.start_soon(self.documents.compare, document)
            self.group.start_soon(self.documents.prepare, document)

    def say_refused(self, uri: str) -> None:
        """A text takes too much to be held: said once, when it is opened or has grown."""
        if self.documents.is_refused(uri):
            most = f"{MOST_TEXTS_BYTES >> 20} MiB"
            text = (
                f"lowtide: {uri[:200]} is answered as it is on the disk: the texts that are open take more than {most}"
            )
            self.log_message(types.MessageType.Warning, text)

    def passed_over(self, passed: PassedOver) -> None:
        """A message was not taken. If it was about a text, that is no longer known: the disk counts, and it is said."""
        if passed.method not in (types.TEXT_DOCUMENT_DID_OPEN, types.TEXT_DOCUMENT_DID_CHANGE):
            return
        uris = [passed.uri] if passed.uri else [document.uri for document in self.documents]
        for uri in uris:
            self.documents.refuse(uri)
            self.log_message(
                types.MessageType.Warning, f"lowtide: {uri[:200]} is answered as it is on the disk: {passed.error}"
            )
        self.opened(None)

    def edited(self) -> None:
        """A text has changed: outlines that the editor shows are parsed before it asks."""
        if not self._refreshing and any(document.wanted for document in self.documents):
            self._refreshing = True
            self.group.start_soon(self._refresh)

    async def _refresh(self) -> None:
        try:
            await anyio.sleep(REFRESH_S)
        finally:
            self._refreshing = False
        for document in list(self.documents):
            if document.wanted and document.symbols_of != document.edits:
                await self.documents.symbols_soon(document, REFRESH_S)

    # -- telling ----------------------------------------------------------------------------------------------------

    def _tell(self, status: Status) -> None:
        self.protocol.notify(STATUS_CHANGED, status)
        self.progress.update(status)

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """What `lowtide.serve.api` sends while it works."""
        self.protocol.notify(method, params)

    def log_message(self, kind: types.MessageType, text: str) -> None:
        """A line for the editor's log; never a pop-up."""
        log.info("event=told client=%s text=%r", self.client, text)
        self.protocol.notify(types.WINDOW_LOG_MESSAGE, {"type": int(kind), "message": text})


def _read(roots: Sequence[Path], path: Path) -> str:
    root = next((root for root in roots if root in path.parents), None)
    if root is None:
        raise _not_read(path, "it lies in none of the editor's folders", "open it first")
    try:
        with Root(root) as opened, opened.open(os.fsencode(path.relative_to(root)), convert.MOST_FILE_BYTES) as file:
            return file.whole().decode("utf-8-sig", "replace")
    except CannotRead as error:
        is_there = error.refusal in (Refusal.TOO_LARGE, Refusal.LINK)
        raise _not_read(path, error.why, "open it first" if is_there else "name a file that exists") from None


def _not_read(path: Path, why: str, remedy: str) -> RequestError:
    data = {"kind": "path", "message": f"{path} cannot be read: {why}", "remedy": remedy}
    return RequestError(rpc.REQUEST_FAILED, f"{path} cannot be read: {why}; {remedy}", data)
