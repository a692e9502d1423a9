-- What can be asked: search, symbols, similar code. Each is a source, shown by a picker or in the quickfix list.
-- Invariant: a source asks only when told to; a new question of a live source cancels the one before.

local config = require('lowtide.config')
local results = require('lowtide.results')
local session = require('lowtide.session')

local M = {}

---@class lowtide.Source
---@field title string
---@field live boolean whether another query gives other answers
---@field query string the first query
---@field ask fun(query: string, on_items: fun(items: lowtide.Item[]), on_error?: fun(text: string)): fun()

---@type string? the reason why answers are degraded that was told last
local told_degraded
---@type string? how the answers stood to the disk when that was told last
local told_state

--- What an answer may lack of what is on the disk; nil when it is current, or an older server does not tell.
---@param fresh lowtide.Freshness?
---@return string?
function M.freshness_words(fresh)
  local state = fresh and fresh.state or 'current'
  if state == 'current' then
    return nil
  elseif state == 'checking' then
    return 'still being compared with the disk: results so far'
  elseif state == 'unwatched' then
    return 'not watched for changes' .. (fresh.reason ~= '' and ': ' .. fresh.reason or '')
  elseif fresh.indexed < fresh.total then
    return ('%d %% indexed: results so far'):format(math.floor(100 * fresh.indexed / fresh.total))
  end
  return 'still being indexed: results so far'
end

---@param answer lowtide.SearchAnswer
local function tell(answer)
  local state = answer.freshness and answer.freshness.state or 'current'
  if state ~= told_state then
    told_state = state
    local words = M.freshness_words(answer.freshness)
    if words then
      vim.notify('Lowtide: ' .. words, vim.log.levels.INFO)
    end
  end
  local reason = answer.degraded ~= vim.NIL and answer.degraded or nil
  if reason and reason ~= told_degraded then
    vim.notify('Lowtide: the answer is degraded: ' .. reason, vim.log.levels.WARN)
  end
  told_degraded = reason
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
        on_items({})
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
        }
      end, function(answer, client)
        tell(answer)
        on_items(results.from_hits(answer.hits, client))
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
      return session.request('workspace/symbol', { query = query }, function(symbols, client)
        local items = results.from_symbols(symbols or {}, client)
        local limit = opts.limit or config.get().limit
        on_items(#items > limit and vim.list_slice(items, 1, limit) or items)
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
        on_items(results.from_hits(answer.hits, client))
      end, on_error)
    end,
  }
end

---@param source lowtide.Source
---@param opts { quickfix?: boolean, picker?: string }
function M.open(source, opts)
  if not opts.quickfix then
    return require('lowtide.pickers').open(source, opts.picker)
  end
  require('lowtide.pickers.select').with_query(source, function(query)
    source.ask(query, function(items)
      if #items == 0 then
        vim.notify('Lowtide: nothing found', vim.log.levels.INFO)
      else
        results.to_quickfix(source.title .. (query ~= '' and ': ' .. query or ''), items)
      end
    end)
  end)
end

return M
