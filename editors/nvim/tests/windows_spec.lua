local fakes = require('fake')

local function shown()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
end

describe('the memory window', function()
  local fake, env

  before_each(function()
    fake = fakes.new()
    env = fakes.attached(fake)
    vim.g.lowtide = { memory_refresh_ms = 100 }
  end)

  after_each(function()
    vim.g.lowtide = nil
    env.stop()
  end)

  it('shows every process and part against the budget, and follows', function()
    vim.cmd.Lowtide('memory')
    fakes.wait('the window', function()
      return vim.bo.filetype == 'lowtide' and shown():find('unattributed', 1, true)
    end)
    assert.equal(
      ' used of 256 MiB               ███████████▏············    118 MiB',
      vim.api.nvim_buf_get_lines(0, 0, 1, false)[1]
    )
    assert.truthy(
      shown():find(
        '\n   SQLite                      ▎·······················      2 MiB',
        1,
        true
      )
    )
    assert.truthy(shown():find('mapped pages, not in the budget: 40 MiB', 1, true))
    local tree = fakes.memory()
    tree.bytes = 250 * 1024 ^ 2
    fake.answers['lowtide/memory'] = tree
    fakes.wait('new figures', function()
      return shown():find('250 MiB', 1, true)
    end)
    vim.cmd.normal('q')
    assert.not_equal('lowtide', vim.bo.filetype)
  end)

  it('asks nothing once it is closed, and a second call closes it', function()
    vim.cmd.Lowtide('memory')
    fakes.wait('the window', function()
      return vim.bo.filetype == 'lowtide'
    end)
    vim.cmd.Lowtide('memory')
    assert.not_equal('lowtide', vim.bo.filetype)
    local before = #fake.asked
    vim.wait(250)
    assert.equal(before, #fake.asked)
  end)

  it('pauses from its key', function()
    vim.cmd.Lowtide('memory')
    fakes.wait('the window', function()
      return vim.bo.filetype == 'lowtide'
    end)
    vim.api.nvim_feedkeys('p', 'xt', false)
    fakes.wait('asked', function()
      return #fake:params('asked', 'lowtide/pause') == 1
    end)
    vim.cmd.normal('q')
  end)
end)

describe('the status window', function()
  it('shows health, budget and what each workspace holds', function()
    local fake = fakes.new()
    local env = fakes.attached(fake)
    vim.cmd.Lowtide()
    fakes.wait('the window', function()
      return vim.bo.filetype == 'lowtide'
    end)
    assert.truthy(shown():find('budget%s+118/256 MiB, peak 171 MiB'))
    assert.truthy(shown():find('4,787 files, 61,234 symbols, 30,210 chunks, 52 MiB on disk', 1, true))
    assert.truthy(shown():find('12 skipped, 1 quarantined', 1, true))
    vim.cmd.normal('q')
    vim.cmd('Lowtide! status')
    fakes.wait('the line', function()
      return vim.list_contains(env.messages, 'Lowtide 0.1.0: idle, 118/256 MiB')
    end)
    env.stop()
  end)
end)
