-- list: the hot methods of a view of a list, and those that need several calls as one. Positions count from 1, negative
-- ones from the end. The others are in kevy/views/list.lua.

local C = require "kevy.library"
local face = require "kevy.cdef"
local command = require "kevy.ffi.command"
local handle = require "kevy.ffi.handle"
local options = require "kevy.options"
local scan = require "kevy.ffi.scan"
local values = require "kevy.ffi.values"
local view = require "kevy.ffi.view"

local K = face.constants
local CAPACITY, LEFT = handle.CAPACITY, K.KEVY_LEFT
local kind_of, fill, array, whole, scalar = values.kind_of, values.fill, values.array, values.whole, values.scalar
local enter, ended, truly = view.enter, view.ended, view.truly
local leave, fail = handle.leave, handle.fail
local bad = options.bad

local NIL = K.KEVY_REPLY_NIL
local NOWHERE = -2 ^ 62 -- a position that no list has

local list_t = view.new_type()
local list = {}

-- The engine's position, which counts from 0.
local function position_of(i, method)
  if type(i) ~= "number" or i % 1 ~= 0 then
    if type(i) ~= "cdata" then bad(method, 1, "an integer", i) end
    i = tonumber(whole(i, nil, method, 1))
  end
  if i > 0 then return i - 1 end
  if i < 0 then return i end
  return NOWHERE
end

local function get_at(self, position)
  local s = enter(list_t, self)
  local status = C.kevy_lindex_into(s.handle, self._key, self._klen, position, s.buffer, CAPACITY, s.value)
  return ended(s, status, self, "LINDEX", self, position)
end

-- get(i), and list[i]: the element, or nil.
function list:get(i)
  local position = position_of(i, "get")
  return get_at(self, position)
end

-- Appends at the position behind the last one, as one with finding that it is that.
local function append(s, self, position, count_out)
  local store = s.handle
  C.kevy_lock(store)
  local status = C.kevy_llen(store, self._key, self._klen, count_out)
  if status >= 0 then
    status = K.KEVY_ERANGE
    if count_out[0] == position then
      status = C.kevy_push(store, self._key, self._klen, 1, s.input, 0, nil)
    end
  end
  C.kevy_unlock(store)
  return status
end
jit.off(append)

local function set_at(self, position, kind, value)
  local s = enter(list_t, self)
  fill(s.input, kind, value)
  local status = C.kevy_lset(s.handle, self._key, self._klen, position, s.input)
  if status == K.KEVY_ERANGE or status > 0 then status = append(s, self, position, s.count_out) end
  return truly(s, status, value)
end

-- set(i, value), and list[i] = value: true; nil, message beyond the position behind the last one.
function list:set(i, value)
  local position, kind = position_of(i, "set"), kind_of(value, "set", 2)
  return set_at(self, position, kind, value)
end

local function push(store, self, k, items, flags, out)
  return C.kevy_push(store, self._key, self._klen, k, items, flags, out)
end

-- push(value, ...), pushleft(value, ...): the new length; the last of them becomes the last, or the first.
list.push = view.writer(list_t, push, kind_of, "push", 0)
list.pushleft = view.writer(list_t, push, kind_of, "pushleft", LEFT)

-- _write(items, flags): pushes many, whole or not at all.
list._write = view.list_writer(list_t, push, kind_of)

-- pop(), popleft(): the last, the first element, or nil; with a count a table of so many.
function list:pop(n)
  if n ~= nil then return self:_pop_many(n) end
  local s = enter(list_t, self)
  local status = C.kevy_pop_into(s.handle, self._key, self._klen, 0, s.buffer, CAPACITY, s.value)
  return ended(s, status, self, "RPOP", self)
end

function list:popleft(n)
  if n ~= nil then return self:_popleft_many(n) end
  local s = enter(list_t, self)
  local status = C.kevy_pop_into(s.handle, self._key, self._klen, LEFT, s.buffer, CAPACITY, s.value)
  return ended(s, status, self, "LPOP", self)
end

-- insert(i, value): true; what was there and behind it moves back. nil, message beyond the end.
function list:insert(i, value)
  local position, kind = position_of(i, "insert"), kind_of(value, "insert", 2)
  local s = enter(list_t, self)
  fill(s.input, kind, value)
  return truly(s, C.kevy_lsplice(s.handle, self._key, self._klen, position, 0, 1, s.input, 0), value)
end

-- Reads an element into the reply and removes it, as one. The status of the reading, then of the removing.
local function take(s, self, position, argv)
  local store, removed = s.handle, 0
  C.kevy_lock(store)
  local found = C.kevy_call_typed(store, 3, argv, s.reply)
  C.kevy_reply_next(s.reply, s.item)
  if found == 0 and s.item.type ~= NIL then
    removed = C.kevy_lsplice(store, self._key, self._klen, position, 1, 0, nil, 0)
  end
  C.kevy_unlock(store)
  return found, removed
end
jit.off(take)

-- remove(i = -1): the element that was there, or nil.
function list:remove(i)
  local position = position_of(i or -1, "remove")
  local store = view.store_of(list_t, self)
  local words = { "LINDEX", list.key(self), position }
  local argv = array(words, 3, kind_of, "remove", 1)
  local s = command.enter(store)
  local found, removed = take(s, self, position, argv)
  if found < 0 or removed < 0 then return fail(s, found < 0 and found or removed, words) end
  local value = nil
  if s.item.type ~= NIL then value = scalar(s.item.value) end
  leave(s, words)
  return value
end

-- trim(i, j = -1): true; only the elements i to j are left, counted as string.sub counts.
function list:trim(i, j)
  i, j = tonumber(whole(i, nil, "trim", 1)), tonumber(whole(j, -1, "trim", 2))
  local first, last = i > 0 and i - 1 or i, j > 0 and j - 1 or j
  if j == 0 then first, last = 1, 0 end
  local s = enter(list_t, self)
  return truly(s, C.kevy_ltrim(s.handle, self._key, self._klen, first, last))
end

-- len(), and #list.
list.len = view.counter(list_t, function(store, self, out) return C.kevy_llen(store, self._key, self._klen, out) end)

-- iter{rev=}, pairs(list) and ipairs(list): every position with its element.
list.iter = view.iterator(list_t, K.KEVY_TYPE_LIST, scan.POSITION, true)

local function index(self, i)
  if type(i) ~= "number" then return list[i] end
  local position = position_of(i, "get")
  local value, message = get_at(self, position)
  if message then error(message, 2) end
  return value
end

local function newindex(self, i, value)
  local position, kind = position_of(i, "set"), kind_of(value, "set", 2)
  view.or_raise(set_at(self, position, kind, value))
end

local new = view.define(list_t, "kevy.List", list, {
  __index = index,
  __newindex = newindex,
  __ipairs = function(self) return view.or_raise(list.iter(self)) end,
})

return { methods = list, new = new }
