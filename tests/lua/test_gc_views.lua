-- The collector at its worst, for collections: finalizers that change what is being read, empty it, or close the store.

local kevy = require "kevy"
local t = require "harness"

local storm = t.storm

local SHORT, LONG = "short", ("l"):rep(5000)

local function fresh()
  local s = kevy.open()
  s:Hash("h"):set { short = SHORT, long = LONG, int = 42 }
  s:List("l"):push(SHORT, LONG, 42)
  s:Set("s"):add(SHORT, LONG, 42)
  s:ZSet("z"):add { [SHORT] = 1, [LONG] = 2 }
  s:Stream("st"):add { f = LONG }
  return s
end

-- What a finalizer does: everything is written anew, elsewhere in memory.
local function rampage(s, n)
  local h, l, set, z = s:Hash "h", s:List "l", s:Set "s", s:ZSet "z"
  h:delete("short", "long")
  h:set { short = SHORT, long = LONG, ["extra" .. n % 50] = ("x"):rep(n * 37 % 600) }
  l:trim(1, 0)
  l:push(SHORT, LONG, 42)
  l:push(("y"):rep(n % 300))
  l:pop()
  set:replace { SHORT, LONG, 42, n }
  z:remove(SHORT, LONG)
  z:add { [SHORT] = 1, [LONG] = 2 }
  if n % 7 == 0 then
    for _ in h:iter() do end
    for _ in l:iter() do break end
    set:union(set)
    l:remove(1)
    l:insert(1, SHORT)
    s:Stream("st"):add({ f = LONG }, { maxlen = 3 })
    h:get "long"
    l:get(2)
  end
end

local function one_of(value, what)
  if value ~= SHORT and value ~= LONG and value ~= 42 and value ~= nil then
    error(what .. " is " .. tostring(value):sub(1, 50), 2)
  end
end

local function read_all(s)
  local h, l, set, z = s:Hash "h", s:List "l", s:Set "s", s:ZSet "z"
  one_of(h:get "short", "a field")
  one_of(h:get "long", "a field")
  local both = h:mget { "short", "long" }
  one_of(both[1], "a field")
  one_of(both[2], "a field")
  one_of(h:table().long, "a field")
  for field, value in h:iter() do
    if not field:find "^extra" then one_of(value, "a field") end
  end
  for i = -3, 3 do
    local value = l[i]
    if type(value) ~= "string" or not value:find "^y*$" then one_of(value, "an element") end
  end
  for _, value in l:iter() do
    if type(value) ~= "string" or not value:find "^y*$" then one_of(value, "an element") end
  end
  set:has(LONG)
  for member in set:iter() do
    if type(member) ~= "number" then one_of(member, "a member") end
  end
  for member, score in z:iter() do t.eq(score == (member == SHORT and 1 or 2), true) end
  local member = z:range(1, 1)[1]
  one_of(member, "a member")
  for _, entry in ipairs(s:Stream("st"):range()) do t.eq(entry.fields.f, LONG) end
  local item = "own" .. #tostring {}
  h:set(item, item .. "x")
  t.eq(h:get(item), item .. "x")
  t.eq(h:delete(item), 1)
end

t.test("finalizers write while every view reads", function()
  local s = fresh()
  local runs = storm(function(n) rampage(s, n) end, function(weather)
    while weather() do read_all(s) end
  end)
  t.ok(runs > 5, runs)
end)

t.test("views are collected in a hot loop", function()
  local s = fresh()
  local runs = storm(function(n) rampage(s, n) end, function(weather)
    local i = 0
    while weather() do
      i = i + 1
      local key = "hash" .. i % 100
      local h = s:Hash(key)
      h:set("n", i)
      if h:get "n" ~= i or s:Hash(key):get "n" ~= i then error "lost" end
      local q = s:List("queue" .. i % 100)
      q:push("item" .. i)
      if q:popleft() ~= "item" .. i then error "lost" end
    end
  end)
  t.ok(runs > 5, runs)
end)

local METHODS = {
  hash_get = function(s) return s:Hash("h"):get "long", s:Hash("h"):get "short" end,
  hash_set = function(s) return s:Hash("h"):set("f" .. #tostring {}, ("x"):rep(100)) end,
  hash_table = function(s) return s:Hash("h"):table() end,
  list_get = function(s) return s:List("l")[2], #s:List "l" end,
  list_pop = function(s) return s:List("l"):pop(), s:List("l"):push(LONG) end,
  list_remove = function(s) return s:List("l"):remove(1), s:List("l"):insert(1, LONG) end,
  set_add = function(s) return s:Set("s"):add("x" .. math.random(9)), s:Set("s"):table() end,
  zset_range = function(s) return s:ZSet("z"):range(1, -1, { withscores = true }), s:ZSet("z"):rank(LONG) end,
  iter = function(s) for field, value in s:Hash("h"):iter() do t.ok(field and value) end end,
  stream = function(s) for id in s:Stream("st"):iter() do t.ok(id) end end,
}

t.closed_during(METHODS, fresh, 15)

t.test("views of collected stores, from finalizers", function()
  for _ = 1, 200 do
    local s = kevy.open()
    local h = s:Hash "h"
    h:set("f", LONG)
    storm(function() h:get "f" end, function() collectgarbage() end)
  end
end)
