"""The pickers that people use, as they are: rows, titles and the jump, in a real Neovim.

NVIM_PICKERS names a folder that holds telescope.nvim, plenary.nvim, snacks.nvim, fzf-lua and mini.pick, for no package
registry has them. What is not there is left out.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.nvim.editor import Editor

PLUGINS = Path(os.environ.get("NVIM_PICKERS", "/nonexistent"))
NEEDS = {
    "telescope": ("plenary.nvim", "telescope.nvim"),
    "snacks": ("snacks.nvim",),
    "mini.pick": ("mini.pick",),
    "fzf-lua": ("fzf-lua",),
}
SETUP = {"snacks": "require('snacks').setup({ picker = {} })", "mini.pick": "require('mini.pick').setup()"}
SCREEN = """
local rows = {}
for _, window in ipairs(vim.api.nvim_list_wins()) do
  local config = vim.api.nvim_win_get_config(window)
  for _, part in ipairs({ config.title or {}, config.footer or {} }) do
    for _, title in ipairs(type(part) == "table" and part or {}) do rows[#rows + 1] = title[1] end
  end
  vim.list_extend(rows, vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false))
end
return table.concat(rows, '\\n')
"""


WEAK = """
-- As if the best there is were no answer.
local session = require('lowtide.session')
local request = session.request
session.request = function(method, params, on_answer, on_error)
  return request(method, params, function(answer, client)
    for _, hit in ipairs(answer.hits or {}) do hit.weak = true end
    on_answer(answer, client)
  end, on_error)
end
local picker = ...
local search = require('lowtide.search')
vim.schedule(function() search.open(search.search_source({ query = 'retry a request' }), { picker = picker }) end)
"""


def begin(start: Callable[..., Editor], root: Path, name: str, columns: int = 120) -> Editor:
    """An editor with this picker in it; skipped where the picker is not here."""
    folders = tuple(PLUGINS / plugin for plugin in NEEDS.get(name, ()))
    if not all(folder.is_dir() for folder in folders) or (name == "fzf-lua" and not shutil.which("fzf")):
        pytest.skip(f"{name} is not here")
    editor = start(root / "client.go", lua=SETUP.get(name, ""), plugins=folders)
    editor.wait_attached()
    editor.nvim.ui_try_resize(columns, 40)
    editor.lua("_G.screen = loadstring(...)", SCREEN)
    return editor


@pytest.mark.parametrize("name", [*NEEDS, "quickfix"])
def test_weak_answers_are_marked_in_their_rows_and_in_the_title(
    start: Callable[..., Editor], root: Path, name: str
) -> None:
    editor = begin(start, root, name)
    editor.lua(WEAK, name)
    editor.wait("screen():find('%d  weak') or screen():find('function[^\\n]*weak')")
    # The quickfix window has its title in a variable of the window.
    editor.wait("(screen() .. (vim.fn.getqflist({ title = 0 }).title or '')):find('only weak answers', 1, true)")


@pytest.mark.parametrize("name", NEEDS)
def test_rows_have_the_name_first_and_lead_to_the_place(start: Callable[..., Editor], root: Path, name: str) -> None:
    editor = begin(start, root, name)
    editor.lua(
        """
        -- As if the index were still being made.
        local search = require('lowtide.search')
        local source = search.symbols_source({ query = 'retry_after' })
        local ask = source.ask
        source.ask = function(query, on_items, on_error)
          return ask(query, function(items, told)
            local fresh = { state = 'indexing', indexed = 12, total = 100, reason = '' }
            told.freshness, told.note = fresh, require('lowtide.freshness').note(fresh, items)
            on_items(items, told)
          end, on_error)
        end
        local picker = ...
        vim.schedule(function() require('lowtide.pickers').open(source, picker) end)""",
        name,
    )
    editor.wait("screen():find('retry_after_timeout  function  reader.py:9', 1, true) and screen()")
    editor.wait("screen():find('12 % indexed: results so far', 1, true)")
    editor.nvim.input("<CR>")
    editor.wait("vim.endswith(vim.api.nvim_buf_get_name(0), 'reader.py')")
    assert editor.position()[:2] == ("reader.py", 9)


@pytest.mark.parametrize("name", NEEDS)
def test_code_that_is_not_here_is_previewed_and_opened_as_what_is_known_of_it(
    start: Callable[..., Editor], root: Path, name: str
) -> None:
    editor = begin(start, root, name, columns=160)
    editor.lua(
        """
        -- As if a team's gateway had answered.
        local source = require('lowtide.search').search_source({ query = 'retry policy' })
        source.ask = function(query, on_items)
          local client = vim.lsp.get_clients({ name = 'lowtide' })[1]
          local items = require('lowtide.results').from_hits({ {
            uri = 'lowtide-remote://example.org/team/app/a%20b/retry.py?4f2a9c01d3be-12-40',
            range = { start = { line = 11, character = 0 }, ['end'] = { line = 40, character = 0 } },
            kind = 'class', name = 'RetryPolicy', container = '', score = 1, signals = {},
            snippet = 'class RetryPolicy:',
            remote = {
              repository = 'example.org/team/app', commit = ('4f2a'):rep(10), path = 'a b/retry.py', ageS = 60,
              url = 'https://example.org/team/app/retry.py#L12-L40',
            },
          } }, client, query)
          vim.schedule(function() on_items(items, {}) end)
          return function() end
        end
        local picker = ...
        vim.schedule(function() require('lowtide.pickers').open(source, picker) end)""",
        name,
    )
    row = "RetryPolicy  class  a b/retry.py:12"
    editor.wait(f"screen():find('{row}', 1, true) and screen()")
    if name != "mini.pick":  # which previews when it is told to
        editor.wait("screen():find('commit 4f2a4f2a4f2a', 1, true)")
    editor.nvim.input("<CR>")
    editor.wait("vim.startswith(vim.api.nvim_buf_get_name(0), 'lowtide-remote://')")
    editor.wait("vim.api.nvim_get_current_line() == 'RetryPolicy (class)'")
    assert editor.lua("return vim.bo.modifiable") is False
