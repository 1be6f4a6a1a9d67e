-- values: Lua values as the engine takes and gives them. A wrong type is misuse and raises; a TTL that cannot
-- be is an expected failure.

local ffi = require "ffi"
local face = require "kevy.cdef"

local K = face.constants
local BYTES, TEXT, INT, FLOAT = K.KEVY_BYTES, K.KEVY_TEXT, K.KEVY_INT, K.KEVY_FLOAT
local SAFE = 2 ^ 53 -- doubles count exactly up to here
local MOST_MS = 2 ^ 62

local int64_t, uint64_t = ffi.typeof "int64_t", ffi.typeof "uint64_t"
local LARGEST = uint64_t(2) ^ 63 - 1
local ffi_string, ffi_istype, floor, ceil, abs = ffi.string, ffi.istype, math.floor, math.ceil, math.abs

local values = { BAD_TTL = face.errors[K.KEVY_EEXPIRE].message }

-- Raises: an argument of a method is of the wrong type.
local function bad(method, argument, expected, got)
  error(("bad argument #%d to '%s' (%s expected, not %s)"):format(argument, method, expected, type(got)), 4)
end
values.bad = bad

local function refuse(method, argument, why)
  error(("bad argument #%d to '%s' (%s)"):format(argument, method, why), 4)
end
values.refuse = refuse

-- A key must be a string.
function values.check_key(key, method, argument)
  if type(key) ~= "string" then bad(method, argument, "a string as the key", key) end
end

local function cdata_kind(value, method, argument)
  if ffi_istype(uint64_t, value) and value > LARGEST then
    refuse(method, argument, "the integer does not fit 64 bits")
  elseif not (ffi_istype(int64_t, value) or ffi_istype(uint64_t, value)) then
    bad(method, argument, "a string or number as the value", value)
  end
  return INT
end

-- The scalar kind that a Lua value travels as: a number is an int when it is integral within 2^53.
function values.kind_of(value, method, argument)
  local t = type(value)
  if t == "string" then return BYTES end
  if t == "number" then
    if value >= -SAFE and value <= SAFE and floor(value) == value then return INT end
    if value ~= value then refuse(method, argument, "NaN is not a value") end
    return FLOAT
  end
  if t == "cdata" then return cdata_kind(value, method, argument) end
  bad(method, argument, "a string or number as the value", value)
end

-- Writes value, of that kind, to the kevy_value v, which borrows a string.
function values.fill(v, kind, value)
  v.kind = kind
  if kind == BYTES then
    v.len = #value
    v.as.ptr = value
  else
    v.len = 0
    if kind == INT then v.as.i = value else v.as.d = value end
  end
end

-- An int64_t as a number where that is exact, else as it is.
local function integer(i)
  if i >= -SAFE and i <= SAFE then return tonumber(i) end
  return i
end
values.integer = integer

-- The Lua value of a kevy_value, which nobody may disturb meanwhile.
function values.scalar(v)
  local kind = v.kind
  if kind == BYTES or kind == TEXT then return ffi_string(v.as.ptr, tonumber(v.len)) end
  if kind == INT then return integer(v.as.i) end
  if kind == FLOAT then return v.as.d end
  return nil
end

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
values.milliseconds = milliseconds

-- A TTL in milliseconds; nil when it cannot be one.
local function ttl(seconds, method, argument)
  local ms = milliseconds(seconds, method, argument)
  if ms and ms > 0 then return ms end
  return nil
end
values.ttl = ttl

-- Reads {name = true, ...}: known maps each name to its flag, "ttl" to its own name. The flags, the ttl (false
-- when it cannot be one).
local function options(given, known, method, argument)
  local flags, time = 0, nil
  if given == nil then return flags, time end
  if type(given) ~= "table" then bad(method, argument, "a table of options", given) end
  for name, value in pairs(given) do
    local flag = known[name]
    if not flag then
      refuse(method, argument, ("unknown option '%s'"):format(type(name) == "string" and name or type(name)))
    end
    if name == "ttl" then
      time = ttl(value, method, argument) or false
    elseif value then
      flags = flags + flag
    end
  end
  return flags, time
end
values.options = options

-- As options, and a plain number is the ttl.
function values.ttl_or_options(given, known, method, argument)
  if type(given) == "number" then return 0, ttl(given, method, argument) or false end
  if given ~= nil and type(given) ~= "table" then
    bad(method, argument, "seconds or a table of options", given)
  end
  return options(given, known, method, argument)
end

return values
