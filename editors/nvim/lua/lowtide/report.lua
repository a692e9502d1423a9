-- `:Lowtide status` and `:Lowtide why`: what the server says, in a window.

local format = require('lowtide.format')

local M = {}

---@param label string
---@param value string
---@param group? string
---@return lowtide.Row
local function pair(label, value, group)
  return { { (' %-12s'):format(label), 'LowtideContainer' }, { value, group } }
end

---@param status lowtide.Status
---@return string
function M.line(status)
  local text = ('Lowtide %s: %s, %s'):format(
    status.version,
    status.state,
    format.share(status.memory.usedBytes, status.memory.budgetBytes)
  )
  if (status.message or '') ~= '' then
    text = text .. ': ' .. status.message
  end
  return text
end

--- The rows of `:Lowtide status`; pure.
---@param status lowtide.Status
---@param connection lowtide.Connection?
---@return lowtide.Row[]
function M.status_rows(status, connection)
  local memory = status.memory
  local groups = { ok = 'LowtideOk', warning = 'LowtideWarning', error = 'LowtideError' }
  local rows = {
    pair('health', status.health, groups[status.health]),
    pair('state', status.state),
    pair(
      'budget',
      format.share(memory.usedBytes, memory.budgetBytes) .. ', peak ' .. format.bytes(memory.peakBytes)
    ),
    pair('ladder', status.ladder.step),
    pair('version', status.version),
  }
  local by = format.budget_set_by(memory)
  if by then
    table.insert(rows, 4, pair('', by))
  end
  if (status.message or '') ~= '' then
    table.insert(rows, 2, pair('', status.message, groups[status.health]))
  end
  if type(status.progress) == 'table' then
    local progress = ('%s of %s files'):format(
      format.count(status.progress.done),
      format.count(status.progress.total)
    )
    table.insert(rows, 3, pair('progress', progress))
  end
  if connection then
    rows[#rows + 1] = pair('reached by', connection.how .. ' ' .. connection.target)
  end
  for _, workspace in ipairs(status.workspaces or {}) do
    rows[#rows + 1] = {}
    rows[#rows + 1] =
      { { ' ' .. vim.fn.fnamemodify(vim.uri_to_fname(workspace.rootUri), ':~'), 'LowtidePath' } }
    rows[#rows + 1] = pair(
      'holds',
      ('%s files, %s symbols, %s chunks, %s on disk'):format(
        format.count(workspace.files),
        format.count(workspace.symbols),
        format.count(workspace.chunks),
        format.bytes(workspace.diskBytes)
      )
    )
    local rest = {}
    for _, name in ipairs({ 'pending', 'stale', 'skipped', 'failed', 'quarantined' }) do
      if (workspace[name] or 0) > 0 then
        rest[#rest + 1] = format.count(workspace[name]) .. ' ' .. name
      end
    end
    if #rest > 0 then
      rows[#rows + 1] = pair('of these', table.concat(rest, ', '))
    end
    if workspace.incomplete == true and status.state == 'idle' then
      rows[#rows + 1] = pair('to do', 'not all files are indexed yet: `:Lowtide reindex` goes on')
    end
  end
  return rows
end

--- The rows of `:Lowtide why`; pure.
---@param answer table what `lowtide why --json` prints
---@return lowtide.Row[]
function M.why_rows(answer)
  local rows = {}
  local known =
    { 'path', 'status', 'reason', 'rule', 'symbols', 'chunks', 'indexed_at', 'content_hash', 'remedy' }
  for _, name in ipairs(known) do
    local value = answer[name]
    if value ~= nil and value ~= vim.NIL and value ~= '' then
      local group = name == 'path' and 'LowtidePath' or name == 'status' and 'LowtideTitle' or nil
      rows[#rows + 1] = pair(name:gsub('_', ' '), tostring(value), group)
    end
  end
  return rows
end

---@param name string
---@param title string
---@param rows lowtide.Row[]
function M.show(name, title, rows)
  require('lowtide.window').new(name, title):draw(rows)
end

return M
