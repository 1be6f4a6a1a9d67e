-- stream: the methods of a view of a stream, and of its groups of consumers, for both doors.
--
-- An entry is { id = "1526919030474-0", fields = { field = value, ... } }. Times are in seconds.

local common = require "kevy.views.common"

local check_options, or_nil, append, done = common.check_options, common.or_nil, common.append, common.done
local each = require "kevy.options".each
local floor = math.floor

local stream = {}

local function entry_of(item)
  local flat, fields = or_nil(item[2]) or {}, {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return { id = item[1], fields = fields }
end

-- A reply of entries as a list of them.
local function entries_of(reply, message)
  if message then return nil, message end
  local entries, n = {}, 0
  for _, item in ipairs(reply or {}) do
    n = n + 1
    entries[n] = entry_of(item)
  end
  return entries
end

-- The entries of the one stream that a reply of XREAD has.
local function read_of(reply, message)
  if not reply then return entries_of(nil, message) end
  local _, first = next(reply)
  return entries_of(#reply > 0 and first[2] or first)
end

local TRIM_OPTIONS = { maxlen = true, minid = true, approx = true, limit = true }
local ADD_OPTIONS = { id = true, nomkstream = true, maxlen = true, minid = true, approx = true, limit = true }

local function append_trim(command, given)
  local way = given.maxlen and "MAXLEN" or given.minid and "MINID"
  if not way then return command end
  append(command, way, given.approx and "~" or "=", given.maxlen or given.minid)
  if given.limit then append(command, "LIMIT", given.limit) end
  return command
end

-- add({field = value, ...}, {id=, maxlen=, minid=, approx=, limit=, nomkstream=}): the id of the entry, which has a
-- list of {field, value} in that order; nil with nomkstream where there is no such key.
function stream:add(map, given)
  if type(map) ~= "table" then common.misuse("add", "a table of fields", map) end
  given = check_options(given, ADD_OPTIONS, "add")
  local command = { "XADD", self }
  if given.nomkstream then append(command, "NOMKSTREAM") end
  append(append_trim(command, given), given.id or "*")
  if type(map[1]) == "table" then
    for _, pair in ipairs(map) do append(command, pair[1], pair[2]) end
  else
    for field, value in each(map) do append(command, field, value) end
  end
  return self:_call(command)
end

-- len(), and #stream: how many entries there are.
function stream:len() return self:_call { "XLEN", self } end

local RANGE_OPTIONS = { count = true, rev = true }

local function bound_of(id, open)
  if id == nil then return open end
  if common.is_exclusive(id) then return "(" .. id.value end
  return id
end

-- range(first, last, {count=, rev=}): a list of the entries from id first to last, both included but for
-- kevy.exclusive(id); with rev from the last, and first is the higher id.
function stream:range(first, last, given)
  given = check_options(given, RANGE_OPTIONS, "range")
  local low, high = given.rev and "+" or "-", given.rev and "-" or "+"
  local command = { given.rev and "XREVRANGE" or "XRANGE", self, bound_of(first, low), bound_of(last, high) }
  if given.count then append(command, "COUNT", given.count) end
  return entries_of(self:_call(command))
end

local function ms_of(seconds, method)
  if type(seconds) ~= "number" then common.misuse(method, "a number of seconds", seconds) end
  return floor(seconds * 1000)
end

-- COUNT and BLOCK of a command that reads; wait is seconds, or true for no limit.
local function append_read(command, given)
  if given.count then append(command, "COUNT", given.count) end
  if given.wait then append(command, "BLOCK", given.wait == true and 0 or math.max(ms_of(given.wait, "read"), 1)) end
  return command
end

-- read(after = "0", {count=, wait=}): a list of the entries behind that id ("$": behind the last one there is). Where there
-- are none it waits so many seconds for one, with true without limit.
function stream:read(after, given)
  given = check_options(given, { count = true, wait = true }, "read")
  local command = append_read({ "XREAD" }, given)
  return read_of(self:_call(append(command, "STREAMS", self, after or "0")))
end

local PAGE = 100

-- iter(): an iterator of id and fields, over the moment it was made.
function stream:iter()
  local moment, message = self:store():snapshot()
  if not moment then return nil, message end
  local view, page, at, after = moment:Stream(self:key()), nil, 0, nil
  page, message = view:range(nil, nil, { count = PAGE })
  if not page then return nil, message end
  return function()
    at = at + 1
    if page and not page[at] then
      page, at = page[PAGE] and view:range(common.exclusive(after), nil, { count = PAGE }), 1
      if not page or not page[1] then
        page = nil
        moment:close()
      end
    end
    if not page then return nil end
    after = page[at].id
    return after, page[at].fields
  end
end

-- table(): a list of all entries.
function stream:table() return self:range() end

-- trim{maxlen=, minid=, approx=, limit=}: how many entries went.
function stream:trim(given)
  given = check_options(given, TRIM_OPTIONS, "trim")
  if not (given.maxlen or given.minid) then error("bad argument to 'trim' (maxlen or minid expected)", 2) end
  return self:_call(append_trim({ "XTRIM", self }, given))
end

-- delete(id, ...): how many there were.
function stream:delete(...) return self:_call { "XDEL", self, ... } end

-- The figures of a reply, with names that one can write behind a dot.
local function named(reply)
  local map = {}
  for name, value in each(reply) do map[name:gsub("-", "_")] = or_nil(value) end
  return map
end

local function named_rows(reply, message)
  if not reply then return nil, message end
  local rows = {}
  for i, row in ipairs(reply) do rows[i] = named(row) end
  return rows
end

-- info(): {length=, last_generated_id=, first_entry=, ...}; nil, "no such key".
function stream:info()
  local reply, message = self:_call { "XINFO", "STREAM", self }
  if not reply then return nil, message end
  local info = named(reply)
  for _, name in ipairs { "first_entry", "last_entry" } do
    if info[name] then info[name] = entry_of(info[name]) end
  end
  return info
end

-- groups(): a list of {name=, consumers=, pending=, last_delivered_id=, entries_read=, lag=}.
function stream:groups() return named_rows(self:_call { "XINFO", "GROUPS", self }) end

-- ---- Groups -------------------------------------------------------------------------------------

local group = {}
local Group = { __index = group, __tostring = function(self) return "kevy.Group: " .. self.name end }

-- group(name): the group of consumers of that name, which need not exist yet.
function stream:group(name)
  if type(name) ~= "string" then common.misuse("group", "a string", name) end
  return setmetatable({ stream = self, name = name }, Group)
end

local function call(self, ...) return self.stream:_call { ... } end

local function whether(count, message)
  if not count then return nil, message end
  return count ~= 0
end

-- create(id = "$", {mkstream = true}): true; the group is to be given the entries behind that id. A stream is made
-- where there is none, unless mkstream is false. nil, message when there is such a group.
function group:create(id, given)
  given = check_options(given, { mkstream = true }, "create")
  if given.mkstream == false then return done(call(self, "XGROUP", "CREATE", self.stream, self.name, id or "$")) end
  return done(call(self, "XGROUP", "CREATE", self.stream, self.name, id or "$", "MKSTREAM"))
end

-- destroy(): whether there was such a group.
function group:destroy() return whether(call(self, "XGROUP", "DESTROY", self.stream, self.name)) end

-- set_id(id): true; the entries behind that id are to be given next.
function group:set_id(id) return done(call(self, "XGROUP", "SETID", self.stream, self.name, id)) end

-- delete_consumer(name): how many entries were pending for it.
function group:delete_consumer(name) return call(self, "XGROUP", "DELCONSUMER", self.stream, self.name, name) end

-- read(consumer, {count=, id = ">", noack=, wait=}): a list of entries that no consumer was given yet, as a stream's read
-- waits; with another id of those that are pending for this one, behind that id.
function group:read(consumer, given)
  given = check_options(given, { count = true, id = true, noack = true, wait = true }, "read")
  local command = append_read({ "XREADGROUP", "GROUP", self.name, consumer }, given)
  if given.noack then append(command, "NOACK") end
  return read_of(self.stream:_call(append(command, "STREAMS", self.stream, given.id or ">")))
end

-- ack(id, ...): how many were pending.
function group:ack(...) return call(self, "XACK", self.stream, self.name, ...) end

-- The summary of what is pending.
local function summary_of(reply, message)
  if not reply then return nil, message end
  local consumers = {}
  for _, row in ipairs(or_nil(reply[4]) or {}) do consumers[row[1]] = tonumber(row[2]) end
  return { count = reply[1], first = or_nil(reply[2]), last = or_nil(reply[3]), consumers = consumers }
end

local PENDING_OPTIONS = { first = true, last = true, count = true, consumer = true, idle = true }

-- pending(): { count=, first=, last=, consumers = { name = count } }. pending{first=, last=, count = 100, consumer=,
-- idle=}: a list of { id=, consumer=, idle=, deliveries= }.
function group:pending(given)
  if given == nil then return summary_of(call(self, "XPENDING", self.stream, self.name)) end
  given = check_options(given, PENDING_OPTIONS, "pending")
  local command = { "XPENDING", self.stream, self.name }
  if given.idle then append(command, "IDLE", ms_of(given.idle, "pending")) end
  append(command, bound_of(given.first, "-"), bound_of(given.last, "+"), given.count or 100)
  if given.consumer then append(command, given.consumer) end
  local rows, message = self.stream:_call(command)
  if not rows then return nil, message end
  for i, row in ipairs(rows) do
    rows[i] = { id = row[1], consumer = row[2], idle = row[3] / 1000, deliveries = row[4] }
  end
  return rows
end

-- claim(consumer, idle, id, ...): a list of those entries that were pending for at least so many seconds without being
-- touched, and are this consumer's now. The ids may be in a table.
function group:claim(consumer, idle, ...)
  local command = { "XCLAIM", self.stream, self.name, consumer, ms_of(idle, "claim") }
  local ids = type((...)) == "table" and (...) or { ... }
  for _, id in ipairs(ids) do append(command, id) end
  return entries_of(self.stream:_call(command))
end

-- autoclaim(consumer, idle, {start = "0-0", count=}): as claim, for any that are pending: the entries, the id to start
-- from the next time ("0-0" at the end), and the ids of those that were deleted.
function group:autoclaim(consumer, idle, given)
  given = check_options(given, { start = true, count = true }, "autoclaim")
  local command = { "XAUTOCLAIM", self.stream, self.name, consumer, ms_of(idle, "autoclaim"), given.start or "0-0" }
  if given.count then append(command, "COUNT", given.count) end
  local reply, message = self.stream:_call(command)
  if not reply then return nil, message end
  return entries_of(reply[2]), reply[1], reply[3]
end

-- consumers(): a list of {name=, pending=, idle=, inactive=}.
function group:consumers()
  local rows, message = named_rows(call(self, "XINFO", "CONSUMERS", self.stream, self.name))
  if not rows then return nil, message end
  for _, row in ipairs(rows) do
    row.idle, row.inactive = row.idle / 1000, row.inactive and row.inactive / 1000
  end
  return rows
end

return stream
