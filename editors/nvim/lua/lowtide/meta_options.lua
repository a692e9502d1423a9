---@meta
-- Made by scripts/generate.lua from schema.lua: change that one.

error('this file is for language servers: it is not to be run')

---@class lowtide.Options
---@field cmd? string[] The command that starts the language server. It finds or starts the daemon of the user.
---@field connect? 'auto'|'socket'|'command' How the daemon is reached. "auto" attaches straight to its socket when it runs, which saves a process for each editor, and starts `cmd` when it does not. "socket" never starts anything, "command" always starts `cmd`.
---@field socket? string The path of the daemon's socket, when it is not to be the one that the daemon's own lock names.
---@field root_markers? string[] A workspace is the nearest folder around a file that holds one of these. A file without such a folder is not attached. Your home folder and `/` are never taken for a workspace.
---@field picker? 'auto'|'select'|'quickfix'|'telescope'|'fzf-lua'|'snacks'|'mini.pick' Where answers are shown. "auto" takes the first of snacks.picker, telescope, fzf-lua and mini.pick that is there, else |vim.ui.select()| where a plugin has replaced it, else the quickfix list. All but "select" and "quickfix" ask again while you type and show a preview.
---@field limit? integer The most answers that are asked for.
---@field mode? 'hybrid'|'semantic'|'lexical' By words and by meaning, by meaning alone, or by words alone.
---@field debounce_ms? integer How long a live search waits after a key before it asks.
---@field restart_limit? integer How often, within three minutes, a server that died is started again. 0: never.
---@field statusline? fun(status: lowtide.Status, progress: lowtide.Progress?): string Makes the text of the statusline, without escapes. It is called when something changed, not at each redraw.
---@field memory_refresh_ms? integer How often the memory window asks for new figures.
