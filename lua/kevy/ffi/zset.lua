-- zset: the hot methods of a view of a sorted set. The others are in kevy/views/zset.lua.

local ffi = require "ffi"
local C = require "kevy.library"
local face = require "kevy.cdef"
local handle = require "kevy.ffi.handle"
local scan = require "kevy.ffi.scan"
local values = require "kevy.ffi.values"
local view = require "kevy.ffi.view"
local options = require "kevy.options"

local K = face.constants
local member_kind, kind_of, fill, array = values.member_kind, values.kind_of, values.fill, values.array
local enter, counted = view.enter, view.counted
local leave, fail = handle.leave, handle.fail
local scores_t = ffi.typeof "double[?]"

local zset_t = view.new_type()
local zset = {}

local function score_of(score, method, argument)
  if type(score) == "number" and score == score then return score end
  if type(score) ~= "number" and type(score) ~= "cdata" then options.bad(method, argument, "a number", score) end
  if score ~= score then options.refuse(method, argument, "a score must not be NaN") end
  kind_of(score, method, argument)
  return tonumber(score)
end

-- _write(members, scores, flags): adds many, whole or not at all; how many were new, or with KEVY_CHANGED changed.
function zset:_write(members, numbers, flags)
  local n = #members
  local names, scores = array(members, n, member_kind, "add", 1), ffi.new(scores_t, n)
  for i = 1, n do scores[i - 1] = score_of(numbers[i], "add", 1) end
  local s = enter(zset_t, self)
  s.count_out[0] = 0
  local status = C.kevy_zadd(s.handle, self._key, self._klen, n, names, scores, flags, s.count_out)
  return counted(s, status, members)
end

-- add(member, score, {nx=, xx=, gt=, lt=, ch=}), add({member = score, ...}, options): how many were new, or with ch
-- changed.
function zset:add(member, score, given)
  if type(member) == "table" then return self:_add_many(member, score) end
  local kind, flags = member_kind(member, "add", 1), 0
  score = score_of(score, "add", 2)
  if given ~= nil then flags = options.read(given, "add", "add", 3) end
  local s = enter(zset_t, self)
  fill(s.input, kind, member)
  s.number_out[0], s.count_out[0] = score, 0
  local status = C.kevy_zadd(s.handle, self._key, self._klen, 1, s.input, s.number_out, flags, s.count_out)
  return counted(s, status, member)
end

-- The number in out[0], or nil where there is none.
local function found(s, status, out, member)
  if status < 0 then return fail(s, status, member) end
  local number = nil
  if status == 0 then number = tonumber(out[0]) end
  leave(s, member)
  return number
end

-- score(member): its score, or nil.
function zset:score(member)
  local kind = member_kind(member, "score", 1)
  local s = enter(zset_t, self)
  fill(s.input, kind, member)
  return found(s, C.kevy_zscore(s.handle, self._key, self._klen, s.input, s.number_out), s.number_out, member)
end

-- incr(member, by = 1): the new score.
function zset:incr(member, by)
  local kind = member_kind(member, "incr", 1)
  by = by == nil and 1 or score_of(by, "incr", 2)
  local s = enter(zset_t, self)
  fill(s.input, kind, member)
  return found(s, C.kevy_zincr(s.handle, self._key, self._klen, s.input, by, 0, s.number_out), s.number_out, member)
end

-- rank(member, {rev=}): its position, 1 for the lowest score (rev: the highest), or nil.
function zset:rank(member, given)
  local kind, flags = member_kind(member, "rank", 1), 0
  if given ~= nil then flags = options.read(given, "iter", "rank", 2) end
  local s = enter(zset_t, self)
  fill(s.input, kind, member)
  local status = C.kevy_zrank(s.handle, self._key, self._klen, s.input, flags, s.count_out, nil)
  local rank, message = found(s, status, s.count_out, member)
  if message then return nil, message end
  return rank and rank + 1
end

-- remove(member, ...): how many there were.
zset.remove = view.remover(zset_t, function(store, self, k, members, out)
  return C.kevy_zrem(store, self._key, self._klen, k, members, out)
end, "remove")

-- len(), and #zset.
zset.len = view.counter(zset_t, function(store, self, out) return C.kevy_zcard(store, self._key, self._klen, out) end)

-- iter{rev=}, and pairs(zset): every member with its score, in order.
zset.iter = view.iterator(zset_t, K.KEVY_TYPE_ZSET, scan.PAIR, true)

return { methods = zset, new = view.define(zset_t, "kevy.ZSet", zset) }
