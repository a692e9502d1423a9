-- A source in mini.pick: asks again while one types, with its preview.

local M = {}

---@param items lowtide.Item[]
---@return table[]
local function entries_of(items)
  return vim.tbl_map(function(item)
    return { text = item.label, path = item.path, lnum = item.lnum, end_lnum = item.end_lnum, col = item.col }
  end, items)
end

---@param source lowtide.Source
function M.open(source)
  local pick = rawget(_G, 'MiniPick')
  if not source.live then
    source.ask('', function(items)
      pick.start({ source = { name = source.title, items = entries_of(items) } })
    end)
    return
  end
  local ask, cancel = require('lowtide.pickers').debounced(source)
  local group = vim.api.nvim_create_augroup('lowtide.mini_pick', {})
  local function requery(query)
    local tick = pick.get_querytick()
    ask(table.concat(query), function(items)
      if pick.is_picker_active() and pick.get_querytick() == tick then
        pick.set_picker_items(entries_of(items), { do_match = false, querytick = tick })
      end
    end)
  end
  vim.api.nvim_create_autocmd('User', {
    group = group,
    pattern = 'MiniPickStop',
    once = true,
    callback = cancel,
  })
  if source.query ~= '' then
    vim.api.nvim_create_autocmd('User', {
      group = group,
      pattern = 'MiniPickStart',
      once = true,
      callback = function()
        pick.set_picker_query(vim.fn.split(source.query, '\\zs'))
      end,
    })
  end
  pick.start({
    source = {
      name = source.title,
      items = {},
      match = function(_, _, query)
        requery(query)
      end,
    },
  })
end

return M
