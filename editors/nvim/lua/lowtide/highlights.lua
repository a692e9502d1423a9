-- The highlight groups: links to standard ones, which a colour scheme or the user may override.

local M = {}

---@type { name: string, link: string, doc: string }[]
M.GROUPS = {
  { name = 'LowtideOk', link = 'DiagnosticOk', doc = 'all is well' },
  { name = 'LowtideBusy', link = 'DiagnosticInfo', doc = 'scanning or indexing' },
  { name = 'LowtidePaused', link = 'Comment', doc = 'paused' },
  {
    name = 'LowtideWarning',
    link = 'DiagnosticWarn',
    doc = 'a warning; work that is degraded by the ladder',
  },
  { name = 'LowtideError', link = 'DiagnosticError', doc = 'an error' },
  { name = 'LowtideTitle', link = 'Title', doc = 'headings in the windows' },
  { name = 'LowtideBar', link = 'DiagnosticOk', doc = 'the filled part of a bar' },
  { name = 'LowtideBarHigh', link = 'DiagnosticWarn', doc = 'the same, from 85 % of the budget on' },
  { name = 'LowtideBarRest', link = 'NonText', doc = 'the empty part of a bar' },
  { name = 'LowtideNumber', link = 'Number', doc = 'figures' },
  { name = 'LowtidePath', link = 'Directory', doc = 'paths of answers' },
  { name = 'LowtideLine', link = 'Comment', doc = 'line numbers of answers' },
  { name = 'LowtideKind', link = 'Type', doc = 'kinds of symbols' },
  { name = 'LowtideName', link = 'Function', doc = 'names of symbols' },
  { name = 'LowtideMatch', link = 'Search', doc = 'letters and words of an answer that match the query' },
  { name = 'LowtideWeak', link = 'DiagnosticWarn', doc = 'the mark of an answer that is likely none' },
  {
    name = 'LowtideRemote',
    link = 'DiagnosticInfo',
    doc = 'whose code an answer is in that is not on this machine',
  },
  { name = 'LowtideContainer', link = 'Comment', doc = 'what a symbol is in; what is less important' },
  { name = 'LowtideKey', link = 'Special', doc = 'keys in the windows' },
}

local defined = false

--- Define the groups that nobody has defined; a second call does nothing.
function M.define()
  if defined then
    return
  end
  defined = true
  for _, group in ipairs(M.GROUPS) do
    vim.api.nvim_set_hl(0, group.name, { link = group.link, default = true })
  end
end

return M
