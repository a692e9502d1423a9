-- `:Lowtide`: its subcommands, their arguments and completion.
-- Invariant: the help file lists what COMMANDS holds.

local M = {}

---@class lowtide.Command
---@field args string as the help shows them
---@field doc string
---@field bang? string what `!` does
---@field range? string what a range does
---@field run fun(invocation: table, argument: string)
---@field complete? fun(lead: string): string[]

local MODES = { 'hybrid', 'semantic', 'lexical' }
local KINDS = vim.split(
  'class constant constructor enum enum-member field function interface method module namespace package property '
    .. 'struct type-parameter variable',
  ' '
)
local FLAGS = {
  mode = { field = 'mode', values = MODES },
  lang = { field = 'languages', list = true },
  glob = { field = 'globs', list = true },
  kind = { field = 'kinds', list = true, values = KINDS },
  limit = { field = 'limit', number = true },
}

--- Split the flags from a query.
---@param argument string
---@return lowtide.SearchOptions
function M.parse_search(argument)
  local opts, words = {}, {}
  for word in argument:gmatch('%S+') do
    local name, value = word:match('^%-%-(%w+)=(.+)$')
    local flag = name and FLAGS[name]
    if not flag then
      words[#words + 1] = word
    elseif flag.list then
      opts[flag.field] = vim.list_extend(opts[flag.field] or {}, vim.split(value, ','))
    else
      opts[flag.field] = flag.number and tonumber(value) or value
    end
  end
  opts.query = #words > 0 and table.concat(words, ' ') or nil
  return opts
end

---@param lead string
---@return string[]
local function complete_flags(lead)
  local name, value = lead:match('^%-%-(%w+)=(.*)$')
  if name and FLAGS[name] and FLAGS[name].values then
    local before, last = value:match('^(.*,)(.*)$')
    before, last = before or '', last or value
    return vim.tbl_map(
      function(choice)
        return ('--%s=%s%s'):format(name, before, choice)
      end,
      vim.tbl_filter(function(choice)
        return vim.startswith(choice, last)
      end, FLAGS[name].values)
    )
  elseif name == 'lang' then
    return vim.tbl_map(function(filetype)
      return '--lang=' .. filetype
    end, vim.fn.getcompletion(value, 'filetype'))
  end
  local names = {}
  for flag in vim.spairs(FLAGS) do
    names[#names + 1] = '--' .. flag .. '='
  end
  return names
end

---@param invocation table
---@param argument string
---@return lowtide.SearchOptions
local function search_options(invocation, argument)
  local opts = M.parse_search(argument)
  opts.quickfix = invocation.bang
  if invocation.range > 0 then
    opts.first, opts.last = invocation.line1, invocation.line2
  end
  return opts
end

---@type table<string, lowtide.Command>
M.COMMANDS = {
  search = {
    args = '[--mode=…] [--lang=…] [--glob=…] [--kind=…] [--limit=N] [{query}]',
    doc = 'Search by words and by meaning. Without a query it is live, or is asked for.',
    bang = 'puts the answers into the quickfix list',
    range = 'takes these lines as the query, when there is none',
    complete = complete_flags,
    run = function(invocation, argument)
      require('lowtide').search(nil, search_options(invocation, argument))
    end,
  },
  symbols = {
    args = '[{query}]',
    doc = 'Find definitions by a fuzzy name, for example `HtRe`, `Parser.parse` or `net::Socket`.',
    bang = 'puts the answers into the quickfix list',
    range = 'takes these lines as the query, when there is none',
    run = function(invocation, argument)
      require('lowtide').symbols(nil, search_options(invocation, argument))
    end,
  },
  similar = {
    args = '',
    doc = 'Find code like the line of the cursor.',
    bang = 'puts the answers into the quickfix list',
    range = 'finds code like these lines',
    run = function(invocation)
      require('lowtide').similar(search_options(invocation, ''))
    end,
  },
  status = {
    args = '',
    doc = 'Show health, budget and workspaces in a window.',
    bang = 'shows one line instead',
    run = function(invocation)
      require('lowtide').open_status({ line = invocation.bang })
    end,
  },
  memory = {
    args = '',
    doc = 'Show the memory of each process and part against the budget, live; again closes it.',
    run = function()
      require('lowtide').memory()
    end,
  },
  pause = {
    args = '',
    doc = 'Stop all indexing, in every editor, until `:Lowtide resume`. Searching goes on.',
    run = function()
      require('lowtide').pause()
    end,
  },
  resume = {
    args = '',
    doc = 'Go on with indexing.',
    run = function()
      require('lowtide').resume()
    end,
  },
  cancel = {
    args = '',
    doc = 'Cancel what is reported as progress, else all that is being done. What was committed is kept.',
    bang = 'cancels everything, reported or not',
    run = function(invocation)
      require('lowtide').cancel({ all = invocation.bang })
    end,
  },
  reindex = {
    args = '[all]',
    doc = 'Look at every file of this workspace again, or of all of them.',
    bang = 'indexes from nothing',
    complete = function()
      return { 'all' }
    end,
    run = function(invocation, argument)
      require('lowtide').reindex({ all = argument == 'all', force = invocation.bang })
    end,
  },
  budget = {
    args = '[{size}]',
    doc = 'Set the budget of all of Lowtide until the daemon ends, for example `384MiB`. '
      .. 'Without a size: say what it is.',
    complete = function()
      return { '96MiB', '128MiB', '192MiB', '256MiB', '384MiB', '512MiB', '1GiB' }
    end,
    run = function(_, argument)
      require('lowtide').budget(argument)
    end,
  },
  why = {
    args = '[{file}]',
    doc = 'Say why a file is, or is not, found. Without a name: the current file.',
    complete = function(lead)
      return vim.fn.getcompletion(lead, 'file')
    end,
    run = function(_, argument)
      require('lowtide').why(argument ~= '' and vim.fn.expand(argument) or nil)
    end,
  },
  log = {
    args = '',
    doc = 'Open the log of the daemon.',
    bang = "opens the log of Neovim's client",
    run = function(invocation)
      require('lowtide').log({ editor = invocation.bang })
    end,
  },
  restart = {
    args = '',
    doc = 'Start the client anew.',
    bang = 'starts the daemon anew as well, for every editor',
    run = function(invocation)
      require('lowtide').restart({ daemon = invocation.bang })
    end,
  },
}

---@param invocation table what a user command is given
function M.run(invocation)
  local name, argument = invocation.args:match('^%s*(%S*)%s*(.-)%s*$')
  if name == '' then
    name = 'status'
  end
  local command = M.COMMANDS[name]
  if not command then
    local names = vim.tbl_keys(M.COMMANDS)
    table.sort(names)
    local near = vim.fn.matchfuzzy(names, name)[1]
    local hint = near and ('did you mean `:Lowtide %s`?'):format(near)
      or 'one of ' .. table.concat(names, ', ')
    return vim.notify(('Lowtide: no command `%s`; %s'):format(name, hint), vim.log.levels.ERROR)
  end
  if invocation.bang and not command.bang then
    return vim.notify(('Lowtide: `:Lowtide %s` takes no !'):format(name), vim.log.levels.ERROR)
  elseif invocation.range > 0 and not command.range then
    return vim.notify(('Lowtide: `:Lowtide %s` takes no range'):format(name), vim.log.levels.ERROR)
  elseif argument ~= '' and command.args == '' then
    return vim.notify(('Lowtide: `:Lowtide %s` takes no argument'):format(name), vim.log.levels.ERROR)
  end
  command.run(invocation, argument)
end

---@param lead string
---@param line string
---@param position integer
---@return string[]
function M.complete(lead, line, position)
  local before = line:sub(1, position)
  local name = before:match('Lowtide!?%s+(%S+)%s+.*$')
  local choices
  if not name then
    choices = vim.tbl_filter(function(each)
      return not before:find('Lowtide!') or M.COMMANDS[each].bang ~= nil
    end, vim.tbl_keys(M.COMMANDS))
    table.sort(choices)
  else
    local command = M.COMMANDS[name]
    choices = command and command.complete and command.complete(lead) or {}
  end
  return vim.tbl_filter(function(choice)
    return vim.startswith(choice, lead)
  end, choices)
end

return M
