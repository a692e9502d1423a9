"""Real editors: Emacs with eglot and with lsp-mode, Vim with ALE, Kate. Skipped where they are not installed
(emacs-nox, elpa-eglot, elpa-lsp-mode, vim-ale, kate).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from lowtide.paths import Places
from lowtide.serve.client import Client, DaemonError, stop

ALE = Path("/usr/share/vim-ale")
ELPA = Path("/usr/share/emacs/site-lisp/elpa")
EGLOT, LSP_MODE_THERE = (any(ELPA.glob(f"{name}-[0-9]*")) for name in ("eglot", "lsp-mode"))

EMACS = """
(package-initialize)
(require 'eglot)
(setq eglot-autoshutdown t eglot-sync-connect 30 eglot-connect-timeout 60)
RECIPE
(find-file (getenv "TIDE_FILE"))
(call-interactively 'eglot)
(let ((server (eglot-current-server)) (found nil) (tries 0))
  (while (and (or (null found) (equal found [])) (< tries 600))
    (setq tries (1+ tries))
    (accept-process-output nil 0.05)
    (setq found (jsonrpc-request server :workspace/symbol '(:query "elsewhere"))))
  (message "SYMBOL %s" (plist-get (aref found 0) :name))
  (goto-char (point-max))
  (insert "late_tide() { :; }\\n")
  (eglot--signal-textDocument/didChange)
  (message "OUTLINE %S" (imenu--make-index-alist t))
  (goto-char (point-min))
  (search-forward "moon_rise")
  (let ((place (jsonrpc-request server :textDocument/definition (eglot--TextDocumentPositionParams))))
    (message "DEFINITION %S" place))
  (set-buffer-modified-p nil)
  (eglot-shutdown server))
"""

LSP_MODE = """
(package-initialize)
(require 'lsp-mode)
(setq lsp-auto-guess-root t lsp-enable-snippet nil lsp-enable-file-watchers nil lsp-response-timeout 60
      lsp-enable-suggest-server-download nil lsp-keep-workspace-alive nil)
RECIPE
(find-file (getenv "TIDE_FILE"))
(lsp)
(let ((tries 0) (found nil))
  (while (and (not (and (lsp-workspaces) (eq 'initialized (lsp--workspace-status (car (lsp-workspaces))))))
              (< tries 1200))
    (setq tries (1+ tries))
    (accept-process-output nil 0.05))
  (message "SERVERS %S" (mapcar (lambda (one) (lsp--client-server-id (lsp--workspace-client one))) (lsp-workspaces)))
  (setq tries 0)
  (while (and (seq-empty-p found) (< tries 600))
    (setq tries (1+ tries))
    (accept-process-output nil 0.05)
    (setq found (lsp-request "workspace/symbol" '(:query "elsewhere"))))
  (message "SYMBOL %s" (lsp-get (seq-first found) :name))
  (message "OUTLINE %S" (lsp-request "textDocument/documentSymbol"
                                    (list :textDocument (lsp--text-document-identifier))))
  (goto-char (point-min))
  (search-forward "moon_rise")
  (message "DEFINITION %S" (lsp-request "textDocument/definition" (lsp--text-document-position-params)))
  (set-buffer-modified-p nil)
  (lsp-workspace-shutdown (car (lsp-workspaces))))
"""

VIM = """
set nocompatible nomore
let &runtimepath = $TIDE_ALE . ',' . &runtimepath
filetype plugin on
let g:ale_linters_explicit = 1
let g:ale_linters = {'sh': ['lowtide']}
runtime! plugin/ale.vim
RECIPE
edit $TIDE_FILE
call ale#Queue(0)
let s:lines = []
function! s:Done(response) abort
  for l:item in type(a:response) is v:t_dict && type(get(a:response, 'result', 0)) is v:t_list ? a:response.result : []
    call add(s:lines, l:item.name)
  endfor
endfunction
let s:tries = 0
while empty(s:lines) && s:tries < 600
  let s:tries += 1
  sleep 50m
  let s:asked = [0, 'workspace/symbol', {'query': 'elsewhere'}]
  call ale#lsp_linter#SendRequest(bufnr(''), 'lowtide', s:asked, function('s:Done'))
endwhile
call writefile(s:lines, $TIDE_OUTPUT)
qall!
"""


RECIPES = (Path(__file__).resolve().parents[2] / "docs/editors.md").read_text("utf-8")


def recipes(language: str) -> list[str]:
    """The examples of docs/editors.md in this language."""
    return re.findall(rf"```{language}\n(.*?)```", RECIPES, re.DOTALL)


def test_every_editor_has_a_recipe_that_can_be_read() -> None:
    for editor in ("Helix", "Zed", "Emacs", "Vim", "Kate", "Sublime Text", "JetBrains"):
        assert f"\n## {editor}" in RECIPES
    assert [tomllib.loads(text)["language-server"]["lowtide"]["args"] for text in recipes("toml")] == [
        ["lsp", "--stdio"]
    ]
    assert all('"lsp", "--stdio"' in json.dumps(json.loads(text)) for text in recipes("json"))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    root = tmp_path / "tree"
    root.mkdir()
    subprocess.run(["git", "init", "-q", root], check=True)
    (root / "tides.sh").write_text("moon_rise() { :; }\nmoon_rise\n")
    (root / "other.sh").write_text("found_elsewhere() { :; }\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "lowtide").write_text(f'#!/bin/sh\nexec {sys.executable} -m lowtide.cli "$@"\n')
    (programs / "lowtide").chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "LOWTIDE_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path),
        "TIDE_FILE": str(root / "tides.sh"),
        "TIDE_ALE": str(ALE),
        "TIDE_OUTPUT": str(tmp_path / "output"),
        "TERM": "dumb",
    }


@pytest.fixture(autouse=True)
def no_daemon_left(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    yield
    monkeypatch.setenv("LOWTIDE_HOME", environment["LOWTIDE_HOME"])
    try:
        stop(Client.connect(Places.from_environment(), start=False))
    except DaemonError:
        pass


def emacs(lisp: str, environment: dict[str, str], tmp_path: Path) -> str:
    """What an Emacs says that ran this to its end."""
    script = tmp_path / "tide.el"
    script.write_text(lisp)
    done = subprocess.run(
        ["emacs", "--batch", "-l", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.mark.skipif(not (shutil.which("emacs") and EGLOT), reason="emacs-nox and elpa-eglot are not installed")
def test_emacs_with_eglot(environment: dict[str, str], tmp_path: Path) -> None:
    said = emacs(EMACS.replace("RECIPE", recipes("elisp")[0]), environment, tmp_path)
    assert "SYMBOL found_elsewhere" in said
    assert "late_tide" in said.split("OUTLINE", 1)[1].splitlines()[0]
    assert "tides.sh" in said.split("DEFINITION", 1)[1].splitlines()[0]
    assert "Error in server" not in said


@pytest.mark.skipif(not (shutil.which("emacs") and LSP_MODE_THERE), reason="emacs-nox, elpa-lsp-mode: not installed")
def test_emacs_with_lsp_mode(environment: dict[str, str], tmp_path: Path) -> None:
    said = emacs(LSP_MODE.replace("RECIPE", recipes("elisp")[1]), environment, tmp_path)
    assert "SERVERS (lowtide)" in said
    assert "SYMBOL found_elsewhere" in said
    assert "moon_rise" in said.split("OUTLINE", 1)[1].splitlines()[0]
    assert "tides.sh" in said.split("DEFINITION", 1)[1].splitlines()[0]


@pytest.mark.skipif(not (shutil.which("vim") and ALE.exists()), reason="vim and vim-ale are not installed")
def test_vim_with_ale(environment: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "tide.vim"
    script.write_text(VIM.replace("RECIPE", recipes("vim")[0].replace("'python'", "'sh'")))
    done = subprocess.run(
        ["vim", "-N", "-u", script, "-es"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (tmp_path / "output").exists(), done.stdout + done.stderr
    assert "found_elsewhere" in (tmp_path / "output").read_text()


@pytest.mark.skipif(not shutil.which("kate"), reason="kate is not installed")
def test_kate(environment: dict[str, str], tmp_path: Path) -> None:
    """Without a screen; what Kate and the server say to each other is written down on the way."""
    program, told, said = tmp_path / "bin" / "lowtide", tmp_path / "told", tmp_path / "said"
    program.write_text(f'#!/bin/sh\ntee {told} | {sys.executable} -m lowtide.cli "$@" | tee {said}\n')
    settings = tmp_path / "config" / "kate" / "lspclient" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(next(text for text in recipes("json") if "rootIndicationFileNames" in text))
    # What Kate asks a person about, once: whether this command line may be started.
    (tmp_path / "config" / "katerc").write_text(f"[lspclient]\nAllowedServerCommandLines={program} lsp --stdio\n")
    (tmp_path / "runtime").mkdir(mode=0o700)
    own = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "CACHE", "STATE")}
    without_bus = {name: value for name, value in environment.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
    with (tmp_path / "errors").open("wb") as errors:
        kate = subprocess.Popen(
            ["kate", "--new", "--block", environment["TIDE_FILE"]],
            env={**without_bus, **own, "XDG_RUNTIME_DIR": str(tmp_path / "runtime"), "QT_QPA_PLATFORM": "offscreen"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    try:
        until_s = time.monotonic() + 120
        while not (said.exists() and "moon_rise" in said.read_text()):
            assert kate.poll() is None, (tmp_path / "errors").read_text()[-3000:]
            assert time.monotonic() < until_s, told.read_text() if told.exists() else "the server was not started"
            time.sleep(0.05)
        assert f'"rootUri": "{(tmp_path / "tree").as_uri()}"' in told.read_text()
        assert '"method": "textDocument/didOpen"' in told.read_text()
    finally:
        kate.terminate()
        kate.wait(30)
