-- A component for lualine: `sections = { lualine_x = { 'lowtide' } }`.

local component = require('lualine.component'):extend()

---@param options table
function component:init(options)
  options.color = options.color
    or function()
      local group = require('lowtide').status_highlight()
      return group ~= '' and group or nil
    end
  component.super.init(self, options)
end

---@return string
function component.update_status()
  return require('lowtide').status()
end

return component
