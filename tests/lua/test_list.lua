-- Lists: positions count from 1, negative ones from the end.

local kevy = require "kevy"
local t = require "harness"

local s, l

local function fresh(...)
  s = kevy.open()
  l = s:List "l"
  if ... then l:push(...) end
end

t.test("push and pop at both ends", function()
  fresh()
  t.eq(l:push "a", 1)
  t.eq(l:push("b", "c"), 3)
  t.eq(l:pushleft("y", "x"), 5)
  t.eq(l:table(), { "x", "y", "a", "b", "c" })
  t.eq(l:pop(), "c")
  t.eq(l:popleft(), "x")
  t.eq(l:pop(2), { "b", "a" })
  t.eq(l:popleft(5), { "y" })
  t.results({ n = 1 }, l:pop())
  t.results({ n = 1 }, l:popleft())
  t.eq(l:pop(3), {})
  t.eq(s:exists "l", 0)
  t.raises("value", l.push, l, nil)
  t.raises("value", l.push, l, {})
  t.raises("value", l.push, l, 1, true)
  t.eq(l:len(), 0)
end)

t.test("positions", function()
  fresh("a", "b", "c")
  t.eq(l[1], "a")
  t.eq(l[3], "c")
  t.eq(l[-1], "c")
  t.eq(l[-3], "a")
  t.eq(l[0], nil)
  t.eq(l[4], nil)
  t.eq(l[-4], nil)
  t.eq(l:get(2), "b")
  t.results({ n = 1 }, l:get(9))
  l[2] = "B"
  l[-1] = "C"
  t.eq(l:table(), { "a", "B", "C" })
  l[l:len() + 1] = "d"
  t.eq(l[4], "d")
  t.eq(l:set(5, 5), true)
  t.fails("out of range", l:set(7, "x"))
  t.fails("out of range", l:set(0, "x"))
  t.fails("out of range", l:set(-6, "x"))
  t.raises("out of range", function() l[7] = "x" end)
  t.raises("value", function() l[1] = nil end)
  for _, wrong in ipairs { function() return l[1.5] end, function() return (l:get(1.5)) end, function() l["1"] = 1 end,
    function() return (l:set({}, 1)) end } do
    t.raises("test_list.lua:%d+: .*integer", wrong)
  end
  t.raises(".", function() l.name = "x" end)
  t.eq(l:table(), { "a", "B", "C", "d", 5 })
  t.eq(#l, 5)
  local empty = s:List "empty"
  empty[1] = "first"
  t.eq(empty:table(), { "first" })
  t.fails("out of range", s:List("other"):set(2, "x"))
  t.fails("out of range", s:List("other"):set(-1, "x"))
  t.eq(s:exists "other", 0)
  s:set("string", 1)
  t.raises("wrong kind", function() return s:List("string")[1] end)
  t.raises("wrong kind", function() s:List("string")[1] = 1 end)
end)

t.test("elements keep their kinds, short and long", function()
  fresh()
  local long = ("x"):rep(5000)
  local values = { "", "a\0b", 42, -7, 2.5, long }
  for i, value in ipairs(values) do
    l:push(value)
    t.eq(l[i], value)
    t.eq(l[-1], value)
  end
  t.eq(l:table(), values)
  t.eq(l:pop(), long)
  t.eq(l:len(), 5)
  l:pushleft(long)
  t.eq(l:popleft(), long)
  l[1] = long
  t.eq(l:remove(1), long)
  t.eq(l:table(), { "a\0b", 42, -7, 2.5 })
end)

t.test("insert and remove", function()
  fresh("a", "b", "c")
  t.eq(l:insert(1, "x"), true)
  t.eq(l:insert(3, "y"), true)
  t.eq(l:insert(6, "end"), true)
  t.eq(l:table(), { "x", "a", "y", "b", "c", "end" })
  t.fails("out of range", l:insert(8, "z"))
  t.fails("out of range", l:insert(0, "z"))
  t.eq(l:insert(-1, "before"), true)
  t.eq(l:table(), { "x", "a", "y", "b", "c", "before", "end" })
  t.eq(l:remove(1), "x")
  t.eq(l:remove(2), "y")
  t.eq(l:remove(-2), "before")
  t.eq(l:remove(), "end")
  t.results({ n = 1 }, l:remove(9))
  t.results({ n = 1 }, l:remove(0))
  t.eq(l:table(), { "a", "b", "c" })
  t.raises("integer", l.insert, l, "a", "b")
  t.raises("integer", l.remove, l, "a")
  local new = s:List "new"
  t.fails("out of range", new:insert(2, "x"))
  t.eq(new:insert(1, "x"), true)
  t.eq(new:remove(1), "x")
  t.eq(new:remove(1), nil)
  t.eq(s:exists "new", 0)
end)

t.test("trim counts as string.sub does", function()
  local ten = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }
  for _, range in ipairs { { 1, 10 }, { 2, 4 }, { -3 }, { 3 }, { 0, 2 }, { 5, 4 }, { 1, 0 }, { -100, 100 }, { 11, 20 }, { 4, -4 }, { -5, 7 } } do
    fresh()
    l:replace(ten)
    t.eq(l:trim(range[1], range[2]), true)
    local first, last, want = range[1], range[2] or -1, {}
    first = first < 0 and first + 11 or first
    last = last < 0 and last + 11 or last
    for i = math.max(first, 1), math.min(last, 10) do want[#want + 1] = i end
    t.eq(l:table(), want)
    l:replace(ten)
    t.eq(l:range(range[1], range[2]), want)
  end
  fresh()
  t.eq(l:trim(1, 2), true)
  t.raises("integer", l.trim, l)
end)

t.test("find, remove_value, extend, replace", function()
  fresh("a", "b", "a", 5, "a")
  t.eq(l:find "b", 2)
  t.eq(l:find(5), 4)
  t.eq(l:find "5", 4)
  t.results({ n = 1 }, l:find "z")
  t.eq(l:remove_value("a", 1), 1)
  t.eq(l:table(), { "b", "a", 5, "a" })
  t.eq(l:remove_value("a", -1), 1)
  t.eq(l:remove_value "a", 1)
  t.eq(l:extend { "x", "y" }, 4)
  t.eq(l:extend {}, 4)
  t.eq(l:table(), { "b", 5, "x", "y" })
  t.eq(l:replace { 1, 2 }, true)
  t.eq(l:table(), { 1, 2 })
  t.eq(l:replace {}, true)
  t.eq(s:exists "l", 0)
  s:set("l", 1)
  t.eq(l:replace { "x" }, true)
  t.eq(l:table(), { "x" })
  t.raises("table", l.extend, l)
  t.raises("value", l.extend, l, { 1, {} })
end)

for _, n in ipairs { 1, 10, 3000 } do
  t.test("iteration over " .. n .. " elements is over the moment it began", function()
    fresh()
    for i = 1, n do l:push("e" .. i) end
    local count = 0
    for i, value in l:iter() do
      count = count + 1
      t.eq(i, count)
      t.eq(value, "e" .. i)
      l:popleft()
      l:push "new"
    end
    t.eq(count, n)
    t.eq(l[1], "new")
    l:replace { "x", "y", "z" }
    local all = {}
    for i, value in l:iter { rev = true } do all[#all + 1] = i .. value end
    t.eq(all, { "3z", "2y", "1x" })
    if math.type or kevy.door == "ffi" then
      t.eq(t.collect(pairs(l)), { "x", "y", "z" })
      t.eq(t.collect(ipairs(l)), { "x", "y", "z" })
    end
    t.raises("unknown option", l.iter, l, { reverse = true })
  end)
end

t.test("a long list, by position", function()
  fresh()
  local model = {}
  math.randomseed(1)
  for i = 1, 3000 do
    local at = math.random(1, #model + 1)
    table.insert(model, at, i)
    t.eq(l:insert(at, i), true)
    if i % 3 == 0 then
      at = math.random(1, #model)
      t.eq(l:remove(at), table.remove(model, at))
    end
    at = math.random(1, #model)
    t.eq(l[at], model[at])
    t.eq(l[at - #model - 1], model[at])
  end
  t.eq(l:table(), model)
  while #model > 0 do t.eq(l:pop(), table.remove(model)) end
  t.eq(s:exists "l", 0)
end)
