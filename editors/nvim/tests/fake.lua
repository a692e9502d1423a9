-- A language server inside this Neovim, at the seam of `vim.lsp.rpc`: answers from a table, and notes what is asked.

local M = {}

local MIB = 1024 * 1024

---@param overrides? table
---@return lowtide.Status
function M.status(overrides)
  return vim.tbl_deep_extend('force', {
    version = '0.1.0',
    health = 'ok',
    message = '',
    state = 'idle',
    quiescent = true,
    memory = {
      budgetBytes = 256 * MIB,
      usedBytes = 118 * MIB,
      peakBytes = 171 * MIB,
      mappedBytes = 40 * MIB,
      processes = {
        { role = 'daemon', pid = 10, anonBytes = 38 * MIB },
        { role = 'worker', pid = 11, anonBytes = 80 * MIB },
      },
    },
    ladder = { step = 'full', reason = '' },
    progress = vim.NIL,
    workspaces = {
      {
        rootUri = vim.uri_from_fname('/w'),
        files = 4787,
        symbols = 61234,
        chunks = 30210,
        vectors = 30210,
        diskBytes = 52 * MIB,
        pending = 0,
        stale = 0,
        skipped = 12,
        failed = 0,
        quarantined = 1,
        incomplete = false,
      },
    },
  }, overrides or {})
end

---@return lowtide.MemoryNode
function M.memory()
  return {
    name = 'lowtide',
    bytes = 118 * MIB,
    mappedBytes = 40 * MIB,
    children = {
      {
        name = 'daemon 10',
        bytes = 38 * MIB,
        children = {
          { name = 'SQLite', bytes = 2 * MIB, children = {} },
          { name = 'unattributed', bytes = 36 * MIB, children = {} },
        },
      },
      { name = 'worker 11', bytes = 80 * MIB, children = {} },
    },
  }
end

---@param path string
---@param line integer from 0
---@param overrides? table
---@return lowtide.Hit
function M.hit(path, line, overrides)
  return vim.tbl_extend('force', {
    uri = vim.uri_from_fname(path),
    range = { start = { line = line, character = 0 }, ['end'] = { line = line + 2, character = 0 } },
    kind = 'function',
    name = 'parse',
    container = 'Reader',
    score = 0.9,
    snippet = 'def parse(self):\n    return 1\n',
    signals = {},
  }, overrides or {})
end

---@class lowtide.Fake
---@field asked { method: string, params: any }[]
---@field told { method: string, params: any }[]
---@field answers table<string, any|fun(params: any): any, any> a value, or a function that returns error, result
---@field held table<string, true> methods that are not answered until `release`
local Fake = {}
Fake.__index = Fake

---@return lowtide.Fake
function M.new()
  local fake = setmetatable({ asked = {}, told = {}, held = {}, waiting = {}, starts = 0 }, Fake)
  fake.answers = {
    initialize = {
      capabilities = {
        positionEncoding = 'utf-8',
        workspaceSymbolProvider = true,
        textDocumentSync = { openClose = true, change = 2 },
        experimental = {
          lowtide = { version = '0.1.0', search = true, status = true, memory = true, explain = true },
        },
      },
      serverInfo = { name = 'lowtide', version = '0.1.0' },
    },
    shutdown = vim.NIL,
    ['lowtide/status'] = M.status(),
    ['lowtide/memory'] = M.memory(),
    ['lowtide/pause'] = M.status({ state = 'paused' }),
    ['lowtide/resume'] = M.status(),
    ['lowtide/cancel'] = M.status(),
    ['lowtide/reindex'] = M.status({ state = 'scanning' }),
  }
  return fake
end

--- The `cmd` of a client.
function Fake:cmd()
  return function(dispatchers)
    self.starts = self.starts + 1
    self.dispatchers, self.closing, self.number = dispatchers, false, 0
    local rpc = {}
    function rpc.request(method, params, callback, on_reply)
      self.number = self.number + 1
      local id = self.number
      self.asked[#self.asked + 1] = { method = method, params = vim.deepcopy(params), id = id }
      local function reply()
        if self.closing then
          return
        end
        local answer, err = self.answers[method], nil
        if type(answer) == 'function' then
          err, answer = answer(params)
        elseif answer == nil then
          err = { code = -32601, message = 'no method ' .. method }
        end
        if on_reply then
          on_reply(id)
        end
        callback(err, vim.deepcopy(answer))
      end
      if self.held[method] then
        self.waiting[#self.waiting + 1] = reply
      else
        vim.schedule(reply)
      end
      return true, id
    end
    function rpc.notify(method, params)
      self.told[#self.told + 1] = { method = method, params = vim.deepcopy(params) }
      if method == 'exit' then
        self:die(0, 0)
      end
      return true
    end
    function rpc.is_closing()
      return self.closing
    end
    function rpc.terminate()
      self:die(0, 15)
    end
    return rpc
  end
end

--- Answer what was held back.
function Fake:release()
  local waiting = self.waiting
  self.waiting, self.held = {}, {}
  for _, reply in ipairs(waiting) do
    vim.schedule(reply)
  end
end

---@param method string
---@param params any
function Fake:notify(method, params)
  self.dispatchers.notification(method, params)
end

--- The process ends.
function Fake:die(code, signal)
  if not self.closing then
    self.closing = true
    self.dispatchers.on_exit(code, signal)
  end
end

---@param list 'asked'|'told'
---@param method string
---@return any[] params of every message of that method
function Fake:params(list, method)
  local found = {}
  for _, message in ipairs(self[list]) do
    if message.method == method then
      found[#found + 1] = message.params
    end
  end
  return found
end

---@param list 'asked'|'told'
---@param method string
---@return integer
function Fake:count(list, method)
  return #vim.tbl_filter(function(message)
    return message.method == method
  end, self[list])
end

M.FILES = {
  ['reader.py'] = 'class Reader:\n    def parse(self):\n        return 1\n\n\ndef other():\n    pass\n',
  ['naïve dir/ü file.py'] = 'x = 1\n# 🌊 tide\ndef tide():\n    pass\n',
  ['.lowtide.toml'] = '',
}

--- A workspace on disk, removed with `vim.fn.delete(root, 'rf')`.
---@return string root
function M.workspace()
  local root = assert(
    vim.uv.fs_realpath(assert(vim.uv.fs_mkdtemp(vim.fs.joinpath(vim.uv.os_tmpdir(), 'lowtide-XXXXXX'))))
  )
  for name, text in pairs(M.FILES) do
    local path = vim.fs.joinpath(root, name)
    vim.fn.mkdir(vim.fs.dirname(path), 'p')
    vim.fn.writefile(vim.split(text, '\n'), path, 'b')
  end
  return root
end

---@param what string
---@param condition fun(): any
function M.wait(what, condition)
  assert(vim.wait(5000, condition, 5), 'it did not come: ' .. what)
end

local original = vim.lsp.config.lowtide

--- A workspace with an attached client whose server is `fake`; `stop` ends and removes all.
---@param fake lowtide.Fake
---@return { root: string, client: vim.lsp.Client, messages: string[], stop: fun() }
function M.attached(fake)
  local server = require('lowtide.server')
  local root = M.workspace()
  local notify, complaint, messages = vim.notify, server.complaint, {}
  vim.notify = function(text)
    messages[#messages + 1] = text
  end
  server.complaint = function() end
  local start = server.start
  server.start = function(dispatchers)
    local connection = { how = 'command', target = 'fake', asked_to_end = false }
    server.last = connection
    return server.observe(fake:cmd()(dispatchers), connection)
  end
  vim.lsp.config('lowtide', original)
  vim.cmd.edit(vim.fn.fnameescape(root .. '/reader.py'))
  vim.lsp.enable('lowtide')
  vim.bo.filetype = 'python'
  M.wait('attached', function()
    return vim.lsp.get_clients({ name = 'lowtide', bufnr = 0 })[1] and require('lowtide').last_status()
  end)
  local env = { root = root, client = vim.lsp.get_clients({ name = 'lowtide' })[1], messages = messages }
  function env.stop()
    vim.lsp.enable('lowtide', false)
    M.wait('ended', function()
      return #vim.lsp.get_clients({ name = 'lowtide', _uninitialized = true }) == 0
    end)
    vim.notify, server.complaint, server.start = notify, complaint, start
    vim.cmd('silent! %bwipeout!')
    vim.fn.delete(root, 'rf')
  end
  return env
end

return M
