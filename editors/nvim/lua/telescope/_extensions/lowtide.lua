-- `:Telescope lowtide search`, `:Telescope lowtide symbols` and `:Telescope lowtide similar`.

local function source(name)
  return function(opts)
    local search = require('lowtide.search')
    require('lowtide.pickers.telescope').open(search[name .. '_source'](opts or {}), opts)
  end
end

return require('telescope').register_extension({
  exports = {
    lowtide = source('search'),
    search = source('search'),
    symbols = source('symbols'),
    similar = source('similar'),
  },
})
