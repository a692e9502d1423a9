-- Answers of the server as items that pickers and the quickfix list can show, and the jump to one.
-- Invariant: no file is read to show an item; positions are converted when one jumps.

local M = {}

local MOST_WORDS = 32
local namespace = vim.api.nvim_create_namespace('lowtide.results')

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

--- Where the letters of `word` stand in `name`, in its order.
---@param name string
---@param word string
---@return { [1]: integer, [2]: integer }[] byte ranges from 0, the end left out
local function letters(name, word)
  local found = vim.fn.matchfuzzypos({ name }, word)
  local ranges = {}
  for _, at in ipairs(found[2][1] or {}) do
    local first, last = vim.fn.byteidx(name, at), vim.fn.byteidx(name, at + 1)
    local before = ranges[#ranges]
    if before and before[2] == first then
      before[2] = last
    elseif not before or before[2] < first then
      ranges[#ranges + 1] = { first, last }
    end
  end
  return ranges
end

--- Where words of `query` stand in `text`, whatever their capitals are.
---@param text string
---@param query string
---@return { [1]: integer, [2]: integer }[] as of `letters`
local function words(text, query)
  local lower, taken = text:lower(), {}
  local count = 0
  for word in query:lower():gmatch('[%w_\128-\255]+') do
    count = count + 1
    if #word >= 3 and count <= MOST_WORDS then
      local first, last = lower:find(word, 1, true)
      while first do
        taken[#taken + 1] = { first - 1, last }
        first, last = lower:find(word, last + 1, true)
      end
    end
  end
  table.sort(taken, function(a, b)
    return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2])
  end)
  local ranges = {}
  for _, range in ipairs(taken) do
    local before = ranges[#ranges]
    if before and range[1] <= before[2] then
      before[2] = math.max(before[2], range[2])
    else
      ranges[#ranges + 1] = range
    end
  end
  return ranges
end

--- Cut `text` into spans, those of `ranges` with the group of what matches.
---@param text string
---@param group string?
---@param ranges { [1]: integer, [2]: integer }[]
---@return lowtide.Span[]
local function cut(text, group, ranges)
  local spans, at = {}, 0
  for _, range in ipairs(ranges) do
    if range[1] > at then
      spans[#spans + 1] = { text:sub(at + 1, range[1]), group }
    end
    spans[#spans + 1] = { text:sub(range[1] + 1, range[2]), 'LowtideMatch' }
    at = range[2]
  end
  if at < #text then
    spans[#spans + 1] = { text:sub(at + 1), group }
  end
  return spans
end

--- An item as every list shows it: the name first, then its kind, where it is, and whether it is a weak answer.
---@param item lowtide.Item
---@param ranges { [1]: integer, [2]: integer }[] what matches in its first part
---@return lowtide.Item
local function finish(item, ranges)
  local name, kind, container = item.name or '', item.kind or '', item.container or ''
  item.location = ('%s:%d'):format(item.shown, item.lnum)
  local spans
  if name ~= '' then
    spans = cut(name, 'LowtideName', ranges)
    spans[#spans + 1] = kind ~= '' and { '  ' .. kind, 'LowtideKind' } or nil
    spans[#spans + 1] = container ~= '' and { ' in ' .. container, 'LowtideContainer' } or nil
  else
    spans = cut(item.head, nil, ranges)
  end
  item.text = M.text_of(spans)
  vim.list_extend(spans, { { '  ' }, { item.shown, 'LowtidePath' }, { ':' .. item.lnum, 'LowtideLine' } })
  spans[#spans + 1] = item.weak and { '  weak', 'LowtideWeak' } or nil
  if item.remote then
    spans[#spans + 1] = { '  ' .. require('lowtide.remote').whose(item.remote), 'LowtideRemote' }
  end
  item.spans, item.label = spans, M.text_of(spans)
  return item
end

---@param spans lowtide.Span[]
---@return string
function M.text_of(spans)
  local parts = {}
  for index, span in ipairs(spans) do
    parts[index] = span[1]
  end
  return table.concat(parts)
end

--- The groups of a label that is made of spans.
---@param spans lowtide.Span[]
---@return { [1]: integer, [2]: integer, [3]: string }[] byte ranges from 0, the end left out
function M.groups_of(spans)
  local groups, at = {}, 0
  for _, span in ipairs(spans) do
    local stop = at + #span[1]
    if span[2] then
      groups[#groups + 1] = { at, stop, span[2] }
    end
    at = stop
  end
  return groups
end

--- Colour the lines of a buffer that show these spans, from its first line on.
---@param buffer integer
---@param rows lowtide.Span[][]
function M.paint(buffer, rows)
  require('lowtide.highlights').define()
  vim.api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
  for number, spans in ipairs(rows) do
    for _, group in ipairs(M.groups_of(spans)) do
      -- Not strict: another may have changed the buffer meanwhile.
      local where = { end_col = group[2], hl_group = group[3], strict = false, priority = 150 }
      pcall(vim.api.nvim_buf_set_extmark, buffer, namespace, number - 1, group[1], where)
    end
  end
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

--- Where a hit leads, by the rule of docs/protocol.md; never out of the hit.
---@param hit lowtide.Hit
---@return lsp.Range from there to the end of the hit
local function leading(hit)
  local first, last = hit.range.start.line, hit.range['end'].line
  local definition = known(hit.name) ~= '' and known(hit.definition) or nil
  local begins = definition and definition.range.start
  local function is_inside(line)
    return line and line >= first and line < last
  end
  if begins and is_inside(begins.line) then
    return { start = begins, ['end'] = hit.range['end'] }
  elseif is_inside(hit.snippetLine) then
    return { start = { line = hit.snippetLine, character = 0 }, ['end'] = hit.range['end'] }
  end
  return hit.range
end

--- A place in a buffer that is not the file: its first line.
---@param item lowtide.Item
---@return lowtide.Item
local function at_top(item)
  local first = { line = 0, character = 0 }
  item.range, item.lnum, item.end_lnum, item.col = { start = first, ['end'] = first }, 1, 1, 1
  return item
end

---@param hits lowtide.Hit[]
---@param client vim.lsp.Client
---@param query string whose words are marked
---@return lowtide.Item[]
function M.from_hits(hits, client, query)
  return vim.tbl_map(function(hit)
    local item = place(hit.uri, leading(hit), client)
    item.kind, item.name, item.container = known(hit.kind), known(hit.name), known(hit.container)
    item.score, item.snippet = known(hit.score), known(hit.snippet)
    item.weak = hit.weak == true
    item.head = vim.trim((item.snippet or ''):match('[^\n]*%S[^\n]*') or '')
    -- A range that ends at the start of a line does not take that line in.
    if hit.range['end'].character == 0 and item.end_lnum > item.lnum then
      item.end_lnum = item.end_lnum - 1
    end
    item.remote = known(hit.remote)
    if item.remote then
      require('lowtide.remote').keep(hit)
      item.shown = item.remote.path
    end
    finish(item, words((item.name or '') ~= '' and item.name or item.head, query))
    return item.remote and at_top(item) or item
  end, hits)
end

---@param symbols lsp.WorkspaceSymbol[]|lsp.SymbolInformation[]
---@param client vim.lsp.Client
---@param query string whose letters are marked
---@return lowtide.Item[]
function M.from_symbols(symbols, client, query)
  local first = { line = 0, character = 0 }
  -- Of a name as people write it, `ns::Class.method(`, the last part is the symbol's own.
  local wanted = query:match('([^%s.:/#()]+)[^%w]*$') or ''
  return vim.tbl_map(function(symbol)
    local range = symbol.location.range or { start = first, ['end'] = first }
    local item = place(symbol.location.uri, range, client)
    item.kind = (KINDS[symbol.kind] or 'Unknown'):gsub('(%l)(%u)', '%1-%2'):lower()
    item.name, item.container = symbol.name, known(symbol.containerName)
    return finish(item, wanted ~= '' and letters(symbol.name, wanted) or {})
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

--- The rows of the quickfix window, as pickers show them; for 'quickfixtextfunc'.
---@param info { id: integer, start_idx: integer, end_idx: integer, winid: integer }
---@return string[]
function M.quickfix_text(info)
  local list = vim.fn.getqflist({ id = info.id, items = 1, qfbufnr = 1 })
  local rows = vim.tbl_map(function(entry)
    local data = type(entry.user_data) == 'table' and entry.user_data or {}
    return data.spans or { { entry.text } }
  end, list.items)
  -- The window has these rows only once this has returned.
  vim.schedule(function()
    if list.qfbufnr > 0 and vim.api.nvim_buf_is_valid(list.qfbufnr) then
      M.paint(list.qfbufnr, vim.fn.getqflist({ id = 0 }).id == info.id and rows or {})
    end
  end)
  return vim.tbl_map(function(spans)
    return (M.text_of(spans):gsub('[\r\n]', ' '))
  end, vim.list_slice(rows, info.start_idx, info.end_idx))
end

--- Put the items into a new quickfix list, and open it.
---@param title string
---@param items lowtide.Item[]
function M.to_quickfix(title, items)
  vim.fn.setqflist({}, ' ', {
    title = title,
    quickfixtextfunc = "v:lua.require'lowtide.results'.quickfix_text",
    items = vim.tbl_map(function(item)
      return {
        filename = item.path,
        lnum = item.lnum,
        end_lnum = item.end_lnum,
        col = item.col,
        text = item.text .. (item.weak and '  weak' or ''),
        user_data = { uri = item.uri, range = item.range, spans = item.spans },
      }
    end, items),
  })
  vim.cmd('botright copen')
end

return M
