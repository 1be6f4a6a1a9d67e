-- Iterators: over one moment, whatever happens meanwhile.

local kevy = require "kevy"
local t = require "harness"

local s

local function fill(n)
  s = kevy.open()
  for i = 1, n do s:set("key:" .. i, i) end
end

t.test("iter answers every key with its value, once", function()
  for _, n in ipairs { 0, 1, 10, 1000, 20000 } do
    fill(n)
    local all, count = t.collect(s:iter())
    t.eq(count, n)
    for i = 1, n do t.eq(all["key:" .. i], i) end
  end
end)

t.test("pairs is iter, and # is len", function()
  fill(100)
  t.eq(#s, 100)
  if math.type or kevy.door == "ffi" then
    local _, count = t.collect(pairs(s))
    t.eq(count, 100)
  end
end)

t.test("an iterator is called, too", function()
  fill(2)
  local it = s:scan()
  t.ok(it() and it())
  t.results({ n = 1 }, it())
  t.results({ n = 1 }, it())
  it:close()
  it:close()
  t.results({ n = 1 }, it())
end)

t.test("scan matches names and types", function()
  fill(1000)
  s:set("other", 1)
  local _, count = t.collect(s:scan { match = "key:1*" })
  t.eq(count, 112)
  t.eq(select(2, t.collect(s:scan { match = "key:??" })), 90)
  t.eq(select(2, t.collect(s:scan { match = "[^k]*" })), 1)
  t.eq(select(2, t.collect(s:scan { match = "nonesuch" })), 0)
  t.eq(select(2, t.collect(s:scan { type = "string" })), 1001)
  t.eq(select(2, t.collect(s:scan { type = "hash", match = "*" })), 0)
  t.eq(select(2, t.collect(s:scan {})), 1001)
  t.eq(select(2, t.collect(s:scan())), 1001)
  t.results({ n = 1 }, s:scan { match = "nonesuch" } ())
  t.raises("unknown type", s.scan, s, { type = "nonesuch" })
  t.raises("unknown option", s.scan, s, { pattern = "x" })
  t.raises("strings", s.scan, s, { match = 1 })
  t.raises("strings", s.scan, s, { type = true })
  t.raises("table", s.scan, s, "key:*")
end)

t.test("an iterator sees the moment it was made", function()
  fill(500)
  local seen = {}
  for key, value in s:iter() do
    seen[key] = value
    s:delete("key:" .. (value % 500) + 1)
    s:set("new:" .. key, value)
    s:set(key, "changed")
  end
  for i = 1, 500 do t.eq(seen["key:" .. i], i) end
  t.eq(select(2, t.collect(ipairs(seen))), 0)
end)

t.test("the store may be cleared and closed under an iterator", function()
  fill(1000)
  local it = s:iter()
  s:clear()
  t.ok(it())
  s:close()
  local count = 1
  for key, value in it do
    t.eq(key, "key:" .. value)
    count = count + 1
  end
  t.eq(count, 1000)
end)

t.test("long keys and values come whole", function()
  fill(0)
  local key, value = ("k"):rep(100000), ("v"):rep(3000000)
  s:set(key, value)
  for k, v in s:iter() do t.ok(k == key and v == value) end
  t.ok(s:random_key() == key)
end)

t.test("abandoned and broken-off iterators let go", function()
  fill(1000)
  for _ = 1, 300 do
    for _ in s:scan() do break end
    s:iter()
  end
  collectgarbage()
  collectgarbage()
  s:tick()
  t.eq(s:info().snapshots, 0)
end)

t.test("iterators in coroutines interleave", function()
  fill(300)
  local function walker()
    return coroutine.wrap(function()
      for key, value in s:iter() do coroutine.yield(key, value) end
    end)
  end
  local a, b, count = walker(), walker(), 0
  while true do
    local x, y = a(), b()
    t.eq(x, y)
    if not x then break end
    count = count + 1
    s:set("more:" .. count, count)
  end
  t.eq(count, 300)
end)

t.test("what is no iterator is refused", function()
  fill(1)
  local it = s:scan()
  t.raises(".", it.close, s)
  t.raises(".", it.close, 1)
  t.raises(".", it.close)
  t.raises(".", s.get, it, "key:1")
  t.raises(".", s.close, it)
  t.eq(s:get "key:1", 1)
  t.eq(it(), "key:1")
end)
