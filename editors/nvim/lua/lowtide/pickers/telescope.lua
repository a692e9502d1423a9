-- A source in telescope: asks again while one types, with telescope's preview.

local M = {}

---@param item lowtide.Item
---@return table entry
local function entry_of(item)
  return {
    value = item,
    ordinal = item.label,
    filename = item.path,
    path = item.path,
    lnum = item.lnum,
    lnend = item.end_lnum,
    col = item.col,
    text = item.text,
    display = function()
      local at = #item.shown
      local location_end = #item.location
      return item.label,
        {
          { { 0, at }, 'LowtidePath' },
          { { at, location_end }, 'LowtideLine' },
          { { location_end, #item.label }, 'Normal' },
        }
    end,
  }
end

--- Results of a live source as telescope's finder wants them: a call of `fn` waits in its coroutine.
---@param source lowtide.Source
---@return fun(prompt: string): lowtide.Item[]
---@return fun() cancel
local function waiting(source)
  local ask, cancel = require('lowtide.pickers').debounced(source)
  local channel = require('plenary.async.control').channel
  return function(prompt)
    local send, receive = channel.oneshot()
    ask(prompt, send)
    return receive()
  end,
    cancel
end

---@param source lowtide.Source
---@param opts? table telescope's options
function M.open(source, opts)
  require('lowtide.highlights').define()
  local pickers, finders = require('telescope.pickers'), require('telescope.finders')
  local values = require('telescope.config').values
  opts = vim.tbl_extend('keep', opts or {}, { prompt_title = source.title, default_text = source.query })
  local function show(finder, sorter, cancel)
    pickers
      .new(opts, {
        finder = finder,
        sorter = sorter,
        previewer = values.grep_previewer(opts),
        attach_mappings = function(prompt_buffer)
          if cancel then
            vim.api.nvim_create_autocmd(
              'BufWipeout',
              { buffer = prompt_buffer, once = true, callback = cancel }
            )
          end
          return true
        end,
      })
      :find()
  end
  if source.live then
    local fn, cancel = waiting(source)
    local finder = finders.new_dynamic({ fn = fn, entry_maker = entry_of })
    show(finder, require('telescope.sorters').highlighter_only(opts), cancel)
  else
    source.ask('', function(items)
      show(finders.new_table({ results = items, entry_maker = entry_of }), values.generic_sorter(opts))
    end)
  end
end

return M
