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
  hash = function(s)
    local h = s:Hash "h"
    h:set("f", LONG) h:get "f" h:set { a = 1, b = "two" } h:mget { "a", "f", "x" } h:table() h:incr "a" h:incr "b" h:has "f"
    h:random(2) h:expire("a", 10) h:ttl "a" for _ in h:iter() do end for _ in h:iter() do break end h:replace { f = 1 }
    h:delete("f", "a", "b") s:Hash("k"):get "f"
  end,
  list = function(s)
    local l = s:List "l"
    l:push(1, "two", LONG) l:pushleft(2.5) l[1] = LONG l[5] = "end" l:insert(2, LONG) l:remove(2) l:table() l:get(9) l:find(1)
    for _ in l:iter() do end l:trim(2, 4) l:pop() l:popleft() l:pop(9) l:push(LONG) l:pop() l:set(9, 1) s:List("k"):push(1)
  end,
  set = function(s)
    local a, b = s:Set "a", s:Set "b"
    a:add(1, "two", LONG) b:add(1, 2, 3, 4, 5, 6, 7, 8, 9, 10) a:union(b) a:inter_into(b, a) a:has(LONG) a:random() a:random(2)
    for _ in a:iter() do end a:table() a:pop() a:remove(1, "two", LONG) b:replace {} s:Set("k"):add "x"
  end,
  zset = function(s)
    local z = s:ZSet "z"
    z:add("a", 1) z:add { b = 2, [LONG] = 3 } z:range(1, -1, { withscores = true }) z:range(nil, kevy.exclusive(2), { by = "score" })
    z:count() z:score(LONG) z:rank "b" z:incr "a" z:pop_min() z:pop_max(1) for _ in z:iter() do end z:table() z:replace {}
    z:add("x", 1, { nx = true, xx = true }) s:ZSet("k"):score "x"
  end,
  stream = function(s)
    local st = s:Stream "st"
    local id = st:add { f = LONG } st:add { g = 1 } st:range() st:read() for _ in st:iter() do end for _ in st:iter() do break end
    local g = st:group "g" g:create "0" g:read "c" g:pending() g:pending {} g:ack(id) g:create "0" st:info() st:trim { maxlen = 0 }
    s:delete "st"
  end,
  misuse = function(s)
    pcall(s.get, s, {}) pcall(s.set, s, "k", true) pcall(s.set, s, "k", 1, { no = 1 }) pcall(s.mset, s, { k = {} })
    for _, view in ipairs { s:Hash "m", s:List "m", s:Set "m", s:ZSet "m", s:Stream "m" } do
      pcall(view.add, view, {}) pcall(view.set, view, {}, 1) pcall(view.push, view, 1, {}) pcall(view._call, view, { {} })
      pcall(view.len, s) pcall(view.iter, view, 5)
    end
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

-- Writes to collections of three elements each; whether one still has what it had.
local function filled()
  local s = kevy.open()
  s:Hash("h"):set { a = 1, b = LONG, c = "three" }
  s:List("l"):push(1, LONG, "three")
  s:Set("s"):add(1, LONG, "three")
  s:ZSet("z"):add { a = 1, [LONG] = 2, c = 3 }
  s:Stream("st"):add({ f = LONG }, { id = "1-1" })
  return s
end

local function unchanged(s)
  local h, l, z = s:Hash "h", s:List "l", s:ZSet "z"
  return h:len() == 3 and h:get "a" == 1 and h:get "b" == LONG and l:len() == 3 and l[1] == 1 and l[2] == LONG and l[3] == "three"
    and s:Set("s"):len() == 3 and s:Set("s"):has(LONG) and z:len() == 3 and z:score "a" == 1 and z:rank "c" == 3
    and s:Stream("st"):len() == 1 and s:len() == 5
end

local COLLECTION_WRITES = {
  hash_set = function(s) return s:Hash("h"):set("b", "changed") end,
  hash_set_many = function(s)
    local map = {}
    for i = 1, 300 do map["f" .. i] = i end
    return s:Hash("h"):set(map)
  end,
  hash_incr = function(s) return s:Hash("h"):incr("n", 5) end,
  hash_new = function(s) return s:Hash("new"):set("f", LONG) end,
  hash_replace = function(s) return s:Hash("h"):replace { x = LONG } end,
  list_push = function(s) return s:List("l"):push("x", LONG, "y") end,
  list_insert = function(s) return s:List("l"):insert(2, LONG) end,
  list_set = function(s) return s:List("l"):set(1, LONG) end,
  list_append = function(s) return s:List("l"):set(4, "x") end,
  list_extend = function(s)
    local items = {}
    for i = 1, 300 do items[i] = "item" .. i end
    return s:List("l"):extend(items)
  end,
  set_add = function(s) return s:Set("s"):add("x", "y", ("z"):rep(3000)) end,
  set_union = function(s) return s:Set("s"):union_into(s:Set "new", s:Set "s") end,
  zset_add = function(s) return s:ZSet("z"):add { a = 5, x = 6 } end,
  zset_incr = function(s) return s:ZSet("z"):incr("new", 5) end,
  stream_add = function(s) return s:Stream("st"):add { f = LONG } end,
}

for name, write in pairs(COLLECTION_WRITES) do
  t.test("every allocation fails in " .. name, function()
    for n = 1, 12 do
      local s = filled()
      local moment = s:snapshot()
      s:_debug_fail_alloc(n)
      local done, message = write(s)
      s:_debug_fail_alloc(0)
      if not done then
        t.ok(message:find "out of memory" or message:find "^OOM ", message)
        t.ok(unchanged(s), "a failed write changed something")
        t.ok(write(s))
      end
      t.ok(not unchanged(s))
      t.ok(unchanged(moment))
    end
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
