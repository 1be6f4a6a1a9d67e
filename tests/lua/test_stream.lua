-- Streams, and their groups of consumers.

local kevy = require "kevy"
local t = require "harness"

local s, st

local function fresh(n)
  s = kevy.open()
  s:_debug_clock(1700000000000)
  st = s:Stream "st"
  for i = 1, n or 0 do t.eq(st:add({ n = i }, { id = i .. "-1" }), i .. "-1") end
end

local function ids(entries)
  local list = {}
  for i, entry in ipairs(entries) do list[i] = entry.id end
  return table.concat(list, " ")
end

t.test("add and range", function()
  fresh()
  local id = st:add { name = "alice", age = 41, score = 2.5 }
  t.eq(id, "1700000000000-0")
  t.eq(st:add { name = "bob" }, "1700000000000-1")
  t.eq(st:range(), {
    { id = "1700000000000-0", fields = { name = "alice", age = 41, score = 2.5 } },
    { id = "1700000000000-1", fields = { name = "bob" } },
  })
  t.eq(st:add { { "b", 1 }, { "a", 2 }, { "b", 3 } }, "1700000000000-2")
  t.eq(st:range("1700000000000-2")[1].fields, { a = 2, b = 3 })
  t.fails("equal or smaller", st:add({ a = 1 }, { id = "1-1" }))
  t.fails("ID", st:add({ a = 1 }, { id = "x" }))
  t.results({ n = 1 }, s:Stream("none"):add({ a = 1 }, { nomkstream = true }))
  t.raises("table of fields", st.add, st, "a")
  t.raises("unknown option", st.add, st, { a = 1 }, { ID = 1 })
  t.raises("value", st.add, st, { a = true })
end)

t.test("ranges, reads, iteration", function()
  fresh(10)
  t.eq(ids(st:range("3", "5")), "3-1 4-1 5-1")
  t.eq(ids(st:range("3", nil, { count = 2 })), "3-1 4-1")
  t.eq(ids(st:range(kevy.exclusive "3-1", kevy.exclusive "5-1")), "4-1")
  t.eq(ids(st:range("5", "4", { rev = true })), "5-1 4-1")
  t.eq(ids(st:range(nil, nil, { rev = true, count = 2 })), "10-1 9-1")
  t.eq(ids(st:read "8"), "8-1 9-1 10-1")
  t.eq(ids(st:read("0", { count = 1 })), "1-1")
  t.eq(#st:read(), 10)
  t.eq(st:read "99", {})
  t.eq(s:Stream("none"):read(), {})
  t.eq(#st, 10)
  t.eq(#st:table(), 10)
  local count = 0
  for id, fields in st:iter() do
    count = count + 1
    t.eq(id, count .. "-1")
    t.eq(fields, { n = count })
    st:delete(id)
  end
  t.eq(count, 10)
  t.eq(st:len(), 0)
  fresh(205)
  t.eq(select(2, t.collect(st:iter())), 205)
  fresh(200)
  t.eq(select(2, t.collect(st:iter())), 200)
  s:tick()
  t.eq(s:info().snapshots, 0)
end)

t.test("trim, delete, info", function()
  fresh(10)
  t.eq(st:delete("3-1", "99-1"), 1)
  t.eq(st:trim { maxlen = 5 }, 4)
  t.eq(ids(st:range()), "6-1 7-1 8-1 9-1 10-1")
  t.eq(st:trim { minid = "9" }, 3)
  t.eq(st:add({ n = 11 }, { id = "11-1", maxlen = 2 }), "11-1")
  t.eq(ids(st:range()), "10-1 11-1")
  local info = st:info()
  t.eq(info.length, 2)
  t.eq(info.last_generated_id, "11-1")
  t.eq(info.first_entry, { id = "10-1", fields = { n = 10 } })
  t.eq(info.groups, 0)
  t.fails("no such key", s:Stream("none"):info())
  t.raises("maxlen or minid", st.trim, st, {})
  t.raises("unknown option", st.trim, st, { max = 1 })
end)

t.test("groups", function()
  fresh(5)
  local g = st:group "workers"
  t.eq(tostring(g), "kevy.Group: workers")
  t.fails("NOGROUP", g:read "ann")
  t.eq(g:create "0", true)
  t.fails("BUSYGROUP", g:create "0")
  t.eq(ids(g:read("ann", { count = 2 })), "1-1 2-1")
  t.eq(ids(g:read "bob"), "3-1 4-1 5-1")
  t.eq(g:read "bob", {})
  t.eq(ids(g:read("ann", { id = "0" })), "1-1 2-1")
  t.eq(g:ack("1-1", "9-9"), 1)
  local pending = g:pending()
  t.eq(pending, { count = 4, first = "2-1", last = "5-1", consumers = { ann = 1, bob = 3 } })
  s:_debug_clock(1700000005000)
  local rows = g:pending { count = 2 }
  t.eq(#rows, 2)
  t.eq(rows[1].id .. rows[1].consumer, "2-1ann")
  t.near(rows[1].idle, 5, 0)
  t.eq(rows[1].deliveries, 2)
  t.eq(#g:pending { consumer = "bob", idle = 1 }, 3)
  t.eq(#g:pending { idle = 10 }, 0)
  t.eq(ids(g:claim("ann", 1, "3-1", "4-1")), "3-1 4-1")
  t.eq(ids(g:claim("ann", 1, { "3-1" })), "")
  local entries, start, deleted = g:autoclaim("cid", 1)
  t.eq(ids(entries), "2-1 5-1")
  t.eq(start, "0-0")
  t.eq(deleted, {})
  local consumers = g:consumers()
  t.eq(#consumers, 3)
  t.eq(consumers[1].name, "ann")
  t.eq(consumers[1].pending, 2)
  local groups = st:groups()
  t.eq(#groups, 1)
  t.eq(groups[1].name, "workers")
  t.eq(groups[1].last_delivered_id, "5-1")
  t.eq(groups[1].lag, 0)
  t.eq(g:delete_consumer "ann", 2)
  t.eq(g:set_id "0", true)
  t.eq(#g:read("bob", { noack = true }), 5)
  t.eq(g:destroy(), true)
  t.eq(g:destroy(), false)
  local new = s:Stream("made"):group "g"
  t.fails("XGROUP", s:Stream("none"):group("g"):create("$", { mkstream = false }))
  t.eq(new:create(), true)
  t.eq(s:type "made", "stream")
  t.raises("string", st.group, st, 1)
end)
