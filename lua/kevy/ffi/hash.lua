-- hash: the hot methods of a view of a hash. The others are in kevy/views/hash.lua.

local C = require "kevy.library"
local face = require "kevy.cdef"
local handle = require "kevy.ffi.handle"
local scan = require "kevy.ffi.scan"
local values = require "kevy.ffi.values"
local view = require "kevy.ffi.view"
local options = require "kevy.options"

local K = face.constants
local INT, CAPACITY = K.KEVY_INT, handle.CAPACITY
local kind_of, member_kind, by_kind, fill = values.kind_of, values.member_kind, values.by_kind, values.fill
local array, integer = values.array, values.integer
local enter, ended, counted, truly = view.enter, view.ended, view.counted, view.truly
local leave, fail = handle.leave, handle.fail

local hash_t = view.new_type()
local hash = {}

-- get(field): its value, or nil.
function hash:get(field)
  local kind = member_kind(field, "get", 1)
  local s = enter(hash_t, self)
  fill(s.input, kind, field)
  local status = C.kevy_hget_into(s.handle, self._key, self._klen, s.input, s.buffer, CAPACITY, s.value)
  return ended(s, status, self, "HGET", self, field)
end

-- set(field, value, {nx=}): true; nil, "exists" when nx forbids. set{field = value, ...}: how many were new.
function hash:set(field, value, given)
  if type(field) == "table" then return self:_set_many(field) end
  local kind, value_kind, flags = member_kind(field, "set", 1), kind_of(value, "set", 2), 0
  if given ~= nil then flags = options.read(given, "hset", "set", 3) end
  local s = enter(hash_t, self)
  fill(s.input, kind, field)
  fill(s.value, value_kind, value)
  local status = C.kevy_hset(s.handle, self._key, self._klen, 1, s.input, s.value, flags, nil)
  if status > 0 then
    leave(s, field, value)
    return nil, "exists"
  end
  return truly(s, status, field, value)
end

-- _write(fields, values, flags): sets many, whole or not at all; how many were new.
function hash:_write(fields, contents, flags)
  local n = #fields
  local names, data = array(fields, n, member_kind, "set", 1), array(contents, n, kind_of, "set", 1)
  local s = enter(hash_t, self)
  s.count_out[0] = 0
  local status = C.kevy_hset(s.handle, self._key, self._klen, n, names, data, flags, s.count_out)
  return counted(s, status, fields, contents)
end

-- delete(field, ...): how many there were.
hash.delete = view.remover(hash_t, function(store, self, k, fields, out)
  return C.kevy_hdel(store, self._key, self._klen, k, fields, out)
end, "delete")

-- has(field).
hash.has = view.asker(hash_t, function(store, self, field) return C.kevy_hexists(store, self._key, self._klen, field) end)

-- incr(field, by = 1): the new number; a float when by is one.
function hash:incr(field, by)
  local kind, by_type = member_kind(field, "incr", 1), nil
  by, by_type = by_kind(by, "incr", 2)
  local s = enter(hash_t, self)
  fill(s.input, kind, field)
  local status, sum
  if by_type == INT then
    status = C.kevy_hincr(s.handle, self._key, self._klen, s.input, by, 0, s.integer_out)
    sum = integer(s.integer_out[0])
  else
    status = C.kevy_hincr_float(s.handle, self._key, self._klen, s.input, by, 0, s.number_out)
    sum = s.number_out[0]
  end
  if status < 0 then return fail(s, status, field) end
  leave(s, field)
  return sum
end

-- len(), and #hash: how many fields there are.
hash.len = view.counter(hash_t, function(store, self, out) return C.kevy_hlen(store, self._key, self._klen, out) end)

-- iter(), and pairs(hash): every field with its value.
hash.iter = view.iterator(hash_t, K.KEVY_TYPE_HASH, scan.PAIR)

return { methods = hash, new = view.define(hash_t, "kevy.Hash", hash) }
