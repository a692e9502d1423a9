-- The four pickers, each replaced at its seam by a stand-in that does what its documentation says: the tests install no
-- picker.
local fakes = require('fake')

describe('a live picker', function()
  local fake, env

  before_each(function()
    fake = fakes.new()
    env = fakes.attached(fake)
    fake.answers['lowtide/search'] = function(params)
      local hits = { fakes.hit(env.root .. '/reader.py', 1, { name = params.query }) }
      return nil, { hits = hits, degraded = vim.NIL, staleFiles = 0, tookMs = 1 }
    end
    fake.answers['lowtide/similar'] = { hits = {}, degraded = vim.NIL, staleFiles = 0, tookMs = 1 }
    vim.g.lowtide = { debounce_ms = 0 }
  end)

  after_each(function()
    vim.g.lowtide = nil
    for name in pairs(package.loaded) do
      if vim.startswith(name, 'telescope') or vim.list_contains({ 'snacks.picker', 'fzf-lua' }, name) then
        package.loaded[name] = nil
      end
    end
    rawset(_G, 'MiniPick', nil)
    env.stop()
  end)

  local function queries()
    return vim.tbl_map(function(params)
      return params.query
    end, fake:params('asked', 'lowtide/search'))
  end

  it('is chosen when it is there, and vim.ui.select when the one that was asked for is not', function()
    local pickers = require('lowtide.pickers')
    assert.same({ 'select' }, pickers.available())
    rawset(_G, 'MiniPick', {})
    assert.same({ 'mini.pick', 'select' }, pickers.available())
    local select = vim.ui.select
    local offered
    vim.ui.select = function(items)
      offered = #items
    end
    require('lowtide').search('tide', { picker = 'telescope' })
    fakes.wait('the choice', function()
      return offered
    end)
    vim.ui.select = select
    assert.truthy(
      vim.list_contains(env.messages, 'Lowtide: the picker telescope is not there: vim.ui.select is used')
    )
  end)

  it('mini.pick: each change of the query asks again, in the order of the server', function()
    local opts, items, tick
    rawset(_G, 'MiniPick', {
      start = function(given)
        opts, tick = given, 1
        vim.api.nvim_exec_autocmds('User', { pattern = 'MiniPickStart' })
      end,
      set_picker_query = function(query)
        tick = tick + 1
        opts.source.match({}, {}, query)
      end,
      set_picker_items = function(given, how)
        assert.is_false(how.do_match)
        if how.querytick == tick then
          items = given
        end
      end,
      is_picker_active = function()
        return true
      end,
      get_querytick = function()
        return tick
      end,
    })
    require('lowtide').search('ti')
    fakes.wait('the first answer', function()
      return items
    end)
    items = nil
    _G.MiniPick.set_picker_query({ 't', 'i', 'd', 'e' })
    fakes.wait('the second answer', function()
      return items
    end)
    assert.same({ 'ti', 'tide' }, queries())
    assert.same({
      text = 'reader.py:2  function tide in Reader',
      path = env.root .. '/reader.py',
      lnum = 2,
      end_lnum = 3,
      col = 1,
    }, items[1])
  end)

  it('snacks: the finder waits for the answer of its query', function()
    local given
    package.loaded['snacks.picker'] = {
      pick = function(opts)
        given = opts
      end,
    }
    require('lowtide').search('tide')
    assert.equal('tide', given.search)
    assert.is_true(given.live)
    local found, thread = {}, nil
    thread = coroutine.create(function()
      local waiting = { suspend = coroutine.yield }
      function waiting.resume()
        coroutine.resume(thread)
      end
      given.finder({}, { filter = { search = 'tides' }, async = waiting })(function(entry)
        found[#found + 1] = entry
      end)
    end)
    -- Its loop runs in a callback of libuv, where most of Neovim's functions are not to be had.
    local timer = assert(vim.uv.new_timer())
    timer:start(0, 0, function()
      timer:close()
      coroutine.resume(thread)
    end)
    fakes.wait('the answer', function()
      return coroutine.status(thread) == 'dead'
    end)
    assert.same({ 'tides' }, queries())
    assert.equal(env.root .. '/reader.py', found[1].file)
    assert.same({ 2, 0 }, found[1].pos)
    assert.equal('LowtidePath', given.format(found[1])[1][2])
  end)

  it('fzf-lua: lines are what its preview reads, and lead back to the answer', function()
    local content, opts
    package.loaded['fzf-lua'] = {
      fzf_live = function(given_content, given_opts)
        content, opts = given_content, given_opts
      end,
    }
    require('lowtide').search('tide', { picker = 'fzf-lua' })
    if not content then
      return pending('fzf is not installed')
    end
    local lines, ended = {}, false
    content({ 'tides' })(function(line)
      lines[#lines + 1] = line
      ended = line == nil
    end)
    fakes.wait('the end', function()
      return ended
    end)
    assert.same({ 'reader.py:2:1:function tides in Reader' }, lines)
    vim.cmd.enew()
    opts.actions.default(lines)
    assert.equal(env.root .. '/reader.py', vim.api.nvim_buf_get_name(0))
    assert.equal(2, vim.fn.line('.'))
  end)

  it('telescope: it is let go on when the prompt changes, and shows the answer of the last prompt', function()
    local entry_maker, find, attach, prompt
    package.loaded['plenary.async.control'] = {
      channel = {
        oneshot = function()
          local value, waiter
          return function(given)
            value = given
            if waiter then
              coroutine.resume(waiter)
            end
          end, function()
            while value == nil do
              waiter = coroutine.running()
              coroutine.yield()
            end
            return value
          end
        end,
      },
    }
    package.loaded['telescope'] = {}
    package.loaded['telescope.sorters'] = { highlighter_only = function() end }
    package.loaded['telescope.config'] = { values = { grep_previewer = function() end } }
    package.loaded['telescope.finders'] = {
      new_dynamic = function(given)
        entry_maker, find = given.entry_maker, given.fn
      end,
    }
    package.loaded['telescope.pickers'] = {
      new = function(_, given)
        attach = given.attach_mappings
        return {
          find = function() end,
          _get_prompt = function()
            return prompt
          end,
        }
      end,
    }
    require('lowtide').search('', { picker = 'telescope' })
    local buffer = vim.api.nvim_create_buf(false, true)
    attach(buffer)
    local shown = {}
    local function begin(text)
      prompt = text
      local thread = coroutine.create(function()
        shown[text] = find(text)
      end)
      coroutine.resume(thread)
    end
    fake.held['lowtide/search'] = true
    begin('ti')
    fakes.wait('asked', function()
      return #queries() == 1
    end)
    prompt = 'tide'
    vim.api.nvim_exec_autocmds('TextChangedI', { buffer = buffer })
    assert.same({}, shown.ti)
    begin('tide')
    fakes.wait('asked again', function()
      return #queries() == 2
    end)
    fake:release()
    fakes.wait('the answer', function()
      return shown.tide
    end)
    assert.same({ 'ti', 'tide' }, queries())
    local entry = entry_maker(shown.tide[1])
    assert.equal(env.root .. '/reader.py', entry.filename)
    assert.equal(2, entry.lnum)
    assert.equal('reader.py:2  function tide in Reader', (entry.display()))
    vim.api.nvim_buf_delete(buffer, { force = true })
    package.loaded['plenary.async.control'] = nil
  end)
end)
