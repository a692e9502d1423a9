-- A source in `vim.ui.select`: one question, one list.

local results = require('lowtide.results')
local search = require('lowtide.search')

local M = {}

--- Call `on_query` with the source's query; the user is asked when a live source has none.
---@param source lowtide.Source
---@param on_query fun(query: string)
function M.with_query(source, on_query)
  if not source.live or source.query ~= '' then
    return on_query(source.query)
  end
  vim.ui.input({ prompt = source.title .. ': ' }, function(query)
    if query then
      on_query(query)
    end
  end)
end

--- Whether `vim.ui.select` is Neovim's own, a list in the message area: what does not fit there asks for more keys.
---@return boolean
function M.is_stock()
  return vim.endswith(debug.getinfo(vim.ui.select, 'S').source, 'vim/ui.lua')
end

---@param source lowtide.Source
function M.open(source)
  M.with_query(source, function(query)
    source.ask(query, function(items, told)
      local title = search.titled(source.title .. (query ~= '' and ': ' .. query or ''), told.note)
      if #items == 0 then
        return vim.notify(search.titled('Lowtide: nothing found', told.note), vim.log.levels.INFO)
      elseif M.is_stock() and #items > vim.o.lines - 4 then
        return results.to_quickfix(title, items)
      end
      vim.ui.select(items, {
        prompt = title,
        kind = 'lowtide',
        format_item = function(item)
          return item.label
        end,
      }, function(item)
        if item then
          results.jump(item)
        end
      end)
    end)
  end)
end

return M
