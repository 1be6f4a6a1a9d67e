-- Strings: every method that reads and writes scalars.

local kevy = require "kevy"
local t = require "harness"

local s

local function test(name, f)
  t.test(name, function()
    s = kevy.open()
    f()
    s:close()
  end)
end

test("get and set give exactly one result", function()
  t.results({ n = 1 }, s:get "k")
  t.results({ true }, s:set("k", "v"))
  t.results({ "v" }, s:get "k")
  t.results({ "v" }, s:getdel "k")
  t.results({ n = 1 }, s:getdel "k")
end)

test("set with nx and xx", function()
  t.results({ nil, "missing", n = 2 }, s:set("k", 1, { xx = true }))
  t.eq(s:get "k", nil)
  t.results({ true }, s:set("k", 1, { nx = true }))
  t.results({ nil, "exists", n = 2 }, s:set("k", 2, { nx = true }))
  t.eq(s:get "k", 1)
  t.results({ true }, s:set("k", 3, { xx = true, nx = false }))
  t.eq(s:get "k", 3)
  t.fails(".", s:set("k", 4, { nx = true, xx = true }))
end)

test("set with get", function()
  t.results({ n = 1 }, s:set("k", "a", { get = true }))
  t.results({ "a" }, s:set("k", "b", { get = true }))
  t.results({ "b" }, s:set("k", "c", { get = true, nx = true }))
  t.eq(s:get "k", "b")
  t.results({ n = 1 }, s:set("l", "c", { get = true, xx = true }))
  t.eq(s:get "l", nil)
  t.results({ n = 1 }, s:set("l", 5, { get = true, nx = true }))
  t.eq(s:set("l", 6, { get = true }), 5)
  t.eq(s:set("l", 6.5, { get = true }), 6)
  t.eq(s:set("l", "x", { get = true, ttl = 100 }), 6.5)
  t.near(s:ttl "l", 100, 0.5)
end)

test("set with a ttl, and keepttl", function()
  s:set("k", 1, 100)
  t.near(s:ttl "k", 100, 0.5)
  s:set("k", 2)
  t.results({ n = 1 }, s:ttl "k")
  s:set("k", 3, { ttl = 0.25 })
  t.near(s:ttl "k", 0.25, 0.2)
  s:set("k", 4, { ttl = 50 })
  s:set("k", 5, { keepttl = true })
  t.near(s:ttl "k", 50, 0.5)
  t.eq(s:get "k", 5)
end)

test("a ttl that cannot be is nil, err, and changes nothing", function()
  s:set("k", "kept", 100)
  for _, ttl in ipairs { 0, -1, -0.5, 0 / 0, 1 / 0, -1 / 0, 1e300, 1e17 } do
    t.fails("expire time", s:set("k", "lost", ttl))
    t.fails("expire time", s:set("k", "lost", { ttl = ttl }))
    t.fails("expire time", s:set("k", "lost", { ttl = ttl, get = true }))
    t.fails("expire time", s:mset({ k = "lost" }, ttl))
    t.fails("expire time", s:expire("k", ttl))
  end
  t.eq(s:get "k", "kept")
  t.near(s:ttl "k", 100, 0.5)
  t.raises("table of options", s.set, s, "k", 1, "100")
  t.raises("table of options", s.set, s, "k", 1, true)
  t.raises("number of seconds", s.set, s, "k", 1, { ttl = "100" })
  t.raises("unknown option 'ex'", s.set, s, "k", 1, { ex = 100 })
  t.raises("unknown option", s.set, s, "k", 1, { 100 })
  t.raises("unknown option", s.set, s, "k", 1, { [true] = 100 })
end)

test("incr", function()
  t.results({ 1 }, s:incr "n")
  t.results({ 11 }, s:incr("n", 10))
  t.results({ 8 }, s:incr("n", -3))
  t.results({ 8 }, s:incr("n", 0))
  t.eq(s:get "n", 8)
  t.eq(s:incr("f", 0.5), 0.5)
  t.eq(s:incr("f", 0.25), 0.75)
  t.eq(s:incr("n", 0.5), 8.5)
  t.eq(s:get "n", 8.5)
  t.fails("not an integer", s:incr "n")
  s:set("text", "hello")
  t.fails("not an integer", s:incr "text")
  t.fails("not a valid float", s:incr("text", 0.5))
  t.eq(s:get "text", "hello")
  s:set("text", "41")
  t.eq(s:incr "text", 42)
  s:set("text", "1.5")
  t.eq(s:incr("text", 0.25), 1.75)
  t.raises("number", s.incr, s, "n", "1")
  t.raises("number", s.incr, s, "n", true)
  t.raises("NaN", s.incr, s, "n", 0 / 0)
  s:set("text", "9223372036854775807")
  t.fails("overflow", s:incr "text")
  t.eq(s:get "text", "9223372036854775807")
  s:set("inf", 1e308)
  t.fails("NaN or Infinity", s:incr("inf", 1.7e308))
end)

test("incr keeps the ttl", function()
  s:set("n", 1, 100)
  s:incr "n"
  s:incr("n", 0.5)
  s:append("n", "1")
  t.near(s:ttl "n", 100, 0.5)
end)

test("append and strlen", function()
  t.results({ 5 }, s:append("k", "hello"))
  t.results({ 11 }, s:append("k", " world"))
  t.eq(s:get "k", "hello world")
  t.eq(s:append("k", 42), 13)
  t.eq(s:get "k", "hello world42")
  t.eq(s:append("k", ""), 13)
  t.eq(s:strlen "k", 13)
  t.eq(s:strlen "nonesuch", 0)
  s:set("n", -120)
  t.eq(s:strlen "n", 4)
  t.eq(s:append("n", "0"), 5)
  t.eq(s:get "n", "-1200")
end)

-- string.sub, by the interpreter: traces that LuaJIT 2.1.0-beta3 stitches around a C function
-- have computed it with the j of an earlier round.
local function sub(...) return string.sub(...) end
if jit then jit.off(sub) end

test("getrange counts as string.sub does", function()
  local text = "This is a string"
  s:set("k", text)
  local big = ("0123456789"):rep(1000)
  s:set("big", big)
  for _, i in ipairs { 1, 2, 5, 16, 17, 100, -1, -3, -16, -17, -100, 0 } do
    t.eq(s:getrange("k", i), sub(text, i))
    for _, j in ipairs { 1, 2, 5, 16, 17, 100, -1, -3, -16, -17, -100, 0 } do
      t.eq(s:getrange("k", i, j), sub(text, i, j), i .. " to " .. j)
      t.eq(s:getrange("big", i, j), sub(big, i, j), i .. " to " .. j)
    end
  end
  t.eq(s:getrange("nonesuch", 1, -1), "")
  s:set("n", -12345)
  t.eq(s:getrange("n", 1, 3), "-12")
  t.eq(s:getrange("n", -2), "45")
  t.raises("integer", s.getrange, s, "k", 1.5)
  t.raises("integer", s.getrange, s, "k", "1")
  t.raises("integer", s.getrange, s, "k", 1, {})
  t.eq(s:getrange("k", 1, 2 ^ 62), text)
  t.eq(s:getrange("k", -2 ^ 62, -1), text)
end)

test("setrange", function()
  s:set("k", "Hello World")
  t.results({ 11 }, s:setrange("k", 7, "Redis"))
  t.eq(s:get "k", "Hello Redis")
  t.eq(s:setrange("pad", 4, "x"), 4)
  t.eq(s:get "pad", "\0\0\0x")
  t.eq(s:setrange("k", 1, ""), 11)
  t.eq(s:setrange("nonesuch", 5, ""), 0)
  t.eq(s:exists "nonesuch", 0)
  t.fails("offset", s:setrange("k", 0, "x"))
  t.fails("offset", s:setrange("k", -1, "x"))
  t.fails("512MB", s:setrange("k", 2 ^ 40, "x"))
  t.raises("integer", s.setrange, s, "k", nil, "x")
  t.raises("string", s.setrange, s, "k", 1)
  t.raises("string", s.setrange, s, "k", 1, 5)
  t.eq(s:get "k", "Hello Redis")
end)

test("mget and mset", function()
  t.results({ true }, s:mset { a = 1, b = "two", c = 2.5 })
  t.results({ { 1, "two", 2.5, n = 3 } }, s:mget { "a", "b", "c" })
  t.eq(s:mget { "a", "nonesuch", "c", "a" }, { [1] = 1, [3] = 2.5, [4] = 1, n = 4 })
  t.eq(s:mget {}, { n = 0 })
  t.eq(s:mset {}, true)
  t.eq(s:mset({ a = 10, d = 4 }, 100), true)
  t.near(s:ttl "a", 100, 0.5)
  t.near(s:ttl "d", 100, 0.5)
  t.results({ n = 1 }, s:ttl "b")
  t.results({ nil, "exists", n = 2 }, s:mset({ a = 0, z = 0 }, { nx = true }))
  t.eq(s:get "z", nil)
  t.eq(s:mset({ y = 1, z = 2 }, { nx = true, ttl = 5 }), true)
  t.near(s:ttl "z", 5, 0.5)
  t.raises("table", s.mget, s, "a")
  t.raises("table", s.mset, s, "a", 1)
  t.raises("unknown option", s.mset, s, { a = 1 }, { xx = true })
end)

test("batches of thousands", function()
  local map, keys = {}, {}
  for i = 1, 5000 do
    keys[i] = "key:" .. i
    map[keys[i]] = i % 3 == 0 and i or i % 3 == 1 and "value:" .. i or i + 0.5
  end
  t.eq(s:mset(map), true)
  t.eq(s:len(), 5000)
  local got = s:mget(keys)
  t.eq(got.n, 5000)
  for i = 1, 5000 do t.eq(got[i], map[keys[i]]) end
end)

test("what is passed is copied", function()
  local parts = {}
  for i = 1, 200 do parts[i] = ("%d"):format(i) end
  for i = 1, 200 do s:set("k" .. parts[i], parts[i]:rep(i)) end
  parts = nil
  collectgarbage()
  for i = 1, 200 do t.eq(s:get("k" .. i), tostring(i):rep(i)) end
end)
