-- keys: the methods of a store that treat keys whatever their type, and their time to live.

local ffi = require "ffi"
local C = require "kevy.library"
local face = require "kevy.cdef"
local handle = require "kevy.ffi.handle"
local values = require "kevy.ffi.values"
local options = require "kevy.options"

local K = face.constants
local OK, MISSING, UNMET = K.KEVY_OK, K.KEVY_MISSING, K.KEVY_UNMET
local NO_TTL, AT = K.KEVY_NO_TTL, K.KEVY_AT
local enter, leave, fail = handle.enter, handle.leave, handle.fail
local check_key, read, BAD_TTL = values.check_key, options.read, options.BAD_TTL
local ffi_string, select = ffi.string, select

local NO_SUCH_KEY = "no such key"

local keys = {}

-- delete(key, ...), exists(key, ...), touch(key, ...): how many of them there were.
local function counter(ask, method)
  return function(self, ...)
    local n, count = select("#", ...), 0
    for i = 1, n do
      local key = select(i, ...)
      if type(key) ~= "string" then check_key(key, method, i) end
    end
    local s = enter(self)
    for i = 1, n do
      local key = select(i, ...)
      local status = ask(s.handle, key, #key)
      if status < 0 then return fail(s, status) end
      if status == OK then count = count + 1 end
    end
    leave(s)
    return count
  end
end

keys.delete = counter(C.kevy_delete, "delete")
keys.exists = counter(C.kevy_exists, "exists")
keys.touch = counter(C.kevy_touch, "touch")

-- type(key): "string", "hash", ..., or nil.
function keys:type(key)
  check_key(key, "type", 1)
  local s = enter(self)
  local status = C.kevy_type(s.handle, key, #key, s.type_out)
  if status < 0 then return fail(s, status) end
  local name = nil
  if status == OK then name = ffi_string(C.kevy_type_name(s.type_out[0])) end
  leave(s)
  return name
end

local function transferred(s, status)
  if status < 0 then return fail(s, status) end
  leave(s)
  if status == MISSING then return nil, NO_SUCH_KEY end
  if status == UNMET then return nil, "exists" end
  return true
end

-- rename(from, to, {nx=}), copy(from, to, {replace=}): true; nil, "no such key"; nil, "exists".
function keys:rename(key, to, given)
  check_key(key, "rename", 1)
  check_key(to, "rename", 2)
  local flags = read(given, "rename", "rename", 3)
  local s = enter(self)
  return transferred(s, C.kevy_rename(s.handle, key, #key, to, #to, flags))
end

function keys:copy(key, to, given)
  check_key(key, "copy", 1)
  check_key(to, "copy", 2)
  local flags = read(given, "copy", "copy", 3)
  local s = enter(self)
  return transferred(s, C.kevy_copy(s.handle, key, #key, to, #to, flags))
end

-- len(), and #store: how many keys there are.
function keys:len()
  local s = enter(self)
  local status = C.kevy_len(s.handle, s.count_out)
  if status < 0 then return fail(s, status) end
  local count = tonumber(s.count_out[0])
  leave(s)
  return count
end

-- clear(): true; every key is gone.
function keys:clear()
  local s = enter(self)
  local status = C.kevy_clear(s.handle)
  if status < 0 then return fail(s, status) end
  leave(s)
  return true
end

-- ---- Time ---------------------------------------------------------------------------------------

local function time_of(s, status)
  if status < 0 then return fail(s, status) end
  local ms = tonumber(s.integer_out[0])
  leave(s)
  if status == MISSING then return nil, NO_SUCH_KEY end
  if ms == NO_TTL then return nil end
  return ms / 1000
end

-- ttl(key): seconds left, expires_at(key): Unix seconds; nil for none; nil, "no such key".
function keys:ttl(key)
  check_key(key, "ttl", 1)
  local s = enter(self)
  return time_of(s, C.kevy_ttl(s.handle, key, #key, s.integer_out))
end

function keys:expires_at(key)
  check_key(key, "expires_at", 1)
  local s = enter(self)
  return time_of(s, C.kevy_deadline(s.handle, key, #key, s.integer_out))
end

local function changed(s, status)
  if status < 0 then return fail(s, status) end
  leave(s)
  return status == OK
end

-- expire(key, seconds, {nx=, xx=, gt=, lt=}), expire_at(key, unix_seconds, options): whether it did.
function keys:expire(key, seconds, given)
  check_key(key, "expire", 1)
  local ms = options.ttl(seconds, "expire", 2)
  if not ms then return nil, BAD_TTL end
  local flags = read(given, "expire", "expire", 3)
  local s = enter(self)
  return changed(s, C.kevy_expire(s.handle, key, #key, ms, flags))
end

function keys:expire_at(key, seconds, given)
  check_key(key, "expire_at", 1)
  local ms = options.milliseconds(seconds, "expire_at", 2)
  if not ms then return nil, BAD_TTL end
  local flags = read(given, "expire", "expire_at", 3) + AT
  local s = enter(self)
  return changed(s, C.kevy_expire(s.handle, key, #key, ms, flags))
end

-- persist(key): whether there was a time to live to take away.
function keys:persist(key)
  check_key(key, "persist", 1)
  local s = enter(self)
  return changed(s, C.kevy_persist(s.handle, key, #key))
end

return keys
