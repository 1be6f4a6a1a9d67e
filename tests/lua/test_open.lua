-- Opening and closing: options, urls, named stores, what a closed store answers.

local kevy = require "kevy"
local t = require "harness"

t.test("the module names its door and version", function()
  t.ok(kevy.door == "ffi" or kevy.door == "core")
  local named = os.getenv "KEVY_LUA_DOOR"
  if named and named ~= "" then
    t.eq(kevy.door, named)
  else
    t.eq(kevy.door, jit and jit.status() and "ffi" or "core")
  end
  t.ok(kevy.version:match "^%d+%.%d+%.%d+$")
  t.eq(tostring(kevy.null), "kevy.null")
end)

t.test("open without options, by url, by table", function()
  for _, options in ipairs { false, "mem://", { url = "mem://" }, {}, { maxmemory = "64mb", policy = "noeviction" } } do
    local s = assert(kevy.open(options or nil))
    t.eq(s:set("k", "v"), true)
    t.eq(s:get "k", "v")
    s:close()
  end
end)

t.test("unnamed stores are apart, named ones are one", function()
  local a, b = kevy.open "mem://", kevy.open "mem://"
  a:set("k", 1)
  t.eq(b:get "k", nil)
  local c, d = kevy.open "mem://test_open", kevy.open { url = "mem://test_open" }
  c:set("k", "one")
  t.eq(d:get "k", "one")
  c:close()
  t.eq(d:get "k", "one")
  d:close()
  local e = kevy.open "mem://test_open"
  t.eq(e:get "k", nil)
  e:close()
end)

t.test("what is not built is named, with what works", function()
  t.fails("mem://", kevy.open "shm://x")
  t.fails("mem://", kevy.open "nonesuch://x")
  t.fails("mem://", kevy.open "/tmp/x")
  t.fails(".", kevy.open { policy = "nonesuch" })
end)

t.test("the opening of a directory tells how far it is", function()
  local home = os.tmpname()
  os.remove(home)
  local s = assert(kevy.open { path = home, fsync = "no" })
  for i = 1, 100 do s:set("k" .. i, i) end
  s:close()
  local told = {}
  s = assert(kevy.open { path = home, progress = function(...) told[#told + 1] = { ... } end })
  t.eq(s:len(), 100)
  s:close()
  t.eq(#told, 1)
  t.eq(told[1][1], told[1][2])
  t.eq(told[1][3], 100)
  t.raises("enough", kevy.open, { path = home, progress = function() error("enough", 0) end })
  t.raises("progress is a function", kevy.open, { path = home, progress = 1 })
  assert(kevy.open { path = home }):close()
  os.execute("rm -r " .. home)
end)

t.test("a path is a directory that keeps what is written", function()
  local home = os.tmpname()
  os.remove(home)
  local s = assert(kevy.open { path = home, fsync = "always", log_queue = "1mb" })
  s:set("k", "kept")
  s:List "l":push "x"
  t.fails("has", kevy.open { path = home })
  s:close()
  s = assert(kevy.open("file://" .. home))
  t.eq(s:get "k", "kept")
  t.eq(s:List("l"):len(), 1)
  s:close()
  t.fails("fsync", kevy.open { path = home, fsync = "sometimes" })
  os.execute("rm -r " .. home)
end)

t.test("maxmemory is read in Redis's units", function()
  for size, bytes in pairs { ["64mb"] = 64 * 1024 * 1024, ["30000k"] = 30000000, ["8388608"] = 8388608,
    ["1GB"] = 1024 ^ 3, ["16777216b"] = 16777216, ["0"] = 0, ["20m"] = 20000000, ["1g"] = 1000000000,
    ["16384kb"] = 16777216 } do
    local s = assert(kevy.open { maxmemory = size })
    t.near(s:info().maxmemory, bytes, 0)
    s:close()
  end
  t.near(kevy.open { maxmemory = 33554432 }:info().maxmemory, 33554432, 0)
  t.near(kevy.open { maxmemory = 33554432.0 }:info().maxmemory, 33554432, 0)
  for _, size in ipairs { "64 mb", "-1", -1, "mb", "", "1.5gb", "64tb", "99999999999999999999gb", 1 / 0, 0 / 0, true, {} } do
    t.fails("maxmemory", kevy.open { maxmemory = size })
  end
end)

t.test("misuse of open raises", function()
  t.raises("unknown option 'maxmem'", kevy.open, { maxmem = 1 })
  t.raises("unknown option '1'", kevy.open, { "mem://" })
  t.raises("url is a string", kevy.open, { url = 1 })
  t.raises("policy is a string", kevy.open, { policy = {} })
  t.raises("exclude each other", kevy.open, { url = "mem://", path = "x" })
  t.raises("table of options", kevy.open, 42)
  t.raises("table of options", kevy.open, true)
  t.fails("zero byte", kevy.open "mem://a\0b")
  t.fails("zero byte", kevy.open { policy = "noeviction\0" })
end)

t.test("a closed store raises, and closing again does nothing", function()
  local s = kevy.open()
  s:set("k", 1)
  local iterator = s:scan()
  local moment = s:snapshot()
  s:close()
  s:close()
  t.ok(tostring(s):find "closed")
  local arguments = {
    get = { "k" }, set = { "k", 1 }, getdel = { "k" }, incr = { "k" }, append = { "k", "x" }, strlen = { "k" },
    getrange = { "k", 1, 2 }, setrange = { "k", 1, "x" }, mget = { { "k" } }, mset = { { k = 1 } },
    delete = { "k" }, exists = { "k" }, touch = { "k" }, type = { "k" }, rename = { "k", "l" }, copy = { "k", "l" },
    len = {}, random_key = {}, clear = {}, ttl = { "k" }, expires_at = { "k" }, expire = { "k", 1 },
    expire_at = { "k", 1 }, persist = { "k" }, scan = {}, iter = {}, snapshot = {}, save = { "x" }, tick = {}, now = {}, info = {},
    reset_stats = {}, used_memory = {}, memory_usage = { "k" }, command = { "GET", "k" }, command_resp = { "GET", "k" },
    _debug_clock = { 1 }, _debug_fail_alloc = { 0 },
  }
  local unpack = table.unpack or unpack
  for name, list in pairs(arguments) do
    t.raises("the store is closed", s[name], s, unpack(list))
  end
  t.raises("the store is closed", function() return #s end)
  t.eq(iterator(), "k")
  t.near(moment:get "k", 1, 0)
  moment:close()
  t.raises("the store is closed", moment.get, moment, "k")
end)

t.test("methods want a store", function()
  local s = kevy.open()
  for _, self in ipairs { false, 1, "s", {}, s.get, io.stdout, kevy.null, s:scan() } do
    for _, name in ipairs { "get", "set", "len", "close", "mget", "command", "scan", "snapshot", "delete" } do
      t.raises(".", s[name], self, name == "mget" and { "k" } or name ~= "scan" and "k" or nil, "v")
    end
  end
  t.raises(".", s.get)
  t.eq(s.nonesuch, nil)
end)

t.test("an object tells what it is", function()
  local s = kevy.open()
  t.ok(tostring(s):match "^kevy%.Store: ?0x%x+$")
  t.ok(tostring(s:scan()):match "^kevy%.Iterator: ?0x%x+$")
  t.eq(type(s) == "userdata" or type(s) == "cdata", true)
end)

t.test("thousands of stores open and close", function()
  for i = 1, 2000 do
    local s = kevy.open()
    s:set("k", i)
    if i % 2 == 0 then s:close() end
  end
end)
