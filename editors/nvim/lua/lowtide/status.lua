-- The last Status of the server, and the statusline made from it.
-- Invariant: reading costs a table look-up: no request, no formatting; the text is made when something changed.

local format = require('lowtide.format')
local freshness = require('lowtide.freshness')

local M = {}

---@type lowtide.Status?
local last
---@type integer? client that sent it
local sender
local text, escaped, group = '', '', ''

---@param status lowtide.Status
---@param progress lowtide.Progress?
---@return string
local function compose(status, progress)
  local parts = { 'lowtide' }
  local state = status.state
  if state == 'indexing' or state == 'scanning' then
    local now = status.progress or { done = 0, total = 0 }
    local percent = freshness.percent_of(status)
      or freshness.percent(now.done, now.total)
      or (progress and progress.percentage)
    parts[#parts + 1] = percent and ('%d%%'):format(percent) or state
  elseif state ~= 'idle' then
    parts[#parts + 1] = state
  end
  parts[#parts + 1] = format.share(status.memory.usedBytes, status.memory.budgetBytes)
  local step = status.ladder.step
  if step ~= 'full' and step ~= 'paused' then
    parts[#parts + 1] = step
  end
  if status.health ~= 'ok' then
    parts[#parts + 1] = status.health == 'error' and '✗' or '!'
  end
  return table.concat(parts, ' ')
end

---@param status lowtide.Status
---@return string group
local function group_of(status)
  if status.health == 'error' then
    return 'LowtideError'
  elseif status.state == 'paused' then
    return 'LowtidePaused'
  elseif status.health == 'warning' then
    return 'LowtideWarning'
  elseif status.state == 'idle' then
    return 'LowtideOk'
  end
  return 'LowtideBusy'
end

--- Make the text anew, and tell others if it or the status changed.
---@param changed? boolean the status is a new one
function M.refresh(changed)
  local before = text
  if last then
    local make = require('lowtide.config').get().statusline or compose
    local ok, made = pcall(make, last, require('lowtide.progress').current())
    text = ok and type(made) == 'string' and made or compose(last)
    group = group_of(last)
  else
    text, group = '', ''
  end
  escaped = text:gsub('%%', '%%%%')
  if not changed and text == before then
    return
  end
  local now = last
  vim.schedule(function()
    require('lowtide.highlights').define()
    vim.api.nvim_exec_autocmds('User', { pattern = 'LowtideStatus', modeline = false, data = now })
    -- All of them: the current window may be a floating one.
    vim.cmd.redrawstatus({ bang = true })
  end)
end

---@param status lowtide.Status?
---@param client_id integer
function M.receive(status, client_id)
  if type(status) ~= 'table' or type(status.memory) ~= 'table' then
    return
  end
  for name, value in pairs(status) do
    if value == vim.NIL then
      status[name] = nil
    end
  end
  last, sender = status, client_id
  M.refresh(true)
end

--- The server of this client has gone.
---@param client_id integer
function M.forget(client_id)
  if sender == client_id then
    last, sender = nil, nil
    M.refresh(true)
  end
end

---@return string text for the statusline, escaped; empty when no server is attached
function M.text()
  return escaped
end

---@return string group that colours the text
function M.group()
  return group
end

---@return lowtide.Status?
function M.last()
  return last
end

return M
