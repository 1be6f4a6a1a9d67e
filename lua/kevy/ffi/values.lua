-- values: Lua values as the engine takes and gives them. A wrong type is misuse and raises.

local ffi = require "ffi"
local C = require "kevy.library"
local face = require "kevy.cdef"
local options = require "kevy.options"

local K = face.constants
local BYTES, TEXT, INT, FLOAT = K.KEVY_BYTES, K.KEVY_TEXT, K.KEVY_INT, K.KEVY_FLOAT
local SAFE = 2 ^ 53 -- doubles count exactly up to here

local int64_t, uint64_t = ffi.typeof "int64_t", ffi.typeof "uint64_t"
local LARGEST = uint64_t(2) ^ 63 - 1
local ffi_string, ffi_istype, ffi_gc, ffi_new, floor = ffi.string, ffi.istype, ffi.gc, ffi.new, math.floor
local bad, refuse = options.bad, options.refuse
local kevy_unpin = C.kevy_unpin -- looked up now, for finalizers
local values_t = ffi.typeof "kevy_value[?]"

local values = {}

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

-- The kind of a field or member, which is a string or an integer.
function values.member_kind(value, method, argument)
  if type(value) == "string" then return BYTES end
  if type(value) == "number" or type(value) == "cdata" then
    local kind = values.kind_of(value, method, argument)
    if kind == INT then return kind end
  end
  bad(method, argument, "a string or integer as the field or member", value)
end

-- The kind of what incr adds: 1 for nil.
function values.by_kind(by, method, argument)
  if by == nil then return 1, INT end
  local kind = values.kind_of(by, method, argument)
  if kind == BYTES then bad(method, argument, "a number", by) end
  return by, kind
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

-- A value whose bytes are in the buffer of s, or in pin when that is given.
function values.held(s, pin)
  local kind = s.kind
  if kind <= TEXT then
    local bytes = ffi_string(pin and s.bytes or s.buffer, s.length)
    if pin then kevy_unpin(ffi_gc(pin, nil)) end
    return bytes
  end
  if kind == INT then return integer(s.integer) end
  if kind == FLOAT then return s.number end
  return nil
end

-- Kevy_values of the first n of a list, which they borrow from; kind is the reader of their kinds.
function values.array(list, n, kind, method, argument)
  local array = ffi_new(values_t, n)
  for i = 1, n do values.fill(array[i - 1], kind(list[i], method, argument), list[i]) end
  return array
end

-- An integer argument, or absent for nil.
function values.whole(value, absent, method, argument)
  if value == nil and absent then return absent end
  if type(value) == "number" and floor(value) == value and value >= -2 ^ 63 and value < 2 ^ 63 then return value end
  if type(value) == "cdata" and values.kind_of(value, method, argument) then return value end
  bad(method, argument, "an integer", value)
end

return values
