-- A source in mini.pick: asks again while one types, with its preview.

local results = require('lowtide.results')
local search = require('lowtide.search')

local M = {}

---@param items lowtide.Item[]
---@return table[]
local function entries_of(items)
  return vim.tbl_map(function(item)
    return {
      text = item.label,
      path = item.path,
      lnum = item.lnum,
      end_lnum = item.end_lnum,
      col = item.col,
      spans = item.spans,
    }
  end, items)
end

--- The `show` of a source: rows in the colours of their parts.
---@param buffer integer
---@param entries table[]
local function show(buffer, entries)
  rawget(_G, 'MiniPick').default_show(buffer, entries, {}, { show_icons = false })
  results.paint(
    buffer,
    vim.tbl_map(function(entry)
      return entry.spans
    end, entries)
  )
end

---@param source lowtide.Source
function M.open(source)
  local pick = rawget(_G, 'MiniPick')
  if not source.live then
    source.ask('', function(items, told)
      local name = search.titled(source.title, told.note)
      pick.start({ source = { name = name, items = entries_of(items), show = show } })
    end)
    return
  end
  local ask, cancel = require('lowtide.pickers').debounced(source)
  local group = vim.api.nvim_create_augroup('lowtide.mini_pick', {})
  local tell, forget = require('lowtide.pickers').title_of(source, function(title)
    if pick.is_picker_active() then
      pick.set_picker_opts({ source = { name = title } })
    end
  end)
  local function requery(query)
    local tick = pick.get_querytick()
    ask(table.concat(query), function(items, told)
      if pick.is_picker_active() and pick.get_querytick() == tick then
        tell(told)
        pick.set_picker_items(entries_of(items), { do_match = false, querytick = tick })
      end
    end)
  end
  vim.api.nvim_create_autocmd('User', {
    group = group,
    pattern = 'MiniPickStop',
    once = true,
    callback = function()
      forget()
      cancel()
    end,
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
      show = show,
      match = function(_, _, query)
        requery(query)
      end,
    },
  })
end

return M
