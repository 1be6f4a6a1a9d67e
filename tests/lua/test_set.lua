-- Sets: members that are strings or integers.

local kevy = require "kevy"
local t = require "harness"

local s, a, b

local function fresh()
  s = kevy.open()
  a, b = s:Set "a", s:Set "b"
end

local function sorted(list)
  local copy = {}
  for i, member in ipairs(list) do copy[i] = tostring(member) end
  table.sort(copy)
  return table.concat(copy, " ")
end

t.test("add, has and remove", function()
  fresh()
  t.eq(a:add "x", 1)
  t.eq(a:add "x", 0)
  t.eq(a:add("x", "y", 5), 2)
  t.eq(a:has "x", true)
  t.eq(a:has "z", false)
  t.eq(a:has(5), true)
  t.eq(a:has "5", true)
  t.eq(a:add "5", 0)
  t.eq(a:len(), 3)
  t.eq(a:remove("x", "z"), 1)
  t.eq(a:remove "x", 0)
  t.eq(a:remove("y", 5), 2)
  t.eq(s:exists "a", 0)
  for _, member in ipairs { 2.5, true, {} } do
    t.raises("field or member", a.add, a, member)
    t.raises("field or member", a.has, a, member)
    t.raises("field or member", a.remove, a, "x", member)
  end
  t.raises("field or member", a.add, a, nil)
end)

t.test("members keep their kinds", function()
  fresh()
  a:add(5, "five", "", ("m"):rep(5000), "a\0b", -3)
  local all, count = t.collect(a:iter())
  t.eq(count, 6)
  t.ok(all[5] and all[-3] and all.five and all[""] and all["a\0b"] and all[("m"):rep(5000)])
  t.eq(#a:table(), 6)
  local numbers = s:Set "numbers"
  numbers:add(1, 2, 3)
  t.eq(t.collect(numbers:iter()), { [1] = true, [2] = true, [3] = true })
  t.eq(sorted(numbers:table()), "1 2 3")
end)

t.test("extend and replace", function()
  fresh()
  t.eq(a:extend { "x", "y", "x" }, 2)
  t.eq(a:extend {}, 0)
  s:expire("a", 10)
  t.eq(a:replace { "z" }, true)
  t.eq(a:table(), { "z" })
  t.eq(s:ttl "a", nil)
  t.eq(a:replace {}, true)
  t.eq(s:exists "a", 0)
  t.raises("table", a.extend, a)
  t.raises("field or member", a.extend, a, { "x", {} })
end)

t.test("random and pop", function()
  fresh()
  t.eq(a:random(), nil)
  t.eq(a:pop(), nil)
  t.eq(a:random(3), {})
  t.eq(a:pop(3), {})
  for i = 1, 100 do a:add(i) end
  local seen = {}
  for _ = 1, 300 do seen[a:random()] = true end
  local count = 0
  for _ in pairs(seen) do count = count + 1 end
  t.ok(count > 50)
  t.eq(#a:random(10), 10)
  t.eq(#a:random(1000), 100)
  local member = a:pop()
  t.eq(a:has(member), false)
  t.eq(#a:pop(10), 10)
  t.eq(a:len(), 89)
  t.eq(#a:pop(1000), 89)
  t.eq(s:exists "a", 0)
end)

t.test("union, inter, diff", function()
  fresh()
  a:add("x", "y", "z", 1)
  b:add("y", "z", "w")
  local c = s:Set "c"
  c:add "z"
  t.eq(sorted(a:union(b)), "1 w x y z")
  t.eq(sorted(a:inter(b)), "y z")
  t.eq(sorted(a:diff(b)), "1 x")
  t.eq(sorted(a:inter(b, c)), "z")
  t.eq(sorted(a:diff(b, s:Set "none")), "1 x")
  t.eq(sorted(a:union()), "1 x y z")
  t.eq(a:inter(s:Set "none"), {})
  local to = s:Set "to"
  t.eq(a:inter_into(to, b), 2)
  t.eq(sorted(to:table()), "y z")
  t.eq(a:union_into(to, b, c), 5)
  t.eq(a:diff_into(to, a), 0)
  t.eq(s:exists "to", 0)
  t.eq(a:move(b, "x"), true)
  t.eq(a:move(b, "x"), false)
  t.eq(b:has "x", true)
  s:set("string", 1)
  t.fails("wrong kind", a:union(s:Set "string"))
end)

for _, n in ipairs { 1, 10, 1000 } do
  t.test("iteration over " .. n .. " members is over the moment it began", function()
    fresh()
    for i = 1, n do a:add("m" .. i) end
    local count = 0
    for member in a:iter() do
      count = count + 1
      t.ok(member:find "^m%d")
      a:remove(member)
      a:add("new" .. member)
    end
    t.eq(count, n)
    t.eq(#a, n)
    if math.type or kevy.door == "ffi" then t.eq(select(2, t.collect(pairs(a))), n) end
  end)
end
