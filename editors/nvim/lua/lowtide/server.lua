-- Finds the workspace of a buffer and reaches the server: straight over the daemon's socket, else by its command.
-- Invariant: the home folder and `/` are never a workspace; a missing server is told once, with what to do.

local config = require('lowtide.config')
local places = require('lowtide.places')

local M = {}

---@class lowtide.Connection
---@field how 'socket'|'command'
---@field target string the socket's path, or the command
---@field asked_to_end boolean whether this editor ended it

---@type lowtide.Connection? how the server was reached last
M.last = nil

local told_missing = false

---@return string? error what is wrong, with the remedy; nil when a server can be reached
function M.complaint()
  local options = config.get()
  if options.connect ~= 'command' and places.find_socket(options.socket) then
    return nil
  end
  if options.connect == 'socket' then
    local where = options.socket and 'no socket at ' .. options.socket
      or 'no daemon holds ' .. places.lock_file()
    return 'the daemon does not listen: ' .. where .. '; run `lowtide daemon start`'
  end
  if vim.fn.executable(options.cmd[1]) == 0 then
    local text = 'the server is not found: `%s` is not an executable in PATH; '
    return text:format(options.cmd[1])
      .. 'install it: `pipx install .` in a clone of Lowtide, or set vim.g.lowtide.cmd'
  end
end

--- Call `on_dir` with the workspace of a buffer, unless it has none or there is no server.
---@param buffer integer
---@param on_dir fun(root: string)
function M.find_root(buffer, on_dir)
  local root = M.root_of(buffer)
  if not root then
    return
  end
  local complaint = M.complaint()
  if not complaint then
    on_dir(root)
  elseif not told_missing then
    told_missing = true
    vim.notify('Lowtide: ' .. complaint, vim.log.levels.WARN)
  end
end

---@param source integer|string a buffer or a path
---@return string? root
function M.root_of(source)
  if type(source) == 'number' then
    local name = vim.api.nvim_buf_get_name(source)
    if name:find('^%w[%w+.-]*://') then
      return nil
    end
  end
  local root = vim.fs.root(source, config.get().root_markers)
  root = root and vim.uv.fs_realpath(root)
  if not root or root == '/' or root == vim.uv.fs_realpath(vim.env.HOME or '/') then
    return nil
  end
  return root
end

--- The `cmd` of the client: attach to the daemon where it runs, else start the command.
---@param dispatchers vim.lsp.rpc.Dispatchers
---@return vim.lsp.rpc.PublicClient
function M.start(dispatchers)
  local options = config.get()
  local variable = vim.env.LOWTIDE_EMBEDDED or ''
  local embedded = vim.list_contains(options.cmd, '--embedded') or (variable ~= '' and variable ~= '0')
  local socket
  if options.connect == 'socket' or (options.connect == 'auto' and not embedded) then
    socket = places.find_socket(options.socket)
  end
  ---@type lowtide.Connection
  local connection
  local rpc
  if socket then
    connection = { how = 'socket', target = socket, asked_to_end = false }
    rpc = vim.lsp.rpc.connect(socket)(dispatchers)
  elseif options.connect == 'socket' then
    error('Lowtide: ' .. assert(M.complaint()), 0)
  else
    connection = { how = 'command', target = table.concat(options.cmd, ' '), asked_to_end = false }
    rpc = vim.lsp.rpc.start(options.cmd, dispatchers)
  end
  M.last = connection
  return M.observe(rpc, connection)
end

--- Note in `connection` when the editor itself ends the server, so that only a server that died is started again.
---@param rpc vim.lsp.rpc.PublicClient
---@param connection lowtide.Connection
---@return vim.lsp.rpc.PublicClient
function M.observe(rpc, connection)
  local observed = setmetatable({ lowtide = connection }, { __index = rpc })
  function observed.request(method, ...)
    if method == 'shutdown' then
      connection.asked_to_end = true
    end
    return rpc.request(method, ...)
  end
  function observed.terminate()
    connection.asked_to_end = true
    return rpc.terminate()
  end
  return observed
end

return M
