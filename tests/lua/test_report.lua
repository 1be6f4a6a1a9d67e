-- kevy.report: what it counts, and as lines.

local kevy = require "kevy"
local report = require "kevy.report"
local t = require "harness"

local function named(list)
  local by = {}
  for _, part in ipairs(list) do by[part.name] = part.keys end
  return by
end

t.test("figures and lines", function()
  local s = kevy.open()
  for i = 1, 100 do s:set("session:" .. i, ("x"):rep(100), i % 2 == 0 and 30 or nil) end
  s:Hash("user:1"):set("name", "bob")
  s:set("\0hostile\27", ("y"):rep(5000))
  local r = report(s, { top = 5 })
  local bytes = 0
  for key in s:scan() do bytes = bytes + s:memory_usage(key) end
  t.eq({ r.keys, r.bytes, #r.biggest, r.biggest[1].key }, { 102, bytes, 5, "\0hostile\27" })
  t.eq(named(r.types), { string = 101, hash = 1 })
  t.eq(named(r.prefixes), { ["session:"] = 100, ["user:"] = 1, ["(no prefix)"] = 1 })
  t.eq(named(r.ttls), { ["under 1 min"] = 50, none = 52 })
  local text = tostring(r)
  for _, word in ipairs { "keys 102", "session:", "####", "Biggest keys", "\\x00hostile" } do t.ok(text:find(word, 1, true), word) end
  t.ok(not text:find "%z" and not text:find "\27")
  t.ok(tostring(report(kevy.open():snapshot())):find "keys 0")
  t.raises("separator", report, s, { separator = "" })
  s:close()
  t.raises("closed", report, s)
end)
