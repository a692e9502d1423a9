-- The options: their names, types, defaults and meaning.
-- Invariant: the one source of the checks in config.lua, of the types in meta_options.lua and of the help file.

---@class lowtide.schema.Option
---@field name string
---@field type string LuaCATS type
---@field default any
---@field doc string
---@field check fun(value: any): boolean

local function is(kind)
  return function(value)
    return type(value) == kind
  end
end

local function is_one_of(...)
  local choices = { ... }
  return function(value)
    return vim.tbl_contains(choices, value)
  end
end

local function is_list_of_texts(value)
  return vim.islist(value) and vim.iter(value):all(is('string'))
end

local function is_count(value)
  return type(value) == 'number' and value >= 0 and value % 1 == 0
end

---@type lowtide.schema.Option[]
return {
  {
    name = 'cmd',
    type = 'string[]',
    default = { 'lowtide', 'lsp' },
    check = function(value)
      return is_list_of_texts(value) and #value > 0
    end,
    doc = 'The command that starts the language server. It finds or starts the daemon of the user.',
  },
  {
    name = 'connect',
    type = "'auto'|'socket'|'command'",
    default = 'auto',
    check = is_one_of('auto', 'socket', 'command'),
    doc = [[
How the daemon is reached. "auto" attaches straight to its socket when it runs, which saves a process for each
editor, and starts `cmd` when it does not. "socket" never starts anything, "command" always starts `cmd`.]],
  },
  {
    name = 'socket',
    type = 'string?',
    default = nil,
    check = is('string'),
    doc = [[
The path of the daemon's socket, when it is not to be the one that the daemon's own lock names.]],
  },
  {
    name = 'root_markers',
    type = 'string[]',
    default = { '.lowtide.toml', '.lowtideignore', '.git', '.hg', '.jj' },
    check = is_list_of_texts,
    doc = [[
A workspace is the nearest folder around a file that holds one of these. A file without such a folder is not
attached. Your home folder and `/` are never taken for a workspace.]],
  },
  {
    name = 'picker',
    type = "'auto'|'select'|'quickfix'|'telescope'|'fzf-lua'|'snacks'|'mini.pick'",
    default = 'auto',
    check = is_one_of('auto', 'select', 'quickfix', 'telescope', 'fzf-lua', 'snacks', 'mini.pick'),
    doc = [[
Where answers are shown. "auto" takes the first of snacks.picker, telescope, fzf-lua and mini.pick that is there,
else |vim.ui.select()| where a plugin has replaced it, else the quickfix list. All but "select" and "quickfix" ask again
while you type and show a preview.]],
  },
  {
    name = 'limit',
    type = 'integer',
    default = 50,
    check = function(value)
      return is_count(value) and value >= 1 and value <= 1000
    end,
    doc = 'The most answers that are asked for.',
  },
  {
    name = 'mode',
    type = "'hybrid'|'semantic'|'lexical'",
    default = 'hybrid',
    check = is_one_of('hybrid', 'semantic', 'lexical'),
    doc = 'By words and by meaning, by meaning alone, or by words alone.',
  },
  {
    name = 'debounce_ms',
    type = 'integer',
    default = 80,
    check = is_count,
    doc = 'How long a live search waits after a key before it asks.',
  },
  {
    name = 'restart_limit',
    type = 'integer',
    default = 4,
    check = is_count,
    doc = 'How often, within three minutes, a server that died is started again. 0: never.',
  },
  {
    name = 'statusline',
    type = 'fun(status: lowtide.Status, progress: lowtide.Progress?): string',
    default = nil,
    check = is('function'),
    doc = 'Makes the text of the statusline, without escapes. It is called when something changed, not at each redraw.',
  },
  {
    name = 'memory_refresh_ms',
    type = 'integer',
    default = 1000,
    check = function(value)
      return is_count(value) and value >= 100
    end,
    doc = 'How often the memory window asks for new figures.',
  },
}
