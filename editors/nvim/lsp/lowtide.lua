-- What `vim.lsp.enable('lowtide')` starts. Override any of it with `vim.lsp.config('lowtide', { … })`.
---@type vim.lsp.Config
return {
  cmd = function(dispatchers)
    return require('lowtide.server').start(dispatchers)
  end,
  root_dir = function(buffer, on_dir)
    require('lowtide.server').find_root(buffer, on_dir)
  end,
  on_exit = function(code, signal, client_id)
    require('lowtide.session').ended(code, signal, client_id)
  end,
  handlers = {
    ['lowtide/statusChanged'] = function(_, status, context)
      require('lowtide.status').receive(status, context.client_id)
    end,
  },
}
