-- Answers of the server as items that pickers and the quickfix list can show, and the jump to one.
-- Invariant: no file is read to show an item; positions are converted when one jumps.

local M = {}

-- 'lowtide/search' says a kind by name; 'workspace/symbol' by number.
local KINDS = vim.lsp.protocol.SymbolKind

---@param value any
---@return any nil for JSON's null
local function known(value)
  if value ~= vim.NIL then
    return value
  end
end

---@param uri string
---@param root string?
---@return string path
---@return string shown relative to the workspace, where it is in it
local function paths(uri, root)
  local path = vim.uri_to_fname(uri)
  if root and vim.startswith(path, root .. '/') then
    return path, path:sub(#root + 2)
  end
  return path, vim.fn.fnamemodify(path, ':~:.')
end

---@param item lowtide.Item
---@return lowtide.Item
local function finish(item)
  local name = item.name or ''
  item.location = ('%s:%d'):format(item.shown, item.lnum)
  if name ~= '' then
    local kind = (item.kind or '') ~= '' and item.kind .. ' ' or ''
    local container = (item.container or '') ~= '' and ' in ' .. item.container or ''
    item.text = kind .. name .. container
  else
    item.text = vim.trim((item.snippet or ''):match('[^\n]*%S[^\n]*') or '')
  end
  item.label = item.location .. '  ' .. item.text
  return item
end

---@param uri string
---@param range lsp.Range
---@param client vim.lsp.Client
---@return lowtide.Item
local function place(uri, range, client)
  local path, shown = paths(uri, client.root_dir)
  return {
    uri = uri,
    range = range,
    encoding = client.offset_encoding,
    path = path,
    shown = shown,
    lnum = range.start.line + 1,
    col = range.start.character + 1,
    end_lnum = range['end'].line + 1,
  }
end

---@param hits lowtide.Hit[]
---@param client vim.lsp.Client
---@return lowtide.Item[]
function M.from_hits(hits, client)
  return vim.tbl_map(function(hit)
    local item = place(hit.uri, hit.range, client)
    item.kind, item.name, item.container = known(hit.kind), known(hit.name), known(hit.container)
    item.score, item.snippet = known(hit.score), known(hit.snippet)
    -- A range that ends at the start of a line does not take that line in.
    if hit.range['end'].character == 0 and item.end_lnum > item.lnum then
      item.end_lnum = item.end_lnum - 1
    end
    return finish(item)
  end, hits)
end

---@param symbols lsp.WorkspaceSymbol[]|lsp.SymbolInformation[]
---@param client vim.lsp.Client
---@return lowtide.Item[]
function M.from_symbols(symbols, client)
  local first = { line = 0, character = 0 }
  return vim.tbl_map(function(symbol)
    local range = symbol.location.range or { start = first, ['end'] = first }
    local item = place(symbol.location.uri, range, client)
    item.kind = (KINDS[symbol.kind] or 'Unknown'):gsub('(%l)(%u)', '%1-%2'):lower()
    item.name, item.container = symbol.name, known(symbol.containerName)
    return finish(item)
  end, symbols)
end

--- Go to an item in the current window; the place that one leaves is in the jump list.
---@param item lowtide.Item
---@param how? 'edit'|'split'|'vsplit'|'tab'
function M.jump(item, how)
  if how and how ~= 'edit' then
    vim.cmd(({ split = 'split', vsplit = 'vsplit', tab = 'tab split' })[how])
  end
  -- Not vim.lsp.util.show_document(): it fails when the cursor is not on a word.
  vim.cmd("normal! m'")
  local buffer = vim.uri_to_bufnr(item.uri)
  vim.bo[buffer].buflisted = true
  local ok, err = pcall(vim.api.nvim_win_set_buf, 0, buffer)
  if not ok then
    return vim.notify('Lowtide: ' .. tostring(err):gsub('^.-:%d+: ', ''), vim.log.levels.ERROR)
  end
  -- The file may have changed since it was indexed.
  local start = item.range.start
  local line = math.min(start.line, vim.api.nvim_buf_line_count(buffer) - 1)
  local text = vim.api.nvim_buf_get_lines(buffer, line, line + 1, false)[1] or ''
  local column = vim.str_byteindex(text, item.encoding, start.character, false)
  vim.api.nvim_win_set_cursor(0, { line + 1, column })
  vim.cmd('normal! zv')
end

--- Put the items into a new quickfix list, and open it.
---@param title string
---@param items lowtide.Item[]
function M.to_quickfix(title, items)
  vim.fn.setqflist({}, ' ', {
    title = title,
    items = vim.tbl_map(function(item)
      return {
        filename = item.path,
        lnum = item.lnum,
        end_lnum = item.end_lnum,
        col = item.col,
        text = item.text,
        user_data = { uri = item.uri, range = item.range },
      }
    end, items),
  })
  vim.cmd('botright copen')
end

return M
