-- Chooses where a source is shown.

local M = {}

-- In the order in which "auto" tries them: the module that says a picker is there, and ours that drives it.
---@type { name: string, module: string, ours: string }[]
local LIVE = {
  { name = 'snacks', module = 'snacks.picker', ours = 'lowtide.pickers.snacks' },
  { name = 'telescope', module = 'telescope', ours = 'lowtide.pickers.telescope' },
  { name = 'fzf-lua', module = 'fzf-lua', ours = 'lowtide.pickers.fzf_lua' },
  { name = 'mini.pick', module = 'mini.pick', ours = 'lowtide.pickers.mini_pick' },
}

---@param picker { name: string, module: string }
---@return boolean
local function is_there(picker)
  if picker.name == 'mini.pick' then
    -- It works only once its setup() was called, which makes this global.
    return rawget(_G, 'MiniPick') ~= nil
  elseif picker.name == 'fzf-lua' and vim.fn.executable('fzf') == 0 and vim.fn.executable('sk') == 0 then
    return false
  end
  return package.loaded[picker.module] ~= nil or (pcall(require, picker.module))
end

---@return string[] names of the pickers that are there
function M.available()
  local found = {}
  for _, picker in ipairs(LIVE) do
    if is_there(picker) then
      found[#found + 1] = picker.name
    end
  end
  return vim.list_extend(found, { 'select', 'quickfix' })
end

---@param source lowtide.Source
---@param wanted? string default: the option `picker`
function M.open(source, wanted)
  wanted = wanted or require('lowtide.config').get().picker
  for _, picker in ipairs(LIVE) do
    if (wanted == 'auto' or wanted == picker.name) and is_there(picker) then
      return require(picker.ours).open(source)
    end
  end
  local select = require('lowtide.pickers.select')
  -- Neovim's own list stands in the message area, without a preview: the quickfix list is the better one.
  local other = wanted == 'quickfix' or (wanted ~= 'select' and select.is_stock())
  if not vim.list_contains({ 'auto', 'select', 'quickfix' }, wanted) then
    vim.notify(
      ('Lowtide: the picker %s is not there: %s is used'):format(
        wanted,
        other and 'the quickfix list' or 'vim.ui.select'
      ),
      vim.log.levels.WARN
    )
  end
  local ours = other and require('lowtide.pickers.quickfix') or select
  ours.open(source)
end

--- Wrap `ask` for a live picker: it waits for a pause in typing, and a new question cancels the one before.
---@param source lowtide.Source
---@return fun(query: string, on_items: lowtide.OnItems) ask no call for a query that was overtaken
---@return fun() cancel
function M.debounced(source)
  local timer, cancel, turn = nil, nil, 0
  local stop
  function stop()
    if vim.in_fast_event() then
      return vim.schedule(stop)
    end
    turn = turn + 1
    if timer then
      timer:stop()
      timer:close()
      timer = nil
    end
    if cancel then
      cancel()
      cancel = nil
    end
  end
  local ask
  function ask(query, on_items)
    if vim.in_fast_event() then
      -- A picker's own loop may run in a callback of libuv, where neither requests nor options are to be had.
      return vim.schedule(function()
        ask(query, on_items)
      end)
    end
    stop()
    local mine = turn
    timer = vim.defer_fn(function()
      timer = nil
      if mine ~= turn then
        return
      end
      cancel = source.ask(query, function(items, told)
        cancel = nil
        if mine == turn then
          on_items(items, told)
        end
      end, function(text)
        vim.notify('Lowtide: ' .. text, vim.log.levels.ERROR)
        if mine == turn then
          on_items({}, {})
        end
      end)
    end, require('lowtide.config').get().debounce_ms)
  end
  return ask, stop
end

--- Keep the title of a live picker true: what is to be said of an answer, and how far the index is since.
---@param source lowtide.Source
---@param show fun(title: string) called in the main loop, with every title that differs from the last
---@return fun(told: lowtide.Told) tell to be called with every answer
---@return fun() stop
function M.title_of(source, show)
  local search, freshness = require('lowtide.search'), require('lowtide.freshness')
  local last, answer = source.title, {}
  local function say(note)
    local title = search.titled(source.title, note)
    if title ~= last then
      last = title
      show(title)
    end
  end
  local follower = vim.api.nvim_create_autocmd('User', {
    pattern = 'LowtideStatus',
    callback = function(event)
      if not answer.freshness or answer.freshness.state ~= 'indexing' then
        return
      end
      local now = freshness.of_status(event.data, answer.root)
      if now and now.state == 'indexing' then
        say(freshness.words(now))
      elseif now and now.state == 'current' then
        say('indexed meanwhile: ask again for all')
      end
    end,
  })
  local function tell(told)
    if vim.in_fast_event() then
      return vim.schedule(function()
        tell(told)
      end)
    end
    answer = told
    say(told.note)
  end
  local function stop()
    if follower then
      vim.api.nvim_del_autocmd(follower)
      follower = nil
    end
  end
  return tell, stop
end

return M
