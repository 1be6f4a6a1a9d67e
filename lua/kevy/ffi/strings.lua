-- strings: the methods of a store that read and write scalars. Positions count from 1, as string.sub's.

local ffi = require "ffi"
local C = require "kevy.library"
local face = require "kevy.cdef"
local handle = require "kevy.ffi.handle"
local values = require "kevy.ffi.values"
local options = require "kevy.options"

local K = face.constants
local TEXT, INT = K.KEVY_TEXT, K.KEVY_INT
local NO_TTL, NX = K.KEVY_NO_TTL, K.KEVY_NX
local CAPACITY = handle.CAPACITY
local enter, leave, fail = handle.enter, handle.leave, handle.fail
local take_moment, drop_moment = handle.take_moment, handle.drop_moment
local kind_of, fill, scalar, integer = values.kind_of, values.fill, values.scalar, values.integer
local held, whole, array, by_kind = values.held, values.whole, values.array, values.by_kind
local check_key, bad, refuse, BAD_TTL = values.check_key, options.bad, options.refuse, options.BAD_TTL
local read_ttl, GET = options.read_ttl, options.GET
local ffi_gc, ffi_new = ffi.gc, ffi.new
local kevy_unpin = C.kevy_unpin -- looked up now, for finalizers
local values_t = ffi.typeof "kevy_value[?]"

local strings = {}

-- What is too long for the buffer: pinned, then read.
local function get_long(s, key)
  local status = C.kevy_pin_value(s.handle, key, #key, s.pin_out, s.value)
  if status < 0 then return fail(s, status) end
  local long = nil
  if status == 0 then long = held(s, ffi_gc(s.pin_out[0], kevy_unpin)) end
  leave(s)
  return long
end

-- get(key): value, or nil.
function strings:get(key)
  if type(key) ~= "string" then check_key(key, "get", 1) end
  local s = enter(self)
  local status = C.kevy_get_into(s.handle, key, #key, s.buffer, CAPACITY, s.value)
  if status == 0 then
    if s.kind <= TEXT and s.length > CAPACITY then return get_long(s, key) end
    local value = held(s)
    leave(s)
    return value
  end
  if status < 0 then return fail(s, status) end
  leave(s)
  return nil
end

-- Reads key and then changes it, as one, by kevy_delete or, when there is a value, kevy_set. The status of the
-- read, then that of the change, then the pin that holds a long value. Nothing between lock and unlock
-- allocates, so no finalizer comes between: which holds in the interpreter, so it stays there.
local function swap(s, key, value, ttl, flags)
  local store, out, buffer, pin_out = s.handle, s.value, s.buffer, s.pin_out
  local change, long = 0, false
  C.kevy_lock(store)
  local found = C.kevy_get_into(store, key, #key, buffer, CAPACITY, out)
  if found == 0 and s.kind <= TEXT and s.length > CAPACITY then
    found = C.kevy_pin_value(store, key, #key, pin_out, out)
    long = found == 0
  end
  if found >= 0 and value then
    change = C.kevy_set(store, key, #key, value, ttl, flags, nil)
  elseif found == 0 then
    change = C.kevy_delete(store, key, #key)
  end
  C.kevy_unlock(store)
  return found, change, long and ffi_gc(pin_out[0], kevy_unpin)
end
jit.off(swap)

local function swapped(s, found, change, pin)
  if found < 0 then return fail(s, found) end
  if change < 0 then return fail(s, change) end
  local old = nil
  if found == 0 then old = held(s, pin) end
  leave(s)
  return old
end

-- getdel(key): the value that was there, or nil.
function strings:getdel(key)
  check_key(key, "getdel", 1)
  local s = enter(self)
  return swapped(s, swap(s, key))
end

-- set(key, value, {get=true}): the old value or nil, whether or not it was replaced.
local function set_and_get(self, key, kind, value, ttl, flags)
  local s = enter(self)
  fill(s.input, kind, value)
  local found, change, pin = swap(s, key, s.input, ttl, flags)
  return swapped(s, found, change, pin, value)
end

-- What a write answers that is neither done nor an error: why NX or XX forbade it.
local function unmet(s, flags)
  leave(s)
  return nil, flags % 2 == NX and "exists" or "missing"
end

-- set(key, value, ttl | options): true; nil, "exists" or "missing" when nx or xx forbids.
function strings:set(key, value, given)
  if type(key) ~= "string" then check_key(key, "set", 1) end
  local kind = kind_of(value, "set", 2)
  local flags, ttl = 0, nil
  if given ~= nil then
    flags, ttl = read_ttl(given, "set", "set", 3)
    if ttl == false then return nil, BAD_TTL end
    if flags >= GET then return set_and_get(self, key, kind, value, ttl or NO_TTL, flags - GET) end
  end
  local s = enter(self)
  local input = s.input
  fill(input, kind, value)
  local status = C.kevy_set(s.handle, key, #key, input, ttl or NO_TTL, flags, nil)
  if status ~= 0 then
    if status > 0 then return unmet(s, flags, value) end
    return fail(s, status, value)
  end
  leave(s)
  return true
end

-- incr(key, by = 1): the new number; a float when by is one.
function strings:incr(key, by)
  if type(key) ~= "string" then check_key(key, "incr", 1) end
  local kind
  by, kind = by_kind(by, "incr", 2)
  local s = enter(self)
  local status, sum
  if kind == INT then
    status = C.kevy_incr(s.handle, key, #key, by, 0, s.integer_out)
    sum = integer(s.integer_out[0])
  else
    status = C.kevy_incr_float(s.handle, key, #key, by, 0, s.number_out)
    sum = s.number_out[0]
  end
  if status < 0 then return fail(s, status) end
  leave(s)
  return sum
end

-- The shared end of what answers a length.
local function length(s, status, ...)
  if status < 0 then return fail(s, status, ...) end
  local count = tonumber(s.count_out[0])
  leave(s)
  return count
end

-- append(key, value): the new length.
function strings:append(key, value)
  check_key(key, "append", 1)
  local kind = kind_of(value, "append", 2)
  local s = enter(self)
  fill(s.input, kind, value)
  return length(s, C.kevy_append(s.handle, key, #key, s.input, 0, s.count_out), value)
end

-- strlen(key): bytes of the value, 0 for none.
function strings:strlen(key)
  check_key(key, "strlen", 1)
  local s = enter(self)
  return length(s, C.kevy_strlen(s.handle, key, #key, s.count_out))
end

-- Positions i to j of a string of that length, as string.sub counts, as offsets; nil when nothing is between.
local function sub_range(length, i, j)
  if i < 0 then i = i < -length and 1 or length + i + 1 end
  if i == 0 then i = 1 end
  if j < 0 then j = j < -length and 0 or length + j + 1 end
  if j > length then j = length end
  if i > j then return nil end
  return i - 1, j - 1
end

-- getrange(key, i, j = -1): the bytes i to j, as string.sub.
function strings:getrange(key, i, j)
  check_key(key, "getrange", 1)
  i, j = whole(i, 1, "getrange", 2), whole(j, -1, "getrange", 3)
  local s = enter(self)
  local moment, failed = take_moment(s)
  if not moment then return fail(s, failed) end
  local piece = ""
  local status = C.kevy_strlen(moment, key, #key, s.count_out)
  local first, last = sub_range(tonumber(s.count_out[0]), i, j)
  if status == 0 and first then
    status = C.kevy_getrange(moment, key, #key, first, last, s.value)
    if status == 0 then piece = scalar(s.value) end
  end
  drop_moment(moment)
  if status < 0 then return fail(s, status) end
  leave(s)
  return piece
end

-- setrange(key, i, piece): the new length.
function strings:setrange(key, i, piece)
  check_key(key, "setrange", 1)
  i = whole(i, nil, "setrange", 2)
  if type(piece) ~= "string" then bad("setrange", 3, "a string", piece) end
  local s = enter(self)
  local offset = i > 0 and i - 1 or -1
  return length(s, C.kevy_setrange(s.handle, key, #key, offset, piece, #piece, 0, s.count_out))
end

-- ---- Batches ------------------------------------------------------------------------------------

-- A copy of a list of keys, and the kevy_values that borrow from it.
local function key_values(keys, method)
  if type(keys) ~= "table" then bad(method, 1, "a table", keys) end
  local n, copy = #keys, {}
  for i = 1, n do
    if type(keys[i]) ~= "string" then refuse(method, 1, "a key is a string") end
    copy[i] = keys[i]
  end
  return copy, array(copy, n, kind_of, method, 1), n
end

-- mget{key, ...}: {value or nil, ..., n = the number of keys}.
function strings:mget(keys)
  local list, names, n = key_values(keys, "mget")
  local found = ffi_new(values_t, n)
  local s = enter(self)
  local moment, failed = take_moment(s)
  if not moment then return fail(s, failed) end
  local status = C.kevy_mget(moment, n, names, found)
  if status == 0 then
    for i = 1, n do list[i] = scalar(found[i - 1]) end
    list.n = n
  end
  drop_moment(moment)
  if status < 0 then return fail(s, status) end
  leave(s)
  return list
end

-- The keys and values of a table as two lists, which a finalizer cannot change.
local function pair_lists(map)
  local names, contents, n = {}, {}, 0
  for key, value in options.each(map) do
    if type(key) ~= "string" then refuse("mset", 1, "a key is a string") end
    n = n + 1
    names[n], contents[n] = key, value
  end
  return names, contents, n
end

-- mset({key = value, ...}, ttl | options): true; nil, "exists" when nx forbids. All or none.
function strings:mset(map, given)
  if type(map) ~= "table" then bad("mset", 1, "a table", map) end
  local flags, ttl = read_ttl(given, "mset", "mset", 2)
  if ttl == false then return nil, BAD_TTL end
  local names, contents, n = pair_lists(map)
  local keys, data = array(names, n, kind_of, "mset", 1), array(contents, n, kind_of, "mset", 1)
  local s = enter(self)
  local status = C.kevy_mset(s.handle, n, keys, data, ttl or NO_TTL, flags)
  if status ~= 0 then
    if status > 0 then return unmet(s, flags, names, contents) end
    return fail(s, status, names, contents)
  end
  leave(s, names, contents)
  return true
end

return strings
