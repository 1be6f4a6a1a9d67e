-- cached: results of functions, kept in a store.
--
--   local cached = require "kevy.cached"
--   local user = cached(s, load_user, { prefix = "user:", ttl = 60 })
--   print(user(7).name)      -- load_user(7), or what it answered within the last minute
--
-- A result is the value of one ordinary key: the prefix and what spells the arguments. It expires, is evicted, saved
-- and rolled back as any other. What this module knows itself is which calls are being computed (flights), and which
-- coroutine waits for which; no call of the engine is under way while a function runs, so finalizers may call in.

local waiting = require "kevy.waiting"

local MARK = "\0kevy:" -- begins what stands for a result that is no scalar of the store's
local PATIENCE = 10    -- seconds to wait for another coroutine, where nothing else is said
local MAIN = {}        -- stands for the main coroutine, which has no name in LuaJIT

local awaited = setmetatable({}, { __mode = "k" }) -- a coroutine: the flight that it waits for

local function running()
  return coroutine.running() or MAIN
end

-- ---- What a call is known by ----

-- Text that tells a value from every other: of strings %q, which is one line and one to one.
local function spell(value)
  local kind = type(value)
  if kind == "string" then return (("%q"):format(value):gsub("\\\n", "\\n")) end
  if kind == "number" and value % 1 == 0 and value > -2 ^ 53 and value < 2 ^ 53 then return ("%.0f"):format(value) end
  if kind == "number" then return math.type and math.type(value) == "integer" and ("%d"):format(value) or ("%.17g"):format(value) end
  if kind == "boolean" or kind == "nil" then return tostring(value) end
  if kind == "cdata" and tostring(value):match "^%-?%d+U?LL$" then return tostring(value) end
  error(("a call cannot be known by a %s: give key, a function of the arguments"):format(kind), 0)
end

-- Nils at the end count as not given.
local function spell_all(n, ...)
  local list = { ... }
  while n > 0 and list[n] == nil do n = n - 1 end
  for i = 1, n do list[i] = spell(list[i]) end
  return table.concat(list, ",", 1, n)
end

-- ---- Codecs ----

local scalar = {}

function scalar.encode(value)
  local kind = type(value)
  if kind == "string" then return value:sub(1, #MARK) == MARK and MARK .. "B" .. value or value end
  if kind == "number" then return value == value and value or MARK .. "D" end
  if kind == "nil" then return MARK .. "N" end
  if kind == "boolean" then return MARK .. (value and "T" or "F") end
  if kind == "cdata" then return value end
  error(("a result of type %s is no scalar: give a codec, { encode = f, decode = f }"):format(kind), 0)
end

local MARKED = {
  N = function() return nil end, T = function() return true end, F = function() return false end,
  B = function(rest) return rest end, D = function() return 0 / 0 end, I = function(rest) return tonumber(rest) end,
}

function scalar.decode(value)
  if type(value) ~= "string" or value:sub(1, #MARK) ~= MARK then return value end
  return MARKED[value:sub(#MARK + 1, #MARK + 1)](value:sub(#MARK + 2))
end

-- ---- Flights: computations that are under way ----

-- Whether who waits for this flight is waited for by it.
local function would_deadlock(flight, me)
  for _ = 1, 1000 do
    if flight == nil or flight.over then return false end
    if flight.owner == me then return true end
    flight = awaited[flight.owner]
  end
  return true
end

-- Waits for a flight as a command waits that blocks: with the scheduler's sleep. False where that cannot be, or took too
-- long.
local function wait_for(flight, seconds)
  local sleep, me = waiting.sleeper(), running()
  if not sleep or would_deadlock(flight, me) then return false end
  local before, slept = awaited[me], 0
  local wait = { close = function() end }
  function wait.left() return seconds - slept end
  function wait.over()
    if flight.owner ~= MAIN and coroutine.status(flight.owner) == "dead" then flight.over = true end
    return flight.over or slept >= seconds
  end
  awaited[me] = flight
  local ok = pcall(waiting.pass, wait, true, function(pause)
    sleep(pause)
    slept = slept + pause
  end)
  awaited[me] = before
  return ok and flight.over
end

-- ---- Cached functions ----

local methods = {}
local class = { __index = methods }

-- The key in the store of a call.
function methods:key(...)
  if not self.by then return self.prefix .. spell_all(select("#", ...), ...) end
  local made = self.by(...)
  return self.prefix .. (type(made) == "string" and made or spell(made))
end

-- Forgets the result of a call; whether there was one. What began before, and still runs, is not kept.
function methods:invalidate(...)
  local key = self:key(...)
  for flight in pairs(self.flights) do
    if flight.key == key then flight.valid = false end
  end
  self.leaders[key] = nil
  return self.store:delete(key) == 1
end

-- Forgets every result of the function; how many. It looks at all keys of the store.
function methods:clear()
  for flight in pairs(self.flights) do flight.valid = false end
  self.leaders = {}
  local removed = 0
  for key in self.store:scan { match = self.prefix:gsub("[%*%?%[%]\\]", "\\%0") .. "*" } do
    removed = removed + self.store:delete(key)
  end
  return removed
end

-- { hits, misses, stale, shared, unstored } since it was made: answered by the store; computed; hits that were old;
-- answered by another coroutine's call; results that found no room.
function methods:info()
  local copy = {}
  for name, count in pairs(self.counts) do copy[name] = count end
  return copy
end

-- Whether there is a result, and which. What the codec cannot read is none.
local function look(self, key)
  local value, why = self.store:get(key)
  if value == nil and why then error(why, 0) end
  if value == nil then return false end
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and not tostring(value):match "^%-?%d+U?LL$" then
    error(("%s holds a collection, not a result"):format(key), 0)
  end
  return pcall(self.codec.decode, value)
end

local function is_old(self, key)
  local left = self.stale and self.store:ttl(key)
  return left and left <= self.stale
end

-- Keeps a result; as it is kept.
local function keep(self, flight, result)
  local packed = self.codec.encode(result)
  if flight.valid and not self.store:set(flight.key, packed, self.ttl) then
    self.counts.unstored = self.counts.unstored + 1
  end
  return packed
end

local function land(self, flight)
  flight.over = true
  self.flights[flight] = nil
  if self.leaders[flight.key] == flight then self.leaders[flight.key] = nil end
end

-- Calls the function. An error goes on; nil and why not is the caller's, and not kept.
local function run(self, flight, ...)
  self.counts.misses = self.counts.misses + 1
  self.flights[flight] = true
  local ok, result, why = pcall(self.fn, ...)
  if ok and result == nil and why ~= nil then
    flight.no = why
  elseif ok then
    ok, result = pcall(keep, self, flight, result)
    if ok then flight.packed = result end
  end
  if not ok then flight.failed = { result } end
  land(self, flight)
end

-- What came of a flight. False first: nothing did.
local function outcome(self, flight)
  if flight.failed then error(flight.failed[1], 0) end
  if flight.no ~= nil then return true, nil, flight.no end
  if flight.packed == nil then return false end
  return true, self.codec.decode(flight.packed)
end

local function new_flight(key)
  return { key = key, owner = running(), valid = true, over = false }
end

local function compute(self, key, ...)
  local flight = new_flight(key)
  run(self, flight, ...)
  return select(2, outcome(self, flight))
end

-- Computes what nobody computes, else waits for it.
local function compute_once(self, key, ...)
  while true do
    local first = self.leaders[key]
    if not first or first.over then
      local flight = new_flight(key)
      self.leaders[key] = flight
      run(self, flight, ...)
      return select(2, outcome(self, flight))
    end
    if not wait_for(first, self.patience) then return compute(self, key, ...) end
    local came, result, why = outcome(self, first)
    if came then
      self.counts.shared = self.counts.shared + 1
      return result, why
    end
    local there, held = look(self, key)
    if there then return held end
  end
end

-- Computes an old result anew: later, where there is a scheduler to ask (nginx's timers), else now. The old one stays
-- where that fails. What to answer.
local function renew(self, key, old, ...)
  local flight = self.leaders[key]
  if flight and not flight.over then return old end
  local list, n = { ... }, select("#", ...)
  flight = new_flight(key)
  self.leaders[key] = flight
  local function now()
    flight.owner = running()
    run(self, flight, (table.unpack or unpack)(list, 1, n))
  end
  local later = self.later
  if later and later(now) then return old end
  now()
  if flight.packed == nil then return old end
  return self.codec.decode(flight.packed)
end

function class:__call(...)
  local key = self:key(...)
  local there, held = look(self, key)
  if not there then return (self.patience and compute_once or compute)(self, key, ...) end
  self.counts.hits = self.counts.hits + 1
  if not is_old(self, key) then return held end
  self.counts.stale = self.counts.stale + 1
  return renew(self, key, held, ...)
end

-- ---- Making them ----

-- nginx runs it in a timer, which works with cosockets; where there are no timers nobody does.
local function later_in_nginx(f)
  local ngx = rawget(_G, "ngx")
  return ngx and ngx.timer and ngx.timer.at(0, function() f() end)
end

local KINDS = {
  prefix = { string = true }, ttl = { number = true }, key = { ["function"] = true }, codec = { table = true },
  stale = { number = true }, lock = { boolean = true, number = true }, later = { ["function"] = true },
}

local function refuse(why)
  error(("bad argument #3 to 'cached' (%s)"):format(why), 3)
end

local function is_time(value)
  return value == nil or value > 0 and value < math.huge
end

local function check(options)
  for name, value in pairs(options) do
    local kinds = KINDS[name] or refuse(("unknown option '%s'"):format(tostring(name)))
    if not kinds[type(value)] then refuse(("%s cannot be a %s"):format(name, type(value))) end
  end
  if not options.prefix or options.prefix == "" then refuse "prefix is what the keys begin with, and must be given" end
  if not is_time(options.ttl) or not is_time(options.stale) then refuse "ttl and stale are more than 0 seconds" end
  if options.stale and not options.ttl then refuse "stale is for results with a ttl" end
  if type(options.lock) == "number" and not is_time(options.lock) then refuse "lock is more than 0 seconds" end
  local codec = options.codec
  if codec and not (codec.encode and codec.decode) then refuse "codec is { encode = f, decode = f }" end
end

-- cached(s, fn, { prefix =, ttl =, key =, codec =, stale =, lock =, later = }): what is called as fn is, and keeps its first
-- result in s under prefix and arguments; docs/caching.md says what the options are.
return function(s, fn, options)
  if type(fn) ~= "function" and type(fn) ~= "table" then error("bad argument #2 to 'cached' (a function expected)", 2) end
  if type(options) ~= "table" then error("bad argument #3 to 'cached' (a table of options expected)", 2) end
  check(options)
  local ttl = options.ttl
  return setmetatable({
    store = s, fn = fn, prefix = options.prefix, by = options.key, codec = options.codec or scalar,
    ttl = ttl and ttl + (options.stale or 0), stale = options.stale, later = options.later or later_in_nginx,
    patience = options.lock == true and PATIENCE or options.lock or nil,
    flights = {}, leaders = {}, counts = { hits = 0, misses = 0, stale = 0, shared = 0, unstored = 0 },
  }, class)
end
