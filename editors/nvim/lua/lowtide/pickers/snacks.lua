-- A source in snacks.picker: asks again while one types, with its preview.

local M = {}

---@param item lowtide.Item
---@return table
local function entry_of(item)
  return {
    text = item.label,
    file = item.path,
    buf = item.remote and vim.fn.bufadd(item.uri) or nil,
    pos = { item.lnum, math.max(0, item.col - 1) },
    item = item,
  }
end

---@param entry table
---@return table[] highlighted parts
local function format(entry)
  return vim.deepcopy(entry.item.spans)
end

---@param source lowtide.Source
function M.open(source)
  require('lowtide.highlights').define()
  local ask, cancel = require('lowtide.pickers').debounced(source)
  local picker
  local tell, forget = require('lowtide.pickers').title_of(source, function(title)
    if picker and not picker.closed then
      picker.title = title
      picker:update_titles()
    end
  end)
  require('snacks.picker').pick({
    source = 'lowtide',
    title = source.title,
    live = source.live,
    search = source.query,
    supports_live = source.live,
    format = format,
    preview = 'file',
    matcher = { sort_empty = false, fuzzy = not source.live },
    on_close = function()
      forget()
      cancel()
    end,
    finder = function(_, context)
      local query = source.live and context.filter.search or ''
      picker = context.picker
      return function(emit)
        local answer
        local waiting = context.async
        ask(query, function(items, told)
          tell(told)
          -- Here, for where they are emitted no buffer can be made.
          answer = vim.tbl_map(entry_of, items)
          waiting:resume()
        end)
        while not answer do
          waiting:suspend()
        end
        for _, entry in ipairs(answer) do
          emit(entry)
        end
      end
    end,
    confirm = function(shown, entry, action)
      require('snacks.picker.actions').jump(shown, entry, action)
    end,
  })
end

return M
