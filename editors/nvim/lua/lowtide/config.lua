-- The options in force: `vim.g.lowtide` over the defaults of schema.lua.
-- Invariant: a wrong option is named once and its default is used; it never stops the plugin.

local M = {}

---@type lowtide.Options?
local seen_source
---@type lowtide.Options?
local resolved
---@type string[]
local problems = {}

---@param given table
---@return lowtide.Options options
---@return string[] problems
local function resolve(given)
  local options, wrong, known = {}, {}, {}
  for _, option in ipairs(require('lowtide.schema')) do
    known[option.name] = true
    local value = given[option.name]
    if value == nil then
      options[option.name] = option.default
    elseif option.check(value) then
      options[option.name] = value
    else
      options[option.name] = option.default
      wrong[#wrong + 1] = ('vim.g.lowtide.%s: %s is not of type %s; the default is used'):format(
        option.name,
        vim.inspect(value),
        option.type
      )
    end
  end
  for name in vim.spairs(given) do
    if not known[name] then
      wrong[#wrong + 1] = ('vim.g.lowtide.%s: no such option; see :help lowtide-options'):format(name)
    end
  end
  return options, wrong
end

--- The options in force. `vim.g.lowtide` may be a table or a function that returns one.
---@return lowtide.Options
function M.get()
  local given = vim.g.lowtide
  if type(given) == 'function' then
    given = given()
  end
  local no_table = given ~= nil and type(given) ~= 'table'
  given = no_table and {} or given or {}
  if resolved and vim.deep_equal(given, seen_source) then
    return resolved
  end
  seen_source = vim.deepcopy(given)
  resolved, problems = resolve(given)
  if no_table then
    problems = { 'vim.g.lowtide: a table is needed; the defaults are used' }
  end
  if #problems > 0 then
    local text = 'Lowtide: ' .. table.concat(problems, '\n')
    vim.schedule(function()
      vim.notify(text, vim.log.levels.WARN)
    end)
  end
  return resolved
end

--- What is wrong with the options; empty when nothing is.
---@return string[]
function M.problems()
  M.get()
  return problems
end

return M
