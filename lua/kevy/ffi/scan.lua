-- scan: iterators over the keys of one moment, or the elements of one value.
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
local options = require "kevy.options"

local K = face.constants
local enter, leave, fail, mark, unmark = handle.enter, handle.leave, handle.fail, handle.mark, handle.unmark
local scalar = values.scalar

local kevy_iter_close = C.kevy_iter_close -- looked up now, for the finalizer

local IDLE, BUSY, ENDED, ENDING = 0, 1, 2, 3 -- as a store's marks
local KEY, PAIR, POSITION = 0, 1, 2 -- what it answers: key; key, value; value (a position), key

local iter_t = ffi.typeof [[struct {
  kevy_iter *handle[1];
  int32_t busy; /* IDLE, BUSY, ENDED, ENDING */
  int32_t shape; /* KEY, PAIR, POSITION */
  kevy_value key, value;
}]]

local function end_now(it)
  it.busy = ENDED
  kevy_iter_close(it.handle[0])
  it.handle[0] = nil
end

local function rest(it)
  if unmark(it) == ENDING then end_now(it) end
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
  local was = mark(it)
  if was ~= IDLE then
    if was ~= ENDED then error("the iterator is in use", 2) end
    it.busy = ENDED
    return nil
  end
  local shape, status = it.shape, nil
  if shape == KEY then
    status = C.kevy_iter_next(it.handle[0], it.key, nil)
  else
    status = C.kevy_iter_next(it.handle[0], it.key, it.value)
  end
  if status ~= 0 then
    end_now(it)
    if status < 0 then error(ffi.string(C.kevy_strerror(status)), 2) end
    return nil
  end
  local key, value = scalar(it.key), nil
  if shape ~= KEY then value = scalar(it.value) end
  rest(it)
  if shape == KEY then return key end
  if shape == POSITION then return value + 1, key end
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
local function new(shape)
  local it = ffi.new(iter_t)
  it.busy, it.shape = ENDED, shape
  return it
end

local function opened(it, s, status)
  if status < 0 then return fail(s, status) end
  if status == 0 then it.busy = IDLE end
  leave(s)
  return it
end

local scan = {}

-- iter(), and pairs(store): every key with its value (nil for collections).
function scan:iter()
  local it, s = new(PAIR), enter(self)
  return opened(it, s, C.kevy_iter_open(s.handle, "", 0, K.KEVY_TYPE_NONE, it.handle))
end

-- scan{match = pattern, type = name}: every key that matches.
function scan:scan(given)
  local pattern, kind = options.scan(given)
  local it, s = new(KEY), enter(self)
  return opened(it, s, C.kevy_iter_open(s.handle, pattern, #pattern, kind, it.handle))
end

-- The elements of a view of a store.
local function elements(self, view, kind, flags, shape)
  local it, s = new(shape), enter(self)
  return opened(it, s, C.kevy_iter_elements(s.handle, view._key, view._klen, kind, flags, it.handle))
end

return { methods = scan, elements = elements, KEY = KEY, PAIR = PAIR, POSITION = POSITION }
