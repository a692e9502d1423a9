-- What can be asked: search, symbols, similar code. Each is a source, shown by a picker or in the quickfix list.
-- Invariant: a source asks only when told to; a new question of a live source cancels the one before.

local config = require('lowtide.config')
local freshness = require('lowtide.freshness')
local results = require('lowtide.results')
local session = require('lowtide.session')

local M = {}

---@class lowtide.Source
---@field title string
---@field live boolean whether another query gives other answers
---@field query string the first query
---@field ask fun(query: string, on_items: lowtide.OnItems, on_error?: fun(text: string)): fun()

---@alias lowtide.OnItems fun(items: lowtide.Item[], told: lowtide.Told)

---@class lowtide.Told what is to be said beside an answer
---@field note? string how it stands to the disk, and how good it is; nil when there is nothing to say
---@field freshness? lowtide.Freshness
---@field root? string the workspace that was asked

---@type string? the reason why answers are degraded that was told last
local told_degraded
---@param answer lowtide.SearchAnswer
local function tell(answer)
  local reason = answer.degraded ~= vim.NIL and answer.degraded or nil
  if reason and reason ~= told_degraded then
    vim.notify('Lowtide: the answer is degraded: ' .. reason, vim.log.levels.WARN)
  end
  told_degraded = reason
end

---@param answer { freshness?: lowtide.Freshness }
---@param items lowtide.Item[]
---@param client vim.lsp.Client
---@return lowtide.Told
local function told(answer, items, client)
  return {
    freshness = answer.freshness,
    note = freshness.note(answer.freshness, items),
    root = client.root_dir,
  }
end

---@param opts lowtide.SearchOptions
---@return lowtide.Source
function M.search_source(opts)
  return {
    title = 'Lowtide search',
    live = true,
    query = opts.query or '',
    ask = function(query, on_items, on_error)
      if query:match('^%s*$') then
        on_items({}, {})
        return function() end
      end
      return session.request('lowtide/search', function(client)
        return {
          query = query,
          limit = opts.limit or config.get().limit,
          mode = opts.mode or config.get().mode,
          rootUri = client.root_dir and vim.uri_from_fname(client.root_dir),
          languages = opts.languages,
          globs = opts.globs,
          kinds = opts.kinds,
          team = true,
        }
      end, function(answer, client)
        tell(answer)
        local items = results.from_hits(answer.hits, client, query)
        on_items(items, told(answer, items, client))
      end, on_error)
    end,
  }
end

---@param opts lowtide.SearchOptions
---@return lowtide.Source
function M.symbols_source(opts)
  return {
    title = 'Lowtide symbols',
    live = true,
    query = opts.query or '',
    ask = function(query, on_items, on_error)
      local params = { query = query, limit = opts.limit or config.get().limit }
      return session.request('lowtide/symbols', params, function(answer, client)
        local items = results.from_symbols(answer.symbols, client, query)
        on_items(items, told(answer, items, client))
      end, on_error)
    end,
  }
end

---@param opts lowtide.SimilarOptions
---@return lowtide.Source
function M.similar_source(opts)
  local buffer = vim.api.nvim_get_current_buf()
  local first, last = opts.first or vim.fn.line('.'), opts.last or opts.first or vim.fn.line('.')
  return {
    title = ('Lowtide similar to %d–%d'):format(first, last),
    live = false,
    query = '',
    ask = function(_, on_items, on_error)
      return session.request('lowtide/similar', function(client)
        local text = vim.api.nvim_buf_get_lines(buffer, last - 1, last, false)[1] or ''
        return {
          textDocument = { uri = vim.uri_from_bufnr(buffer) },
          range = {
            start = { line = first - 1, character = 0 },
            ['end'] = { line = last - 1, character = vim.str_utfindex(text, client.offset_encoding) },
          },
          limit = opts.limit or config.get().limit,
        }
      end, function(answer, client)
        tell(answer)
        local items = results.from_hits(answer.hits, client, '')
        on_items(items, told(answer, items, client))
      end, on_error)
    end,
  }
end

--- A title with what is to be said beside the answer.
---@param title string
---@param note string?
---@return string
function M.titled(title, note)
  return note and ('%s (%s)'):format(title, note) or title
end

---@param source lowtide.Source
---@param opts { quickfix?: boolean, picker?: string }
function M.open(source, opts)
  require('lowtide.pickers').open(source, opts.quickfix and 'quickfix' or opts.picker)
end

return M
