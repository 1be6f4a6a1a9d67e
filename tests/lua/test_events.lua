-- on_expire and on_evict: what is told, when, and what may be done about it.

local kevy = require "kevy"
local events = require "kevy.events"
local t = require "harness"

-- Lets keys expire for real: a millisecond is the shortest time to live.
local function expire(s, keys)
  for key, value in pairs(keys) do assert(s:set(key, value, 0.02)) end
  local till = s:now() + 0.021
  while s:now() < till do end
end

t.test("tick tells of what expired", function()
  local s, told = kevy.open(), {}
  t.eq(s:on_expire(function(...) told[#told + 1] = { ... } end), true)
  expire(s, { a = 1 })
  t.eq(s:get "a", nil)
  t.eq(told, {})
  t.results({ 0, true }, s:tick())
  t.eq(told, { { "a", "string" } })
  s:Hash("h"):set("f", 1)
  s:expire("h", 0.02)
  expire(s, { x = 1 })
  s:delete "x"
  s:tick()
  t.eq(#told, 3)
end)

t.test("values, where they are asked for", function()
  local s = kevy.open()
  for _, value in ipairs { "text", "", 5, 2.5, ("x"):rep(65536) } do
    local told
    s:on_expire(function(key, kind, it) told = { key, kind, it } end, { value = true })
    expire(s, { k = value })
    s:tick()
    t.eq(told, { "k", "string", value })
  end
  local told
  expire(s, { k = ("x"):rep(65537) })
  s:on_expire(function(...) told = { n = select("#", ...), ... } end, { value = true })
  s:tick()
  t.eq(told[3], nil)
end)

t.test("a listener may raise, write and close", function()
  local s, raised, n = kevy.open(), {}, 0
  local before = events.raised
  events.raised = function(message) raised[#raised + 1] = message end
  s:on_expire(function() error({ "mine" }) end)
  expire(s, { a = 1, b = 2 })
  s:tick(1)
  events.raised = before
  t.eq(raised, { { "mine" }, { "mine" } })
  s:on_expire(function(key)
    n = n + 1
    s:set(key, "again")
    s:tick()
  end)
  expire(s, { a = 1, b = 2 })
  s:tick(1)
  t.eq({ n, s:get "a", s:get "b" }, { 2, "again", "again" })
  s:on_expire(function() s:close() end)
  expire(s, { a = 1, b = 2 })
  t.eq(s:tick(1), 2)
  t.raises("closed", s.tick, s)
end)

t.test("a transaction's wait for its end", function()
  local s, told = kevy.open(), {}
  s:on_expire(function(key) told[#told + 1] = key end)
  expire(s, { a = 1, b = 1 })
  pcall(s.transaction, s, function()
    s:set("a", 2)
    s:tick(1)
    t.eq(told, {})
    error "back"
  end)
  s:tick(1)
  table.sort(told)
  t.eq(told, { "a", "b" })
end)

t.test("what is evicted is told", function()
  local s = kevy.open { maxmemory = 500000, policy = "allkeys-random" }
  local told, n = {}, 0
  s:on_evict(function(key, kind, value)
    t.eq({ kind, value }, { "string", ("%090d"):format(tonumber(key:sub(2))) })
    told[key], n = true, n + 1
  end, { value = true })
  for i = 1, 5000 do
    s:set("k" .. i, ("%090d"):format(i))
    if i % 100 == 0 then s:tick() end
  end
  for _ = 1, 20 do s:tick() end
  t.eq(n + s:len(), 5000)
  t.ok(n > 100, n)
  for key in s:scan() do t.ok(not told[key]) end
end)

t.test("listeners come and go", function()
  local s, n = kevy.open(), 0
  local function count() n = n + 1 end
  t.eq({ s:on_expire(count), s:on_evict(count), s:on_expire(nil) }, { true, true, true })
  expire(s, { a = 1 })
  s:tick()
  t.eq(n, 0)
  t.raises("bad argument #1 to 'on_expire'", s.on_expire, s, 5)
  t.fails("read%-only", s:snapshot():on_expire(count))
end)

t.test("a collected store is not kept by its listener", function()
  local gone = setmetatable({}, { __mode = "k" })
  do
    local s = kevy.open()
    s:on_expire(function() return s end)
    s:on_expire(nil)
    gone[s] = true
  end
  collectgarbage()
  collectgarbage()
  t.eq(next(gone), nil)
end)
