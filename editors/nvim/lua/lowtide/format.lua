-- Bytes, bars and rows as text.

local M = {}

local UNITS = { 'B', 'KiB', 'MiB', 'GiB', 'TiB' }

---@param bytes number
---@param unit_index integer
---@return string
local function figure(bytes, unit_index)
  local value = bytes / 1024 ^ (unit_index - 1)
  return (unit_index <= 3 and ('%.0f'):format(value)) or ('%.1f'):format(value)
end

---@param bytes number
---@return integer
local function unit_of(bytes)
  local index = 1
  while index < #UNITS and bytes >= 1024 ^ index * (index >= 3 and 4 or 1) do
    index = index + 1
  end
  return index
end

---@param bytes number
---@return string for example "118 MiB"
function M.bytes(bytes)
  local index = unit_of(bytes)
  return figure(bytes, index) .. ' ' .. UNITS[index]
end

--- Two sizes in the unit of the second, for example "118/256 MiB".
---@param used number
---@param whole number
---@return string
function M.share(used, whole)
  local index = math.max(3, unit_of(whole))
  return ('%s/%s %s'):format(figure(used, index), figure(whole, index), UNITS[index])
end

local EIGHTHS = { '▏', '▎', '▍', '▌', '▋', '▊', '▉' }

---@param share number from 0 to 1; more is shown as full
---@param width integer in cells
---@return string filled
---@return string rest spaces
function M.bar(share, width)
  local eighths = math.floor(math.max(0, math.min(1, share)) * width * 8 + 0.5)
  local whole, part = math.floor(eighths / 8), eighths % 8
  local filled = ('█'):rep(whole) .. (EIGHTHS[part] or '')
  return filled, (' '):rep(width - whole - (part > 0 and 1 or 0))
end

--- A size as users write it: "256MiB", "1G", "300000000".
---@param text string
---@return integer? bytes
function M.parse_size(text)
  local value, unit = vim.trim(text):lower():match('^(%d+%.?%d*)%s*([kmgt]?)i?b?$')
  if not value then
    return nil
  end
  local power = ({ [''] = 0, k = 1, m = 2, g = 3, t = 4 })[unit]
  return math.floor(tonumber(value) * 1024 ^ power)
end

--- Who has set the budget, as it is said after it.
---@param memory lowtide.StatusMemory
---@return string? nil when nobody has
function M.budget_set_by(memory)
  local from = memory.budgetFrom
  if not from or from == 'default' then
    return nil
  end
  -- Of a file the server says the line and the key.
  local place = from:match('^(.+): budget$')
  if not place then
    return 'set by ' .. from
  end
  local file, line = place:match('^(.+):(%d+)$')
  return 'set in ' .. vim.fn.fnamemodify(file or place, ':~') .. (line and ', line ' .. line or '')
end

---@param count number
---@return string with a comma between thousands
function M.count(count)
  local grouped = ('%d'):format(count):reverse():gsub('(%d%d%d)', '%1,'):reverse()
  return (grouped:gsub('^,', ''))
end

return M
