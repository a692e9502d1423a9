-- A floating window of rows with highlights, closed with `q`.
-- Invariant: one window of each name; drawing does not move the cursor.

local M = {}

---@alias lowtide.Span { [1]: string, [2]: string? } text and group
---@alias lowtide.Row lowtide.Span[]

---@class lowtide.Window
---@field name string
---@field buffer integer
---@field window integer
---@field on_close? fun()
local Window = {}
Window.__index = Window

local namespace = vim.api.nvim_create_namespace('lowtide.window')
---@type table<string, lowtide.Window>
local open = {}

---@param rows lowtide.Row[]
---@return string[] lines
---@return integer width in cells
local function lines_of(rows)
  local width = 0
  local lines = vim.tbl_map(function(row)
    local line = table.concat(vim.tbl_map(function(span)
      return (span[1]:gsub('[\r\n]', ' '))
    end, row))
    width = math.max(width, vim.api.nvim_strwidth(line))
    return line
  end, rows)
  return lines, width
end

--- Show `rows` in place of what is shown.
---@param rows lowtide.Row[]
function Window:draw(rows)
  local lines, width = lines_of(rows)
  vim.bo[self.buffer].modifiable = true
  vim.api.nvim_buf_set_lines(self.buffer, 0, -1, false, lines)
  vim.bo[self.buffer].modifiable = false
  vim.api.nvim_buf_clear_namespace(self.buffer, namespace, 0, -1)
  for number, row in ipairs(rows) do
    local column = 0
    for _, span in ipairs(row) do
      local stop = column + #span[1]
      if span[2] and stop > column then
        vim.api.nvim_buf_set_extmark(
          self.buffer,
          namespace,
          number - 1,
          column,
          { end_col = stop, hl_group = span[2] }
        )
      end
      column = stop
    end
  end
  local most_width, most_height = vim.o.columns - 4, vim.o.lines - vim.o.cmdheight - 4
  local shape = {
    relative = 'editor',
    width = math.max(20, math.min(width + 1, most_width)),
    height = math.max(1, math.min(#rows, most_height)),
  }
  shape.row = math.max(0, math.floor((vim.o.lines - shape.height) / 2) - 1)
  shape.col = math.max(0, math.floor((vim.o.columns - shape.width) / 2))
  if self:is_open() then
    local now = vim.api.nvim_win_get_config(self.window)
    -- It only grows, so that it does not jump about while figures change.
    if now.width < shape.width or now.height < shape.height then
      shape.width, shape.height = math.max(now.width, shape.width), math.max(now.height, shape.height)
      vim.api.nvim_win_set_config(self.window, shape)
    end
  else
    shape.style, shape.border = 'minimal', vim.o.winborder ~= '' and vim.o.winborder or 'rounded'
    shape.title, shape.title_pos = (' %s '):format(self.title), 'center'
    self.window = vim.api.nvim_open_win(self.buffer, true, shape)
    vim.wo[self.window].wrap = false
  end
end

---@return boolean
function Window:is_open()
  return self.window ~= nil and vim.api.nvim_win_is_valid(self.window)
end

function Window:close()
  if self:is_open() then
    vim.api.nvim_win_close(self.window, true)
  end
end

--- Map a key in the window.
---@param key string
---@param action fun()
---@param description string
function Window:map(key, action, description)
  vim.keymap.set('n', key, action, { buffer = self.buffer, nowait = true, desc = description })
end

--- The window of this name; nil when it is not open.
---@param name string
---@return lowtide.Window?
function M.find(name)
  local found = open[name]
  return found and found:is_open() and found or nil
end

--- A new window, open once it is drawn; one of the same name is closed.
---@param name string
---@param title string
---@param on_close? fun()
---@return lowtide.Window
function M.new(name, title, on_close)
  require('lowtide.highlights').define()
  if open[name] then
    open[name]:close()
  end
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.bo[buffer].bufhidden = 'wipe'
  vim.bo[buffer].filetype = 'lowtide'
  local window = setmetatable({ name = name, title = title, buffer = buffer, on_close = on_close }, Window)
  open[name] = window
  for _, key in ipairs({ 'q', '<Esc>' }) do
    window:map(key, function()
      window:close()
    end, 'close')
  end
  vim.api.nvim_create_autocmd('BufWipeout', {
    buffer = buffer,
    once = true,
    callback = function()
      if open[name] == window then
        open[name] = nil
      end
      if window.on_close then
        window.on_close()
      end
    end,
  })
  return window
end

return M
