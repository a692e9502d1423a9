-- The life of a client: follows it once it is attached, starts it again when its server died, finds it for a request.
-- Invariant: a server that this editor ended is not started again, and one that keeps dying is left alone.

local config = require('lowtide.config')

local M = {}

local NAME = 'lowtide'
local WINDOW_MS = 180000
local READY_MS = 20000

---@type table<integer, true>
local watched = {}
---@type integer[] times (ms) of recent restarts
local restarts = {}

local function now_ms()
  return math.floor(vim.uv.hrtime() / 1e6)
end

--- Ask for the first status of a client that is ready; a second call does nothing.
---@param client vim.lsp.Client
function M.watch(client)
  if watched[client.id] then
    return
  end
  watched[client.id] = true
  client:request('lowtide/status', vim.empty_dict(), function(err, status)
    if not err and status then
      require('lowtide.status').receive(status, client.id)
    end
  end)
end

---@param buffer integer?
---@return vim.lsp.Client? client of this buffer, else of the workspace around the current folder, else any
function M.client(buffer)
  local attached = vim.lsp.get_clients({ name = NAME, bufnr = buffer or 0 })[1]
  if attached then
    return attached
  end
  local all = vim.lsp.get_clients({ name = NAME })
  local root = require('lowtide.server').root_of(vim.uv.cwd() or '.')
  for _, client in ipairs(all) do
    if client.root_dir == root then
      return client
    end
  end
  return all[1]
end

--- Have a client that is ready: the current one, else one that is started for the current buffer or folder.
---@param on_client fun(client: vim.lsp.Client?, err: string?)
function M.ensure(on_client)
  local client = M.client()
  if client then
    return on_client(client)
  end
  local server = require('lowtide.server')
  local complaint = server.complaint()
  if complaint then
    return on_client(nil, complaint)
  end
  local root = server.root_of(0) or server.root_of(vim.uv.cwd() or '.')
  if not root then
    return on_client(
      nil,
      'no workspace here: no '
        .. table.concat(config.get().root_markers, ', ')
        .. ' around this file or folder; open a file of a workspace'
    )
  end
  local settings = vim.deepcopy(vim.lsp.config[NAME])
  settings.root_dir = root
  local id = vim.lsp.start(settings, { attach = false })
  if not id then
    return on_client(nil, 'the server could not be started; see :Lowtide! log')
  end
  M._await(id, now_ms() + READY_MS, function(ready)
    if ready then
      M.watch(ready)
      on_client(ready)
    else
      on_client(nil, 'the server does not answer; see :Lowtide log')
    end
  end)
end

---@param id integer
---@param deadline_ms integer
---@param on_ready fun(client: vim.lsp.Client?)
function M._await(id, deadline_ms, on_ready)
  local client = vim.lsp.get_client_by_id(id)
  if client and client.initialized then
    on_ready(client)
  elseif not client or client:is_stopped() or now_ms() > deadline_ms then
    on_ready(nil)
  else
    vim.defer_fn(function()
      M._await(id, deadline_ms, on_ready)
    end, 20)
  end
end

--- Send a request to the client of the current buffer or workspace.
---@param method string
---@param params table|fun(client: vim.lsp.Client): table
---@param on_result fun(result: any, client: vim.lsp.Client)
---@param on_error? fun(text: string) default: show it
---@return fun() cancel no callback is called after it
function M.request(method, params, on_result, on_error)
  local cancelled, client_used, id = false, nil, nil
  on_error = on_error or function(text)
    vim.notify('Lowtide: ' .. text, vim.log.levels.ERROR)
  end
  M.ensure(function(client, complaint)
    if cancelled then
      return
    elseif not client then
      return on_error(assert(complaint))
    end
    client_used = client
    local given = type(params) == 'function' and params(client) or params
    local sent
    sent, id = client:request(method, given, function(err, result)
      id = nil
      if cancelled then
        return
      elseif err then
        on_error(M.describe(err))
      else
        on_result(result, client)
      end
    end)
    if not sent then
      on_error('the server has gone; see :Lowtide log')
    end
  end)
  return function()
    cancelled = true
    if id and client_used and not client_used:is_stopped() then
      client_used:cancel_request(id)
    end
  end
end

--- What went wrong, and what to do about it.
---@param err lsp.ResponseError
---@return string
function M.describe(err)
  local data = type(err.data) == 'table' and err.data or {}
  local text = data.message or err.message
  if data.remedy and data.remedy ~= '' and not text:find(data.remedy, 1, true) then
    text = text .. '; ' .. data.remedy
  end
  return text
end

--- The `on_exit` of the client: start a server that died again, in the buffers that it was attached to.
---@param code integer
---@param signal integer
---@param client_id integer
function M.ended(code, signal, client_id)
  local client = vim.lsp.get_client_by_id(client_id)
  local connection = client and client.rpc and client.rpc.lowtide
  local buffers = client and vim.tbl_keys(client.attached_buffers) or {}
  watched[client_id] = nil
  vim.schedule(function()
    require('lowtide.progress').forget(client_id)
    require('lowtide.status').forget(client_id)
    local asked = connection and connection.asked_to_end or (not connection and code == 0)
    if client and not asked and vim.v.exiting == vim.NIL and vim.lsp.is_enabled(NAME) then
      M._restart(client.config, buffers, ('code %d, signal %d'):format(code, signal))
    end
  end)
end

---@param settings vim.lsp.ClientConfig
---@param buffers integer[]
---@param why string
function M._restart(settings, buffers, why)
  local limit, moment = config.get().restart_limit, now_ms()
  restarts = vim.tbl_filter(function(time)
    return moment - time < WINDOW_MS
  end, restarts)
  if #restarts >= limit then
    if limit > 0 then
      local text = 'Lowtide: the server ended %d times in three minutes (%s) and is left alone; '
        .. 'see :Lowtide log, then :Lowtide restart'
      vim.notify(text:format(limit + 1, why), vim.log.levels.ERROR)
    end
    return
  end
  restarts[#restarts + 1] = moment
  vim.notify(('Lowtide: the server ended (%s) and is started again'):format(why), vim.log.levels.WARN)
  vim.defer_fn(function()
    M.start(settings, buffers)
  end, 200 * 2 ^ (#restarts - 1))
end

--- Start a client and attach it to those of `buffers` that are still there.
---@param settings vim.lsp.ClientConfig
---@param buffers integer[]
function M.start(settings, buffers)
  local complaint = require('lowtide.server').complaint()
  if complaint then
    return vim.notify('Lowtide: ' .. complaint, vim.log.levels.ERROR)
  end
  for _, buffer in ipairs(buffers) do
    if vim.api.nvim_buf_is_loaded(buffer) then
      vim.lsp.start(settings, { bufnr = buffer })
    end
  end
end

--- End every client and start it again where it was; `with_daemon` ends the daemon in between.
---@param with_daemon boolean
---@param on_done? fun()
function M.restart(with_daemon, on_done)
  restarts = {}
  ---@type { settings: vim.lsp.ClientConfig, buffers: integer[] }[]
  local again = {}
  local clients = vim.lsp.get_clients({ name = NAME })
  for _, client in ipairs(clients) do
    again[#again + 1] = { settings = client.config, buffers = vim.tbl_keys(client.attached_buffers) }
    client:stop()
  end
  local function start()
    for _, each in ipairs(again) do
      M.start(each.settings, each.buffers)
    end
    if #again == 0 and vim.lsp.is_enabled(NAME) then
      vim.lsp.enable(NAME)
    end
    if on_done then
      on_done()
    end
  end
  local deadline = now_ms() + 3000
  local function after_end()
    local left = vim.iter(clients):filter(function(client)
      return not client:is_stopped()
    end)
    if left:next() then
      if now_ms() > deadline then
        for _, client in ipairs(clients) do
          client:stop(true)
        end
      end
      return vim.defer_fn(after_end, 20)
    end
    if not with_daemon then
      return vim.schedule(start)
    end
    local command = config.get().cmd[1]
    if vim.fn.executable(command) == 0 then
      return vim.notify('Lowtide: ' .. tostring(require('lowtide.server').complaint()), vim.log.levels.ERROR)
    end
    vim.system(
      { command, 'daemon', 'stop' },
      { text = true },
      vim.schedule_wrap(function(result)
        if result.code ~= 0 then
          vim.notify(vim.trim(result.stderr or ''), vim.log.levels.ERROR)
        end
        start()
      end)
    )
  end
  after_end()
end

return M
