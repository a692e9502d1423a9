describe('sizes', function()
  local format = require('lowtide.format')

  it('are read as users write them', function()
    assert.equal(256 * 1024 ^ 2, format.parse_size('256MiB'))
    assert.equal(1024 ^ 3, format.parse_size(' 1g '))
    assert.equal(1.5 * 1024 ^ 3, format.parse_size('1.5 GiB'))
    assert.equal(300000000, format.parse_size('300000000'))
    for _, wrong in ipairs({ '', 'lots', '-1', '1X', '1 2' }) do
      assert.is_nil(format.parse_size(wrong))
    end
  end)

  it('are shown short', function()
    assert.equal('0 B', format.bytes(0))
    assert.equal('12 KiB', format.bytes(12 * 1024))
    assert.equal('512 MiB', format.bytes(512 * 1024 ^ 2))
    assert.equal('6.5 GiB', format.bytes(6.5 * 1024 ^ 3))
    assert.equal('0.1/8.0 GiB', format.share(100 * 1024 ^ 2, 8 * 1024 ^ 3))
    assert.equal('1,234,567', format.count(1234567))
    assert.equal('12', format.count(12))
  end)

  it('make bars that keep their width', function()
    for step = -2, 12 do
      local filled, rest = format.bar(step / 10, 7)
      assert.equal(7, vim.api.nvim_strwidth(filled .. rest))
    end
  end)
end)

describe('who has set the budget', function()
  local function said(from)
    return require('lowtide.format').budget_set_by({ budgetFrom = from })
  end

  it('is said in words, of a file with its line', function()
    assert.equal('set in /etc/lowtide/config.toml, line 12', said('/etc/lowtide/config.toml:12: budget'))
    assert.equal('set in /etc/lowtide/config.toml', said('/etc/lowtide/config.toml: budget'))
    assert.equal(
      'set in ~/lowtide/config.toml, line 1',
      said(vim.env.HOME .. '/lowtide/config.toml:1: budget')
    )
    assert.equal('set by LOWTIDE_BUDGET', said('LOWTIDE_BUDGET'))
    assert.equal('set by Visual Studio Code', said('Visual Studio Code'))
  end)

  it('is nothing when nobody has, or an older server does not tell', function()
    assert.is_nil(said('default'))
    assert.is_nil(said(nil))
  end)
end)

describe('options', function()
  local config = require('lowtide.config')

  after_each(function()
    vim.g.lowtide = nil
  end)

  it('have defaults, and take effect when they are set', function()
    assert.equal(50, config.get().limit)
    vim.g.lowtide = { limit = 5 }
    assert.equal(5, config.get().limit)
    vim.g.lowtide = function()
      return { limit = 6 }
    end
    assert.equal(6, config.get().limit)
  end)

  it('that are wrong are named, and their defaults are used', function()
    local notify = vim.notify
    vim.notify = function() end
    vim.g.lowtide = { limit = -1, pickr = 'select' }
    assert.equal(50, config.get().limit)
    local problems = table.concat(config.problems(), '\n')
    assert.truthy(problems:find('vim.g.lowtide.limit: -1 is not of type integer', 1, true))
    assert.truthy(problems:find('vim.g.lowtide.pickr: no such option', 1, true))
    vim.wait(20)
    vim.notify = notify
  end)
end)

describe('places', function()
  local places = require('lowtide.places')
  local saved

  before_each(function()
    saved = { vim.env.LOWTIDE_HOME, vim.env.XDG_RUNTIME_DIR, vim.env.XDG_CACHE_HOME }
  end)

  after_each(function()
    vim.env.LOWTIDE_HOME, vim.env.XDG_RUNTIME_DIR, vim.env.XDG_CACHE_HOME = saved[1], saved[2], saved[3]
  end)

  it('are in LOWTIDE_HOME when it is set, else in the folders of the user', function()
    vim.env.LOWTIDE_HOME = '/home/of/lowtide'
    assert.equal('/home/of/lowtide/cache/daemon.lock', places.lock_file())
    assert.equal('/home/of/lowtide/cache/log/daemon.log', places.log_file())
    vim.env.LOWTIDE_HOME = nil
    vim.env.XDG_RUNTIME_DIR, vim.env.XDG_CACHE_HOME = '/run/user/5', '/c'
    assert.equal('/c/lowtide/daemon.lock', places.lock_file())
    assert.equal('/c/lowtide/log/daemon.log', places.log_file())
  end)

  it('of the daemon are what its lock says, if nobody else can have put them there', function()
    local home = assert(vim.uv.fs_mkdtemp(vim.fs.joinpath(vim.uv.os_tmpdir(), 'lt-XXXXXX')))
    vim.env.LOWTIDE_HOME = home
    assert.is_nil(places.find_socket())
    local folder = home .. '/elsewhere'
    vim.fn.mkdir(folder, 'p', 448)
    vim.fn.mkdir(home .. '/cache', 'p')
    local path = folder .. '/daemon.sock'
    local server = assert(vim.uv.new_pipe(false))
    server:bind(path)
    server:listen(1, function() end)
    local function tell(text)
      vim.fn.writefile({ text }, places.lock_file())
      return places.find_socket()
    end
    local told = vim.json.encode({ pid = 1, socket = path })
    assert.is_nil(tell(''))
    assert.is_nil(tell('{"pid": 1'))
    assert.is_nil(tell('{"socket": 7}'))
    assert.equal(path, tell(told))
    vim.uv.fs_chmod(folder, 493)
    assert.is_nil(tell(told))
    vim.uv.fs_chmod(folder, 448)
    assert.equal(path, tell(told))
    vim.uv.fs_symlink(folder, home .. '/link')
    assert.is_nil(tell(vim.json.encode({ pid = 1, socket = home .. '/link/daemon.sock' })))
    server:close()
    vim.fn.delete(home, 'rf')
  end)

  it('with nobody listening are passed over', function()
    local folder = assert(vim.uv.fs_mkdtemp(vim.fs.joinpath(vim.uv.os_tmpdir(), 'lt-XXXXXX')))
    local path = folder .. '/daemon.sock'
    local server = assert(vim.uv.new_pipe(false))
    server:bind(path)
    server:listen(1, function() end)
    assert.equal(path, places.find_socket(path))
    vim.fn.rename(path, folder .. '/kept')
    server:close()
    vim.wait(20)
    vim.fn.rename(folder .. '/kept', path)
    assert.is_nil(places.find_socket(path))
    vim.fn.delete(folder, 'rf')
  end)
end)

describe('the status in a window', function()
  it('says when a cancelled index is not complete, and how it goes on', function()
    local function text(incomplete, state)
      local status = require('fake').status({ state = state })
      status.workspaces[1].incomplete = incomplete
      return vim.inspect(require('lowtide.report').status_rows(status))
    end
    assert.matches('Lowtide reindex', text(true, 'idle'))
    assert.not_matches('Lowtide reindex', text(false, 'idle'))
    assert.not_matches('Lowtide reindex', text(true, 'indexing'))
  end)
end)

describe('what is said of an answer', function()
  local freshness = require('lowtide.freshness')

  local function words(state, overrides)
    local fresh = { state = state, indexed = 3, total = 25, ageS = vim.NIL, reason = '' }
    return freshness.words(vim.tbl_extend('force', fresh, overrides or {}))
  end

  it('are the words of the protocol', function()
    assert.is_nil(freshness.words(nil))
    assert.is_nil(words('current'))
    assert.equal('12 % indexed: results so far', words('indexing'))
    assert.equal('99 % indexed: results so far', words('indexing', { indexed = 2499, total = 2500 }))
    assert.equal('still being indexed: results so far', words('indexing', { indexed = 0, total = 0 }))
    assert.equal('12 % indexed (paused): results so far', words('incomplete', { reason = 'paused' }))
    assert.equal('still being compared with the disk: results so far', words('checking'))
    assert.equal(
      'not watched (a network drive): as it was 3 minutes ago',
      words('unwatched', { reason = 'a network drive', ageS = 185 })
    )
    assert.equal('not watched: it was never compared with the disk', words('unwatched'))
    assert.equal('not watched: as it was 1 second ago', words('unwatched', { ageS = 1.2 }))
  end)

  it('is that none is good when all are weak', function()
    assert.matches('only weak answers', freshness.note(nil, { { weak = true } }))
    assert.is_nil(freshness.note(nil, { { weak = true }, { weak = false } }))
    assert.is_nil(freshness.note(nil, {}))
  end)

  it('is how much of all that is being indexed is in', function()
    local function workspace(state, indexed, total)
      return { freshness = { state = state, indexed = indexed, total = total } }
    end
    assert.equal(
      25,
      freshness.percent_of({
        workspaces = {
          workspace('indexing', 20, 100),
          workspace('current', 9, 9),
          workspace('indexing', 30, 100),
        },
      })
    )
    assert.is_nil(freshness.percent_of({ workspaces = { workspace('current', 9, 9), {} } }))
  end)
end)

describe('what matches', function()
  local results = require('lowtide.results')
  local client = { root_dir = '/w', offset_encoding = 'utf-8' }
  local range = { start = { line = 0, character = 0 }, ['end'] = { line = 1, character = 0 } }

  local function marked(item)
    local found = {}
    for _, span in ipairs(item.spans) do
      if span[2] == 'LowtideMatch' then
        found[#found + 1] = span[1]
      end
    end
    return found
  end

  it('are the letters of a symbol, of its own part of the query', function()
    local function letters(name, query)
      local symbol = { name = name, kind = 12, location = { uri = 'file:///w/a.py', range = range } }
      return marked(results.from_symbols({ symbol }, client, query)[1])
    end
    assert.same({ 'H', 'Re' }, letters('HttpResponse', 'HRe'))
    assert.same({ 'parse' }, letters('parse_all', 'Parser.parse('))
    assert.same({ 'ü' }, letters('größeüber', 'ü'))
    assert.same({}, letters('tide', ''))
  end)

  it('are the words of a search, in the name or in the line', function()
    local function words(name, snippet, query)
      local hit = { uri = 'file:///w/a.py', range = range, name = name, kind = 'function', snippet = snippet }
      return marked(results.from_hits({ hit }, client, query)[1])
    end
    assert.same({ 'Retry', 'timeout' }, words('doRetryOn_timeout', '', 'to retry after a timeout'))
    assert.same({ 'Größe' }, words('', '  die Größe ist', 'Größe (%d+)'))
    assert.same({ 'retryretry' }, words('retryretry', '', 'retry retryretry'))
  end)

  it(
    'lead to the definition that a hit is named after, else to what is shown, and never out of the hit',
    function()
      local function lines(first, last)
        return { start = { line = first, character = 0 }, ['end'] = { line = last, character = 0 } }
      end
      local function leads(hit)
        local whole =
          { uri = 'file:///w/a.py', range = lines(9, 30), name = 'f', kind = 'function', snippet = 'x' }
        return results.from_hits({ vim.tbl_extend('force', whole, hit) }, client, 'x')[1]
      end
      local definition = { range = lines(11, 90), signature = 'def f():' }
      assert.equal(12, leads({ snippetLine = 9, definition = definition }).lnum)
      assert.equal(11, leads({ snippetLine = 9, definition = definition }).range.start.line)
      assert.equal(30, leads({ snippetLine = 9, definition = definition }).end_lnum)
      assert.equal(46, leads({ range = lines(40, 60), snippetLine = 45, definition = definition }).lnum)
      assert.equal(15, leads({ snippetLine = 14, definition = vim.NIL }).lnum)
      assert.equal(10, leads({ snippetLine = 99 }).lnum)
      assert.equal(10, leads({}).lnum)
    end
  )

  it('lead where the protocol says, as everywhere', function()
    local function at(line)
      return { line = line, character = 0 }
    end
    local here = vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2))
    local file = assert(io.open(vim.fs.joinpath(here, '../../../tests/data/leads.json')))
    local cases = vim.json.decode(file:read('*a'))
    file:close()
    assert.truthy(#cases > 0)
    for _, case in ipairs(cases) do
      local hit = {
        uri = 'file:///w/a.py',
        range = { start = at(case.range[1]), ['end'] = at(case.range[2]) },
        name = case.name,
        kind = 'function',
        snippet = 'x',
        snippetLine = case.snippetLine,
        definition = case.definition == vim.NIL and vim.NIL
          or { range = { start = at(case.definition), ['end'] = at(100) }, signature = 'x' },
      }
      assert.equal(case.leads + 1, results.from_hits({ hit }, client, 'x')[1].lnum, case.why)
    end
  end)
end)

describe("hits of a team's index", function()
  local remote = require('lowtide.remote')
  local range = { start = { line = 0, character = 0 }, ['end'] = { line = 1, character = 0 } }

  local function uri(number)
    return ('lowtide-remote://example.org/team/app/a.py?4f2a-%d'):format(number)
  end

  local function keep(number)
    local where = { repository = 'example.org/team/app', commit = '4f2a', path = 'a.py', ageS = 0, url = '' }
    remote.keep({
      uri = uri(number),
      range = range,
      kind = 'class',
      name = 'Retry' .. number,
      container = '',
      snippet = '',
      remote = where,
    })
  end

  local function shown(number)
    local buffer = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_name(buffer, uri(number))
    remote.read(buffer)
    local line = vim.api.nvim_buf_get_lines(buffer, 0, 1, false)[1]
    vim.api.nvim_buf_delete(buffer, { force = true })
    return line
  end

  it('are kept as long as they are found or opened, and not without end', function()
    keep(1)
    keep(2)
    for number = 3, 6000 do
      keep(number)
      if number % 500 == 0 then
        keep(1)
        assert.equal('Retry2 (class)', shown(2))
      end
    end
    assert.equal('Retry1 (class)', shown(1))
    assert.equal('Retry5001 (class)', shown(5001))
    assert.equal('A hit of an earlier search: search again.', shown(3))
  end)
end)
