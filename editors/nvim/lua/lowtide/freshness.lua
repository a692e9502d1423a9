-- How an answer stands to the disk, in the words that every editor and the command say.
-- Invariant: nothing is asked here: an answer and the last status have told it.

local M = {}

---@param seconds number?
---@return string
local function age_words(seconds)
  if not seconds or seconds == vim.NIL then
    return 'it was never compared with the disk'
  elseif seconds < 0.5 then
    return 'as it was just now'
  end
  for _, unit in ipairs({ { 86400, 'day' }, { 3600, 'hour' }, { 60, 'minute' }, { 1, 'second' } }) do
    if seconds >= 2 * unit[1] or unit[1] == 1 then
      local count = math.floor(seconds / unit[1] + 0.5)
      return ('as it was %d %s%s ago'):format(count, unit[2], count == 1 and '' or 's')
    end
  end
  return ''
end

--- How much is in, in whole per cent; never 100, for what is said of it is not yet over.
---@param indexed integer
---@param total integer
---@return integer? nil when nobody knows yet how much there is
function M.percent(indexed, total)
  if total > 0 then
    return indexed >= total and 99 or math.floor(100 * indexed / total)
  end
end

--- What an answer may lack of what is on the disk; nil when it is current, or an older server does not tell.
---@param fresh lowtide.Freshness?
---@return string?
function M.words(fresh)
  local state = fresh and fresh.state or 'current'
  if not fresh or state == 'current' then
    return nil
  end
  local because = (fresh.reason or '') ~= '' and (' (%s)'):format(fresh.reason) or ''
  if state == 'checking' then
    return 'still being compared with the disk' .. because .. ': results so far'
  elseif state == 'unwatched' then
    return 'not watched' .. because .. ': ' .. age_words(fresh.ageS)
  end
  local how_far = 'still being indexed'
  if fresh.indexed < fresh.total then
    how_far = ('%d %% indexed'):format(M.percent(fresh.indexed, fresh.total))
  elseif state == 'incomplete' then
    how_far = 'not all is indexed'
  end
  return how_far .. because .. ': results so far'
end

--- What to say beside an answer: how it stands to the disk, and that none of it may be what was asked for.
---@param fresh lowtide.Freshness?
---@param items lowtide.Item[]
---@return string?
function M.note(fresh, items)
  local words = M.words(fresh)
  local all_weak = #items > 0 and vim.iter(items):all(function(item)
    return item.weak
  end)
  local weak = all_weak and 'only weak answers: it is likely not here, or is called otherwise' or nil
  return words and weak and words .. '; ' .. weak or words or weak
end

--- How the workspaces of the last status stand that lie at `root`, or all of them, to be said of an answer shown.
---@param status lowtide.Status?
---@param root string?
---@return lowtide.Freshness?
function M.of_status(status, root)
  for _, workspace in ipairs(status and status.workspaces or {}) do
    if type(workspace.freshness) == 'table' and root and vim.uri_to_fname(workspace.rootUri) == root then
      return workspace.freshness
    end
  end
end

--- How much of all that is being indexed is in, in whole per cent; nil when nobody knows.
---@param status lowtide.Status
---@return integer?
function M.percent_of(status)
  local indexed, total = 0, 0
  for _, workspace in ipairs(status.workspaces or {}) do
    local fresh = workspace.freshness
    if type(fresh) == 'table' and fresh.state == 'indexing' then
      indexed, total = indexed + fresh.indexed, total + fresh.total
    end
  end
  return M.percent(indexed, total)
end

return M
