-- scan: iterators over the keys of one moment.
--
-- An iterator is an object that one calls: each call answers the next key (and value), nil at the end. It holds
-- a snapshot until it ends, is closed or collected. What it lends stays put whatever happens to the store; only
-- a call on the same iterator moves it, so it is marked busy while it is read: a nested next raises, a nested
-- close waits.

local ffi = require "ffi"
local C = require "kevy.library"
local face = require "kevy.cdef"
local handle = require "kevy.ffi.handle"
local values = require "kevy.ffi.values"

local K = face.constants
local enter, leave, fail = handle.enter, handle.leave, handle.fail
local scalar, refuse = values.scalar, values.refuse

local kevy_iter_close = C.kevy_iter_close -- looked up now, for the finalizer

local IDLE, BUSY, ENDED, ENDING = 0, 1, 2, 3

local iter_t = ffi.typeof [[struct {
  kevy_iter *handle[1];
  int32_t busy; /* IDLE, BUSY, ENDED, ENDING */
  int32_t both; /* 1: answers key, value; 0: key */
  kevy_value key, value;
}]]

local function end_now(it)
  it.busy = ENDED
  kevy_iter_close(it.handle[0])
  it.handle[0] = nil
end

local function rest(it)
  if it.busy == BUSY then it.busy = IDLE else end_now(it) end
end

local function check(it)
  if not ffi.istype(iter_t, it) then error("bad argument #1 (an iterator expected)", 3) end
end

local function close(it)
  check(it)
  if it.busy == IDLE then
    end_now(it)
  elseif it.busy == BUSY then
    it.busy = ENDING
  end
end

local function next_item(it)
  check(it)
  if it.busy ~= IDLE then
    if it.busy == ENDED then return nil end
    error("the iterator is in use", 2)
  end
  it.busy = BUSY
  local status
  if it.both == 0 then
    status = C.kevy_iter_next(it.handle[0], it.key, nil)
  else
    status = C.kevy_iter_next(it.handle[0], it.key, it.value)
  end
  if status ~= 0 then
    end_now(it)
    if status < 0 then error(ffi.string(C.kevy_strerror(status)), 2) end
    return nil
  end
  local key = scalar(it.key)
  if it.both == 0 then
    rest(it)
    return key
  end
  local value = scalar(it.value)
  rest(it)
  return key, value
end

ffi.metatype(iter_t, {
  __index = { close = close },
  __call = next_item,
  __gc = function(it) if it.busy ~= ENDED then end_now(it) end end,
  __tostring = function(it)
    return ("kevy.Iterator: 0x%x"):format(tonumber(ffi.cast("uintptr_t", ffi.cast("void *", it))))
  end,
})

-- An ended iterator is made first, so that what the engine opens has an owner at once.
local function open(self, pattern, kind, both)
  local it = ffi.new(iter_t)
  it.busy, it.both = ENDED, both
  local s = enter(self)
  local status = C.kevy_iter_open(s.handle, pattern, #pattern, kind, it.handle)
  if status < 0 then return fail(s, status) end
  it.busy = IDLE
  leave(s)
  return it
end

local TYPES = {}
for kind = K.KEVY_TYPE_STRING, K.KEVY_TYPE_STREAM do
  TYPES[ffi.string(C.kevy_type_name(kind))] = kind
end

local scan = {}

-- iter(), and pairs(store): every key with its value (nil for collections).
function scan:iter()
  return open(self, "", K.KEVY_TYPE_NONE, 1)
end

-- scan{match = pattern, type = name}: every key that matches.
function scan:scan(given)
  local pattern, kind = "", K.KEVY_TYPE_NONE
  if given ~= nil and type(given) ~= "table" then values.bad("scan", 1, "a table of options", given) end
  for name, value in pairs(given or {}) do
    if name ~= "match" and name ~= "type" then
      refuse("scan", 1, ("unknown option '%s'"):format(tostring(name)))
    elseif type(value) ~= "string" then
      refuse("scan", 1, "match and type are strings")
    elseif name == "match" then
      pattern = value
    else
      kind = TYPES[value] or refuse("scan", 1, ("unknown type '%s'"):format(value))
    end
  end
  return open(self, pattern, kind, 0)
end

return scan
