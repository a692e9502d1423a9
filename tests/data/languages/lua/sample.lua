--- Tide tables for a harbour.
-- @module harbour
local json = require("json")
local floor, max = math.floor, math.max

local M = {}

--- Metres of water below which nothing moves.
M.MINIMUM_DEPTH = 1.5
M.levels = { "ebb", "flood", "slack" }
local DEFAULT_NAME <const> = "none"
VERSION = "2.1"

---@class Station
---@field name string
local Station = {}
Station.__index = Station

--- Opens a station by name.
---@param name string
---@return Station
function Station.new(name, depth)
  local self = setmetatable({}, Station)
  self.name = name or DEFAULT_NAME
  self.depth = depth or M.MINIMUM_DEPTH
  local function inner(value)
    return value * 2
  end
  return self, inner
end

--- Whether a ship floats.
function Station:is_navigable(draught)
  local margin = self.depth - draught
  return margin > 0
end

function Station.__eq(a, b)
  return a.depth == b.depth
end

-- Compares two readings.
local function compare(a, b)
  return a.metres < b.metres
end

local clamp = function(value, low)
  return max(value, low)
end

M.nearest = function(stations, x, y)
  table.sort(stations, compare)
  return stations[1]
end

M.commands = {
  list = function(arguments)
    return #arguments
  end,
  ["show-all"] = function() end,
  help = "prints this",
  nested = {
    deep = function() return true end,
  },
}

function M.chart.render.größe(width, height)
  return width * height
end

M["odd key"] = function() end

function global_helper(...)
  local total = 0
  for _, value in ipairs({ ... }) do
    total = total + value
  end
  return total
end

if not unpack then
  unpack = table.unpack
end

do
  local hidden = 3
  function M.reveal() return hidden end
end

goto finish
::finish::

return setmetatable(M, {
  __call = function(_, name) return Station.new(name) end,
})
