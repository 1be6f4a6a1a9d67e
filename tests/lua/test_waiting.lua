-- Commands that wait: until they are served, time out or are given up; in a plain thread and among coroutines.

local kevy = require "kevy"
local t = require "harness"

local function elapsed(s, f)
  local from = s:now()
  f()
  return s:now() - from
end

-- A scheduler of coroutines in so many words: runs them in turns until all are done.
local function run_all(...)
  local tasks, results = { ... }, {}
  for i, f in ipairs(tasks) do tasks[i] = coroutine.create(f) end
  kevy.wait_with(function() coroutine.yield() end)
  local alive = true
  while alive do
    alive = false
    for i, task in ipairs(tasks) do
      if coroutine.status(task) ~= "dead" then
        local ok, value = coroutine.resume(task)
        if not ok then
          kevy.wait_with(nil)
          error(value, 0)
        end
        results[i], alive = value, true
      end
    end
  end
  kevy.wait_with(nil)
  return results
end

t.test("a command that finds something answers at once", function()
  local s = kevy.open()
  s:command("RPUSH", "q", "a", "b")
  t.eq(s:command("BLPOP", "q", 0), { "q", "a" })
  t.eq(s:List("q"):wait_popleft(), "b")
  s:command("ZADD", "z", 1, "one", 2, "two")
  t.results({ "one", 1.0 }, s:ZSet("z"):wait_pop_min())
  t.results({ "two", 2.0 }, s:ZSet("z"):wait_pop_max(1))
end)

t.test("a timeout is waited for, and answers nil", function()
  local s = kevy.open()
  for _, wait in ipairs {
    function() return s:command("BLPOP", "q", 0.05) end,
    function() return s:List("q"):wait_pop(0.05) end,
    function() return s:ZSet("z"):wait_pop_min(0.05) end,
    function() return s:Stream("st"):read("$", { wait = 0.05 })[1] end,
    function() return s:command("XREAD", "BLOCK", 50, "STREAMS", "st", "$") end,
  } do
    local seconds = elapsed(s, function() t.eq(wait(), nil) end)
    t.ok(seconds >= 0.045 and seconds < 5, seconds)
  end
end)

t.test("errors and snapshots do not wait", function()
  local s = kevy.open()
  t.fails("timeout", s:command("BLPOP", "q", "x"))
  s:set("text", "x")
  t.fails("WRONGTYPE", s:command("BLPOP", "text", 0))
  t.fails("wrong kind", s:List("text"):wait_pop())
  t.eq(s:snapshot():command("BLPOP", "q", 0), nil)
end)

-- The C module cannot be left in the middle on LuaJIT.
if kevy.door == "ffi" or not jit then
  t.test("coroutines wait for each other, in order of arrival", function()
    local s = kevy.open()
    local results = run_all(
      function() return s:command("BLPOP", "q", 0)[2] end,
      function() return s:List("q"):wait_popleft() end,
      function() return s:Stream("st"):read("$", { wait = true })[1].fields.f end,
      function()
        t.eq(s:info().keys, 0)
        s:Stream("st"):add { f = 7 }
        s:List("q"):push("first", 2)
        return "written"
      end)
    t.eq(results, { "first", 2, 7, "written" })
    t.eq(s:exists "q", 0)
  end)

  t.test("a group's consumer waits for what is added", function()
    local s = kevy.open()
    local g = s:Stream("st"):group "g"
    g:create "$"
    local results = run_all(
      function() return g:read("me", { wait = 5 })[1].fields.f end,
      function() s:Stream("st"):add { f = "x" } end)
    t.eq(results[1], "x")
  end)

  t.test("timeouts among coroutines", function()
    local s = kevy.open()
    local results = run_all(
      function() return tostring(s:command("BLPOP", "q", 0.05)) end,
      function() return tostring(s:List("q"):wait_pop(0.02)) end)
    t.eq(results, { "nil", "nil" })
  end)

  t.test("a store closed meanwhile raises in those who wait", function()
    local s = kevy.open()
    local failure
    run_all(
      function()
        local ok, message = pcall(s.command, s, "BLPOP", "q", 0)
        failure = not ok and message
      end,
      function() s:close() end)
    t.ok(tostring(failure):find "the store is closed", failure)
  end)

  t.test("who is interrupted or dropped takes nothing", function()
    local s = kevy.open()
    kevy.wait_with(function() error("stop", 0) end)
    local ok, message = pcall(s.command, s, "BLPOP", "q", 0)
    t.eq({ ok, message }, { false, "stop" })
    kevy.wait_with(coroutine.yield)
    local waiter = coroutine.create(function() s:command("BLPOP", "q", 0) end)
    t.ok(coroutine.resume(waiter))
    kevy.wait_with(nil)
    waiter = nil
    collectgarbage()
    collectgarbage()
    s:List("q"):push "kept"
    t.eq(s:List("q"):len(), 1)
  end)
end
