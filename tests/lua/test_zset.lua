-- Sorted sets: members in the order of (score, member); ranks count from 1.

local kevy = require "kevy"
local t = require "harness"

local s, z

local function fresh(map)
  s = kevy.open()
  z = s:ZSet "z"
  if map then z:add(map) end
end

local PLAYERS = { ann = 10, bob = 20, cid = 30, dan = 40, eve = 50 }

t.test("add, score, remove", function()
  fresh()
  t.eq(z:add("ann", 1), 1)
  t.eq(z:add("ann", 2.5), 0)
  t.eq(z:score "ann", 2.5)
  t.results({ n = 1 }, z:score "nonesuch")
  t.eq(z:add { bob = 3, cid = 4, ann = 1 }, 2)
  t.eq(z:add({ bob = 5, cid = 4 }, { ch = true }), 1)
  t.eq(z:add("bob", 9, { nx = true }), 0)
  t.eq(z:add("new", 9, { xx = true }), 0)
  t.eq(z:add("bob", 4, { gt = true, ch = true }), 0)
  t.eq(z:add("bob", 4, { lt = true, ch = true }), 1)
  t.eq(z:score "bob" == 4, true)
  t.eq(z:add {}, 0)
  t.eq(z:len(), 3)
  t.eq(z:remove("ann", "nonesuch"), 1)
  t.eq(z:remove("bob", "cid"), 2)
  t.eq(s:exists "z", 0)
  t.fails("exclude each other", z:add("x", 1, { nx = true, xx = true }))
  t.raises("NaN", z.add, z, "x", 0 / 0)
  t.raises("number", z.add, z, "x", "1")
  t.raises("number", z.add, z, "x")
  t.raises("number", z.add, z, { x = "y" })
  t.raises("field or member", z.add, z, 1.5, 1)
  t.raises("unknown option", z.add, z, "x", 1, { incr = true })
  t.raises("unknown option", z.add, z, { x = 1 }, { incr = true })
  t.raises("score must not be NaN", z.add, z, { x = 0 / 0 })
  t.raises("score must not be NaN", z.incr, z, "x", 0 / 0)
  t.eq(z:len(), 0)
  t.eq(z:add(7, 1), 1)
  t.eq(z:score "7" == 1, true)
  t.eq(z:range(), { 7 })
  t.eq(z:add("inf", 1 / 0), 1)
  t.eq(z:score "inf", 1 / 0)
end)

t.test("incr and rank", function()
  fresh(PLAYERS)
  t.eq(z:incr "ann" == 11, true)
  t.eq(z:incr("ann", 0.5), 11.5)
  t.eq(z:incr("new", -5) == -5, true)
  t.eq(z:rank "new", 1)
  t.eq(z:rank "eve", 6)
  t.eq(z:rank("eve", { rev = true }), 1)
  t.results({ n = 1 }, z:rank "nonesuch")
  t.results({ n = 1 }, s:ZSet("none"):rank "x")
  z:add("inf", 1 / 0)
  t.fails("NaN", z:incr("inf", -1 / 0))
  t.raises("number", z.incr, z, "ann", "1")
end)

t.test("range by rank", function()
  fresh(PLAYERS)
  t.eq(z:range(), { "ann", "bob", "cid", "dan", "eve" })
  t.eq(z:range(1, 3), { "ann", "bob", "cid" })
  t.eq(z:range(-2), { "dan", "eve" })
  t.eq(z:range(1, 2, { rev = true }), { "eve", "dan" })
  t.eq(z:range(6, 9), {})
  t.eq(z:range(3, 2), {})
  t.eq(z:range(1, 0), {})
  t.eq(z:range(4, 99), { "dan", "eve" })
  local with = z:range(1, 2, { withscores = true })
  t.eq(#with, 2)
  t.eq(with[2][1], "bob")
  t.eq(with[2][2] == 20, true)
  t.raises("offset and count", z.range, z, 1, 2, { count = 1 })
  t.raises("unknown option", z.range, z, 1, 2, { reverse = 1 })
  t.raises("positions", z.range, z, "a", "b")
end)

t.test("range, count and removal by score and lex", function()
  fresh(PLAYERS)
  local ex = kevy.exclusive
  t.eq(z:range(20, 40, { by = "score" }), { "bob", "cid", "dan" })
  t.eq(z:range(ex(20), 40, { by = "score" }), { "cid", "dan" })
  t.eq(z:range(nil, ex(40), { by = "score" }), { "ann", "bob", "cid" })
  t.eq(z:range(40, 20, { by = "score", rev = true }), { "dan", "cid", "bob" })
  t.eq(z:range(nil, 30, { by = "score", rev = true }), { "eve", "dan", "cid" })
  t.eq(z:range(nil, nil, { by = "score", offset = 1, count = 2 }), { "bob", "cid" })
  t.eq(z:range(-1 / 0, 1 / 0, { by = "score", count = 1 }), { "ann" })
  t.eq(z:count(), 5)
  t.eq(z:count(20, 40), 3)
  t.eq(z:count(ex(20), ex(40)), 1)
  t.eq(z:count(100), 0)
  t.eq(z:remove_range(10, ex(30), { by = "score" }), 2)
  t.eq(z:remove_range(1, 1), 1)
  t.eq(z:range(), { "dan", "eve" })
  local lex = s:ZSet "lex"
  lex:add { a = 0, b = 0, c = 0, d = 0 }
  t.eq(lex:range("b", ex "d", { by = "lex" }), { "b", "c" })
  t.eq(lex:range(nil, "b", { by = "lex" }), { "a", "b" })
  t.eq(lex:range(nil, "c", { by = "lex", rev = true }), { "d", "c" })
  t.eq(lex:count("b", nil, { by = "lex" }), 3)
  t.eq(lex:remove_range("a", "b", { by = "lex" }), 2)
  t.eq(tostring(ex(5)), "kevy.exclusive(5)")
  t.raises("number or string", ex, {})
  t.raises("number as the bound", z.range, z, "a", "b", { by = "score" })
  t.raises("string as the bound", z.range, z, 1, 2, { by = "lex" })
  t.raises("rank, score or lex", z.range, z, 1, 2, { by = "value" })
end)

t.test("pop_min, pop_max, random, table, replace", function()
  fresh(PLAYERS)
  t.results({ n = 1 }, s:ZSet("none"):pop_min())
  t.eq(s:ZSet("none"):pop_min(2), {})
  local member, score = z:pop_min()
  t.eq(member, "ann")
  t.ok(score == 10)
  member, score = z:pop_max()
  t.eq(member, "eve")
  t.ok(score == 50)
  t.ok(PLAYERS[z:random()])
  t.eq(#z:random(9), 3)
  local list = z:pop_max(2)
  t.eq(list[1][1] .. list[2][1], "dancid")
  t.ok(z:table().bob == 20)
  t.eq(z:replace { x = 1, y = 2 }, true)
  t.eq(z:range(), { "x", "y" })
  t.eq(z:replace {}, true)
  t.eq(s:exists "z", 0)
end)

for _, n in ipairs { 1, 10, 1000 } do
  t.test("iteration over " .. n .. " members is ordered, over the moment it began", function()
    fresh()
    for i = 1, n do z:add(("m%05d"):format(i), i % 10) end
    local count, last_score, last = 0, -1, ""
    for member, score in z:iter() do
      t.ok(score > last_score or (score == last_score and member > last))
      count, last_score, last = count + 1, score, member
      z:incr(member, 1000)
      z:add("new" .. member, 0)
    end
    t.eq(count, n)
    t.eq(#z, 2 * n)
    local first = z:iter { rev = true }()
    t.eq(first, z:range(-1)[1])
    if math.type or kevy.door == "ffi" then t.eq(select(2, t.collect(pairs(z))), 2 * n) end
  end)
end

t.test("ranks against a model", function()
  fresh()
  local scores, order = {}, {}
  math.randomseed(7)
  for i = 1, 500 do
    local member = "m" .. math.random(300)
    scores[member] = math.random(1, 50)
    z:add(member, scores[member])
    if i % 5 == 0 then
      local gone = "m" .. math.random(300)
      t.eq(z:remove(gone), scores[gone] and 1 or 0)
      scores[gone] = nil
    end
  end
  for member in pairs(scores) do order[#order + 1] = member end
  table.sort(order, function(x, y)
    if scores[x] ~= scores[y] then return scores[x] < scores[y] end
    return x < y
  end)
  t.eq(z:range(), order)
  for rank, member in ipairs(order) do
    t.eq(z:rank(member), rank)
    t.eq(z:rank(member, { rev = true }), #order - rank + 1)
    t.ok(z:score(member) == scores[member])
  end
end)
