-- Writes doc/lowtide.txt and lua/lowtide/meta_options.lua from the plugin's own tables and doc/manual.txt.in.
-- Usage: nvim -l scripts/generate.lua [--check]    With --check nothing is written: 1 when a file is out of date.

local here = vim.fs.dirname(vim.fs.dirname(vim.fs.abspath(arg[0] or _G.arg[0])))
vim.opt.runtimepath:prepend(here)

---@param path string
---@return string
local function read(path)
  local file = io.open(vim.fs.joinpath(here, path), 'r')
  if not file then
    return ''
  end
  local text = file:read('*a')
  file:close()
  return text
end

---@param text string
---@param indent integer
---@return string wrapped at 78 cells
local function wrap(text, indent)
  local lines, line = {}, (' '):rep(indent)
  for word in text:gmatch('%S+') do
    if vim.trim(line) ~= '' and vim.fn.strdisplaywidth(line .. ' ' .. word) > 78 then
      lines[#lines + 1] = line
      line = (' '):rep(indent)
    end
    line = vim.trim(line) == '' and line .. word or line .. ' ' .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, '\n')
end

--- A heading with a tag at the right margin, on a line of its own where there is no room.
---@param head string
---@param tag string
---@return string
local function headed(head, tag)
  local room = 78 - vim.fn.strdisplaywidth(head) - #tag
  if room >= 2 then
    return head .. (' '):rep(room) .. tag
  end
  return (' '):rep(78 - #tag) .. tag .. '\n' .. head
end

local function commands()
  local parts = {}
  for name, command in vim.spairs(require('lowtide.command').COMMANDS) do
    local head = vim.trim(
      (':%sLowtide%s %s %s'):format(
        command.range and '[range]' or '',
        command.bang and '[!]' or '',
        name,
        command.args
      )
    )
    parts[#parts + 1] = headed(head, '*:Lowtide-' .. name .. '*')
    parts[#parts + 1] = wrap(command.doc, 8)
    if command.bang then
      parts[#parts + 1] = wrap('With ! it ' .. command.bang .. '.', 8)
    end
    if command.range then
      parts[#parts + 1] = wrap('With a range it ' .. command.range .. '.', 8)
    end
    parts[#parts + 1] = ''
  end
  return table.concat(parts, '\n')
end

local function maps()
  local parts = {}
  for _, map in ipairs(vim.api.nvim_get_keymap('n')) do
    local name = map.lhs:match('^<Plug>%(lowtide%-(.+)%)$')
    if name then
      local visual = vim.fn.maparg(map.lhs, 'x') ~= ''
      parts[#parts + 1] = {
        name,
        ('%-32s %s'):format(map.lhs, visual and 'normal, visual' or 'normal'),
        ('*<Plug>(lowtide-%s)*'):format(name),
      }
    end
  end
  table.sort(parts, function(a, b)
    return a[1] < b[1]
  end)
  return table.concat(
    vim.tbl_map(function(part)
      return headed(part[2], part[3])
    end, parts),
    '\n'
  ) .. '\n'
end

local function options()
  local parts = {}
  for _, option in ipairs(require('lowtide.schema')) do
    parts[#parts + 1] = headed(option.name, '*lowtide-options-' .. option.name .. '*')
    parts[#parts + 1] = wrap('Type: `' .. option.type .. '`', 8)
    parts[#parts + 1] = wrap('Default: `' .. vim.inspect(option.default) .. '`', 8)
    parts[#parts + 1] = wrap(option.doc, 8)
    parts[#parts + 1] = ''
  end
  return table.concat(parts, '\n')
end

--- The public functions of init.lua, with the comments above them.
local function functions()
  local parts, comment, params = {}, {}, {}
  for line in vim.gsplit(read('lua/lowtide/init.lua'), '\n') do
    local name, given = line:match('^function M%.([%w_]+)(%b())')
    if line:match('^%-%-%- ') then
      comment[#comment + 1] = line:match('^%-%-%- (.*)')
    elseif line:match('^%-%-%-@param') or line:match('^%-%-%-@return') then
      params[#params + 1] = line:match('^%-%-%-@(.*)')
    else
      if name then
        parts[#parts + 1] = headed(name .. given, ('*lowtide.%s()*'):format(name))
        if #comment > 0 then
          parts[#parts + 1] = wrap(table.concat(comment, ' '), 8)
        end
        for _, param in ipairs(params) do
          parts[#parts + 1] = wrap(param:gsub('^param (%S+)', '{%1}'):gsub('^return', 'Returns'), 12)
        end
        parts[#parts + 1] = ''
      end
      comment, params = {}, {}
    end
  end
  return table.concat(parts, '\n')
end

local function highlights()
  local parts = {}
  for _, group in ipairs(require('lowtide.highlights').GROUPS) do
    parts[#parts + 1] = headed(('%-18s %-16s'):format(group.name, group.link), '*hl-' .. group.name .. '*')
    parts[#parts + 1] = wrap(group.doc, 8)
  end
  return table.concat(parts, '\n') .. '\n'
end

local function contents(manual)
  local parts = {}
  for title, tag in manual:gmatch('\n(%d+%. [^\n]-)%s+%*([^%s*]+)%*') do
    parts[#parts + 1] = ('%s %s |%s|'):format(title, ('.'):rep(70 - #title - #tag), tag)
  end
  return table.concat(parts, '\n')
end

local function manual()
  local text = read('doc/manual.txt.in')
  local made = {
    commands = commands(),
    maps = maps(),
    options = options(),
    functions = functions(),
    highlights = highlights(),
    contents = contents(text),
  }
  text = text:gsub('@(%l+)@', made)
  -- Tags of the headings stand at the right margin.
  return (
    text:gsub('\n([%u%d][^\n*]-)%s+(%*lowtide[^\n]*%*)', function(head, tags)
      return '\n' .. headed(head, tags)
    end)
  )
end

local function meta()
  local lines = {
    '---@meta',
    '-- Made by scripts/generate.lua from schema.lua: change that one.',
    '',
    "error('this file is for language servers: it is not to be run')",
    '',
    '---@class lowtide.Options',
  }
  for _, option in ipairs(require('lowtide.schema')) do
    local doc = option.doc:gsub('%s+', ' ')
    local optional = option.type:match('%?$') and option.type:sub(1, -2) or option.type
    lines[#lines + 1] = ('---@field %s? %s %s'):format(option.name, optional, doc)
  end
  return table.concat(lines, '\n') .. '\n'
end

vim.cmd.runtime('plugin/lowtide.lua')
local check, stale = vim.list_contains(arg, '--check'), false
for path, text in vim.spairs({ ['doc/lowtide.txt'] = manual(), ['lua/lowtide/meta_options.lua'] = meta() }) do
  if read(path) ~= text then
    if check then
      io.stderr:write(path .. ' is out of date; run `nvim -l scripts/generate.lua`\n')
      stale = true
    else
      local file = assert(io.open(vim.fs.joinpath(here, path), 'w'))
      file:write(text)
      file:close()
    end
  end
end
os.exit(stale and 1 or 0)
