local fakes = require('fake')

local function lines(path)
  return vim.fn.readfile(path)
end

describe('asking', function()
  local fake, env, select, input

  before_each(function()
    fake = fakes.new()
    env = fakes.attached(fake)
    select, input = vim.ui.select, vim.ui.input
    vim.g.lowtide = { picker = 'select' }
    vim.fn.setqflist({}, 'f')
    fake.answers['lowtide/search'] = {
      hits = {
        fakes.hit(env.root .. '/reader.py', 1),
        fakes.hit(env.root .. '/naïve dir/ü file.py', 2, { name = '', kind = 'text', container = '' }),
      },
      degraded = vim.NIL,
      staleFiles = 0,
      tookMs = 3,
    }
    fake.answers['lowtide/similar'] = fake.answers['lowtide/search']
    fake.answers['lowtide/symbols'] = {
      symbols = {
        {
          name = 'tide',
          kind = 12,
          containerName = 'sea',
          location = {
            uri = vim.uri_from_fname(env.root .. '/naïve dir/ü file.py'),
            range = { start = { line = 2, character = 4 }, ['end'] = { line = 2, character = 8 } },
          },
        },
      },
      tookMs = 1,
    }
  end)

  after_each(function()
    vim.ui.select, vim.ui.input = select, input
    vim.g.lowtide = nil
    vim.cmd('silent! cclose')
    env.stop()
  end)

  --- Take the answer at `index` once it is offered; returns what was shown.
  local function choose(index)
    local shown
    vim.ui.select = function(items, opts, on_choice)
      shown = vim.tbl_map(opts.format_item, items)
      on_choice(items[index], index)
    end
    return function()
      fakes.wait('the choice', function()
        return shown
      end)
      return shown
    end
  end

  it('a search offers the answers and jumps to the one that is chosen', function()
    local shown = choose(2)
    vim.cmd.Lowtide('search --mode=lexical --lang=python,lua --limit=7 the tide')
    assert.same({
      'parse  function in Reader  reader.py:2',
      'def parse(self):  naïve dir/ü file.py:3',
    }, shown())
    assert.equal(env.root .. '/naïve dir/ü file.py', vim.api.nvim_buf_get_name(0))
    assert.same({ 3, 0 }, vim.api.nvim_win_get_cursor(0))
    assert.same({
      query = 'the tide',
      mode = 'lexical',
      languages = { 'python', 'lua' },
      limit = 7,
      rootUri = vim.uri_from_fname(env.root),
      team = true,
    }, fake:params('asked', 'lowtide/search')[1])
  end)

  --- The answer has a hit of the team's alone.
  local function remote_alone()
    local uri = 'lowtide-remote://example.org/team/app/a%20b/retry.py?4f2a9c01d3be-12-40'
    local hit = fakes.hit('/x', 11, { uri = uri, name = 'RetryPolicy', kind = 'class', container = '' })
    hit.range['end'].line = 40
    hit.snippet = 'class RetryPolicy:'
    hit.remote = {
      repository = 'example.org/team/app',
      commit = '4f2a9c01d3be5a1f0c7e8b6d2a4c3f1e5d7b9a80',
      path = 'a b/retry.py',
      ageS = 3.2 * 24 * 3600,
      url = 'https://example.org/team/app/retry.py#L12-L40',
    }
    fake.answers['lowtide/search'].hits = { hit }
    return uri
  end

  it('code that is not on this machine is marked, and shown in a buffer that cannot be changed', function()
    local uri = remote_alone()
    local shown = choose(1)
    vim.cmd.Lowtide('search retry')
    assert.same({ 'RetryPolicy  class  a b/retry.py:12  example.org/team/app, 3 days old' }, shown())
    assert.equal(uri, vim.api.nvim_buf_get_name(0))
    local text = {
      'RetryPolicy (class)',
      'a b/retry.py, lines 12 to 40',
      'example.org/team/app, 3 days old, commit 4f2a9c01d3be',
      'https://example.org/team/app/retry.py#L12-L40',
      '',
      'class RetryPolicy:',
      '',
      "This code is not on this machine: it was found in your team's index, which holds no text of it.",
    }
    assert.same(text, vim.api.nvim_buf_get_lines(0, 0, -1, false))
    assert.is_false(vim.bo.modifiable)
    assert.is_true(vim.bo.readonly)
    assert.is_false(vim.bo.modified)
    assert.is_false(pcall(vim.cmd.write))
    local buffer = vim.api.nvim_get_current_buf()
    vim.cmd.normal({ vim.keycode('<C-o>'), bang = true })
    vim.cmd.bunload(buffer)
    vim.api.nvim_win_set_buf(0, buffer)
    assert.same(text, vim.api.nvim_buf_get_lines(0, 0, -1, false))
  end)

  it('the quickfix list opens it as well', function()
    local uri = remote_alone()
    vim.cmd('Lowtide! search retry')
    fakes.wait('the list', function()
      return #vim.fn.getqflist() == 1
    end)
    vim.cmd.cfirst()
    assert.equal(uri, vim.api.nvim_buf_get_name(0))
    assert.equal('RetryPolicy (class)', vim.api.nvim_get_current_line())
  end)

  it('the place that one came from is in the jump list', function()
    local shown = choose(2)
    vim.cmd.Lowtide('search tide')
    shown()
    vim.cmd.normal({ vim.keycode('<C-o>'), bang = true })
    assert.equal(env.root .. '/reader.py', vim.api.nvim_buf_get_name(0))
  end)

  it('without a query it asks for one', function()
    vim.ui.input = function(_, on_input)
      on_input('typed')
    end
    local shown = choose(1)
    vim.cmd.Lowtide('search')
    shown()
    assert.equal('typed', fake:params('asked', 'lowtide/search')[1].query)
  end)

  it('a range is the query', function()
    local shown = choose(1)
    vim.cmd('1,2Lowtide search')
    shown()
    assert.equal('class Reader:\n    def parse(self):', fake:params('asked', 'lowtide/search')[1].query)
  end)

  it('the selection is the query of the map', function()
    local shown = choose(1)
    vim.api.nvim_win_set_cursor(0, { 1, 6 })
    vim.keymap.set('x', '<F5>', '<Plug>(lowtide-search)')
    vim.api.nvim_feedkeys(vim.keycode('viw<F5>'), 'xt', false)
    shown()
    assert.equal('Reader', fake:params('asked', 'lowtide/search')[1].query)
    assert.equal('n', vim.fn.mode())
  end)

  it('symbols jump to the character', function()
    local shown = choose(1)
    vim.cmd.Lowtide('symbols tide')
    assert.same({ 'tide  function in sea  naïve dir/ü file.py:3' }, shown())
    assert.same({ 3, 4 }, vim.api.nvim_win_get_cursor(0))
  end)

  it('similar sends the lines of the range', function()
    local shown = choose(1)
    vim.cmd('2,3Lowtide similar')
    shown()
    local params = fake:params('asked', 'lowtide/similar')[1]
    assert.equal(vim.uri_from_fname(env.root .. '/reader.py'), params.textDocument.uri)
    assert.same({ line = 1, character = 0 }, params.range.start)
    assert.same({ line = 2, character = #lines(env.root .. '/reader.py')[3] }, params.range['end'])
  end)

  it('! puts the answers into the quickfix list, whose entries lead to them', function()
    vim.cmd('Lowtide! search tide')
    fakes.wait('the list', function()
      return #vim.fn.getqflist() == 2
    end)
    assert.equal('Lowtide search: tide', vim.fn.getqflist({ title = 0 }).title)
    vim.cmd('2cc')
    assert.equal(env.root .. '/naïve dir/ü file.py', vim.api.nvim_buf_get_name(0))
    assert.equal(3, vim.fn.line('.'))
  end)

  it('says so when nothing is found, when an answer is degraded, and when the server refuses', function()
    fake.answers['lowtide/search'] =
      { hits = {}, degraded = 'the model is not loaded', staleFiles = 0, tookMs = 1 }
    vim.cmd.Lowtide('search tide')
    fakes.wait('nothing found', function()
      return vim.list_contains(env.messages, 'Lowtide: nothing found')
    end)
    assert.truthy(vim.list_contains(env.messages, 'Lowtide: the answer is degraded: the model is not loaded'))
    fake.answers['lowtide/search'] = function()
      return {
        code = -32803,
        message = 'x',
        data = { kind = 'index', message = 'there is no index', remedy = 'run it' },
      }
    end
    vim.cmd.Lowtide('search tide')
    fakes.wait('refused', function()
      return vim.list_contains(env.messages, 'Lowtide: there is no index; run it')
    end)
  end)

  it('says how far the index is, and what is weak, in the title and the rows', function()
    local answer = fake.answers['lowtide/search']
    answer.freshness = { state = 'indexing', indexed = 12, total = 100, ageS = vim.NIL, reason = '' }
    answer.hits[1].weak = true
    local prompt
    vim.ui.select = function(items, opts)
      prompt = { opts.prompt, opts.format_item(items[1]), opts.format_item(items[2]) }
    end
    vim.cmd.Lowtide('search tide')
    fakes.wait('the choice', function()
      return prompt
    end)
    assert.same({
      'Lowtide search: tide (12 % indexed: results so far)',
      'parse  function in Reader  reader.py:2  weak',
      'def parse(self):  naïve dir/ü file.py:3',
    }, prompt)
    vim.cmd('Lowtide! search tide')
    fakes.wait('the list', function()
      return #vim.fn.getqflist() == 2
    end)
    assert.equal('Lowtide search: tide (12 % indexed: results so far)', vim.fn.getqflist({ title = 0 }).title)
    answer.hits = {}
    vim.cmd.Lowtide('search tide')
    fakes.wait('nothing found', function()
      return vim.list_contains(env.messages, 'Lowtide: nothing found (12 % indexed: results so far)')
    end)
  end)

  it('the quickfix window has the name first, its parts coloured, and what matches', function()
    vim.cmd('Lowtide! search the parser, parse')
    fakes.wait('the list', function()
      return vim.bo.buftype == 'quickfix' and vim.fn.line('$') == 2
    end)
    assert.equal('parse  function in Reader  reader.py:2', vim.fn.getline(1))
    local space = vim.api.nvim_get_namespaces()['lowtide.results']
    local marks
    fakes.wait('the colours', function()
      marks = vim.api.nvim_buf_get_extmarks(0, space, { 0, 0 }, { 0, -1 }, { details = true })
      return #marks > 0
    end)
    local groups = vim.tbl_map(function(mark)
      return vim.fn.getline(1):sub(mark[3] + 1, mark[4].end_col) .. '=' .. mark[4].hl_group
    end, marks)
    assert.same({
      'parse=LowtideMatch',
      '  function=LowtideKind',
      ' in Reader=LowtideContainer',
      'reader.py=LowtidePath',
      ':2=LowtideLine',
    }, groups)
    vim.fn.setqflist({}, ' ', { title = 'of another', items = { { text = 'plain' } } })
    vim.cmd('silent colder')
    fakes.wait('the colours of the older list', function()
      return #vim.api.nvim_buf_get_extmarks(0, space, 0, -1, {}) > 5
    end)
  end)

  it(
    "without a picker the answers are in the quickfix list, and never in a list of Neovim's that asks for more",
    function()
      vim.g.lowtide = nil
      vim.cmd.Lowtide('search tide')
      fakes.wait('the list', function()
        return #vim.fn.getqflist() == 2
      end)
      vim.g.lowtide = { picker = 'select' }
      local answer = fake.answers['lowtide/search']
      for line = 1, vim.o.lines do
        answer.hits[line] = fakes.hit(env.root .. '/reader.py', line)
      end
      vim.cmd.Lowtide('search tide')
      fakes.wait('the longer list', function()
        return #vim.fn.getqflist() == vim.o.lines
      end)
    end
  )

  it('a live question that is overtaken is cancelled, and its answer is not shown', function()
    vim.g.lowtide = { debounce_ms = 0 }
    local search = require('lowtide.search')
    local ask = require('lowtide.pickers').debounced(search.search_source({}))
    local got = {}
    fake.held['lowtide/search'] = true
    ask('first', function()
      got[#got + 1] = 'first'
    end)
    fakes.wait('asked', function()
      return #fake:params('asked', 'lowtide/search') == 1
    end)
    ask('second', function(items)
      got[#got + 1] = 'second ' .. #items
    end)
    fakes.wait('asked again', function()
      return #fake:params('asked', 'lowtide/search') == 2
    end)
    fake:release()
    fakes.wait('answered', function()
      return #got > 0
    end)
    assert.same({ 'second 2' }, got)
    assert.equal(1, #fake:params('told', '$/cancelRequest'))
  end)

  it('starts a server for the current folder when no buffer is attached', function()
    vim.cmd.enew()
    env.client:stop()
    fakes.wait('ended', function()
      return #vim.lsp.get_clients({ name = 'lowtide' }) == 0
    end)
    vim.cmd.cd(vim.fn.fnameescape(env.root))
    local shown = choose(1)
    vim.cmd.Lowtide('search tide')
    assert.equal(2, #shown())
    assert.equal(2, fake.starts)
    vim.cmd.cd('/')
  end)
end)
