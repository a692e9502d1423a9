-- Runs the specs with busted inside Neovim: nvim -u NONE -l tests/run.lua [SPEC…]
local here = vim.fs.dirname(vim.fs.abspath(arg[0]))
local plugin = vim.fs.dirname(here)
vim.opt.runtimepath:prepend(plugin)
package.path = table.concat({
  here .. '/?.lua',
  '/usr/share/lua/5.1/?.lua',
  '/usr/share/lua/5.1/?/init.lua',
  package.path,
}, ';')
for _, folder in ipairs(vim.fn.glob('/usr/lib/*/lua/5.1', true, true)) do
  package.cpath = folder .. '/?.so;' .. package.cpath
end

local specs = vim.list_slice(arg, 1)
if #specs == 0 then
  specs = vim.fn.glob(here .. '/*_spec.lua', true, true)
end
_G.arg = vim.list_extend({ [0] = arg[0], '--output=plainTerminal', '--shuffle-files' }, specs)
-- `-l` loads no plugin by itself.
vim.cmd.runtime({ 'plugin/lowtide.lua', bang = true })
vim.o.swapfile = false
require('busted.runner')({ standalone = false })
