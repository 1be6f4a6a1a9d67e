-- options: the named options of every method, and how they and times are read; for both doors.
--
-- A description maps a name to a flag of the ABI, or to how its value is read: TTL. A wrong type and an unknown
-- name are misuse and raise; a TTL that cannot be is an expected failure. The levels of errors count on being
-- called by a method, which the user called.

local face = require "kevy.cdef"

local K = face.constants
local NX, XX, GT, LT = K.KEVY_NX, K.KEVY_XX, K.KEVY_GT, K.KEVY_LT
local MOST_MS = 2 ^ 62
local floor, ceil, abs = math.floor, math.ceil, math.abs

local TTL = "ttl"

local options = {
  GET = 2 ^ 31, -- a flag of ours, never passed on
  BAD_TTL = face.errors[K.KEVY_EEXPIRE].message,
}

local KNOWN = {
  set = { ttl = TTL, nx = NX, xx = XX, keepttl = K.KEVY_KEEPTTL, get = options.GET },
  mset = { ttl = TTL, nx = NX },
  rename = { nx = NX },
  copy = { replace = K.KEVY_REPLACE },
  expire = { nx = NX, xx = XX, gt = GT, lt = LT },
  hset = { nx = NX },
  add = { nx = NX, xx = XX, gt = GT, lt = LT, ch = K.KEVY_CHANGED },
  iter = { rev = K.KEVY_REV },
}

local UNITS = {
  [""] = 1, b = 1, k = 1000, kb = 1024, m = 1000 ^ 2, mb = 1024 ^ 2, g = 1000 ^ 3, gb = 1024 ^ 3,
}
local MOST_BYTES = 2 ^ 53

-- Bytes from 67108864 or "64mb", in Redis's units; nil where it cannot be read.
function options.bytes(size)
  local digits, unit = tostring(size):lower():match "^(%d+)%.?0?(%a*)$"
  local bytes = digits and UNITS[unit] and tonumber(digits) * UNITS[unit]
  return bytes and bytes <= MOST_BYTES and floor(bytes) or nil
end

-- What is said where it cannot.
function options.bad_bytes(name)
  return name .. " is a number of bytes, or one with a unit, such as '64mb'"
end

-- "#2 to 'add' ", but for what kevy's own Lua calls, which has a "_" before its name and counts otherwise than the user.
local function which(method, argument)
  return method:sub(1, 1) == "_" and "" or ("#%d to '%s' "):format(argument, method)
end

-- Raises: an argument of a method is of the wrong type, or wrong otherwise.
function options.bad(method, argument, expected, got)
  error(("bad argument %s(%s expected, not %s)"):format(which(method, argument), expected, type(got)), 4)
end

function options.refuse(method, argument, why)
  error(("bad argument %s(%s)"):format(which(method, argument), why), 4)
end

local bad, refuse = options.bad, options.refuse

local function unknown(method, argument, name)
  name = type(name) == "string" and name or type(name)
  error(("bad argument #%d to '%s' (unknown option '%s')"):format(argument, method, name), 4)
end
options.unknown = unknown

-- Seconds as milliseconds, rounded up but for what is a whole one up to the error of a double; nil when they
-- are not finite.
local function milliseconds(seconds, method, argument)
  if type(seconds) ~= "number" then bad(method, argument, "a number of seconds", seconds) end
  local ms = seconds * 1000
  local nearest = floor(ms + 0.5)
  if abs(ms - nearest) > abs(nearest) * 1e-15 then nearest = ceil(ms) end
  if nearest > -MOST_MS and nearest < MOST_MS then return nearest end
  return nil
end
options.milliseconds = milliseconds

-- A TTL in milliseconds; nil when it cannot be one.
local function ttl(seconds, method, argument)
  local ms = milliseconds(seconds, method, argument)
  if ms and ms > 0 then return ms end
  return nil
end
options.ttl = ttl

-- each(map): pairs(map). In a finalizer LuaJIT never leaves a compiled loop over pairs() that meets a value of another type
-- than it was compiled for; it compiles so what goes by the name of pairs or next.
local following = next
local each = jit and function(map) return following, map end or pairs
options.each = each

-- Reads {name = value, ...} as that kind of options: the flags, and the ttl (false when it cannot be one).
function options.read(given, kind, method, argument)
  local flags, time, known = 0, nil, KNOWN[kind]
  if given == nil then return flags, time end
  if type(given) ~= "table" then bad(method, argument, "a table of options", given) end
  for name, value in each(given) do
    local flag = known[name] or unknown(method, argument, name)
    if flag == TTL then
      time = ttl(value, method, argument) or false
    elseif value then
      flags = flags + flag
    end
  end
  return flags, time
end

-- As read, and a plain number is the ttl.
function options.read_ttl(given, kind, method, argument)
  if type(given) == "number" then return 0, ttl(given, method, argument) or false end
  if given ~= nil and type(given) ~= "table" then
    bad(method, argument, "seconds or a table of options", given)
  end
  return options.read(given, kind, method, argument)
end

-- The number of each type by its name: "hash", ...
local TYPES = {}
for name, number in pairs(K) do
  local word = name:match "^KEVY_TYPE_(%u+)$"
  if word and number ~= K.KEVY_TYPE_NONE then TYPES[word:lower()] = number end
end

-- Reads {match = pattern, type = name}: a pattern ("" is any) and a number.
function options.scan(given)
  local pattern, kind = "", K.KEVY_TYPE_NONE
  if given ~= nil and type(given) ~= "table" then bad("scan", 1, "a table of options", given) end
  for name, value in each(given or {}) do
    if name ~= "match" and name ~= "type" then unknown("scan", 1, name) end
    if type(value) ~= "string" then refuse("scan", 1, "match and type are strings") end
    if name == "match" then
      pattern = value
    else
      kind = TYPES[value] or refuse("scan", 1, ("unknown type '%s'"):format(value))
    end
  end
  return pattern, kind
end

return options
