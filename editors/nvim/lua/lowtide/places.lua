-- Where Lowtide keeps its socket and its log, as far as an editor can know.
-- Invariant: a socket that another user owns is never used.

local M = {}

-- A socket's path may not be longer; the daemon then takes another place, whose name only the server knows.
local MOST_SOCKET_BYTES = 100

---@param folder string?
---@param name string
---@return string?
local function inside(folder, name)
  return folder and folder ~= '' and vim.fs.joinpath(folder, name) or nil
end

---@param option string? an explicit path
---@return string[] the places where the daemon's socket may be, the likeliest first
function M.socket_candidates(option)
  if option then
    return { vim.fs.normalize(option) }
  end
  local found = {}
  local function add(path)
    if path and #path <= MOST_SOCKET_BYTES then
      found[#found + 1] = path
    end
  end
  local home = vim.env.LOWTIDE_HOME
  if home and home ~= '' then
    add(inside(vim.fn.fnamemodify(home, ':p'), 'run/daemon.sock'))
    return found
  end
  if vim.uv.os_uname().sysname == 'Darwin' then
    add(inside(vim.env.HOME, 'Library/Caches/TemporaryItems/lowtide/daemon.sock'))
    return found
  end
  local uid = vim.uv.getuid()
  add(inside(vim.env.XDG_RUNTIME_DIR, 'lowtide/daemon.sock'))
  add(('/run/user/%d/lowtide/daemon.sock'):format(uid))
  add(inside(vim.uv.os_tmpdir(), ('runtime-%d/lowtide/daemon.sock'):format(uid)))
  return found
end

---@param option string? an explicit path
---@return string? path of a socket that a daemon of this user listens on
function M.find_socket(option)
  for _, path in ipairs(M.socket_candidates(option)) do
    local info = vim.uv.fs_stat(path)
    if info and info.type == 'socket' and info.uid == vim.uv.getuid() then
      local ok, channel = pcall(vim.fn.sockconnect, 'pipe', path)
      if ok and channel > 0 then
        vim.fn.chanclose(channel)
        return path
      end
    end
  end
  return nil
end

---@return string path of the daemon's log; the file need not exist
function M.log_file()
  local home = vim.env.LOWTIDE_HOME
  local cache
  if home and home ~= '' then
    cache = inside(vim.fn.fnamemodify(home, ':p'), 'cache')
  elseif vim.uv.os_uname().sysname == 'Darwin' then
    cache = inside(vim.env.HOME, 'Library/Caches/lowtide')
  else
    cache = inside(vim.env.XDG_CACHE_HOME, 'lowtide') or inside(vim.env.HOME, '.cache/lowtide')
  end
  return assert(inside(cache, 'log/daemon.log'))
end

return M
