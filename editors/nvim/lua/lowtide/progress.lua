-- What the server says it is doing (work-done progress): kept to be shown, and to be cancelled.
-- Invariant: kept here and not read from `vim.lsp.status()`, which empties the buffer that other plugins read.

local M = {}

---@type table<integer, table<lsp.ProgressToken, lowtide.Progress>>
local running = {}

---@param client vim.lsp.Client
---@param params { token: lsp.ProgressToken, value: table }
function M.update(client, params)
  local value = params.value
  if type(value) ~= 'table' then
    return
  end
  local of_client = running[client.id] or {}
  running[client.id] = of_client
  if value.kind == 'end' then
    of_client[params.token] = nil
  else
    local before = of_client[params.token] or {}
    of_client[params.token] = {
      title = value.title or before.title,
      message = value.message or before.message,
      percentage = value.percentage or before.percentage,
      cancellable = value.cancellable == nil and before.cancellable or value.cancellable,
    }
  end
  require('lowtide.status').refresh()
end

---@return lowtide.Progress? what is shown: the first that has begun and not ended
function M.current()
  for _, of_client in vim.spairs(running) do
    local _, progress = next(of_client)
    if progress then
      return progress
    end
  end
end

--- Ask the server to cancel all that it reports as cancellable.
---@return integer count of what was asked to end
function M.cancel()
  local count = 0
  for id, of_client in pairs(running) do
    local client = vim.lsp.get_client_by_id(id)
    for token, progress in pairs(of_client) do
      if client and progress.cancellable ~= false then
        client:notify('window/workDoneProgress/cancel', { token = token })
        count = count + 1
      end
    end
  end
  return count
end

---@param client_id integer
function M.forget(client_id)
  running[client_id] = nil
end

return M
