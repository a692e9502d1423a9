-- A source in telescope: asks again while one types, with telescope's preview.

local results = require('lowtide.results')
local search = require('lowtide.search')

local M = {}

---@param item lowtide.Item
---@return table entry
local function entry_of(item)
  local buffer = item.remote and vim.fn.bufadd(item.uri) or nil
  if buffer then
    vim.fn.bufload(buffer) -- what is no file is previewed from its buffer
  end
  return {
    value = item,
    ordinal = item.label,
    bufnr = buffer,
    filename = item.path,
    path = item.path,
    lnum = item.lnum,
    lnend = item.end_lnum,
    col = item.col,
    text = item.text,
    display = function()
      return item.label,
        vim.tbl_map(function(group)
          return { { group[1], group[2] }, group[3] }
        end, results.groups_of(item.spans))
    end,
  }
end

--- A live source as telescope's finder wants it: a call waits in its coroutine, and no other is started meanwhile. So
--- whoever sees the prompt change has to end the wait, which answers with what is shown already.
---@param source lowtide.Source
---@param tell fun(told: lowtide.Told)
---@return fun(prompt: string): lowtide.Item[] find
---@return fun(prompt: string) changed to be called when the prompt has changed
---@return fun() cancel
local function waiting(source, tell)
  local ask, cancel = require('lowtide.pickers').debounced(source)
  local channel = require('plenary.async.control').channel
  local query, send, shown = nil, nil, {}
  local function finish(items)
    local waiter = send
    query, send, shown = nil, nil, items
    if waiter then
      waiter(items)
    end
  end
  local function find(prompt)
    local receive
    query = prompt
    send, receive = channel.oneshot()
    ask(prompt, function(items, told)
      tell(told)
      finish(items)
    end)
    return receive()
  end
  local function changed(prompt)
    if send and prompt ~= query then
      cancel()
      finish(shown)
    end
  end
  return find, changed, cancel
end

---@param source lowtide.Source
---@param opts? table telescope's options
function M.open(source, opts)
  require('lowtide.highlights').define()
  local pickers, finders = require('telescope.pickers'), require('telescope.finders')
  local values = require('telescope.config').values
  opts = vim.tbl_extend('keep', opts or {}, { prompt_title = source.title, default_text = source.query })
  if not source.live then
    source.ask('', function(items, told)
      opts.prompt_title = search.titled(opts.prompt_title, told.note)
      pickers
        .new(opts, {
          finder = finders.new_table({ results = items, entry_maker = entry_of }),
          sorter = values.generic_sorter(opts),
          previewer = values.grep_previewer(opts),
        })
        :find()
    end)
    return
  end
  local picker ---@type table
  local tell, forget = require('lowtide.pickers').title_of(source, function(title)
    local border = picker and picker.layout and picker.layout.prompt and picker.layout.prompt.border
    if border then
      border:change_title(title)
    end
  end)
  local find, changed, cancel = waiting(source, tell)
  picker = pickers.new(opts, {
    finder = finders.new_dynamic({ fn = find, entry_maker = entry_of }),
    -- The server's order is kept.
    sorter = require('telescope.sorters').highlighter_only(opts),
    previewer = values.grep_previewer(opts),
    attach_mappings = function(buffer)
      vim.api.nvim_create_autocmd({ 'TextChangedI', 'TextChangedP', 'TextChanged' }, {
        buffer = buffer,
        callback = function()
          changed(picker:_get_prompt())
        end,
      })
      vim.api.nvim_create_autocmd('BufWipeout', {
        buffer = buffer,
        once = true,
        callback = function()
          forget()
          cancel()
        end,
      })
      return true
    end,
  })
  picker:find()
end

return M
