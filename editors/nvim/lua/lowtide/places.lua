-- Where Lowtide keeps its socket and its log, as far as an editor can know: the daemon's lock names the socket.
-- Invariant: a socket in a folder that is a link, that another user owns, or that others can enter is never used.

local M = {}

local MOST_LOCK_BYTES = 16384

---@param folder string?
---@param name string
---@return string?
local function inside(folder, name)
  return folder and folder ~= '' and vim.fs.joinpath(folder, name) or nil
end

---@return string folder that holds the indexes
local function cache_folder()
  local home = vim.env.LOWTIDE_HOME
  if home and home ~= '' then
    return assert(inside(vim.fn.fnamemodify(home, ':p'), 'cache'))
  end
  return assert(inside(vim.env.XDG_CACHE_HOME, 'lowtide') or inside(vim.env.HOME, '.cache/lowtide'))
end

---@return string path of the daemon's lock; the file need not exist
function M.lock_file()
  return assert(inside(cache_folder(), 'daemon.lock'))
end

---@return string? path of the socket that the daemon's lock names
local function socket_of_lock()
  local path = M.lock_file()
  local info = vim.uv.fs_lstat(path)
  if not info or info.type ~= 'file' or info.uid ~= vim.uv.getuid() then
    return nil
  end
  local file = vim.uv.fs_open(path, 'r', 0)
  if not file then
    return nil
  end
  local text = vim.uv.fs_read(file, MOST_LOCK_BYTES, 0)
  vim.uv.fs_close(file)
  local ok, told = pcall(vim.json.decode, text or '')
  local socket = ok and type(told) == 'table' and told.socket or nil
  return type(socket) == 'string' and socket or nil
end

---@param path string
---@return boolean whether it lies in a folder of this user's alone
local function is_private(path)
  local info = vim.uv.fs_lstat(vim.fs.dirname(path))
  return info ~= nil
    and info.type == 'directory'
    and info.uid == vim.uv.getuid()
    and bit.band(info.mode, 63) == 0
end

---@param option string? an explicit path
---@return string? path of a socket that a daemon of this user listens on
function M.find_socket(option)
  local path = option and vim.fs.normalize(option) or socket_of_lock()
  if not path or not (option or is_private(path)) then
    return nil
  end
  local info = vim.uv.fs_stat(path)
  if info and info.type == 'socket' and info.uid == vim.uv.getuid() then
    local ok, channel = pcall(vim.fn.sockconnect, 'pipe', path)
    if ok and channel > 0 then
      vim.fn.chanclose(channel)
      return path
    end
  end
  return nil
end

---@return string path of the daemon's log; the file need not exist
function M.log_file()
  return assert(inside(cache_folder(), 'log/daemon.log'))
end

return M
