-- Defines `:Lowtide`, the <Plug> maps and two autocommands; everything else is loaded when it is first used.
-- It must parse and run in every Neovim since 0.7, so that an old one gets a message and not an error.
if vim.g.loaded_lowtide then
  return
end
vim.g.loaded_lowtide = 1

if vim.fn.has('nvim-0.11') == 0 then
  local function complain()
    local v = vim.version()
    vim.notify(
      string.format(
        'Lowtide: it needs Neovim 0.11 or newer: this is %d.%d.%d; update Neovim, see :checkhealth lowtide',
        v.major,
        v.minor,
        v.patch
      ),
      vim.log.levels.ERROR
    )
  end
  vim.api.nvim_create_user_command('Lowtide', complain, { nargs = '*', bang = true, range = true })
  return
end

local api = vim.api

api.nvim_create_user_command('Lowtide', function(invocation)
  require('lowtide.command').run(invocation)
end, {
  nargs = '*',
  bang = true,
  range = true,
  desc = 'Lowtide: search, symbols, status and control',
  complete = function(lead, line, position)
    return require('lowtide.command').complete(lead, line, position)
  end,
})

for name, action in pairs({
  search = { { 'n', 'x' }, 'search' },
  symbols = { { 'n', 'x' }, 'symbols' },
  similar = { { 'n', 'x' }, 'similar' },
  status = { 'n', 'open_status' },
  memory = { 'n', 'memory' },
  cancel = { 'n', 'cancel' },
  ['toggle-pause'] = { 'n', 'toggle_pause' },
}) do
  vim.keymap.set(action[1], '<Plug>(lowtide-' .. name .. ')', function()
    require('lowtide')[action[2]]()
  end, { desc = 'Lowtide: ' .. name })
end

local group = api.nvim_create_augroup('lowtide', {})
api.nvim_create_autocmd('LspAttach', {
  group = group,
  desc = 'Lowtide: follow the status of a server that has been attached',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'lowtide' then
      require('lowtide.session').watch(client)
    end
  end,
})
api.nvim_create_autocmd('BufReadCmd', {
  group = group,
  pattern = 'lowtide-remote://*',
  desc = 'Lowtide: show what is known of code that is not on this machine',
  callback = function(event)
    require('lowtide.remote').read(event.buf)
  end,
})
api.nvim_create_autocmd('LspProgress', {
  group = group,
  desc = 'Lowtide: keep what the server is doing, to show and to cancel',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'lowtide' then
      require('lowtide.progress').update(client, event.data.params)
    end
  end,
})
