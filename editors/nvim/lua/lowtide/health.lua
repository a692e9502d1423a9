-- `:checkhealth lowtide`. It must run in every Neovim since 0.7, to say that it is too old.

local M = {}

local health = vim.health or require('health')
local start = health.start or health.report_start
local ok = health.ok or health.report_ok
local warn = health.warn or health.report_warn
local fail = health.error or health.report_error
local info = health.info or health.report_info

local ANSWER_MS = 5000

---@param method string
---@param params table
---@return any result
---@return string? error
local function ask(client, method, params)
  local answer = client:request_sync(method, params, ANSWER_MS)
  if not answer then
    return nil, ('no answer in %d seconds'):format(ANSWER_MS / 1000)
  elseif answer.err then
    return nil, require('lowtide.session').describe(answer.err)
  end
  return answer.result
end

--- Say it when the plugin and what it talks to are of different versions, and which of them is to be updated.
---@param what string
---@param version string
---@param remedy string how a server that is older is updated
local function compare(what, version, remedy)
  local plugin = require('lowtide.version')
  if version == plugin then
    return ok(('%s: version %s, as the plugin'):format(what, version))
  end
  local known, order = pcall(vim.version.cmp, version, plugin)
  local advice = known and order > 0 and 'update the plugin' or remedy
  warn(('%s is version %s, the plugin %s'):format(what, version, plugin), advice)
end

---@return string? version of the command
local function check_command()
  local options = require('lowtide.config').get()
  local command = options.cmd[1]
  local path = vim.fn.exepath(command)
  if path == '' then
    local say = options.connect == 'socket' and info or fail
    say(('the server is not found: `%s` is not an executable in PATH'):format(command), {
      'install it: `pipx install .` (or `uv tool install .`) in a clone of Lowtide',
      "or set `vim.g.lowtide = { cmd = { '/path/to/lowtide', 'lsp' } }`",
    })
    return nil
  end
  local done = vim.system({ path, '--version' }, { text = true }):wait(ANSWER_MS)
  local version = (done.stdout or ''):match('(%d+%.%d+[%w.+-]*)')
  if done.code ~= 0 or not version then
    local said = vim.trim(done.stderr or '')
    -- On a system that it does not run on it says so itself, with what to do.
    local again = not said:find('runs on Linux', 1, true) and { 'install Lowtide again' } or {}
    fail(('`%s --version` failed: %s'):format(path, said), again)
    return nil
  end
  compare(
    'server: ' .. path,
    version,
    'update it: `pipx install --force .` (or `uv tool install --force .`) in a newer clone of Lowtide'
  )
  return version
end

local function check_daemon(client, command_version)
  start('lowtide: daemon')
  local status, err = ask(client, 'lowtide/status', vim.empty_dict())
  if not status then
    return fail(
      'the daemon does not answer: ' .. err,
      { 'look at `:Lowtide log`', 'run `:Lowtide! restart`' }
    )
  end
  local connection = require('lowtide.server').last
  ok(
    ('the daemon answers%s'):format(
      connection and (', reached by its %s: %s'):format(connection.how, connection.target) or ''
    )
  )
  if command_version and command_version ~= status.version then
    warn(
      ('the daemon is version %s, `lowtide` in PATH is %s'):format(status.version, command_version),
      '`:Lowtide! restart` starts the daemon of the installed version'
    )
  else
    compare('daemon', status.version, 'update Lowtide, then run `:Lowtide! restart`')
  end
  local format = require('lowtide.format')
  local memory = status.memory
  local budget = ('budget: %s used, peak %s'):format(
    format.share(memory.usedBytes, memory.budgetBytes),
    format.bytes(memory.peakBytes)
  )
  if memory.usedBytes > memory.budgetBytes or memory.peakBytes > memory.budgetBytes then
    fail(budget .. ': it was not kept', 'report it, with the log of the daemon (`:Lowtide log`)')
  else
    ok(budget)
  end
  local step = status.ladder.step
  if step == 'full' then
    ok('ladder: full: nothing is degraded')
  elseif status.health == 'ok' then
    -- Somebody wanted it so: a small budget that was chosen, or a pause.
    info(('ladder: %s: %s'):format(step, status.ladder.reason or ''))
  else
    warn(
      ('ladder: %s: %s'):format(step, status.ladder.reason or ''),
      'a larger budget helps: `:Lowtide budget 512MiB`'
    )
  end
  if status.health ~= 'ok' then
    local say = status.health == 'error' and fail or warn
    say(
      status.message ~= '' and status.message or 'the health is ' .. status.health,
      '`lowtide doctor` says more'
    )
  end
end

--- The client; one that is only just being attached is waited for.
---@return vim.lsp.Client?
local function await_client()
  local session, server = require('lowtide.session'), require('lowtide.server')
  local awaited = vim.lsp.is_enabled('lowtide')
    and not server.complaint()
    and vim.iter(vim.api.nvim_list_bufs()):any(function(buffer)
      return vim.api.nvim_buf_is_loaded(buffer)
        and vim.bo[buffer].buftype == ''
        and server.root_of(buffer) ~= nil
    end)
  vim.wait(awaited and ANSWER_MS or 0, function()
    return session.client() ~= nil
  end)
  return session.client()
end

--- Watches, limits, model and indexes, as `lowtide doctor` finds them.
local function check_machine()
  local command = vim.fn.exepath(require('lowtide.config').get().cmd[1])
  if command == '' then
    return
  end
  start('lowtide: machine (lowtide doctor)')
  local done = vim.system({ command, 'doctor', '--json' }, { text = true, cwd = vim.uv.cwd() }):wait(20000)
  local parsed, report = pcall(vim.json.decode, done.stdout or '', { luanil = { object = true } })
  if not parsed or type(report) ~= 'table' or not report.checks then
    return warn('`lowtide doctor` gave no report', vim.trim(done.stderr or ''))
  end
  for _, check in ipairs(report.checks) do
    local line = ('%s: %s'):format(check.name, check.detail or '')
    if check.ok then
      ok(line)
    else
      warn(line, check.remedy ~= '' and check.remedy or nil)
    end
  end
end

function M.check()
  start('lowtide: editor')
  if vim.fn.has('nvim-0.11') == 0 then
    local v = vim.version()
    fail(('Neovim %d.%d.%d is too old: Lowtide needs 0.11 or newer'):format(v.major, v.minor, v.patch), {
      'update Neovim: https://github.com/neovim/neovim/releases',
    })
    return
  end
  ok('Neovim ' .. tostring(vim.version()))
  info('plugin: version ' .. require('lowtide.version'))
  for _, problem in ipairs(require('lowtide.config').problems()) do
    warn(problem)
  end
  info('pickers: ' .. table.concat(require('lowtide.pickers').available(), ', '))
  local command_version = check_command()
  if not vim.lsp.is_enabled('lowtide') then
    warn('the server is not enabled', "add `vim.lsp.enable('lowtide')` to your configuration")
  end
  local client = await_client()
  if client then
    check_daemon(client, command_version)
  else
    start('lowtide: daemon')
    local complaint = require('lowtide.server').complaint()
    if complaint then
      fail(complaint)
    else
      info(
        'no buffer is attached: open a file of a workspace; one is around a folder with one of '
          .. table.concat(require('lowtide.config').get().root_markers, ', ')
      )
    end
  end
  check_machine()
end

return M
