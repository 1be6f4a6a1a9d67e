-- s:save(path): a file of Redis's format, whole or not there. What redis-server reads in it is tests/python/test_save.py's.

local kevy = require "kevy"
local t = require "harness"

local function contents(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

t.test("save writes a file, of a store and of a snapshot", function()
  local s, path = kevy.open(), os.tmpname()
  s:_debug_clock(1700000000000)
  s:set("name", "alice")
  local moment = s:snapshot()
  t.results({ true }, s:save(path))
  local text = contents(path)
  t.eq(text:sub(1, 9), "REDIS0010")
  t.ok(text:find("alice", 1, true))
  s:set("name", "bob")
  t.results({ true }, moment:save(path))
  t.eq(contents(path), text)
  os.remove(path)
end)

t.test("save says what failed", function()
  local s = kevy.open()
  t.fails("cannot create: No such file", s:save "/nonesuch/dump.rdb")
  for _, path in ipairs { "", "a\0b" } do
    t.raises("a path expected", s.save, s, path)
  end
  for _, path in ipairs { false, {} } do
    t.raises("bad argument", s.save, s, path)
  end
  s:close()
  t.raises("the store is closed", s.save, s, "x")
end)
