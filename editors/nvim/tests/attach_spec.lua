local fakes = require('fake')

describe('the client', function()
  local fake, env

  before_each(function()
    fake = fakes.new()
    env = fakes.attached(fake)
  end)

  after_each(function()
    env.stop()
  end)

  it('is attached to a file of a workspace, with the nearest marked folder as its root', function()
    assert.equal(env.root, env.client.root_dir)
    assert.equal('utf-8', env.client.offset_encoding)
  end)

  it('is shared by the files of one workspace', function()
    vim.cmd.edit(vim.fn.fnameescape(env.root .. '/naïve dir/ü file.py'))
    vim.bo.filetype = 'python'
    fakes.wait('attached', function()
      return #vim.lsp.get_clients({ name = 'lowtide', bufnr = 0 }) == 1
    end)
    assert.equal(1, fake.starts)
  end)

  it('is not attached without a marked folder, nor in the home folder', function()
    local server = require('lowtide.server')
    local lonely = vim.uv.fs_mkdtemp(vim.fs.joinpath(vim.uv.os_tmpdir(), 'lonely-XXXXXX'))
    assert.is_nil(server.root_of(lonely))
    local home = vim.env.HOME
    vim.env.HOME = env.root
    assert.is_nil(server.root_of(env.root .. '/reader.py'))
    vim.env.HOME = home
    assert.equal(env.root, server.root_of(env.root .. '/reader.py'))
    vim.fn.delete(lonely, 'rf')
  end)

  it('is started again in its buffers when the server died, once for each death', function()
    fake:die(1, 9)
    fakes.wait('restarted', function()
      return fake.starts == 2 and #vim.lsp.get_clients({ name = 'lowtide', bufnr = 0 }) == 1
    end)
    assert.truthy(table.concat(env.messages, '\n'):find('started again', 1, true))
  end)

  it('is started again when the socket closed, which Neovim reports as code 0', function()
    fake:die(0, 0)
    fakes.wait('restarted', function()
      return fake.starts == 2 and #vim.lsp.get_clients({ name = 'lowtide', bufnr = 0 }) == 1
    end)
  end)

  it('is left alone when it keeps dying', function()
    vim.g.lowtide = { restart_limit = 1 }
    require('lowtide').restart()
    fakes.wait('restarted by hand', function()
      return fake.starts == 2 and #vim.lsp.get_clients({ name = 'lowtide', bufnr = 0 }) == 1
    end)
    fake:die(1, 0)
    fakes.wait('restarted', function()
      return fake.starts == 3 and #vim.lsp.get_clients({ name = 'lowtide', bufnr = 0 }) == 1
    end)
    fake:die(1, 0)
    fakes.wait('message', function()
      return table.concat(env.messages, '\n'):find('left alone', 1, true)
    end)
    assert.equal(3, fake.starts)
    vim.g.lowtide = nil
  end)

  it('is not started again when it was stopped', function()
    env.client:stop()
    fakes.wait('ended', function()
      return #vim.lsp.get_clients({ name = 'lowtide' }) == 0
    end)
    fakes.wait('the status to go', function()
      return require('lowtide').status() == ''
    end)
    assert.same({}, env.messages)
    assert.equal(1, fake.starts)
  end)

  it(':Lowtide restart starts it anew in the same buffers', function()
    vim.cmd.Lowtide('restart')
    fakes.wait('restarted', function()
      return fake.starts == 2 and #vim.lsp.get_clients({ name = 'lowtide', bufnr = 0 }) == 1
    end)
    assert.equal(1, fake:count('asked', 'shutdown'))
  end)
end)

describe('a server that is missing', function()
  it('is told once, with what to do, and the file opens', function()
    local root = fakes.workspace()
    local notify, messages = vim.notify, {}
    vim.notify = function(text)
      messages[#messages + 1] = text
    end
    vim.g.lowtide = { cmd = { 'no-such-lowtide', 'lsp' } }
    vim.lsp.enable('lowtide')
    for _ = 1, 2 do
      vim.cmd.edit(vim.fn.fnameescape(root .. '/reader.py'))
      vim.bo.filetype = 'python'
      vim.cmd.bwipeout()
    end
    vim.lsp.enable('lowtide', false)
    vim.g.lowtide = nil
    vim.notify = notify
    assert.equal(1, #messages)
    assert.truthy(messages[1]:find('`no-such-lowtide` is not an executable in PATH; install it', 1, true))
    vim.fn.delete(root, 'rf')
  end)
end)
