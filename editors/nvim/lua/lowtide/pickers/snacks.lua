-- A source in snacks.picker: asks again while one types, with its preview.

local M = {}

---@param item lowtide.Item
---@return table
local function entry_of(item)
  return {
    text = item.label,
    file = item.path,
    pos = { item.lnum, math.max(0, item.col - 1) },
    item = item,
  }
end

---@param entry table
---@return table[] highlighted parts
local function format(entry)
  local item = entry.item ---@type lowtide.Item
  local parts = { { item.shown, 'LowtidePath' }, { (':%d  '):format(item.lnum), 'LowtideLine' } }
  if item.name and item.name ~= '' then
    if item.kind and item.kind ~= '' then
      parts[#parts + 1] = { item.kind .. ' ', 'LowtideKind' }
    end
    parts[#parts + 1] = { item.name, 'LowtideName' }
    if item.container and item.container ~= '' then
      parts[#parts + 1] = { ' in ' .. item.container, 'LowtideContainer' }
    end
  else
    parts[#parts + 1] = { item.text, 'Normal' }
  end
  return parts
end

---@param source lowtide.Source
function M.open(source)
  require('lowtide.highlights').define()
  local ask, cancel = require('lowtide.pickers').debounced(source)
  require('snacks.picker').pick({
    source = 'lowtide',
    title = source.title,
    live = source.live,
    search = source.query,
    supports_live = source.live,
    format = format,
    preview = 'file',
    matcher = { sort_empty = false, fuzzy = not source.live },
    on_close = cancel,
    finder = function(_, context)
      local query = source.live and context.filter.search or ''
      return function(emit)
        local answer
        local waiting = context.async
        ask(query, function(items)
          answer = items
          waiting:resume()
        end)
        while not answer do
          waiting:suspend()
        end
        for _, item in ipairs(answer) do
          emit(entry_of(item))
        end
      end
    end,
    confirm = function(picker, entry, action)
      require('snacks.picker.actions').jump(picker, entry, action)
    end,
  })
end

return M
