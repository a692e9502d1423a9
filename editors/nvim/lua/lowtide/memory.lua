-- `:Lowtide memory`: the memory of every process and part against the budget, live.
-- Invariant: it asks only while its window is open, and never twice at once.

local format = require('lowtide.format')

local M = {}

local BAR_WIDTH = 24
local HIGH_SHARE = 0.85

---@param bytes integer
---@param budget integer
---@return lowtide.Span filled
---@return lowtide.Span rest
local function bar(bytes, budget)
  local share = budget > 0 and bytes / budget or 0
  local filled, rest = format.bar(share, BAR_WIDTH)
  return { filled, share >= HIGH_SHARE and 'LowtideBarHigh' or 'LowtideBar' }, {
    rest:gsub(' ', '·'),
    'LowtideBarRest',
  }
end

---@param label string
---@param bytes integer
---@param budget integer
---@return lowtide.Row
local function row(label, bytes, budget)
  local filled, rest = bar(bytes, budget)
  local pad = (' '):rep(math.max(1, 30 - vim.api.nvim_strwidth(label)))
  return {
    { ' ' .. label .. pad },
    filled,
    { rest[1], rest[2] },
    { ('  %9s'):format(format.bytes(bytes)), 'LowtideNumber' },
  }
end

--- The rows of the window; pure.
---@param tree lowtide.MemoryNode
---@param status lowtide.Status
---@return lowtide.Row[]
function M.rows(tree, status)
  local budget = status.memory.budgetBytes
  local rows = { row('used of ' .. format.bytes(budget), tree.bytes, budget) }
  rows[#rows + 1] = row('peak', status.memory.peakBytes, budget)
  rows[#rows + 1] = {}
  local function add(node, depth)
    rows[#rows + 1] = row(('  '):rep(depth) .. node.name, node.bytes, budget)
    for _, child in ipairs(node.children or {}) do
      add(child, depth + 1)
    end
  end
  for _, process in ipairs(tree.children or {}) do
    add(process, 0)
  end
  rows[#rows + 1] = {}
  local mapped = tree.mappedBytes or status.memory.mappedBytes
  rows[#rows + 1] = {
    { ' mapped pages, not in the budget: ' },
    { format.bytes(mapped), 'LowtideNumber' },
  }
  local ladder = {
    { ' ladder: ' },
    { status.ladder.step, status.ladder.step == 'full' and 'LowtideOk' or 'LowtideWarning' },
  }
  if (status.ladder.reason or '') ~= '' then
    ladder[#ladder + 1] = { ': ' .. status.ladder.reason, 'LowtideContainer' }
  end
  rows[#rows + 1] = ladder
  local now = { { ' ' .. status.state, 'LowtideBusy' } }
  if type(status.progress) == 'table' then
    now[#now + 1] =
      { (' %s of %s files'):format(format.count(status.progress.done), format.count(status.progress.total)) }
    if (status.progress.file or '') ~= '' then
      now[#now + 1] = { '  ' .. status.progress.file:sub(-50), 'LowtideContainer' }
    end
  end
  rows[#rows + 1] = now
  rows[#rows + 1] = {}
  rows[#rows + 1] = {
    { ' q', 'LowtideKey' },
    { ' close  ' },
    { 'p', 'LowtideKey' },
    { ' pause or resume  ' },
    { 'c', 'LowtideKey' },
    { ' cancel' },
  }
  return rows
end

--- Open the window, or close it when it is open.
function M.toggle()
  local windows, session = require('lowtide.window'), require('lowtide.session')
  local existing = windows.find('memory')
  if existing then
    return existing:close()
  end
  local timer, asking = assert(vim.uv.new_timer()), false
  local window ---@type lowtide.Window
  local function close()
    if not timer:is_closing() then
      timer:stop()
      timer:close()
    end
  end
  window = windows.new('memory', 'Lowtide memory', close)
  local function ask()
    if asking or timer:is_closing() then
      return
    end
    asking = true
    local function failed(text)
      asking = false
      if window:is_open() then
        window:draw({ { { ' ' .. text, 'LowtideError' } } })
      else
        close()
        vim.notify('Lowtide: ' .. text, vim.log.levels.ERROR)
      end
    end
    session.request('lowtide/memory', vim.empty_dict(), function(tree)
      session.request('lowtide/status', vim.empty_dict(), function(status, client)
        asking = false
        require('lowtide.status').receive(status, client.id)
        if not timer:is_closing() then
          window:draw(M.rows(tree, status))
        end
      end, failed)
    end, failed)
  end
  window:map('p', function()
    require('lowtide').toggle_pause()
  end, 'pause or resume')
  window:map('c', function()
    require('lowtide').cancel()
  end, 'cancel')
  timer:start(0, require('lowtide.config').get().memory_refresh_ms, vim.schedule_wrap(ask))
end

return M
