-- zset: the methods of a view of a sorted set that both doors share.

local K = require "kevy.cdef".constants
local options = require "kevy.options"
local common = require "kevy.views.common"

local zset = {}

local function write(self, map, flags, method)
  local members, scores, n = common.split(map, method)
  if n == 0 and flags ~= K.KEVY_REPLACE then return 0 end
  return self:_write(members, scores, flags)
end

-- add({member = score, ...}, {nx=, xx=, gt=, lt=, ch=}): how many were new, or with ch changed. All or none.
function zset:_add_many(map, given)
  return write(self, map, (options.read(given, "add", "add", 2)), "add")
end

-- replace{member = score, ...}: true; the sorted set is made anew, of these alone.
function zset:replace(map)
  return common.done(write(self, map, K.KEVY_REPLACE, "replace"))
end

-- table(): {member = score, ...}.
function zset:table()
  local flat, message = self:_call { "ZRANGE", self, 0, -1, "WITHSCORES" }
  if not flat then return nil, message end
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = tonumber(flat[i + 1]) end
  return map
end

local RANGE_OPTIONS = { by = true, rev = true, offset = true, count = true, withscores = true }
local WAYS = { rank = "RANK", score = "SCORE", lex = "LEX" }

-- The way to order, and start and stop in the words of the commands.
local function range_bounds(start, stop, given, method)
  local by = given.by or "rank"
  if not WAYS[by] then error(("bad argument to '%s' (by is rank, score or lex)"):format(method), 4) end
  if by == "rank" then return by, common.positions(start, stop, method) end
  return by, common.pair(start, stop, by, given.rev, method)
end

-- range(start, stop, {by = "rank", rev=, offset=, count=, withscores=}): a list of the members from start to stop, with
-- withscores of {member, score}. By rank they are positions, by score numbers, by lex strings; with rev the order is
-- from the highest, and so is start.
function zset:range(start, stop, given)
  given = common.check_options(given, RANGE_OPTIONS, "range")
  local by, first, last = range_bounds(start, stop, given, "range")
  local command, limited = { "ZRANGE", self, first, last }, given.offset or given.count
  if by ~= "rank" then common.append(command, "BY" .. WAYS[by]) end
  if given.rev then common.append(command, "REV") end
  if limited and by == "rank" then error("bad argument to 'range' (offset and count go with score and lex)", 2) end
  if limited then common.append(command, "LIMIT", given.offset or 0, given.count or -1) end
  if given.withscores then common.append(command, "WITHSCORES") end
  local found, message = self:_call(command)
  if not found then return nil, message end
  return given.withscores and common.scored(found) or found
end

-- count(low, high, {by = "score"}): how many are between the common.
function zset:count(low, high, given)
  given = common.check_options(given, { by = true }, "count")
  local by = given.by or "score"
  if by ~= "score" and by ~= "lex" then error("bad argument to 'count' (by is score or lex)", 2) end
  local first, last = common.pair(low, high, by, false, "count")
  return self:_call { by == "lex" and "ZLEXCOUNT" or "ZCOUNT", self, first, last }
end

-- remove_range(start, stop, {by = "rank"}): how many were removed.
function zset:remove_range(start, stop, given)
  given = common.check_options(given, { by = true }, "remove_range")
  local by, first, last = range_bounds(start, stop, given, "remove_range")
  return self:_call { "ZREMRANGEBY" .. WAYS[by], self, first, last }
end

-- pop_min(), pop_max(): the member of the lowest, highest score, and its score; or nil. With n a list of so many
-- {member, score}.
local function pop(name)
  return function(self, n)
    local flat, message = self:_call { name, self, n }
    if not flat then return nil, message end
    if n then return common.scored(flat) end
    if flat[1] == nil then return nil end
    return flat[1], tonumber(flat[2])
  end
end
zset.pop_min = pop "ZPOPMIN"
zset.pop_max = pop "ZPOPMAX"

-- wait_pop_min(seconds), wait_pop_max(seconds): the same of one; where there is none it waits, for at most that long
-- (nil: without limit), until there is one.
local function wait_pop(name)
  return function(self, seconds)
    local found, message = self:_call { name, self, seconds or 0 }
    if not found then return nil, message end
    return found[2], tonumber(found[3])
  end
end
zset.wait_pop_min = wait_pop "BZPOPMIN"
zset.wait_pop_max = wait_pop "BZPOPMAX"

-- random(): any member, or nil; random(n): a list of n different ones, or of all.
function zset:random(n) return self:_call { "ZRANDMEMBER", self, n } end

return zset
