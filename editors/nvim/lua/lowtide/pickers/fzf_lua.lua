-- A source in fzf-lua: asks again while one types, with its preview.

local results = require('lowtide.results')

local M = {}

---@param item lowtide.Item
---@param text string as it is to be shown
---@return string line `path:line:column:`, which fzf-lua's preview and actions understand, and what fzf shows of it
local function line_of(item, text)
  local path = item.remote and item.uri or item.shown
  return ('%s:%d:%d:\t%s'):format(path, item.lnum, item.col, (text:gsub('[\t\r\n]', ' ')))
end

---@param source lowtide.Source
function M.open(source)
  require('lowtide.highlights').define()
  local fzf, paint = require('fzf-lua'), require('fzf-lua.utils').ansi_from_hl
  local ask, cancel = require('lowtide.pickers').debounced(source)
  ---@type table<string, lowtide.Item>
  local shown = {}
  local function feed(query, emit)
    ask(query, function(items, told)
      -- The first line is the header of the list.
      emit('\t' .. (told.note or (#items == 1 and '1 answer' or #items .. ' answers')))
      for _, item in ipairs(items) do
        local coloured = vim.tbl_map(function(span)
          return (paint(span[2], span[1]))
        end, item.spans)
        shown[line_of(item, item.label)] = item
        emit(line_of(item, table.concat(coloured)))
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
  -- Colours of Neovim's are not to be read on the current line of fzf's own colours, which do not know the background.
  local own = (package.loaded['fzf-lua.config'] or {}).setup_opts or {}
  local opts = {
    fzf_colors = own.fzf_colors == nil and true or own.fzf_colors,
    prompt = source.title .. '> ',
    query = source.query,
    cwd = client and client.root_dir,
    previewer = 'builtin',
    exec_empty_query = true,
    fzf_opts = {
      ['--multi'] = true,
      ['--ansi'] = true,
      ['--delimiter'] = '\\t',
      ['--with-nth'] = '2..',
      ['--header-lines'] = 1,
    },
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
