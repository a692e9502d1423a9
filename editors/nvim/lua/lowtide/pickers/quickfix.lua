-- A source in the quickfix list: one question, one list.

local results = require('lowtide.results')
local search = require('lowtide.search')

local M = {}

---@param source lowtide.Source
function M.open(source)
  require('lowtide.pickers.select').with_query(source, function(query)
    source.ask(query, function(items, told)
      if #items == 0 then
        vim.notify(search.titled('Lowtide: nothing found', told.note), vim.log.levels.INFO)
      else
        local title = source.title .. (query ~= '' and ': ' .. query or '')
        results.to_quickfix(search.titled(title, told.note), items)
      end
    end)
  end)
end

return M
