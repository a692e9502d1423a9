-- A source in `vim.ui.select`: one question, one list.

local results = require('lowtide.results')

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

---@param source lowtide.Source
function M.open(source)
  M.with_query(source, function(query)
    source.ask(query, function(items)
      if #items == 0 then
        return vim.notify('Lowtide: nothing found', vim.log.levels.INFO)
      end
      vim.ui.select(items, {
        prompt = source.title .. (query ~= '' and ': ' .. query or ''),
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
