-- kevy.cached: keys, codecs, time, and coroutines that meet.

local kevy = require "kevy"
local cached = require "kevy.cached"
local t = require "harness"

-- A function that counts its calls in calls[1].
local function counted(fn)
  local calls = { 0 }
  return function(...)
    calls[1] = calls[1] + 1
    return fn(...)
  end, calls
end

t.test("results come back as they are, nil and booleans among them", function()
  local s = kevy.open()
  for _, value in ipairs { "text", "", "\0kevy:", "\0kevy:N", 5, 2.5, -0.5, math.huge, true, false, ("x"):rep(100000) } do
    local fn, calls = counted(function() return value end)
    local f = cached(s, fn, { prefix = "f:" })
    for _ = 1, 3 do t.eq(f(), value) end
    t.eq(calls[1], 1)
    t.eq(f:clear(), 1)
  end
  local fn, calls = counted(function() end)
  local f = cached(s, fn, { prefix = "f:" })
  t.eq({ f(), f(), n = calls[1] }, { nil, nil, n = 1 })
  t.ok(cached(s, function() return 0 / 0 end, { prefix = "g:" })() ~= 0)
end)

t.test("nil and why not, and errors, are not kept", function()
  local s = kevy.open()
  local fn, calls = counted(function() return nil, "not today" end)
  local f = cached(s, fn, { prefix = "f:", lock = true })
  for _ = 1, 2 do t.results({ nil, "not today" }, f()) end
  local bad = cached(s, function() error({ "mine" }) end, { prefix = "g:" })
  for _ = 1, 2 do
    local ok, raised = pcall(bad)
    t.eq({ ok, raised }, { false, { "mine" } })
  end
  t.eq({ calls[1], s:len() }, { 2, 0 })
end)

t.test("what a call is known by", function()
  local s = kevy.open()
  local f = cached(s, function() return 1 end, { prefix = "f:" })
  t.eq(f:key(7, "a\n\"b", nil, true, 2.5), 'f:7,"a\\n\\"b",nil,true,2.5')
  t.eq(f:key(1, nil), f:key(1))
  local seen, n = {}, 0
  for _, args in ipairs { {}, { 1 }, { "1" }, { 1, 2 }, { "1,2" }, { "1", "2" }, { '1","2' }, { true }, { "true" }, { 1.5 }, { "a\\n" }, { "a\n" } } do
    local key = f:key((table.unpack or unpack)(args))
    t.ok(not seen[key], key)
    seen[key], n = true, n + 1
  end
  t.raises("give key", f, {})
  local by = cached(s, function(user) return user.name end, { prefix = "user:", key = function(user) return user.id end })
  t.eq(by { id = 7, name = "bob" }, "bob")
  t.eq({ by { id = 7, name = "other" }, s:get "user:7" }, { "bob", "bob" })
end)

t.test("codecs", function()
  local s = kevy.open()
  local codec = { encode = function(list) return table.concat(list, " ") end }
  function codec.decode(text)
    if text == "odd" then error "odd" end
    local list = {}
    for word in text:gmatch "%S+" do list[#list + 1] = word end
    return list
  end
  local fn, calls = counted(function() return { "a", "b" } end)
  local f = cached(s, fn, { prefix = "f:", codec = codec })
  local first = f()
  t.eq({ first, f(), calls[1] }, { { "a", "b" }, { "a", "b" }, 1 })
  t.ok(first ~= f())
  s:set("f:", "odd")
  t.eq({ f(), calls[1] }, { { "a", "b" }, 2 })
  t.raises("no scalar", cached(s, function() return {} end, { prefix = "g:" }))
  s:List("h:"):push(1)
  t.raises("", cached(s, function() return 1 end, { prefix = "h:" }))
end)

t.test("time, renewal, and forgetting", function()
  local s = kevy.open()
  local n, fail = 0, false
  local later = {}
  local options = { prefix = "f:", ttl = 60, stale = 30 }
  function options.later(f)
    later[#later + 1] = f
    return true
  end
  local function next_number()
    if fail then error "no" end
    n = n + 1
    return n
  end
  local f = cached(s, next_number, options)
  t.eq({ f(), f() }, { 1, 1 })
  t.ok(s:ttl "f:" > 89)
  s:expire("f:", 29)
  t.eq({ f(), f(), #later }, { 1, 1, 1 })
  later[1]()
  t.eq({ f(), #later }, { 2, 1 })
  local g = cached(s, next_number, { prefix = "g:", ttl = 60, stale = 30, later = function() end })
  t.eq(g(), 3)
  s:expire("g:", 29)
  t.eq({ g(), g() }, { 4, 4 })
  s:expire("g:", 29)
  fail = true
  t.eq({ g(), g() }, { 4, 4 })
  t.eq(g:info(), { hits = 4, misses = 4, stale = 3, shared = 0, unstored = 0 })
  fail = false
  t.eq({ g:invalidate(), g:invalidate(), g() }, { true, false, 5 })
end)

t.test("a prefix clears no other's keys", function()
  local s = kevy.open()
  local f = cached(s, function(x) return x end, { prefix = "f[*]:" })
  s:set("fx:1", 1)
  for i = 1, 10 do f(i) end
  t.eq({ f:clear(), f:clear(), s:len() }, { 10, 0, 1 })
end)

t.test("a result without room is returned", function()
  local s = kevy.open { maxmemory = 200000 }
  local f = cached(s, function() return ("x"):rep(300000) end, { prefix = "f:" })
  t.eq({ #f(), #f(), f:info().unstored }, { 300000, 300000, 2 })
  s:close()
  t.raises("closed", f)
end)

t.test("misuse raises", function()
  local s = kevy.open()
  local function f() end
  for _, options in ipairs {
    {}, { prefix = "" }, { prefix = "f:", ttl = 0 }, { prefix = "f:", ttl = "5" }, { prefix = "f:", stale = 1 }, { prefix = "f:", what = 1 },
    { prefix = "f:", codec = {} }, { prefix = "f:", lock = -1 }, { prefix = "f:", key = "x" },
  } do
    t.raises("bad argument #3", cached, s, f, options)
  end
  t.raises("bad argument #2", cached, s, 5, { prefix = "f:" })
end)

-- Runs coroutines in turns until all are done; their results.
local function run_all(...)
  local tasks, results, alive = { ... }, {}, true
  for i, f in ipairs(tasks) do tasks[i] = coroutine.create(f) end
  kevy.wait_with(function() coroutine.yield() end)
  while alive do
    alive = false
    for i, task in ipairs(tasks) do
      if coroutine.status(task) ~= "dead" then
        local ok, value = coroutine.resume(task)
        if coroutine.status(task) == "dead" then results[i] = { ok, value } end
        alive = true
      end
    end
  end
  kevy.wait_with(nil)
  return results
end

local function pause() coroutine.yield() end

t.test("one coroutine computes for all", function()
  local s = kevy.open()
  local fn, calls = counted(function(x)
    for _ = 1, 5 do pause() end
    return x
  end)
  local f = cached(s, fn, { prefix = "f:", lock = true })
  local function call() return f(5) end
  t.eq(run_all(call, call, call, call), { { true, 5 }, { true, 5 }, { true, 5 }, { true, 5 } })
  t.eq({ calls[1], f:info().shared, next(f.leaders), next(f.flights) }, { 1, 3 })
  f:clear()
  local without = cached(s, fn, { prefix = "f:" })
  local function other() return without(5) end
  run_all(other, other)
  t.eq(calls[1], 3)
end)

t.test("an error is shared, and a coroutine that dies leaves the others", function()
  local s = kevy.open()
  local fn, calls = counted(function()
    pause()
    error "no luck"
  end)
  local f = cached(s, fn, { prefix = "f:", lock = true })
  local results = run_all(function() return f() end, function() return f() end)
  t.ok(not results[1][1] and not results[2][1] and tostring(results[2][2]):find "no luck")
  t.eq(calls[1], 1)
  local g = cached(s, function() return 1 end, { prefix = "g:", lock = true })
  local dead = coroutine.create(function() end)
  coroutine.resume(dead)
  g.leaders["g:"] = { key = "g:", owner = dead, valid = true, over = false }
  t.eq(run_all(function() return g() end), { { true, 1 } })
end)

t.test("crossed calls, recursion and finalizers compute once more", function()
  local s = kevy.open()
  local f, g
  local depth = 0
  f = cached(s, function()
    pause()
    depth = depth + 1
    return depth < 9 and g() or 0
  end, { prefix = "f:", lock = true })
  g = cached(s, function()
    pause()
    depth = depth + 1
    return depth < 9 and f() or 0
  end, { prefix = "g:", lock = true })
  local results = run_all(function() return f() end, function() return g() end)
  t.ok(results[1][1] and results[2][1], results[1][2], results[2][2])
  local h
  local deep = 0
  h = cached(s, function()
    deep = deep + 1
    return deep < 3 and h() or deep
  end, { prefix = "h:", lock = true })
  t.eq(h(), 3)
  local k = cached(s, function(x) return x end, { prefix = "k:", lock = true })
  for i = 1, 200 do
    if newproxy then
      getmetatable(newproxy(true)).__gc = function() k(i % 3) end
    else
      setmetatable({}, { __gc = function() k(i % 3) end })
    end
    t.eq(k(i % 3), i % 3)
    if i % 20 == 0 then collectgarbage() end
    k:invalidate(i % 3)
  end
end)

t.test("what was computed before it was told to forget is not kept", function()
  local s = kevy.open()
  local f = cached(s, function()
    pause()
    return 1
  end, { prefix = "f:", lock = true })
  run_all(function() return f() end, function() f:invalidate() end)
  t.eq(s:len(), 0)
end)

t.test("impatience", function()
  local s = kevy.open()
  local calls = 0
  local f = cached(s, function()
    calls = calls + 1
    for _ = 1, calls == 1 and 1000 or 0 do pause() end
    return calls
  end, { prefix = "f:", lock = 0.01 })
  t.eq(run_all(function() return f() end, function() return f() end)[2], { true, 2 })
end)

t.test("in a transaction nobody waits, and a rollback takes results back", function()
  local s = kevy.open()
  local f = cached(s, function() return 1 end, { prefix = "f:", lock = true })
  pcall(s.transaction, s, function()
    t.eq(f(), 1)
    error "back"
  end)
  t.eq(s:len(), 0)
end)
