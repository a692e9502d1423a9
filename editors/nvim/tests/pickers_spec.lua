-- The four pickers, each replaced at its seam by a stand-in that does what its documentation says: the tests install no
-- picker.
local fakes = require('fake')

describe('a live picker', function()
  local fake, env

  before_each(function()
    fake = fakes.new()
    env = fakes.attached(fake)
    fake.answers['lowtide/search'] = function(params)
      local hits = { fakes.hit(env.root .. '/reader.py', 1, { name = params.query, weak = true }) }
      return nil,
        {
          hits = hits,
          degraded = vim.NIL,
          staleFiles = 0,
          tookMs = 1,
          freshness = { state = 'indexing', indexed = 12, total = 100, ageS = vim.NIL, reason = '' },
        }
    end
    fake.answers['lowtide/similar'] = { hits = {}, degraded = vim.NIL, staleFiles = 0, tookMs = 1 }
    vim.g.lowtide = { debounce_ms = 0 }
  end)

  after_each(function()
    vim.g.lowtide = nil
    for name in pairs(package.loaded) do
      if
        vim.startswith(name, 'telescope')
        or vim.list_contains({ 'snacks.picker', 'fzf-lua', 'fzf-lua.utils' }, name)
      then
        package.loaded[name] = nil
      end
    end
    rawset(_G, 'MiniPick', nil)
    env.stop()
  end)

  local NOTE =
    '12 % indexed: results so far; only weak answers: it is likely not here, or is called otherwise'

  --- The index goes on: the server says how far it is.
  local function goes_on(state, indexed)
    local status = fakes.status()
    status.workspaces[1].rootUri = vim.uri_from_fname(env.root)
    status.workspaces[1].freshness = { state = state, indexed = indexed, total = 100, reason = '' }
    fake:notify('lowtide/statusChanged', status)
  end

  local function queries()
    return vim.tbl_map(function(params)
      return params.query
    end, fake:params('asked', 'lowtide/search'))
  end

  it('is chosen when it is there, and vim.ui.select when the one that was asked for is not', function()
    local pickers = require('lowtide.pickers')
    assert.same({ 'select', 'quickfix' }, pickers.available())
    rawset(_G, 'MiniPick', {})
    assert.same({ 'mini.pick', 'select', 'quickfix' }, pickers.available())
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
    local opts, items, tick, name
    rawset(_G, 'MiniPick', {
      default_show = function(buffer, entries)
        vim.api.nvim_buf_set_lines(buffer, 0, -1, false, { entries[1].text })
      end,
      set_picker_opts = function(given)
        name = given.source.name
      end,
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
    local buffer = vim.api.nvim_create_buf(false, true)
    opts.source.show(buffer, items, {})
    local space = vim.api.nvim_get_namespaces()['lowtide.results']
    assert.equal(
      'LowtideMatch',
      vim.api.nvim_buf_get_extmarks(buffer, space, 0, -1, { details = true })[1][4].hl_group
    )
    vim.api.nvim_buf_delete(buffer, { force = true })
    items[1].spans = nil
    assert.same({
      text = 'tide  function in Reader  reader.py:2  weak',
      path = env.root .. '/reader.py',
      lnum = 2,
      end_lnum = 3,
      col = 1,
    }, items[1])
    assert.equal(('Lowtide search (%s)'):format(NOTE), name)
    goes_on('indexing', 57)
    fakes.wait('the percentage', function()
      return name == 'Lowtide search (57 % indexed: results so far)'
    end)
    goes_on('current', 100)
    fakes.wait('the end', function()
      return name == 'Lowtide search (indexed meanwhile: ask again for all)'
    end)
    vim.api.nvim_exec_autocmds('User', { pattern = 'MiniPickStop' })
    goes_on('indexing', 58)
    fakes.wait('the status', function()
      return require('lowtide').last_status().workspaces[1].freshness.indexed == 58
    end)
    assert.equal('Lowtide search (indexed meanwhile: ask again for all)', name)
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
    local titles = {}
    local picker = {}
    function picker:update_titles()
      titles[#titles + 1] = self.title
    end
    local found, thread = {}, nil
    thread = coroutine.create(function()
      local waiting = { suspend = coroutine.yield }
      function waiting.resume()
        coroutine.resume(thread)
      end
      given.finder({}, { filter = { search = 'tides' }, async = waiting, picker = picker })(function(entry)
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
    assert.same({ 'tides', 'LowtideMatch' }, given.format(found[1])[1])
    assert.same({ ('Lowtide search (%s)'):format(NOTE) }, titles)
    given.on_close()
  end)

  it('fzf-lua: lines are what its preview reads, and lead back to the answer', function()
    local content, opts
    package.loaded['fzf-lua.utils'] = {
      ansi_from_hl = function(group, text)
        return group == 'LowtideMatch' and '<' .. text .. '>' or text
      end,
    }
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
    assert.same({
      '\t' .. NOTE,
      'reader.py:2:1:\t<tides>  function in Reader  reader.py:2  weak',
    }, lines)
    assert.is_true(opts.fzf_colors)
    vim.cmd.enew()
    opts.actions.default({ 'reader.py:2:1:\ttides  function in Reader  reader.py:2  weak' })
    assert.equal(env.root .. '/reader.py', vim.api.nvim_buf_get_name(0))
    assert.equal(2, vim.fn.line('.'))
  end)

  it('telescope: it is let go on when the prompt changes, and shows the answer of the last prompt', function()
    local entry_maker, find, attach, prompt, title
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
        local border = {
          change_title = function(_, text)
            title = text
          end,
        }
        return {
          layout = { prompt = { border = border } },
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
    local label, groups = entry.display()
    assert.equal('tide  function in Reader  reader.py:2  weak', label)
    assert.same({ { 0, 4 }, 'LowtideMatch' }, groups[1])
    assert.equal(('Lowtide search (%s)'):format(NOTE), title)
    vim.api.nvim_buf_delete(buffer, { force = true })
    package.loaded['plenary.async.control'] = nil
  end)
end)
