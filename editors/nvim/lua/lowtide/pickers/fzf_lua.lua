-- A source in fzf-lua: asks again while one types, with its preview.

local results = require('lowtide.results')

local M = {}

---@param item lowtide.Item
---@return string line `path:line:column:text`, which fzf-lua's preview and actions understand
local function line_of(item)
  return ('%s:%d:%d:%s'):format(item.shown, item.lnum, item.col, item.text)
end

---@param source lowtide.Source
function M.open(source)
  local fzf = require('fzf-lua')
  local ask, cancel = require('lowtide.pickers').debounced(source)
  ---@type table<string, lowtide.Item>
  local shown = {}
  local function feed(query, emit)
    ask(query, function(items)
      for _, item in ipairs(items) do
        local line = line_of(item)
        shown[line] = item
        emit(line)
      end
      emit()
    end)
  end
  local function action(how)
    return function(selected)
      cancel()
      local items = vim.tbl_map(function(line)
        return shown[line]
      end, selected)
      if #items > 1 then
        results.to_quickfix(source.title, items)
      elseif items[1] then
        results.jump(items[1], how)
      end
    end
  end
  local client = require('lowtide.session').client()
  local opts = {
    prompt = source.title .. '> ',
    query = source.query,
    cwd = client and client.root_dir,
    previewer = 'builtin',
    exec_empty_query = true,
    fzf_opts = { ['--multi'] = true, ['--delimiter'] = ':' },
    actions = {
      default = action('edit'),
      ['ctrl-s'] = action('split'),
      ['ctrl-v'] = action('vsplit'),
      ['ctrl-t'] = action('tab'),
    },
  }
  if source.live then
    fzf.fzf_live(function(args)
      return function(emit)
        feed(type(args) == 'table' and args[1] or args or '', emit)
      end
    end, opts)
  else
    fzf.fzf_exec(function(emit)
      feed('', emit)
    end, opts)
  end
end

return M
