-- list: the methods of a view of a list that both doors share.

local K = require "kevy.cdef".constants
local common = require "kevy.views.common"

local list = {}

-- extend{value, ...}: the new length. All or none.
function list:extend(items)
  if type(items) == "table" and #items == 0 then return self:len() end
  return common.write(self, items, 0, "extend")
end

-- replace{value, ...}: true; the list is made anew, of these alone.
function list:replace(items)
  return common.done(common.write(self, items, K.KEVY_REPLACE, "replace"))
end

-- pop(n), popleft(n): a table of so many, from that end on; empty when there are none.
local function pop_many(name)
  return function(self, n)
    local items, message = self:_call { name, self, n }
    if message then return nil, message end
    return items or {}
  end
end
list._pop_many = pop_many "RPOP"
list._popleft_many = pop_many "LPOP"

-- wait_pop(seconds), wait_popleft(seconds): the element from that end; where there is none it waits, for at most that long
-- (nil: without limit), until there is one; or nil. Who waits first is served first.
local function wait_pop(name)
  return function(self, seconds)
    local pair, message = self:_call { name, self, seconds or 0 }
    if not pair then return nil, message end
    return pair[2]
  end
end
list.wait_pop = wait_pop "BRPOP"
list.wait_popleft = wait_pop "BLPOP"

-- range(i = 1, j = -1): a table of the elements i to j, counted as string.sub counts.
function list:range(i, j)
  local first, last = common.positions(i, j, "range")
  return self:_call { "LRANGE", self, first, last }
end

-- table(): all elements.
function list:table() return self:_call { "LRANGE", self, 0, -1 } end

-- find(value): the position of the first element that is equal, or nil.
function list:find(value)
  local position, message = self:_call { "LPOS", self, value }
  if message then return nil, message end
  return position and position + 1
end

-- remove_value(value, n = 0): how many were removed: at most n from the front on, -n from the end on, all for 0.
function list:remove_value(value, n) return self:_call { "LREM", self, n or 0, value } end

return list
