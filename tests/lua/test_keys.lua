-- Keys whatever their type, and their time to live, under a clock that the tests move.

local kevy = require "kevy"
local t = require "harness"

local NOW = 1700000000000
local s

local function test(name, f)
  t.test(name, function()
    s = kevy.open()
    s:_debug_clock(NOW)
    f()
    s:close()
  end)
end

test("delete, exists and touch count", function()
  s:mset { a = 1, b = 2, c = 3 }
  t.results({ 3 }, s:exists("a", "b", "nonesuch", "a"))
  t.eq(s:exists(), 0)
  t.eq(s:touch("a", "nonesuch"), 1)
  t.results({ 2 }, s:delete("a", "b", "a", "nonesuch"))
  t.eq(s:delete(), 0)
  t.eq(s:len(), 1)
  t.eq(#s, 1)
end)

test("type", function()
  s:set("k", 1)
  t.results({ "string" }, s:type "k")
  t.results({ n = 1 }, s:type "nonesuch")
end)

test("rename", function()
  s:set("a", 1, 10)
  t.results({ true }, s:rename("a", "b"))
  t.eq(s:get "a", nil)
  t.eq(s:get "b", 1)
  t.eq(s:ttl "b", 10.0)
  t.results({ nil, "no such key", n = 2 }, s:rename("a", "c"))
  s:set("a", 2)
  t.results({ nil, "exists", n = 2 }, s:rename("a", "b", { nx = true }))
  t.eq(s:rename("a", "c", { nx = true }), true)
  t.eq(s:rename("c", "b"), true)
  t.eq(s:get "b", 2)
  t.eq(s:ttl "b", nil)
  t.eq(s:len(), 1)
  t.raises("unknown option", s.rename, s, "a", "b", { replace = true })
end)

test("copy", function()
  s:set("a", "x", 10)
  t.results({ true }, s:copy("a", "b"))
  t.eq(s:get "b", "x")
  t.eq(s:ttl "b", 10.0)
  s:set("a", "y")
  t.results({ nil, "exists", n = 2 }, s:copy("a", "b"))
  t.eq(s:copy("a", "b", { replace = true }), true)
  t.eq(s:get "b", "y")
  t.results({ nil, "no such key", n = 2 }, s:copy("nonesuch", "c"))
  t.fails("same key", s:copy("a", "a"))
end)

test("clear and random_key", function()
  t.results({ n = 1 }, s:random_key())
  s:mset { a = 1, b = 2 }
  local seen = {}
  for _ = 1, 200 do seen[s:random_key()] = true end
  t.eq(seen, { a = true, b = true })
  t.results({ true }, s:clear())
  t.eq(s:len(), 0)
  t.eq(s:random_key(), nil)
end)

test("ttl and expires_at", function()
  s:set("k", 1)
  t.results({ n = 1 }, s:ttl "k")
  t.results({ n = 1 }, s:expires_at "k")
  t.results({ nil, "no such key", n = 2 }, s:ttl "nonesuch")
  t.results({ nil, "no such key", n = 2 }, s:expires_at "nonesuch")
  s:set("k", 1, 10)
  t.results({ 10.0 }, s:ttl "k")
  t.results({ NOW / 1000 + 10 }, s:expires_at "k")
  s:_debug_clock(NOW + 2500)
  t.eq(s:ttl "k", 7.5)
  t.eq(s:now(), NOW / 1000 + 2.5)
  s:_debug_clock(NOW + 9999)
  t.eq(s:get "k", 1)
  t.eq(s:ttl "k", 0.001)
  s:_debug_clock(NOW + 10000)
  t.eq(s:get "k", nil)
  t.eq(s:exists "k", 0)
  t.results({ nil, "no such key", n = 2 }, s:ttl "k")
  t.eq(s:len(), 0)
end)

test("a ttl is rounded up to milliseconds", function()
  for ttl, ms in pairs { [0.0001] = 1, [0.001] = 1, [0.0011] = 2, [0.1] = 100, [0.29] = 290, [1.1] = 1100, [4.35] = 4350,
    [16.1] = 16100, [1.0005] = 1001, [0.57] = 570, [1e-300] = 1, [86400] = 86400000 } do
    s:set("k", 1, ttl)
    t.eq(s:ttl "k", ms / 1000, ttl)
    s:set("k", 1)
    s:expire("k", ttl)
    t.eq(s:ttl "k", ms / 1000, ttl)
  end
end)

test("expire and its conditions", function()
  t.results({ false }, s:expire("nonesuch", 10))
  s:set("k", 1)
  t.eq(s:expire("k", 10, { xx = true }), false)
  t.eq(s:expire("k", 10, { nx = true }), true)
  t.eq(s:expire("k", 20, { nx = true }), false)
  t.eq(s:expire("k", 5, { gt = true }), false)
  t.eq(s:expire("k", 20, { gt = true, xx = true }), true)
  t.eq(s:expire("k", 30, { lt = true }), false)
  t.eq(s:expire("k", 15, { lt = true }), true)
  t.eq(s:ttl "k", 15.0)
  t.eq(s:expire("k", 40, { xx = true }), true)
  t.fails(".", s:expire("k", 40, { nx = true, gt = true }))
  t.eq(s:ttl "k", 40.0)
  t.raises("unknown option", s.expire, s, "k", 40, { keepttl = true })
  t.raises("table of options", s.expire, s, "k", 40, true)
  t.raises("number of seconds", s.expire, s, "k")
  t.raises("number of seconds", s.expire, s, "k", "40")
end)

test("expire_at", function()
  s:set("k", 1)
  t.results({ true }, s:expire_at("k", NOW / 1000 + 60))
  t.eq(s:ttl "k", 60.0)
  t.eq(s:expires_at "k", NOW / 1000 + 60)
  t.eq(s:expire_at("nonesuch", NOW / 1000 + 60), false)
  t.eq(s:expire_at("k", NOW / 1000 + 30, { gt = true }), false)
  t.eq(s:expire_at("k", s:expires_at "k"), true)
  t.eq(s:expires_at "k", NOW / 1000 + 60)
  for _, time in ipairs { 0 / 0, 1 / 0, -1 / 0, 1e300 } do t.fails("expire time", s:expire_at("k", time)) end
  t.eq(s:get "k", 1)
  t.eq(s:expire_at("k", NOW / 1000 - 1), true)
  t.eq(s:get "k", nil)
  t.raises("number of seconds", s.expire_at, s, "k")
end)

test("persist", function()
  t.results({ false }, s:persist "nonesuch")
  s:set("k", 1)
  t.eq(s:persist "k", false)
  s:expire("k", 10)
  t.results({ true }, s:persist "k")
  t.eq(s:ttl "k", nil)
end)

test("tick reclaims what expired", function()
  for i = 1, 1000 do s:set("k" .. i, i, 1) end
  s:set("kept", 1)
  s:_debug_clock(NOW + 2000)
  local reclaimed, done = 0, false
  for _ = 1, 1000 do
    local n, nothing_left = s:tick(0.01)
    reclaimed = reclaimed + n
    if nothing_left then
      done = true
      break
    end
  end
  t.ok(done)
  t.eq(reclaimed, 1000)
  t.eq(s:len(), 1)
  t.results({ 0, true }, s:tick())
  t.raises("number", s.tick, s, "x")
  t.raises("number of seconds", s.tick, s, -1)
  t.raises("number of seconds", s.tick, s, 0 / 0)
end)

test("in a snapshot time stands still, and nothing can be written", function()
  s:set("k", 1, 10)
  s:set("text", ("x"):rep(10000))
  local moment = s:snapshot()
  s:_debug_clock(NOW + 20000)
  s:set("new", 1)
  s:delete "text"
  t.eq(s:get "k", nil)
  t.eq(moment:get "k", 1)
  t.eq(moment:ttl "k", 10.0)
  t.eq(moment:get "text", ("x"):rep(10000))
  t.eq(moment:get "new", nil)
  t.eq(moment:now(), NOW / 1000)
  t.eq(moment:mget { "k", "new" }, { 1, n = 2 })
  t.eq(moment:getrange("text", 1, 3), "xxx")
  t.ok(moment:random_key())
  t.eq(#moment, 2)
  t.fails("read%-only", moment:set("k", 2))
  t.fails("read%-only", moment:delete "k")
  t.fails("read%-only", moment:clear())
  t.fails("read%-only", moment:getdel "k")
  t.fails("read%-only", moment:set("k", 2, { get = true }))
  t.eq(moment:get "k", 1)
  local again = moment:snapshot()
  t.eq(again:get "k", 1)
  moment:close()
  s:close()
  t.eq(again:get "k", 1)
end)

test("figures", function()
  s:set("k", ("v"):rep(1000))
  local info = s:info()
  t.eq(info.keys, 1)
  t.eq(info.used_memory, s:used_memory())
  t.ok(s:used_memory() > 1000)
  t.ok(s:memory_usage "k" > 1000)
  t.results({ nil, "no such key", n = 2 }, s:memory_usage "nonesuch")
  s:get "k"
  s:get "nonesuch"
  t.eq(s:info().hits >= 1 and s:info().misses >= 1, true)
  t.results({ true }, s:reset_stats())
  t.eq(s:info().hits, 0)
  t.eq(s:info().misses, 0)
end)

test("eviction", function()
  local small = kevy.open { maxmemory = "1mb", policy = "allkeys-lru" }
  for i = 1, 30000 do
    assert(small:set("key:" .. i, "value of a key"))
    if i % 1000 == 0 then t.ok(small:used_memory() <= 1048576) end
  end
  t.eq(small:get "key:30000", "value of a key")
  local old, young = 0, 0
  for i = 1, 1000 do
    old = old + small:exists("key:" .. i)
    young = young + small:exists("key:" .. 29000 + i)
  end
  t.eq(young, 1000)
  t.ok(old < 500)
  t.ok(small:info().evicted > 5000)
  t.eq(small:policy(), "allkeys-lru")
  t.eq(small:policy "allkeys-lfu", "allkeys-lfu")
  t.fails("not one of", small:policy "nonesuch")
  t.eq(small:maxmemory(), 1048576)
  t.eq(small:maxmemory(500000), 500000)
  t.ok(small:used_memory() <= 500000)
  t.ok(small:policy "noeviction")
  t.fails("memory", small:maxmemory(1000))
  t.eq(small:maxmemory(), 500000)
  small:close()
end)

test("under maxmemory", function()
  local small = kevy.open { maxmemory = "2mb" }
  local value, failure = ("v"):rep(1000), nil
  for i = 1, 10000 do
    local done, message = small:set("k" .. i, value)
    if not done then
      failure = message
      break
    end
  end
  t.ok(failure and failure:find "out of memory", failure)
  t.ok(small:used_memory() <= 2 * 1024 * 1024)
  t.eq(small:get "k1", value)
  t.fails("out of memory", small:set("huge", ("v"):rep(4000000)))
  t.fails("^OOM ", small:command("SET", "huge", ("v"):rep(4000000)))
  t.fails("^OOM ", small:command("SET", "huge", ("v"):rep(4000000)))
  small:close()
end)
