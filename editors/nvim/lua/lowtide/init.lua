-- What users and other plugins may call. Nothing is loaded until it is used.

---@class lowtide
local M = {}

---@param opts? { first?: integer, last?: integer }
---@return string text of the selection in visual mode, else of the given lines, else empty
local function selected(opts)
  local mode = vim.fn.mode()
  if mode:find('^[vV\22]') then
    local text = vim.fn.getregion(vim.fn.getpos('v'), vim.fn.getpos('.'), { type = mode })
    vim.cmd.normal({ vim.keycode('<Esc>'), bang = true })
    return table.concat(text, '\n')
  elseif opts and opts.first then
    return table.concat(vim.api.nvim_buf_get_lines(0, opts.first - 1, opts.last or opts.first, false), '\n')
  end
  return ''
end

--- Search by words and by meaning. Without a query: the selection, else it is asked for, or live.
---@param query? string
---@param opts? lowtide.SearchOptions
function M.search(query, opts)
  opts = vim.tbl_extend('force', opts or {}, {})
  opts.query = query or opts.query or selected(opts)
  local search = require('lowtide.search')
  search.open(search.search_source(opts), opts)
end

--- Find definitions by a fuzzy name.
---@param query? string
---@param opts? lowtide.SearchOptions
function M.symbols(query, opts)
  opts = vim.tbl_extend('force', opts or {}, {})
  opts.query = query or opts.query or selected(opts)
  local search = require('lowtide.search')
  search.open(search.symbols_source(opts), opts)
end

--- Find code like the selection, or like the given lines, or like the line of the cursor.
---@param opts? lowtide.SimilarOptions
function M.similar(opts)
  opts = vim.tbl_extend('force', opts or {}, {})
  if not opts.first and vim.fn.mode():find('^[vV\22]') then
    local a, b = vim.fn.line('v'), vim.fn.line('.')
    opts.first, opts.last = math.min(a, b), math.max(a, b)
    vim.cmd.normal({ vim.keycode('<Esc>'), bang = true })
  end
  local search = require('lowtide.search')
  search.open(search.similar_source(opts), opts)
end

--- The text for the statusline: escaped, made when something changed; reading it asks nobody.
---@return string
function M.status()
  return package.loaded['lowtide.status'] and require('lowtide.status').text() or ''
end

--- The highlight group that goes with the text.
---@return string
function M.status_highlight()
  return package.loaded['lowtide.status'] and require('lowtide.status').group() or ''
end

--- The last Status of the server; nil when none is attached.
---@return lowtide.Status?
function M.last_status()
  return package.loaded['lowtide.status'] and require('lowtide.status').last() or nil
end

--- Show the memory window, or close it.
function M.memory()
  require('lowtide.memory').toggle()
end

---@param method string
---@param params table|fun(client: vim.lsp.Client): table
---@param on_status? fun(status: lowtide.Status, client: vim.lsp.Client)
local function ask_status(method, params, on_status)
  require('lowtide.session').request(method, params, function(status, client)
    require('lowtide.status').receive(status, client.id)
    if on_status then
      on_status(status, client)
    end
  end)
end

---@param text string
local function say(text)
  vim.notify('Lowtide: ' .. text, vim.log.levels.INFO)
end

--- Show the status in a window; `line` shows it as one message.
---@param opts? { line?: boolean }
function M.open_status(opts)
  ask_status('lowtide/status', vim.empty_dict(), function(status)
    local report = require('lowtide.report')
    if opts and opts.line then
      vim.notify(report.line(status), vim.log.levels.INFO)
    else
      report.show('status', 'Lowtide status', report.status_rows(status, require('lowtide.server').last))
    end
  end)
end

--- Stop all indexing until it is resumed; searching goes on.
function M.pause()
  ask_status('lowtide/pause', vim.empty_dict(), function()
    say('paused; :Lowtide resume goes on')
  end)
end

function M.resume()
  ask_status('lowtide/resume', vim.empty_dict(), function()
    say('goes on')
  end)
end

function M.toggle_pause()
  local status = M.last_status()
  if status and status.state == 'paused' then
    M.resume()
  else
    M.pause()
  end
end

--- Cancel what is being done: what the server reports as progress, else everything. What was committed is kept.
---@param opts? { all?: boolean } everything, reported or not
function M.cancel(opts)
  local count = not (opts and opts.all) and require('lowtide.progress').cancel() or 0
  if count == 0 then
    ask_status('lowtide/cancel', vim.empty_dict(), function()
      say('cancelled')
    end)
  else
    say('cancelled')
  end
end

--- Bring the index of this workspace up to date.
---@param opts? { all?: boolean, force?: boolean } every workspace; from nothing
function M.reindex(opts)
  opts = opts or {}
  ask_status('lowtide/reindex', function(client)
    return {
      rootUri = not opts.all and client.root_dir and vim.uri_from_fname(client.root_dir) or nil,
      force = opts.force or false,
    }
  end, function()
    say(opts.force and 'indexing from nothing' or 'looking at every file again')
  end)
end

--- Set the budget of all of Lowtide, or say what it is.
---@param size? string|integer "256MiB", "1G" or bytes
function M.budget(size)
  local format = require('lowtide.format')
  if not size or size == '' then
    return ask_status('lowtide/status', vim.empty_dict(), function(status)
      local budget, by = format.bytes(status.memory.budgetBytes), format.budget_set_by(status.memory)
      say('the budget is ' .. budget .. (by and ', ' .. by or ''))
    end)
  end
  local bytes = type(size) == 'number' and size or format.parse_size(tostring(size))
  if not bytes then
    return vim.notify(
      ("Lowtide: '%s' is not a size; write it as 256MiB, 1G or a number of bytes"):format(size),
      vim.log.levels.ERROR
    )
  end
  ask_status('lowtide/setBudget', { bytes = bytes }, function(status)
    say('the budget is now ' .. format.bytes(status.memory.budgetBytes))
  end)
end

--- Say why a file is, or is not, found.
---@param path? string default: the current file
function M.why(path)
  local file = vim.fn.fnamemodify(path and path ~= '' and path or vim.api.nvim_buf_get_name(0), ':p')
  require('lowtide.session').request('lowtide/explain', { uri = vim.uri_from_fname(file) }, function(answer)
    local report = require('lowtide.report')
    report.show('why', 'Why ' .. vim.fn.fnamemodify(file, ':t'), report.why_rows(answer))
  end)
end

--- Open the log of the daemon; `editor`: that of Neovim's client instead.
---@param opts? { editor?: boolean }
function M.log(opts)
  local file = opts and opts.editor and vim.lsp.get_log_path() or require('lowtide.places').log_file()
  if not vim.uv.fs_stat(file) then
    return vim.notify(('Lowtide: there is no log at %s yet'):format(file), vim.log.levels.WARN)
  end
  vim.cmd.split({ file, mods = { keepalt = true } })
  vim.bo.readonly, vim.bo.modifiable, vim.bo.bufhidden = true, false, 'wipe'
  vim.cmd('normal! G')
end

--- Start the client anew.
---@param opts? { daemon?: boolean } the daemon as well
function M.restart(opts)
  require('lowtide.session').restart(opts ~= nil and opts.daemon == true)
end

return M
