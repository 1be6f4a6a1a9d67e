-- Memory: nothing leaks over thousands of repetitions, and every allocation of the engine may fail.

local kevy = require "kevy"
local t = require "harness"

local LONG = ("x"):rep(20000)

-- What the process may grow by in 3000 repetitions. AddressSanitizer keeps freed memory for a while.
local SLACK = t.sanitized() and 2 ^ 30 or 6 * 2 ^ 20

-- Every path through the methods, results and failures; each leaves the store as it was.
local PATHS = {
  get = function(s) s:get "k" s:get "long" s:get "nonesuch" s:get "n" end,
  set = function(s) s:set("k", "value") s:set("k", "value", 100) s:set("k", 1, { nx = true }) s:set("q", 1, { xx = true }) end,
  set_get = function(s) s:set("k", "value", { get = true }) s:set("long", LONG, { get = true }) end,
  bad_ttl = function(s) s:set("k", 1, -1) s:expire("k", 0) end,
  getdel = function(s) s:set("x", LONG) s:getdel "x" s:set("x", 1) s:getdel "x" s:getdel "x" end,
  incr = function(s) s:incr "n" s:incr("f", 0.5) s:incr "k" end,
  append = function(s) s:append("x", "tail") s:append("x", LONG) s:delete "x" end,
  range = function(s) s:getrange("long", 1, 10) s:getrange("long", 1, -1) s:setrange("k", 1, "v") s:setrange("k", 0, "v") end,
  mget = function(s) s:mget { "k", "long", "nonesuch", "n" } s:mget {} end,
  mset = function(s) s:mset { k = "value", l = LONG, m = 3 } s:mset({ k = 1 }, { nx = true }) s:delete("l", "m") end,
  keys = function(s) s:exists("k", "nonesuch") s:touch "k" s:type "k" s:type "nonesuch" s:random_key() s:len() end,
  move = function(s) s:copy("k", "c") s:rename("c", "d") s:rename("nonesuch", "e") s:copy("k", "d") s:delete "d" end,
  time = function(s) s:expire("k", 10) s:ttl "k" s:expires_at "k" s:persist "k" s:ttl "nonesuch" s:now() s:tick() end,
  scan = function(s) for _ in s:scan { match = "k*" } do end for _ in s:iter() do break end s:scan():close() end,
  snapshot = function(s) local m = s:snapshot() m:get "long" m:set("k", 1) m:close() s:snapshot() end,
  command = function(s)
    s:command("GET", "k") s:command("MGET", "k", "long", "nonesuch") s:command "NONESUCH" s:command("GET", "nonesuch")
  end,
  command_resp = function(s) s:command_resp("GET", "long") s:command_resp("INCR", "k") end,
  watch = function(s) s:info() s:used_memory() s:memory_usage "k" s:memory_usage "nonesuch" tostring(s) end,
  open = function() local o = kevy.open() o:set("k", LONG) o:close() kevy.open "nonesuch://" kevy.open { maxmemory = "x" } end,
  misuse = function(s)
    pcall(s.get, s, {}) pcall(s.set, s, "k", true) pcall(s.set, s, "k", 1, { no = 1 }) pcall(s.mset, s, { k = {} })
    pcall(s.command, s, "GET", {}) pcall(s.mget, s, { 1 }) pcall(s.scan, s, { type = "no" })
  end,
}

local function fresh()
  local s = kevy.open()
  s:set("k", "value")
  s:set("long", LONG)
  s:set("n", 1)
  s:set("f", 0.5)
  return s
end

local function settle(s)
  collectgarbage()
  collectgarbage()
  while not select(2, s:tick(0.01)) do end
end

for name, path in pairs(PATHS) do
  t.test("no leak in " .. name, function()
    local s = fresh()
    for _ = 1, 3000 do path(s) end
    settle(s)
    -- A leak grows in every round; a later high-water mark of the collector only in one of them.
    local used, resident = s:used_memory()
    for _ = 1, 3 do
      resident = t.resident()
      for _ = 1, 3000 do path(s) end
      settle(s)
      if t.resident() < resident + SLACK then break end
    end
    t.ok(s:used_memory() <= used + 4096, ("the store grew from %d to %d"):format(used, s:used_memory()))
    t.ok(t.resident() < resident + SLACK, ("the process grew from %d to %d"):format(resident, t.resident()))
    t.eq(s:info().snapshots, 0)
    t.eq(s:info().pins, 0)
  end)
end

-- Writes, and whether the key they write still holds its old value.
local function is_old(s)
  return s:get "k" == "value" and s:get "long" == LONG and s:get "n" == 1 and s:len() == 4
end

local WRITES = {
  set = function(s) return s:set("k", "changed") end,
  set_new = function(s) return s:set("new", "v") end,
  set_long = function(s) return s:set("k", ("y"):rep(100000)) end,
  set_ttl = function(s) return s:set("new", "v", 100) end,
  set_get = function(s) return s:set("long", "changed", { get = true }) end,
  incr = function(s) return s:incr "n" end,
  incr_float = function(s) return s:incr("n", 0.5) end,
  append = function(s) return s:append("k", LONG) end,
  setrange = function(s) return s:setrange("k", 1000, "x") end,
  mset = function(s) return s:mset { k = "changed", new = LONG, n = 5 } end,
  copy = function(s) return s:copy("long", "copy") end,
  rename = function(s) return s:rename("k", "a longer name than before") end,
  expire = function(s) return s:expire("k", 100) end,
  command = function(s) return s:command("SET", "k", "changed") end,
}

for name, write in pairs(WRITES) do
  t.test("every allocation fails in " .. name, function()
    local failures = 0
    for n = 1, 12 do
      local s = fresh()
      local moment = s:snapshot()
      s:_debug_fail_alloc(n)
      local done, message = write(s)
      s:_debug_fail_alloc(0)
      if not done then
        failures = failures + 1
        t.ok(message:find "out of memory" or message:find "^OOM ", message)
        t.ok(is_old(s), "a failed write changed something")
        t.ok(write(s))
      end
      t.ok(not is_old(s) or name == "expire")
      t.ok(is_old(moment))
    end
    t.ok(failures > 0 or name == "expire", "no allocation failed")
  end)
end

local READS = {
  get = function(s) return s:get "k" == "value" end,
  get_long = function(s) return s:get "long" == LONG end,
  mget = function(s) return s:mget { "k", "long" }[2] == LONG end,
  getrange = function(s) return s:getrange("long", 1, 5000) == LONG:sub(1, 5000) end,
  random_key = function(s) return s:random_key() ~= nil end,
  scan = function(s) return s:scan() () ~= nil end,
  snapshot = function(s) return s:snapshot():get "n" == 1 end,
  command = function(s) return s:command("MGET", "k", "long")[2] == LONG end,
  getdel = function(s) return s:copy("long", "x") and s:getdel "x" == LONG end,
}

for name, read in pairs(READS) do
  t.test("every allocation fails in " .. name, function()
    for n = 1, 8 do
      local s = fresh()
      s:_debug_fail_alloc(n)
      pcall(read, s)
      s:_debug_fail_alloc(0)
      s:delete "x"
      t.ok(is_old(s))
      t.eq(read(s), true)
    end
  end)
end
