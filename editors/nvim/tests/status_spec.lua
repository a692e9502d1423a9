local fakes = require('fake')

local function status()
  return require('lowtide').status()
end

describe('the statusline', function()
  local fake, env

  before_each(function()
    fake = fakes.new()
    env = fakes.attached(fake)
  end)

  after_each(function()
    env.stop()
  end)

  local function change(overrides)
    fake:notify('lowtide/statusChanged', fakes.status(overrides))
  end

  it('shows memory against the budget', function()
    assert.equal('lowtide 118/256 MiB', status())
    assert.equal('LowtideOk', require('lowtide').status_highlight())
  end)

  it('shows progress, escaped for the statusline', function()
    change({ state = 'indexing', progress = { done = 45, total = 100, file = 'a%b.py' } })
    assert.equal('lowtide 45%% 118/256 MiB', status())
    assert.equal('lowtide 45% 118/256 MiB', vim.api.nvim_eval_statusline(status(), {}).str)
  end)

  it('says when the answers are degraded, when it is paused, and when there is an error', function()
    change({ ladder = { step = 'lexical-only', reason = 'memory' }, health = 'warning' })
    assert.equal('lowtide 118/256 MiB lexical-only !', status())
    change({ state = 'paused', ladder = { step = 'paused', reason = '' } })
    assert.equal('lowtide paused 118/256 MiB', status())
    change({ health = 'error', message = 'no space' })
    assert.equal('lowtide 118/256 MiB ✗', status())
    assert.equal('LowtideError', require('lowtide').status_highlight())
  end)

  it('is made by a function of the user, and falls back when that fails', function()
    vim.g.lowtide = {
      statusline = function(now)
        return now.state .. ' 100%'
      end,
    }
    change()
    assert.equal('idle 100%%', status())
    vim.g.lowtide = {
      statusline = function()
        error('mine')
      end,
    }
    change()
    assert.equal('lowtide 118/256 MiB', status())
    vim.g.lowtide = nil
  end)

  it('tells every change by the User autocommand, and that the server has gone', function()
    local seen = {}
    local id = vim.api.nvim_create_autocmd('User', {
      pattern = 'LowtideStatus',
      callback = function(event)
        seen[#seen + 1] = event.data and event.data.state or 'gone'
      end,
    })
    change({ state = 'scanning' })
    change({ state = 'indexing' })
    env.client:stop()
    fakes.wait('gone', function()
      return seen[#seen] == 'gone'
    end)
    assert.same({ 'scanning', 'indexing', 'gone' }, seen)
    assert.equal('', status())
    vim.api.nvim_del_autocmd(id)
  end)

  it('is a component of lualine, in the colour of the state', function()
    local base = {}
    package.loaded['lualine.component'] = {
      extend = function()
        return {
          super = {
            init = function(_, options)
              base.options = options
            end,
          },
        }
      end,
    }
    local component = dofile(vim.api.nvim_get_runtime_file('lua/lualine/components/lowtide.lua', false)[1])
    component:init({})
    package.loaded['lualine.component'] = nil
    change({ state = 'paused', ladder = { step = 'paused', reason = '' } })
    assert.equal('lowtide paused 118/256 MiB', component.update_status())
    assert.equal('LowtidePaused', base.options.color())
  end)

  it('asks the server nothing when it is read', function()
    local before = #fake.asked
    for _ = 1, 1000 do
      status()
    end
    assert.equal(before, #fake.asked)
  end)
end)

describe('control', function()
  local fake, env

  before_each(function()
    fake = fakes.new()
    env = fakes.attached(fake)
  end)

  after_each(function()
    env.stop()
  end)

  local function asked(method)
    fakes.wait(method, function()
      return #fake:params('asked', method) > 0
    end)
    return fake:params('asked', method)[1]
  end

  it('pauses and resumes', function()
    vim.cmd.Lowtide('pause')
    asked('lowtide/pause')
    fakes.wait('paused', function()
      return status() == 'lowtide paused 118/256 MiB'
    end)
    vim.api.nvim_feedkeys(vim.keycode('<Plug>(lowtide-toggle-pause)'), 'xt', false)
    asked('lowtide/resume')
  end)

  it('reindexes this workspace, all of them, or from nothing', function()
    vim.cmd.Lowtide('reindex')
    assert.same({ rootUri = vim.uri_from_fname(env.root), force = false }, asked('lowtide/reindex'))
    fake.asked = {}
    vim.cmd('Lowtide! reindex all')
    assert.same({ force = true }, asked('lowtide/reindex'))
  end)

  it('sets the budget in bytes, and shows what the server refuses', function()
    fake.answers['lowtide/setBudget'] = function(params)
      if params.bytes < 96 * 1024 ^ 2 then
        return {
          code = -32803,
          message = 'x',
          data = { message = 'too small a budget', remedy = 'at least 96 MiB' },
        }
      end
      return nil, fakes.status({ memory = { budgetBytes = params.bytes } })
    end
    fake.answers['lowtide/status'] =
      fakes.status({ memory = { budgetFrom = '/home/me/config.toml:1: budget' } })
    vim.cmd.Lowtide('budget')
    fakes.wait('who has set it', function()
      local said = 'Lowtide: the budget is 256 MiB, set in /home/me/config.toml, line 1'
      return vim.list_contains(env.messages, said)
    end)
    vim.cmd.Lowtide('budget 384MiB')
    assert.same({ bytes = 384 * 1024 ^ 2 }, asked('lowtide/setBudget'))
    fakes.wait('the new budget', function()
      return status() == 'lowtide 118/384 MiB'
    end)
    vim.cmd.Lowtide('budget 1M')
    fakes.wait('refused', function()
      return vim.list_contains(env.messages, 'Lowtide: too small a budget; at least 96 MiB')
    end)
    vim.cmd.Lowtide('budget lots')
    assert.truthy(env.messages[#env.messages]:find("'lots' is not a size", 1, true))
  end)

  it('cancels what is reported as progress by its token, and everything when nothing is', function()
    fake:notify(
      '$/progress',
      { token = 'index-1', value = { kind = 'begin', title = 'Indexing', cancellable = true } }
    )
    fake:notify(
      '$/progress',
      { token = 'index-1', value = { kind = 'report', percentage = 12, message = '12 of 100' } }
    )
    fakes.wait('progress', function()
      return require('lowtide.progress').current()
    end)
    local progress = require('lowtide.progress').current()
    assert.same({ title = 'Indexing', percentage = 12, message = '12 of 100', cancellable = true }, progress)
    vim.cmd.Lowtide('cancel')
    fakes.wait('cancelled', function()
      return #fake:params('told', 'window/workDoneProgress/cancel') == 1
    end)
    assert.same({ token = 'index-1' }, fake:params('told', 'window/workDoneProgress/cancel')[1])
    fake:notify('$/progress', { token = 'index-1', value = { kind = 'end' } })
    fakes.wait('the end', function()
      return not require('lowtide.progress').current()
    end)
    vim.cmd.Lowtide('cancel')
    asked('lowtide/cancel')
  end)

  it('says why a file is not found', function()
    fake.answers['lowtide/explain'] =
      { path = 'a.min.js', status = 'skipped', reason = 'minified', rule = vim.NIL, chunks = 0 }
    vim.cmd.Lowtide('why a.min.js')
    assert.truthy(vim.endswith(asked('lowtide/explain').uri, '/a.min.js'))
    fakes.wait('the window', function()
      return vim.bo.filetype == 'lowtide'
    end)
    local shown = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
    assert.truthy(shown:find('reason%s+minified'))
    vim.cmd.normal('q')
    assert.not_equal('lowtide', vim.bo.filetype)
  end)

  it('names a wrong command, argument, bang or range, and does nothing', function()
    local before = #fake.asked
    for wrong, message in pairs({
      ['Lowtide serch x'] = 'no command `serch`; did you mean `:Lowtide search`?',
      ['Lowtide! pause'] = 'takes no !',
      ['1,2Lowtide pause'] = 'takes no range',
      ['Lowtide pause now'] = 'takes no argument',
    }) do
      vim.cmd(wrong)
      assert.truthy(env.messages[#env.messages]:find(message, 1, true), env.messages[#env.messages])
    end
    assert.equal(before, #fake.asked)
  end)

  it('completes subcommands, flags and sizes', function()
    local function complete(line)
      return vim.fn.getcompletion(line, 'cmdline')
    end
    assert.same({ 'search', 'similar', 'status', 'symbols' }, complete('Lowtide s'))
    assert.same({ 'reindex', 'restart' }, complete('Lowtide! re'))
    assert.same(
      { '--mode=hybrid', '--mode=lexical', '--mode=semantic' },
      vim.fn.sort(complete('Lowtide search --mode='))
    )
    assert.same({ '--kind=class,method' }, complete('Lowtide search --kind=class,meth'))
    assert.same({ '96MiB' }, complete('Lowtide budget 9'))
    assert.same({}, complete('Lowtide pause '))
  end)
end)
