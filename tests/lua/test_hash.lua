-- Hashes: fields that are strings or integers, values of every kind, small and large.

local kevy = require "kevy"
local t = require "harness"

local s, h

local function fresh()
  s = kevy.open()
  s:_debug_clock(1700000000000)
  h = s:Hash "h"
end

t.test("set, get and delete", function()
  fresh()
  t.eq(h:set("name", "alice"), true)
  t.eq(h:set("name", "bob"), true)
  t.eq(h:get "name", "bob")
  t.results({ n = 1 }, h:get "nonesuch")
  t.eq(h:has "name", true)
  t.eq(h:has "nonesuch", false)
  t.eq(h:set("age", 41), true)
  t.eq(h:len(), 2)
  t.eq(h:delete("name", "nonesuch"), 1)
  t.eq(h:delete "name", 0)
  t.eq(h:delete "age", 1)
  t.eq(s:exists "h", 0)
  t.eq(h:delete "age", 0)
end)

t.test("values keep their kinds", function()
  fresh()
  local values = { "", "text", 0, -1, 2 ^ 40, 2.5, -0.5, 1e300, 1 / 0, -1 / 0, ("x"):rep(5000), "a\0b" }
  for i, value in ipairs(values) do
    if math.type and value == 2 ^ 40 then value = math.tointeger(value) end
    t.eq(h:set("f" .. i, value), true)
    t.eq(h:get("f" .. i), value)
    t.eq(h:table()["f" .. i], value)
    t.eq(h:mget { "f" .. i }[1], value)
  end
  if math.type then
    h:set("f", 3.0)
    t.eq(h:get "f", 3.0)
    h:set("f", math.mininteger)
    t.eq(h:get "f", math.mininteger)
  end
end)

t.test("a field is a string or an integer, equal by its bytes", function()
  fresh()
  t.eq(h:set(5, "five"), true)
  t.eq(h:get "5", "five")
  t.eq(h:get(5), "five")
  t.eq(h:set("5", "FIVE"), true)
  t.eq(h:len(), 1)
  for field in h:iter() do t.eq(field, 5) end
  t.eq(h:table(), { [5] = "FIVE" })
  t.eq(h:get(5.0), "FIVE")
  h:set("", "empty")
  h:set(("f"):rep(3000), "long")
  t.eq(h:get "", "empty")
  t.eq(h:get(("f"):rep(3000)), "long")
  for _, field in ipairs { 2.5, true, {}, 1 / 0, print } do
    t.raises("field or member", h.get, h, field)
    if type(field) ~= "table" then t.raises("field or member", h.set, h, field, 1) end
    t.raises("field or member", h.delete, h, field)
    t.raises("field or member", h.has, h, field)
  end
  t.raises("field or member", h.get, h)
  t.raises("the value", h.set, h, "f", nil)
  t.raises("the value", h.set, h, "f", true)
  t.raises("NaN", h.set, h, "f", 0 / 0)
end)

t.test("set of a table, all at once; nx", function()
  fresh()
  t.eq(h:set { a = 1, b = "two", [3] = 3.5 }, 3)
  t.eq(h:set { a = 10, c = 4 }, 1)
  t.eq(h:table(), { a = 10, b = "two", [3] = 3.5, c = 4 })
  t.eq(h:set {}, 0)
  t.results({ n = 2, nil, "exists" }, h:set("a", 1, { nx = true }))
  t.eq(h:get "a", 10)
  t.eq(h:set("d", 1, { nx = true }), true)
  t.eq(h:set("d", 2, {}), true)
  t.raises("unknown option", h.set, h, "d", 1, { xx = true })
  t.raises("options", h.set, h, "d", 1, 5)
  t.raises("value", h.set, h, { a = {} })
  t.raises("field", h.set, h, { [1.5] = 1 })
  t.eq(h:get "a", 10)
end)

t.test("replace makes the hash anew", function()
  fresh()
  h:set { a = 1, b = 2 }
  s:expire("h", 10)
  t.eq(h:replace { b = 3 }, true)
  t.eq(h:table(), { b = 3 })
  t.eq(s:ttl "h", nil)
  t.eq(h:replace {}, true)
  t.eq(s:exists "h", 0)
  s:set("h", "a string")
  t.eq(h:replace { x = 1 }, true)
  t.eq(h:table(), { x = 1 })
  t.raises("table", h.replace, h)
end)

t.test("incr", function()
  fresh()
  t.eq(h:incr "n", 1)
  t.eq(h:incr("n", 41), 42)
  t.eq(h:incr("n", -2), 40)
  t.eq(h:incr("f", 0.5), 0.5)
  t.eq(h:incr("n", 0.5), 40.5)
  t.eq(h:get "n", 40.5)
  h:set("text", "abc")
  t.fails("integer", h:incr "text")
  t.fails("float", h:incr("text", 0.5))
  if math.type then
    h:set("big", math.maxinteger)
    t.fails("overflow", h:incr "big")
  end
  t.raises("number", h.incr, h, "n", "1")
  t.raises("value", h.incr, h, "n", {})
end)

t.test("mget, keys, values, random", function()
  fresh()
  t.eq(h:mget { "a", "b" }, { n = 2 })
  t.eq(h:mget {}, { n = 0 })
  t.eq(h:keys(), {})
  t.eq(h:random(), nil)
  for i = 1, 20 do h:set("f" .. i, i) end
  t.eq(h:mget { "f1", "x", "f3" }, { 1, nil, 3, n = 3 })
  local keys, values = h:keys(), h:values()
  t.eq(#keys, 20)
  for i = 1, 20 do t.eq(h:get(keys[i]), values[i]) end
  t.ok(h:has(h:random()))
  t.eq(#h:random(5), 5)
  t.eq(#h:random(50), 20)
end)

for _, n in ipairs { 1, 10, 1000 } do
  t.test("iteration over " .. n .. " fields is over the moment it began", function()
    fresh()
    for i = 1, n do h:set("f" .. i, i) end
    local seen, count = {}, 0
    for field, value in h:iter() do
      seen[field], count = value, count + 1
      h:delete(field)
      h:set("new" .. field, value)
      if count == 1 then s:expire("h", 100) end
    end
    t.eq(count, n)
    for i = 1, n do t.eq(seen["f" .. i], i) end
    t.eq(h:len(), n)
    if math.type or kevy.door == "ffi" then
      local all
      all, count = t.collect(pairs(h))
      t.eq(count, n)
      t.eq(all.newf1, 1)
    end
  end)
end

t.test("time to live of a field", function()
  fresh()
  h:set { a = 1, b = 2 }
  t.results({ n = 1 }, h:ttl "a")
  t.results({ n = 2, nil, "no such field" }, h:ttl "nonesuch")
  t.eq(h:expire("a", 10), true)
  t.eq(h:expire("nonesuch", 10), false)
  t.near(h:ttl "a", 10, 0)
  t.near(h:expires_at "a", 1700000010, 0)
  t.eq(h:expire("a", 5, { gt = true }), false)
  t.eq(h:expire("a", 20, { gt = true }), true)
  t.eq(h:persist "a", true)
  t.eq(h:persist "a", false)
  t.results({ n = 1 }, h:ttl "a")
  t.eq(h:expire("a", 1.5), true)
  t.eq(h:expire_at("b", 1700000001), true)
  s:_debug_clock(1700000001000)
  t.eq(h:get "b", nil)
  t.eq(h:table(), { a = 1 })
  s:_debug_clock(1700000001500)
  t.eq(h:get "a", nil)
  t.eq(h:len(), 0)
  t.fails("expire", h:expire("a", 0))
  t.fails("expire", h:expire("a", -1))
  t.fails("expire", h:expire("a", 1 / 0))
  t.raises("seconds", h.expire, h, "a", "10")
  t.raises("unknown option", h.expire, h, "a", 10, { no = true })
end)
