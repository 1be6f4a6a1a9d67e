-- set: the hot methods of a view of a set. The others are in kevy/views/set.lua.

local C = require "kevy.library"
local face = require "kevy.cdef"
local scan = require "kevy.ffi.scan"
local values = require "kevy.ffi.values"
local view = require "kevy.ffi.view"

local K = face.constants
local member_kind = values.member_kind

local set_t = view.new_type()
local set = {}

local function add(store, self, k, members, flags, out)
  return C.kevy_sadd(store, self._key, self._klen, k, members, flags, out)
end

-- add(member, ...): how many were new. _write(members, flags): adds many, whole or not at all.
set.add = view.writer(set_t, add, member_kind, "add", 0)
set._write = view.list_writer(set_t, add, member_kind)

-- remove(member, ...): how many there were.
set.remove = view.remover(set_t, function(store, self, k, members, out)
  return C.kevy_srem(store, self._key, self._klen, k, members, out)
end, "remove")

-- has(member).
set.has = view.asker(set_t, function(store, self, member) return C.kevy_sismember(store, self._key, self._klen, member) end)

-- len(), and #set.
set.len = view.counter(set_t, function(store, self, out) return C.kevy_scard(store, self._key, self._klen, out) end)

-- iter(), and pairs(set): every member.
set.iter = view.iterator(set_t, K.KEVY_TYPE_SET, scan.KEY)

return { methods = set, new = view.define(set_t, "kevy.Set", set) }
