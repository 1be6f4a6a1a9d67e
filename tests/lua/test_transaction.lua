-- Transactions: what a function does happens as one, or not at all.

local kevy = require "kevy"
local t = require "harness"

local s

local function fresh() s = kevy.open() end

t.test("what is done inside stays", function()
  fresh()
  t.results({ n = 2, "x", 3 }, s:transaction(function(a, b)
    s:set("k", a)
    s:Hash("h"):set("f", b)
    return a, b
  end, "x", 3))
  t.eq(s:get "k", "x")
  t.eq(s:Hash("h"):get "f", 3)
end)

t.test("an error takes it back and goes on", function()
  fresh()
  s:set("k", "before")
  local problem = { "a table" }
  local ok, why = pcall(s.transaction, s, function()
    s:set("k", "inside")
    s:List("l"):push "x"
    error(problem)
  end)
  t.eq(ok, false)
  t.eq(why, problem)
  t.eq(s:get "k", "before")
  t.eq(s:exists "l", 0)
end)

t.test("nested ones are savepoints", function()
  fresh()
  s:transaction(function()
    s:set("a", 1)
    t.eq(pcall(s.transaction, s, function()
      s:set("a", 2)
      error "no"
    end), false)
    t.eq(s:get "a", 1)
    s:transaction(function() s:set("b", 1) end)
  end)
  t.eq(s:get "a", 1)
  t.eq(s:get "b", 1)
end)

t.test("a yield inside is an error", function()
  fresh()
  local co = coroutine.create(function()
    s:transaction(function()
      s:set("k", 1)
      coroutine.yield()
    end)
  end)
  t.eq(coroutine.resume(co), false)
  t.eq(s:get "k", nil)
  t.results({ n = 2, nil, "no transaction is open" }, s:commit())
end)

t.test("begin, commit and rollback by hand", function()
  fresh()
  t.eq(s:begin(), true)
  s:set("k", 1)
  t.eq(s:rollback(), true)
  t.eq(s:get "k", nil)
  t.eq(s:begin(), true)
  s:set("k", 2)
  t.eq(s:commit(), true)
  t.eq(s:get "k", 2)
  t.results({ n = 2, nil, "no transaction is open" }, s:rollback())
end)

t.test("iterators and snapshots from inside live on", function()
  fresh()
  for i = 1, 300 do s:set("k" .. i, i) end
  local snapshot, iterator
  pcall(s.transaction, s, function()
    s:set("inside", 1)
    snapshot = s:snapshot()
    iterator = s:iter()
    error "no"
  end)
  t.eq(snapshot:get "inside", 1)
  t.eq(s:get "inside", nil)
  local n = 0
  for _ in iterator do n = n + 1 end
  t.eq(n, 301)
  snapshot:close()
end)

t.test("a store closed inside", function()
  fresh()
  t.eq(pcall(s.transaction, s, function() s:close() end), false)
  fresh()
  t.eq(pcall(s.transaction, s, function()
    s:close()
    error "no"
  end), false)
end)

t.test("misuse raises", function()
  fresh()
  t.eq(pcall(s.transaction, s, 1), false)
  t.eq(pcall(s.transaction, s), false)
  t.eq(pcall(s:snapshot().transaction, s:snapshot(), function() end), false)
end)

t.test("sessions know MULTI and WATCH", function()
  fresh()
  local c = s:session()
  t.eq(c:command "MULTI", "OK")
  t.eq(c:command("SET", "a", 1), "QUEUED")
  t.eq(c:command("LPUSH", "a", 1), "QUEUED")
  t.eq(s:get "a", nil)
  local replies = c:command "EXEC"
  t.eq(replies[1], "OK")
  t.eq(replies[2].err, "WRONGTYPE Operation against a key holding the wrong kind of value")
  t.eq(c:command("WATCH", "a"), "OK")
  s:set("a", 2)
  c:command "MULTI"
  t.results({ n = 1, nil }, c:command "EXEC")
  t.results({ n = 2, nil, "ERR EXEC without MULTI" }, c:command "EXEC")
  c:close()
  t.eq(pcall(c.command, c, "PING"), false)
  c = s:session()
  s:close()
  t.eq(pcall(c.command, c, "PING"), false)
end)

t.test("versions tell of writes", function()
  fresh()
  s:set("a", 1)
  local first, missing = s:version "a", s:version "none"
  s:set("b", 1)
  t.eq(s:version "a" == first, true)
  s:incr "a"
  t.eq(s:version "a" == first, false)
  t.eq(s:version "none" == missing, true)
  s:set("none", 1)
  t.eq(s:version "none" == missing, false)
end)
