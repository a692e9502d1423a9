local fakes = require('fake')

local ROUNDS = 40
local MIB = 1024 * 1024

--- The middle of many times, in ms: one round may meet a busy machine.
local function cost_ms(action)
  local times = {}
  for round = 1, ROUNDS do
    collectgarbage()
    local started = vim.uv.hrtime()
    action(round)
    times[round] = (vim.uv.hrtime() - started) / 1e6
  end
  table.sort(times)
  return times[ROUNDS / 2]
end

local report = {}
local function assert_cost(what, most_ms, action)
  local ms = cost_ms(action)
  report[#report + 1] = ('  %-60s %7.3f ms (at most %g)'):format(what, ms, most_ms)
  assert.is_true(ms <= most_ms, ('%s took %.3f ms'):format(what, ms))
end

describe('the cost on the main loop', function()
  teardown(function()
    io.stdout:write('\n' .. table.concat(report, '\n') .. '\n')
  end)

  it('of start-up is at most 1 ms, and loads no module but the one that is asked for', function()
    local function forget()
      for name in pairs(package.loaded) do
        if name:match('^lowtide') then
          package.loaded[name] = nil
        end
      end
    end
    local group = vim.api.nvim_get_autocmds({ group = 'lowtide' })
    forget()
    assert_cost('sourcing plugin/lowtide.lua', 1, function()
      vim.g.loaded_lowtide = nil
      vim.cmd.runtime('plugin/lowtide.lua')
    end)
    for name in pairs(package.loaded) do
      assert.falsy(name:match('^lowtide'), name)
    end
    assert.equal(#group, #vim.api.nvim_get_autocmds({ group = 'lowtide' }))
    assert_cost("require('lowtide')", 1, function()
      forget()
      require('lowtide')
    end)
    assert.is_nil(package.loaded['lowtide.search'])
    assert_cost("require('lowtide').status() in a statusline", 0.05, function()
      require('lowtide').status()
    end)
    forget()
  end)

  it('of typing is nothing: no event of typing is listened to', function()
    local events = {}
    for _, autocmd in ipairs(vim.api.nvim_get_autocmds({ group = 'lowtide' })) do
      events[autocmd.event] = true
    end
    assert.same({ BufReadCmd = true, LspAttach = true, LspProgress = true }, events)
  end)

  it('of whatever the server sends is at most 5 ms', function()
    local fake = fakes.new()
    local env = fakes.attached(fake)
    local buffer = vim.api.nvim_get_current_buf()
    assert_cost('finding the workspace and the server of a buffer', 5, function()
      require('lowtide.server').find_root(buffer, function() end)
    end)
    assert_cost('lowtide/statusChanged with its redraw', 5, function(round)
      fake:notify('lowtide/statusChanged', fakes.status({ memory = { usedBytes = round * MIB } }))
      vim.wait(0)
    end)
    assert_cost('LspProgress', 5, function(round)
      local value = { kind = 'report', title = 'Indexing', percentage = round, message = ('x'):rep(200) }
      require('lowtide.progress').update(env.client, { token = 1, value = value })
    end)
    require('lowtide.progress').forget(env.client.id)
    local hits = {}
    for index = 1, 50 do
      hits[index] = fakes.hit(env.root .. '/reader.py', index, { snippet = ('text of a line\n'):rep(60) })
    end
    local message = vim.json.encode({ jsonrpc = '2.0', id = 1, result = { hits = hits } })
    local results = require('lowtide.results')
    assert_cost(('decoding an answer of 50 hits, %d kB, into items'):format(#message / 1000), 5, function()
      results.from_hits(vim.json.decode(message).result.hits, env.client, 'how the tide is read')
    end)
    local tree = fakes.memory()
    for index = 1, 16 do
      tree.children[index + 2] = { name = 'worker ' .. index, bytes = index * MIB, children = {} }
    end
    local memory, window = require('lowtide.memory'), require('lowtide.window').new('cost', 'cost')
    assert_cost('drawing the memory window with 18 processes', 5, function()
      window:draw(memory.rows(tree, fakes.status()))
    end)
    window:close()
    env.stop()
  end)
end)
