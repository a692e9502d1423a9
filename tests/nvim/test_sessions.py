"""What a person does with the plugin, in a real Neovim against the real daemon."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.nvim.editor import Editor, Place, plain

Start = Callable[..., Editor]


def how(editor: Editor) -> str:
    """How the daemon was reached."""
    return str(editor.lua("return require('lowtide.server').last.how"))


def test_first_editor_starts_the_daemon_and_the_second_attaches_to_its_socket(
    start: Start, root: Path, place: Place
) -> None:
    first = start(root / "reader.py")
    first.wait_attached()
    assert how(first) == "command"
    pid = place.daemon_pid()
    second = start(root / "client.go")
    second.wait_attached()
    assert how(second) == "socket"
    assert second.children() == []
    assert place.daemon_pid() == pid
    found = second.ask_list("Lowtide! symbols retry_after")
    assert found[0] == ("reader.py", 9, "retry_after_timeout  function")


def test_what_one_editor_does_the_other_shows(start: Start, root: Path) -> None:
    first, second = start(root / "reader.py"), start(root / "client.go")
    first.wait_attached()
    second.wait_attached()
    first.command("Lowtide pause")
    first.wait_message("paused")
    second.wait("require('lowtide').status():find('paused', 1, true)")
    second.command("Lowtide resume")
    first.wait("not require('lowtide').status():find('paused', 1, true)")


def test_search_offers_answers_and_jumps(start: Start, root: Path) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    editor.command("Lowtide search --lang=go send the request again when it timed out")
    editor.answer_prompt("1<CR>")
    editor.wait("vim.endswith(vim.api.nvim_buf_get_name(0), 'client.go')")
    name, line, _ = editor.position()
    assert name == "client.go"
    assert 1 <= line <= 4
    editor.nvim.command('execute "normal! \\<C-o>"')
    assert editor.position()[0] == "reader.py"


def test_symbol_of_a_name_with_blanks_and_letters_beyond_ascii(start: Start, root: Path) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    editor.command("Lowtide symbols highWater")
    editor.answer_prompt("1<CR>")
    editor.wait("vim.endswith(vim.api.nvim_buf_get_name(0), 'ü file.py')")
    assert editor.position() == ("ü file.py", 3, 4)


def test_unsaved_text_is_found(start: Start, root: Path) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    editor.lua("vim.api.nvim_buf_set_lines(0, 0, 0, false, { 'def springTideTable():', '    pass', '' })")
    editor.wait(
        """(function()
          local client = vim.lsp.get_clients({ name = 'lowtide' })[1]
          local answer = client:request_sync('workspace/symbol', { query = 'springTide' }, 5000)
          return answer and answer.result and #answer.result > 0
        end)()"""
    )
    assert editor.ask_list("Lowtide! symbols springTide")[0] == ("reader.py", 1, "springTideTable  function")


def test_similar_code_is_found_in_another_language(start: Start, root: Path) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    names = [name for name, _, _ in editor.ask_list("9,15Lowtide! similar")]
    assert "client.go" in names


def test_status_is_the_daemons_own_figure(start: Start, root: Path, place: Place) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    text = editor.lua("return require('lowtide').status()")
    match = re.fullmatch(r"lowtide (\d+)/256 MiB", text)
    assert match, text
    pid = place.daemon_pid()
    assert pid is not None
    shown = int(match[1]) << 20
    info = psutil.Process(pid).memory_info()
    assert shown <= 256 << 20
    assert shown >= (info.rss - info.shared) * 0.5


def test_budget_is_set_for_all_and_a_wrong_one_refused(start: Start, root: Path) -> None:
    first, second = start(root / "reader.py"), start(root / "client.go")
    first.wait_attached()
    second.wait_attached()
    first.command("Lowtide budget 320MiB")
    first.wait_message("the budget is now 320 MiB")
    second.wait("require('lowtide').status():find('/320 MiB', 1, true)")
    first.command("Lowtide budget 10MiB")
    first.wait_message("96")


def test_progress_is_reported_and_cancelled(start: Start, root: Path) -> None:
    for folder in range(40):
        (root / f"made{folder}").mkdir()
        for number in range(40):
            text = "".join(f"def made_{folder}_{number}_{line}(a, b):\n    return a + b\n\n\n" for line in range(60))
            (root / f"made{folder}" / f"file{number}.py").write_text(text, "utf-8")
    editor = start(
        root / "reader.py",
        lua="""
        _G.progress = {}
        vim.api.nvim_create_autocmd('LspProgress', { callback = function(event)
          table.insert(_G.progress, event.data.params.value.kind)
        end })""",
    )
    editor.wait_attached(indexed=False)
    editor.wait("vim.list_contains(progress, 'report') and require('lowtide.progress').current()")
    assert editor.lua("return require('lowtide').status()").startswith("lowtide ")
    editor.command("Lowtide cancel")
    editor.wait("vim.list_contains(progress, 'end')")
    editor.wait("require('lowtide').last_status().state ~= 'indexing'")
    files = editor.lua("return require('lowtide').last_status().workspaces[1].files")
    assert files < 1600
    editor.command("Lowtide reindex")
    editor.wait(
        """(function()
          local status = require('lowtide').last_status()
          return status.quiescent and status.workspaces[1].files >= 1600
        end)()"""
    )


def test_daemon_that_was_killed_is_started_again(start: Start, root: Path, place: Place) -> None:
    first, second = start(root / "reader.py"), start(root / "client.go")
    first.wait_attached()
    second.wait_attached()
    pid = place.daemon_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    for editor in (first, second):
        editor.wait_message("is started again")
        editor.wait_attached()
        assert editor.ask_list("Lowtide! symbols parse_gauge")[0][0] == "reader.py"
    again = place.daemon_pid()
    assert again is not None
    assert again != pid


def test_restart_with_the_daemon(start: Start, root: Path, place: Place) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    before = place.daemon_pid()
    editor.command("Lowtide! restart")
    editor.wait("not require('lowtide').last_status()")
    editor.wait_attached()
    assert place.daemon_pid() not in (None, before)


def test_nothing_is_left_of_an_editor_that_ended(start: Start, root: Path) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    shims = [child for child in editor.children() if "lsp" in child.cmdline()]
    assert shims
    editor.close()
    _, alive = psutil.wait_procs(shims, timeout=15)
    assert not alive


def test_memory_window_is_live(start: Start, root: Path) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    editor.command("Lowtide memory")
    editor.wait("vim.bo.filetype == 'lowtide' and vim.api.nvim_buf_line_count(0) > 5")
    text = editor.shown()
    for part in ("used of 256 MiB", "daemon ", "unattributed", "mapped pages", "█"):
        assert part in text
    editor.command("normal q")
    assert editor.position()[0] == "reader.py"


def test_why_says_the_rule(start: Start, root: Path) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    editor.command(f"Lowtide why {root / 'app.min.js'}")
    editor.wait("vim.bo.filetype == 'lowtide'")
    assert "status skipped" in plain(editor.shown())
    assert "minified" in editor.shown()


def test_health_of_a_sound_machine(start: Start, root: Path, place: Place) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    editor.command("checkhealth lowtide")
    text = editor.shown()
    assert re.search(r"OK Neovim \d+\.\d+", text)
    assert "OK server: " in text
    assert "OK the daemon answers, reached by its command" in text
    assert re.search(r"OK budget: \d+/256 MiB used", text)
    assert "lowtide doctor" in text
    assert re.search(r"OK server: \S+: version \S+, as the plugin", text)
    assert re.search(r"OK daemon: version \S+, as the plugin", text)
    assert "ERROR" not in text, text
    assert "WARNING" not in text, text


def test_many_answers_without_a_picker_are_a_list_and_no_prompt(start: Start, root: Path) -> None:
    text = "".join(f"def tide_number_{number}(a):\n    return a\n\n\n" for number in range(60))
    (root / "many.py").write_text(text, "utf-8")
    editor = start(root / "reader.py", lua="vim.g.lowtide = { cmd = vim.g.lowtide.cmd }")
    editor.wait_attached()
    editor.command("Lowtide symbols tide_number")
    editor.wait("vim.bo.buftype == 'quickfix' and vim.fn.line('$') == 50")
    assert editor.nvim.api.get_mode() == {"mode": "n", "blocking": False}
    assert re.fullmatch(r"tide_number_\d+  function  many\.py:\d+", editor.nvim.current.line)
    space = editor.lua("return vim.api.nvim_get_namespaces()['lowtide.results']")
    editor.wait("#vim.api.nvim_buf_get_extmarks(0, given[1], 0, -1, {}) >= 50", space)
    editor.command("cc 3")
    assert editor.position()[0] == "many.py"


def test_a_search_before_the_index_is_there_is_answered(start: Start, root: Path) -> None:
    editor = start(root / "reader.py")
    editor.wait("#vim.lsp.get_clients({ name = 'lowtide', bufnr = 0 }) > 0")
    editor.lua(
        """
        require('lowtide.search').search_source({}).ask('height of the tide', function(items, told)
          _G.answer = { #items, told.freshness.state }
        end, function(text) _G.answer = { text } end)"""
    )
    editor.wait("answer")
    count, state = editor.lua("return answer")
    assert isinstance(count, int)
    assert state != "unwatched"
    editor.wait_attached()


def test_log_of_the_daemon_is_opened(start: Start, root: Path) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    editor.command("Lowtide log")
    assert editor.position()[0] == "daemon.log"
    assert "event=" in editor.shown()


def test_embedded_server_needs_no_daemon(start: Start, root: Path, place: Place) -> None:
    command = f"vim.g.lowtide = {{ cmd = {{ '{place.lowtide}', 'lsp', '--embedded' }} }}"
    editor = start(root / "reader.py", lua=command)
    editor.wait_attached()
    assert editor.ask_list("Lowtide! symbols parse_gauge")[0][0] == "reader.py"
    assert place.daemon_pid() is None


def test_typing_is_not_held_up_while_the_server_works(start: Start, root: Path) -> None:
    editor = start(root / "reader.py")
    editor.wait_attached()
    spent = editor.lua(
        """
        local worst = 0
        -- Every callback of ours that a message of the server runs, timed; handlers of Neovim itself are not ours.
        local status, progress = require('lowtide.status'), require('lowtide.progress')
        for module, name in pairs({ [status] = 'receive', [progress] = 'update' }) do
          local original = module[name]
          module[name] = function(...)
            local started = vim.uv.hrtime()
            original(...)
            worst = math.max(worst, (vim.uv.hrtime() - started) / 1e6)
          end
        end
        require('lowtide').reindex({ force = true })
        for number = 1, 200 do
          vim.api.nvim_feedkeys('ix', 'xt', false)
          vim.wait(5)
        end
        return worst"""
    )
    assert spent <= 5, f"{spent:.2f} ms"


@pytest.mark.skipif("OLD_NVIM" not in os.environ, reason="no old Neovim on this machine")
def test_old_neovim_is_told_so(place: Place) -> None:
    import subprocess

    from tests.nvim.editor import PLUGIN

    def run(command: str) -> str:
        arguments = ["--headless", "-u", "NONE", "--cmd", f"set rtp+={PLUGIN}", "-c", "runtime plugin/lowtide.lua"]
        done = subprocess.run(
            [os.environ["OLD_NVIM"], *arguments, "-c", command, "-c", "qall!"],
            env=place.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout + done.stderr

    assert run("echo 1").strip() == "1"
    assert "Lowtide: it needs Neovim 0.11 or newer: this is 0.7.2" in run("Lowtide search x")
    health = run("checkhealth lowtide | redir => out | silent %print | redir END | echo out")
    assert "too old: Lowtide needs 0.11 or newer" in health


def test_settings_of_the_client_reach_the_server(start: Start, root: Path) -> None:
    (root / "use.py").write_text("from reader import retry_after_timeout\n\nretry_after_timeout(None)\n", "utf-8")
    settings = "vim.lsp.config('lowtide', { settings = { lowtide = { definition = { python = true } } } })"
    editor = start(root / "use.py", lua=settings)
    editor.wait_attached()
    editor.nvim.current.window.cursor = (3, 4)
    editor.command("lua vim.lsp.buf.definition()")
    editor.wait("vim.endswith(vim.api.nvim_buf_get_name(0), 'reader.py')")
    assert editor.position()[:2] == ("reader.py", 9)
