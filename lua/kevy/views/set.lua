-- set: the methods of a view of a set that both doors share.

local K = require "kevy.cdef".constants
local common = require "kevy.views.common"

local set = {}

-- extend{member, ...}: how many were new. All or none.
function set:extend(members)
  if type(members) == "table" and #members == 0 then return 0 end
  return common.write(self, members, 0, "extend")
end

-- replace{member, ...}: true; the set is made anew, of these alone.
function set:replace(members)
  return common.done(common.write(self, members, K.KEVY_REPLACE, "replace"))
end

-- table(): a list of the members.
function set:table() return self:_call { "SMEMBERS", self } end

-- random(), pop(): any member, or nil; random(n), pop(n): a list of n different ones, or of all. What is popped is
-- removed.
function set:random(n) return self:_call { "SRANDMEMBER", self, n } end

function set:pop(n) return self:_call { "SPOP", self, n } end

-- move(to, member): whether it was there, and is in the set `to` now.
function set:move(to, member)
  local moved, message = self:_call { "SMOVE", self, to, member }
  if not moved then return nil, message end
  return moved == 1
end

-- union(set, ...), inter(set, ...), diff(set, ...): a list of the members in any of the sets, in all of them, in this
-- one and none of the others. union_into(to, set, ...) and its like make the set `to` of them: how many they are.
local function algebra(name)
  return function(self, ...) return self:_call { name, self, ... } end,
    function(self, to, ...) return self:_call { name .. "STORE", to, self, ... } end
end
set.union, set.union_into = algebra "SUNION"
set.inter, set.inter_into = algebra "SINTER"
set.diff, set.diff_into = algebra "SDIFF"

return set
