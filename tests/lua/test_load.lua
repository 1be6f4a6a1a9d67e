-- Loading files: what Redis wrote, progress, what is refused.

local kevy = require "kevy"
local t = require "harness"

local path = os.tmpname()

-- A file of the version that Redis 7.0 writes, without a checksum.
local function write(...)
  local f = assert(io.open(path, "wb"))
  f:write("REDIS0010", table.concat { ... }, "\255", ("\0"):rep(8))
  f:close()
end

local function text(s) return string.char(#s) .. s end
local function pair(key, value) return "\0" .. text(key) .. text(value) end

t.test("load reads a file", function()
  write(pair("a", "1"), pair("b", "two"), "\1" .. text "list" .. "\2" .. text "x" .. text "y")
  local s = assert(kevy.load(path))
  t.eq(s:get "a", "1")
  t.eq(s:get "b", "two")
  t.eq(s:List("list"):len(), 2)
  s:close()
  s = assert(kevy.load(path, { maxmemory = "64mb" }))
  t.near(s:info().maxmemory, 64 * 1024 * 1024, 0)
  s:close()
end)

t.test("progress is told, and what it raises ends the load", function()
  local pairs_of = {}
  for i = 1, 20000 do pairs_of[i] = pair(("key:%05d"):format(i), ("v"):rep(60)) end
  write(table.concat(pairs_of))
  local calls, last = 0
  local s = assert(kevy.load(path, { progress = function(done, total, keys)
    calls = calls + 1
    last = { done, total, keys }
  end }))
  t.ok(calls >= 2)
  t.near(last[3], 20000, 0)
  t.near(last[1], last[2], 0)
  t.eq(s:len(), 20000)
  s:close()
  local ok, why = pcall(kevy.load, path, { progress = function() error "enough" end })
  t.ok(not ok and tostring(why):find "enough")
end)

t.test("databases are chosen", function()
  write(pair("a", "0"), "\254\2", pair("b", "2"))
  local s = assert(kevy.load(path))
  t.eq(s:len(), 1)
  t.eq(s:command("SWAPDB", 0, 2), "OK")
  t.eq(s:get "b", "2")
  s:close()
  s = assert(kevy.load(path, { db = 2 }))
  t.eq(s:get "b", "2")
  t.eq(s:len(), 1)
  s:close()
end)

t.test("what cannot be read is told with its offset", function()
  write "\0\1k"
  t.fails("offset", kevy.load(path))
  t.fails("nonesuch", kevy.load "/nonesuch")
  for _, bad in ipairs { { 1 }, { "a\0b" }, { path, { db = -1 } }, { path, { db = "1" } }, { path, { progress = 1 } } } do
    t.ok(not pcall(kevy.load, bad[1], bad[2]))
  end
end)

t.test("the file goes", function() t.ok(os.remove(path)) end)
