-- measure: times one peer in a loop, in any Lua: inside nginx (nginx.conf answers HTTP with it) and in a bare
-- interpreter (standalone.lua). measure(peer, case, keys, calls) gives CPU nanoseconds per call.
--
-- A store holds `keys` keys; the case is "get" or "set", then "hot" (the same 1,000 keys over and over) or
-- "all" (every key, in an order unlike insertion), then optionally "int" for integer values instead of 16-byte
-- strings. Each loop is compiled for its peer alone, so that no trace serves two, and counts what it
-- did not find, so that no call is optimised away.

local HOT = 1000
local load = loadstring or load

local LOOP = [[
local s, keys, values, passes, clock = ...
local n, missed = #keys, 0
local began = clock()
for _ = 1, passes do
  for i = 1, n do
    local k, v = keys[i], values[i]
    %s
  end
end
return clock() - began, missed
]]

-- How each is opened, and the statements of its loops.
local peers = {
  ["kevy"] = {
    open = function() return require("kevy").open("mem://") end,
    get = "if s:get(k) == nil then missed = missed + 1 end",
    set = "s:set(k, v)",
  },
  ["ngx.shared.DICT"] = {
    open = function()
      ngx.shared.bench:flush_all()
      ngx.shared.bench:flush_expired()
      return ngx.shared.bench
    end,
    get = "if s:get(k) == nil then missed = missed + 1 end",
    set = "s:set(k, v)",
  },
  ["lua-resty-lrucache"] = {
    open = function(keys) return require("resty.lrucache").new(2 * keys) end,
    get = "if s:get(k) == nil then missed = missed + 1 end",
    set = "s:set(k, v)",
  },
  ["lrucache.pureffi"] = {
    open = function(keys) return require("resty.lrucache.pureffi").new(2 * keys) end,
    get = "if s:get(k) == nil then missed = missed + 1 end",
    set = "s:set(k, v)",
  },
  ["table"] = {
    open = function() return {} end,
    get = "if s[k] == nil then missed = missed + 1 end",
    set = "s[k] = v",
  },
}

local function shuffled(list)
  math.randomseed(#list)
  for i = #list, 2, -1 do
    local j = math.random(i)
    list[i], list[j] = list[j], list[i]
  end
  return list
end

local function run(bench, verb, keys, values, passes)
  local seconds, missed = bench[verb](bench.store, keys, values, passes, os.clock)
  assert(missed == 0, "a key that was stored is not found")
  return seconds * 1e9 / (#keys * passes)
end

-- LuaJIT hashes a few bytes of a string, so values that differ in their last digits only would all collide.
local function value_of(i, int)
  if int then return i end
  return ("%08x%08x"):format(i * 40503 % 2 ^ 31, i * 69069 % 2 ^ 31)
end

local open = {}

local function prepare(name, count, int)
  local id = name .. count .. tostring(int)
  if open[id] then return open[id] end
  local peer = assert(peers[name], "no such peer")
  local bench = { store = peer.open(count), all = {}, hot = {} }
  bench.get = assert(load(LOOP:format(peer.get)))
  bench.set = assert(load(LOOP:format(peer.set)))
  local order, keys, values = {}, {}, {}
  for i = 1, count do
    order[i] = i
    keys[i], values[i] = ("key:%010d"):format(i), value_of(i, int)
  end
  run(bench, "set", keys, values, 1)
  shuffled(order)
  for i = 1, count do bench.all[i] = keys[order[i]] end
  for i = 1, math.min(HOT, count) do bench.hot[i] = bench.all[i] end
  open[id] = bench
  return bench
end

-- Values to write are made for each call: reading must not find its results alive in our own lists.
local function values_for(n, int)
  local values = {}
  for i = 1, n do values[i] = value_of(i, int) end
  return values
end

return function(name, case, count, calls)
  local verb, heat, kind = case:match("^(%a+) (%a+) ?(%a*)$")
  local int = kind == "int"
  local bench = prepare(name, count, int)
  local keys = bench[heat]
  local values = verb == "set" and values_for(#keys, int) or {}
  collectgarbage()
  return run(bench, verb, keys, values, math.max(1, math.floor(calls / #keys)))
end
