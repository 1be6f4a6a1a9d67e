-- hash: the methods of a view of a hash that both doors share.

local K = require "kevy.cdef".constants
local options = require "kevy.options"
local common = require "kevy.views.common"

local BAD_TTL, NO_FIELD = options.BAD_TTL, "no such field"

local hash = {}

-- set{field = value, ...}: how many were new.
function hash:_set_many(map)
  local fields, values, n = common.split(map, "set")
  if n == 0 then return 0 end
  return self:_write(fields, values, 0)
end

-- replace{field = value, ...}: true; the hash is made anew, of this alone.
function hash:replace(map)
  local fields, values = common.split(map, "replace")
  return common.done(self:_write(fields, values, K.KEVY_REPLACE))
end

-- mget{field, ...}: {value or nil, ..., n = the number of fields}.
function hash:mget(fields)
  if type(fields) ~= "table" then options.bad("mget", 1, "a table", fields) end
  local n = #fields
  if n == 0 then return { n = 0 } end
  local command = { "HMGET", self }
  for i = 1, n do command[i + 2] = fields[i] end
  local values, message = self:_call(command)
  if not values then return nil, message end
  for i = 1, n do values[i] = common.or_nil(values[i]) end
  values.n = n
  return values
end

-- table(): {field = value, ...}.
function hash:table()
  return self:_call { "HGETALL", self }
end

-- keys(), values(): lists, in one order.
function hash:keys() return self:_call { "HKEYS", self } end

function hash:values() return self:_call { "HVALS", self } end

-- random(): any field, or nil; random(n): a list of n different ones, or of all.
function hash:random(n) return self:_call { "HRANDFIELD", self, n } end

-- ---- The time to live of one field ---------------------------------------------------------------

local CONDITIONS = { nx = "NX", xx = "XX", gt = "GT", lt = "LT" }

-- What a command that answers one number for each field answers for this one.
local function ask(self, command)
  local reply, message = self:_call(command)
  if not reply then return nil, message end
  return reply[1]
end

local function expire(self, name, field, ms, given, method)
  local command = { name, self, ms }
  for option, value in options.each(common.check_options(given, CONDITIONS, method)) do
    if value then common.append(command, CONDITIONS[option]) end
  end
  local done, message = ask(self, common.append(command, "FIELDS", 1, field))
  if not done then return nil, message end
  return done > 0
end

-- expire(field, seconds, {nx=, xx=, gt=, lt=}), expire_at(field, unix_seconds, options): whether it did.
function hash:expire(field, seconds, given)
  local ms = options.ttl(seconds, "expire", 2)
  if not ms then return nil, BAD_TTL end
  return expire(self, "HPEXPIRE", field, ms, given, "expire")
end

function hash:expire_at(field, seconds, given)
  local ms = options.milliseconds(seconds, "expire_at", 2)
  if not ms then return nil, BAD_TTL end
  return expire(self, "HPEXPIREAT", field, ms, given, "expire_at")
end

local function time_of(self, name, field)
  local ms, message = ask(self, { name, self, "FIELDS", 1, field })
  if not ms then return nil, message end
  if ms == -2 then return nil, NO_FIELD end
  if ms == -1 then return nil end
  return ms / 1000
end

-- ttl(field): seconds left, expires_at(field): Unix seconds; nil for none; nil, "no such field".
function hash:ttl(field) return time_of(self, "HPTTL", field) end

function hash:expires_at(field) return time_of(self, "HPEXPIRETIME", field) end

-- persist(field): whether there was a time to live to take away.
function hash:persist(field)
  local done, message = ask(self, { "HPERSIST", self, "FIELDS", 1, field })
  if not done then return nil, message end
  return done > 0
end

return hash
