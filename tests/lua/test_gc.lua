-- The collector at its worst: finalizers that call back into the store, write what is being read, or close it,
-- while every method runs. Under ASan this is where a borrowed pointer kept too long shows.

local kevy = require "kevy"
local t = require "harness"

local storm, stressed = t.storm, t.stressed

-- Values of every kind and way of storage; a key of that name holds one of its two.
local VALUES = {
  short = { "alice", "bob-bob-bob" },
  medium = { ("m"):rep(900), ("n"):rep(3000) },
  long = { ("l"):rep(5000), ("o"):rep(200000) },
  int = { 42, -7 },
  float = { 2.5, 1e100 },
}
local NAMES = { "short", "medium", "long", "int", "float" }

local function one_of(name, value)
  local pair = VALUES[name]
  if value ~= pair[1] and value ~= pair[2] then
    error(("%s holds %s (%s)"):format(name, tostring(value):sub(1, 50), type(value)), 2)
  end
end

local function fresh()
  local s = kevy.open()
  for _, name in ipairs(NAMES) do s:set(name, VALUES[name][1]) end
  return s
end

-- What a finalizer does to a store: changes everything, in every way.
local function rampage(s, n)
  for _, name in ipairs(NAMES) do
    s:delete(name)
    s:set(name, VALUES[name][n % 2 + 1])
  end
  s:set("filler" .. n % 50, ("f"):rep(n * 37 % 6000))
  s:delete("filler" .. (n + 25) % 50)
  if n % 7 == 0 then
    for key in s:scan { match = "s*" } do assert(s:get(key)) end
    s:mget(NAMES)
    s:snapshot():get "long"
    s:getrange("long", 1, 100)
    s:set("own", "x", { get = true })
    s:getdel "own"
  end
end

-- Every way of reading, checked.
local function read_all(s)
  for _, name in ipairs(NAMES) do
    one_of(name, s:get(name))
    one_of(name, s:mget(NAMES)[1] and s:get(name))
  end
  local all = s:mget(NAMES)
  for i, name in ipairs(NAMES) do one_of(name, all[i]) end
  for key, value in s:iter() do
    if VALUES[key] then one_of(key, value) end
  end
  t.ok(s:random_key())
  local piece = s:getrange("long", 1, 4500)
  t.ok(piece == VALUES.long[1]:sub(1, 4500) or piece == VALUES.long[2]:sub(1, 4500))
  s:set("swap", ("s"):rep(1500))
  local old = s:set("swap", "t", { get = true })
  t.ok(old == ("s"):rep(1500))
  t.eq(s:getdel "swap", "t")
end

t.test("finalizers write while every method reads", function()
  local s = fresh()
  local runs = storm(function(n) rampage(s, n) end, function(weather)
    while weather() do read_all(s) end
  end)
  t.ok(runs > 5, runs)
end)

t.test("finalizers write while commands run", function()
  local s = fresh()
  local runs = storm(function(n)
    rampage(s, n)
    s:command("MGET", "short", "long")
    s:command_resp("GET", "short")
  end, function(weather)
    while weather() do
      s:command("MSET", "a", "1", "b", ("b"):rep(300))
      t.eq(s:command("MGET", "a", "nonesuch", "b"), { "1", kevy.null, ("b"):rep(300) })
      one_of("short", s:command("GET", "short"))
      one_of("long", s:command("GET", "long"))
      t.eq(s:command_resp("GET", "a"), "$1\r\n1\r\n")
      t.fails("ERR", s:command("GET", "a", 1))
    end
  end)
  t.ok(runs > 5, runs)
end)

t.test("finalizers run while batches are written", function()
  local s = fresh()
  local runs = storm(function(n) rampage(s, n) end, function(weather)
    local round = 0
    while weather() do
      round = round + 1
      local map = {}
      for i = 1, 50 do map["batch" .. i] = ("v" .. round):rep(i) end
      t.eq(s:mset(map), true)
      for i = 1, 50 do t.eq(s:get("batch" .. i), ("v" .. round):rep(i)) end
    end
  end)
  t.ok(runs > 5, runs)
end)

t.test("a hot loop under finalizers", function()
  local s = fresh()
  local runs = storm(function(n) rampage(s, n) end, function(weather)
    local i = 0
    while weather() do
      i = i + 1
      local value = s:get "medium"
      if value ~= VALUES.medium[1] and value ~= VALUES.medium[2] then error "torn" end
      s:set("hot" .. i % 10, "value" .. i)
      if s:get("hot" .. i % 10) ~= "value" .. i then error "lost" end
    end
  end)
  t.ok(runs > 5, runs)
end)

-- Methods, each to be interrupted by a finalizer that closes the store.
local METHODS = {
  get = function(s) return s:get "long", s:get "short" end,
  set = function(s) return s:set("k" .. #tostring {}, ("x"):rep(100)), s:set("long", "y", { get = true }) end,
  getdel = function(s) return s:getdel "long", s:set("long", ("z"):rep(5000)) end,
  incr = function(s) return s:incr("n" .. math.random(9)), s:incr("f", 0.5) end,
  append = function(s) return s:append("short", "x" .. math.random(9)) end,
  getrange = function(s) return s:getrange("long", 1, 3000) end,
  mget = function(s) return s:mget(NAMES) end,
  mset = function(s) return s:mset { a = ("x"):rep(math.random(99)), b = 2 } end,
  scan = function(s) for key in s:scan() do t.ok(key) end end,
  iter = function(s) for key, value in s:iter() do t.ok(key and value) end end,
  snapshot = function(s) return s:snapshot():get "long" end,
  command = function(s) return s:command("MGET", "short", "long", "x" .. math.random(9)) end,
  command_resp = function(s) return s:command_resp("MGET", "short", "long", "x" .. math.random(9)) end,
  info = function(s) return s:info() end,
  random_key = function(s) return s:random_key() end,
  type = function(s) return s:type "short", tostring(s) end,
  failure = function(s) return s:incr "short" end,
}

t.closed_during(METHODS, fresh, 25)

-- On LuaJIT the loops over tables of numbers are compiled by then.
t.test("finalizers pass tables of other types than were passed before", function()
  local s, numbers, strings = kevy.open(), {}, {}
  for i = 1, 200 do numbers["k" .. i], strings["k" .. i] = i, "v" .. i end
  local function write(map)
    s:mset(map)
    s:Hash("h"):set(map)
    s:Stream("st"):add(map)
  end
  for _ = 1, 5 do write(numbers) end
  storm(function() write(strings) end, function(weather)
    while weather() do collectgarbage() end
  end)
  t.eq(s:Hash("h"):table(), strings)
end)

t.test("an iterator outlives its store", function()
  stressed(function()
    for _ = 1, 50 do
      local it = fresh():iter()
      collectgarbage()
      local count = 0
      for key, value in it do
        one_of(key, value)
        count = count + 1
      end
      t.eq(count, #NAMES)
    end
  end)
end)

t.test("an iterator is closed and advanced by finalizers", function()
  local s = kevy.open()
  for i = 1, 2000 do s:set(("key"):rep(20) .. i, ("value"):rep(300) .. i) end
  for round = 1, 20 do
    local it = s:iter()
    storm(function(n)
      if n == round then it:close() else pcall(it) end
    end, function()
      for key, value in it do
        t.eq(value, ("value"):rep(300) .. key:sub(61))
      end
    end)
    t.eq(it(), nil)
  end
end)

t.test("stores are used from many coroutines", function()
  local s = kevy.open()
  local workers = {}
  for w = 1, 50 do
    workers[w] = coroutine.create(function()
      for i = 1, 100 do
        s:set("w" .. w, i)
        s:incr "total"
        coroutine.yield()
        t.eq(s:get("w" .. w), i)
      end
    end)
  end
  local alive = true
  while alive do
    alive = false
    for _, worker in ipairs(workers) do
      if coroutine.status(worker) ~= "dead" then
        alive = true
        local ok, message = coroutine.resume(worker)
        t.ok(ok, message)
      end
    end
  end
  t.eq(s:get "total", 5000)
end)

t.test("a method that raises inside a coroutine leaves the store usable", function()
  local s = kevy.open()
  for _ = 1, 100 do
    local co = coroutine.create(function() s:set({}, 1) end)
    t.eq(coroutine.resume(co), false)
    co = coroutine.create(function() s:mset { a = 1, [2] = 3 } end)
    t.eq(coroutine.resume(co), false)
  end
  t.eq(s:set("k", 1), true)
  s:close()
  t.raises("the store is closed", s.get, s, "k")
end)

if math.type then
  t.test("Lua 5.4 closes stores and iterators at the end of their scope", function()
    local chunk = assert(load [[
      local kevy, t = ...
      local kept
      do
        local s <close> = kevy.open()
        kept = s
        s:set("k", 1)
        local moment <close> = s:snapshot()
        local it <close> = s:scan()
      end
      t.raises("the store is closed", kept.get, kept, "k")
      local s = kevy.open()
      for i = 1, 100 do s:set("k" .. i, i) end
      for _ in s:scan() do break end
      for _ in s:iter() do break end
      pcall(function() for _ in s:iter() do error "x" end end)
      s:tick()
      t.eq(s:info().snapshots, 0)
    ]])
    chunk(kevy, t)
  end)
end
