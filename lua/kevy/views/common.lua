-- common: what the methods of several types of views share: lists, positions and bounds in the words of a Redis command.
--
-- Positions count from 1, negative ones from the end, as string.sub's. A bound of scores is a number, of members
-- (by "lex") a string; nil is no bound, and kevy.exclusive(x) is one that is not in the range itself.

local each = require "kevy.options".each

local common = {}

local Exclusive = { __tostring = function(self) return ("kevy.exclusive(%s)"):format(tostring(self.value)) end }

-- A bound that leaves x itself out.
function common.exclusive(x)
  if type(x) ~= "string" and type(x) ~= "number" then
    error("bad argument #1 to 'exclusive' (a number or string expected, not " .. type(x) .. ")", 2)
  end
  return setmetatable({ value = x }, Exclusive)
end

local function is_exclusive(bound) return getmetatable(bound) == Exclusive end
common.is_exclusive = is_exclusive

local function misuse(method, expected, got)
  error(("bad argument to '%s' (%s expected, not %s)"):format(method, expected, type(got)), 4)
end
common.misuse = misuse

-- The positions i to j as a command counts, from 0; nothing is between the answers where nothing is asked for.
function common.positions(i, j, method)
  i, j = i or 1, j or -1
  if type(i) ~= "number" or type(j) ~= "number" then misuse(method, "positions", type(i) == "number" and j or i) end
  if j == 0 then return 1, 0 end
  return i > 0 and i - 1 or i, j > 0 and j - 1 or j
end

-- A number in the digits that make it again.
local function digits(x) return ("%.17g"):format(x) end

local READERS = {}

function READERS.score(bound, open, method)
  if bound == nil then return open < 0 and "-inf" or "+inf" end
  local value = is_exclusive(bound) and bound.value or bound
  if type(value) ~= "number" then misuse(method, "a number as the bound", value) end
  return value ~= bound and "(" .. digits(value) or digits(value)
end

function READERS.lex(bound, open, method)
  if bound == nil then return open < 0 and "-" or "+" end
  local value = is_exclusive(bound) and bound.value or bound
  if type(value) ~= "string" then misuse(method, "a string as the bound", value) end
  return (value ~= bound and "(" or "[") .. value
end

-- Two bounds, by "score" or "lex"; the first is the upper one when rev.
function common.pair(low, high, by, rev, method)
  local read, down = READERS[by], rev and 1 or -1
  return read(low, down, method), read(high, -down, method)
end

-- Checks that a table of options has only names that are known.
function common.check_options(given, known, method)
  if given == nil then return {} end
  if type(given) ~= "table" then misuse(method, "a table of options", given) end
  for name in each(given) do
    if not known[name] then error(("bad argument to '%s' (unknown option '%s')"):format(method, tostring(name)), 4) end
  end
  return given
end

-- What stands for nil inside the tables of a reply is the only userdata there.
function common.or_nil(item)
  if type(item) ~= "userdata" then return item end
  return nil
end

-- The command with those words behind it.
function common.append(command, ...)
  for i = 1, select("#", ...) do command[#command + 1] = (select(i, ...)) end
  return command
end

-- Writes the items of a table, all or none, by the door's _write.
function common.write(self, items, flags, method)
  if type(items) ~= "table" then misuse(method, "a table", items) end
  local copy = {}
  for i = 1, #items do copy[i] = items[i] end
  return self:_write(copy, flags)
end

-- The keys and values of a table as two lists, which nobody else changes, and how many they are.
function common.split(map, method)
  if type(map) ~= "table" then misuse(method, "a table", map) end
  local keys, contents, n = {}, {}, 0
  for key, value in each(map) do
    n = n + 1
    keys[n], contents[n] = key, value
  end
  return keys, contents, n
end

-- The two results of a method that answers true where another answers something.
function common.done(reply, message)
  if reply == nil then return nil, message end
  return true
end

-- A flat reply {a, b, a, b, ...} as {{a, b}, ...}, the b's as numbers.
function common.scored(flat)
  local pairs_, n = {}, 0
  for i = 1, #flat, 2 do
    n = n + 1
    pairs_[n] = { flat[i], tonumber(flat[i + 1]) }
  end
  return pairs_
end

return common
