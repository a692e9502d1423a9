local fakes = require('fake')

--- What `:checkhealth lowtide` shows.
local function checkhealth()
  vim.cmd.checkhealth('lowtide')
  local text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
  vim.cmd.bwipeout()
  return text
end

describe('health', function()
  it('says how to install a server that is missing', function()
    vim.g.lowtide = { cmd = { 'no-such-lowtide', 'lsp' } }
    local text = checkhealth()
    vim.g.lowtide = nil
    assert.truthy(text:find('ERROR the server is not found: `no-such-lowtide`', 1, true))
    assert.truthy(text:find('`pipx install .` (or `uv tool install .`) in a clone of Lowtide', 1, true))
    assert.truthy(text:find('WARNING the server is not enabled', 1, true))
  end)

  it('says what a server says that does not run on this system, and not to install it again', function()
    local folder = vim.fn.tempname()
    vim.fn.mkdir(folder, 'p')
    local command = folder .. '/lowtide'
    local said = 'lowtide: Lowtide runs on Linux, and this is darwin; use it on Linux'
    vim.fn.writefile({ '#!/bin/sh', ('echo "%s" >&2; exit 1'):format(said) }, command)
    vim.fn.setfperm(command, 'rwx------')
    vim.g.lowtide = { cmd = { command, 'lsp' } }
    local text = checkhealth()
    vim.g.lowtide = nil
    vim.fn.delete(folder, 'rf')
    assert.truthy(text:find(said, 1, true))
    assert.falsy(text:find('install Lowtide again', 1, true))
  end)

  it('compares versions, and says what the ladder and the budget do', function()
    local fake = fakes.new()
    local env = fakes.attached(fake)
    local command = env.root .. '/lowtide'
    vim.fn.writefile({
      '#!/bin/sh',
      'case "$1" in --version) echo "lowtide, version 0.0.9";;',
      [[*) echo '{"checks": [{"name": "watches", "ok": false, "detail": "8192 allowed",]],
      [["remedy": "raise it"}]}';; esac]],
    }, command)
    vim.fn.setfperm(command, 'rwx------')
    vim.g.lowtide = { cmd = { command, 'lsp' } }
    fake.answers['lowtide/status'] = fakes.status({
      health = 'warning',
      message = 'less is done than the budget allows',
      ladder = { step = 'lexical-only', reason = 'the budget is small' },
      memory = { peakBytes = 300 * 1024 ^ 2 },
    })
    local text = checkhealth()
    vim.g.lowtide = nil
    env.stop()
    assert.truthy(text:find(('is version 0.0.9, the plugin %s'):format(require('lowtide.version')), 1, true))
    assert.truthy(text:find('`pipx install --force .`', 1, true))
    assert.truthy(text:find('the daemon is version 0.1.0, `lowtide` in PATH is 0.0.9', 1, true))
    assert.truthy(text:find('ERROR budget: 118/256 MiB used, peak 300 MiB: it was not kept', 1, true))
    assert.truthy(text:find('WARNING ladder: lexical-only: the budget is small', 1, true))
    assert.truthy(text:find('WARNING watches: 8192 allowed', 1, true))
  end)

  it('says to update the plugin when the server is newer, and warns of no budget that was chosen', function()
    local fake = fakes.new()
    local env = fakes.attached(fake)
    local command = env.root .. '/lowtide'
    vim.fn.writefile({
      '#!/bin/sh',
      [[case "$1" in --version) echo "lowtide, version 9.9.0";; *) echo '{"checks": []}';; esac]],
    }, command)
    vim.fn.setfperm(command, 'rwx------')
    vim.g.lowtide = { cmd = { command, 'lsp' } }
    fake.answers['lowtide/status'] = fakes.status({
      version = '9.9.0',
      ladder = { step = 'lexical-only', reason = 'the budget is small' },
    })
    local text = checkhealth()
    vim.g.lowtide = nil
    env.stop()
    assert.truthy(text:find('daemon is version 9.9.0, the plugin ' .. require('lowtide.version'), 1, true))
    assert.truthy(text:find('update the plugin', 1, true))
    assert.falsy(text:find('WARNING ladder', 1, true))
  end)
end)
