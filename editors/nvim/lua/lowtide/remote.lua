-- Hits of the team's index: code that is not on this machine. Each is a buffer of what is known of it, which cannot be
-- changed, whoever opens it: a jump, a picker's preview, the quickfix list.
-- Invariant: what is known of the `MOST` hits that were found or opened last is kept, and of as many others at most.

local M = {}

local MOST = 1000
local DAY_S = 24 * 3600

---@type table<string, lowtide.Hit> by URI: those found or opened since `older` was replaced
local recent = {}
---@type table<string, lowtide.Hit>
local older = {}
local count = 0

--- Remember a hit, so that its URI can be opened.
---@param hit lowtide.Hit
function M.keep(hit)
  if not recent[hit.uri] then
    if count == MOST then
      recent, older, count = {}, recent, 0
    end
    count = count + 1
  end
  recent[hit.uri] = hit
end

--- Whose code it is, and how old.
---@param remote lowtide.Remote
---@return string
function M.whose(remote)
  local days = math.floor(remote.ageS / DAY_S)
  local age = days < 1 and 'of today' or days == 1 and '1 day old' or days .. ' days old'
  return ('%s, %s'):format(remote.repository, age)
end

---@param hit lowtide.Hit
---@return string[]
local function lines_of(hit)
  local remote, lines = hit.remote, {}
  if hit.name ~= '' then
    local name = hit.container ~= '' and ('%s.%s'):format(hit.container, hit.name) or hit.name
    lines[1] = ('%s (%s)'):format(name, hit.kind)
  end
  local first, last = hit.range.start.line + 1, hit.range['end'].line
  lines[#lines + 1] = ('%s, lines %d to %d'):format(remote.path, first, last)
  lines[#lines + 1] = ('%s, commit %s'):format(M.whose(remote), remote.commit:sub(1, 12))
  lines[#lines + 1] = remote.url ~= '' and remote.url or nil
  if hit.snippet ~= '' then
    vim.list_extend(lines, { '', hit.snippet })
  end
  local why =
    "This code is not on this machine: it was found in your team's index, which holds no text of it."
  vim.list_extend(lines, { '', why })
  return vim.split(table.concat(lines, '\n'), '\n')
end

--- Fill a buffer that is being opened; for BufReadCmd.
---@param buffer integer
function M.read(buffer)
  local uri = vim.api.nvim_buf_get_name(buffer)
  local hit = recent[uri] or older[uri]
  if hit then
    M.keep(hit)
  end
  local lines = hit and lines_of(hit) or { 'A hit of an earlier search: search again.' }
  local options = vim.bo[buffer]
  options.modifiable = true
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  options.buftype, options.swapfile = 'nowrite', false
  options.modified, options.readonly, options.modifiable = false, true, false
end

return M
