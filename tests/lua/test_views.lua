-- Views: what holds for those of every type.

local kevy = require "kevy"
local t = require "harness"

local s

-- A view of each type, made, filled and read.
local TYPES = {
  Hash = { fill = function(v) return v:set("f", "v") end, calls = { get = { "f" }, set = { "f", 1 }, delete = { "f" },
    has = { "f" }, incr = { "f" }, len = {}, iter = {}, table = {}, keys = {}, values = {}, random = {},
    mget = { { "f" } }, replace = { { f = 1 } }, ttl = { "f" }, expire = { "f", 1 }, expire_at = { "f", 1 },
    expires_at = { "f" }, persist = { "f" } } },
  List = { fill = function(v) return v:push "v" end, calls = { get = { 1 }, set = { 1, "x" }, push = { 1 },
    pushleft = { 1 }, pop = {}, popleft = {}, insert = { 1, "x" }, remove = { 1 }, trim = { 1, 2 }, len = {}, iter = {},
    table = {}, range = { 1, 2 }, find = { "x" }, remove_value = { "x" }, extend = { { 1 } }, replace = { { 1 } } } },
  Set = { fill = function(v) return v:add "v" end, calls = { add = { 1 }, remove = { 1 }, has = { 1 }, len = {},
    iter = {}, table = {}, random = {}, pop = {}, union = {}, inter = {}, diff = {}, extend = { { 1 } },
    replace = { { 1 } } } },
  ZSet = { fill = function(v) return v:add("v", 1) end, calls = { add = { "m", 1 }, score = { "m" }, incr = { "m" },
    rank = { "m" }, range = {}, count = {}, pop_min = {}, pop_max = {}, remove = { "m" }, len = {}, iter = {},
    table = {}, random = {}, remove_range = { 1, 1 }, replace = { { m = 1 } } } },
  Stream = { fill = function(v) return v:add { f = "v" } end, calls = { add = { { f = 1 } }, range = {}, read = {},
    len = {}, trim = { { maxlen = 1 } }, delete = { "1-1" }, iter = {}, table = {}, info = {}, groups = {} } },
}
local NAMES = { "Hash", "List", "Set", "ZSet", "Stream" }
local unpack = table.unpack or unpack

for i, name in ipairs(NAMES) do
  local kind = TYPES[name]
  local other = NAMES[i % #NAMES + 1]

  t.test(name .. ": a view of a missing key is empty, and one of a filled one is live", function()
    s = kevy.open()
    local v = s[name](s, "k")
    t.eq(v:len(), 0)
    t.eq(#v, 0)
    for _ in v:iter() do error "an element" end
    t.eq(s:exists "k", 0)
    t.ok(kind.fill(v))
    t.eq(s:type "k", name:lower())
    t.eq(v:len(), 1)
    t.eq(#v, 1)
    t.eq(s[name](s, "k"):len(), 1)
    s:delete "k"
    t.eq(v:len(), 0)
    kind.fill(v)
    t.eq(v:len(), 1)
    t.eq(v:key(), "k")
    t.ok(rawequal(v:store(), s))
    t.eq(tostring(v), "kevy." .. name .. ": k")
    t.eq(v.nonesuch, nil)
    t.eq(type(v) == "userdata" or type(v) == "cdata", true)
  end)

  t.test(name .. ": a key that holds another type is nil, wrong type", function()
    s = kevy.open()
    s:set("k", "a string")
    TYPES[other].fill(s[other](s, "o"))
    for _, key in ipairs { "k", "o" } do
      local v = s[name](s, key)
      for method, arguments in pairs(kind.calls) do
        local first, message
        if method ~= "replace" then first, message = v[method](v, unpack(arguments)) end
        t.ok(method == "replace" or first == nil and tostring(message):find "wrong kind of value", name .. "." .. method .. tostring(message))
      end
      t.raises("wrong kind of value", function() return #v end)
      if math.type or kevy.door == "ffi" then t.raises("wrong kind of value", pairs, v) end
    end
    t.eq(s:get "k", "a string")
    kind.fill(s[name](s, "v"))
    t.fails("wrong kind of value", s:get "v")
    t.fails("wrong kind of value", s:incr "v")
    t.eq(s:set("v", 1), true)
  end)

  t.test(name .. ": a closed store raises, whatever view of it", function()
    s = kevy.open()
    local v = s[name](s, "k")
    kind.fill(v)
    local it = v:iter()
    s:close()
    for method, arguments in pairs(kind.calls) do
      t.raises("the store is closed", v[method], v, unpack(arguments))
    end
    t.raises("the store is closed", function() return #v end)
    t.raises("the store is closed", s[name], s, "k")
    if name ~= "Stream" then t.ok(it()) end
  end)

  t.test(name .. ": its methods want one of its type", function()
    s = kevy.open()
    local v = s[name](s, "k")
    for _, self in ipairs { false, 1, "k", {}, s, io.stdout, kevy.null, s:scan() } do
      for method, arguments in pairs(kind.calls) do t.raises(".", v[method], self, unpack(arguments)) end
    end
    for _, method in ipairs { "len", "iter" } do
      if name ~= "Stream" and other ~= "Stream" then t.raises(".", v[method], s[other](s, "k")) end
    end
    t.raises(".", s.get, v, "k")
    t.raises("a string as the key", s[name], s, 1)
    t.raises("a string as the key", s[name], s)
    t.raises(".", s[name], v, "k")
  end)

  t.test(name .. ": a view keeps its store alive", function()
    local function orphan()
      local o = kevy.open()
      kind.fill(o[name](o, "k"))
      return o[name](o, "k")
    end
    local v = orphan()
    for _ = 1, 5 do collectgarbage() end
    t.eq(v:len(), 1)
    t.ok(kind.fill(v))
  end)

  t.test(name .. ": a snapshot has it read-only, as it was", function()
    s = kevy.open()
    local v = s[name](s, "k")
    kind.fill(v)
    local moment = s:snapshot()
    s:delete "k"
    local old = moment[name](moment, "k")
    t.eq(old:len(), 1)
    local _, count = t.collect(old:iter())
    t.eq(count, 1)
    local done, message = kind.fill(old)
    t.ok(done == nil and message:find "read[- ]only", message)
    t.eq(v:len(), 0)
  end)

  t.test(name .. ": the key's time to live stays when it is written, and ends it", function()
    s = kevy.open()
    s:_debug_clock(1700000000000)
    local v = s[name](s, "k")
    kind.fill(v)
    s:expire("k", 10)
    kind.fill(v)
    t.near(s:ttl "k", 10, 0)
    s:_debug_clock(1700000010000)
    t.eq(v:len(), 0)
    for _ in v:iter() do error "an element" end
    t.eq(s:exists "k", 0)
  end)

  t.test(name .. ": a full store answers out of memory and changes nothing", function()
    s = kevy.open { maxmemory = "4mb" }
    repeat until not s:set("filler" .. s:len(), ("x"):rep(10000))
    repeat until not s:set("filler" .. s:len(), ("x"):rep(100))
    local v, done, message = s[name](s, "k"), true, nil
    for _ = 1, 100 do
      done, message = kind.fill(v)
      if not done then break end
      v = s[name](s, "k" .. s:len())
    end
    t.ok(done == nil and message:find "out of memory", tostring(message))
    t.eq(v:len(), 0)
  end)
end

t.test("scan finds the types", function()
  s = kevy.open()
  for _, name in ipairs(NAMES) do
    for i = 1, 3 do TYPES[name].fill(s[name](s, name .. i)) end
  end
  s:set("string", 1)
  for _, name in ipairs(NAMES) do
    local keys, count = t.collect(s:scan { type = name:lower() })
    t.eq(count, 3)
    t.ok(keys[name .. 1])
  end
  local all = {}
  for key, value in s:iter() do all[key] = value == nil and "none" or value end
  t.eq(all.Hash1, "none")
  t.eq(all.string, 1)
end)

t.test("keys are any bytes", function()
  s = kevy.open()
  for _, key in ipairs { "", "\0", "a\0b", ("k"):rep(100000), "\255\254" } do
    t.eq(s:Set(key):add "m", 1)
    t.eq(s:Set(key):has "m", true)
    t.eq(s:Set(key):key(), key)
    t.eq(s:type(key), "set")
  end
end)

t.test("operations on two views want one store", function()
  s = kevy.open()
  local other = kevy.open()
  t.raises("different stores", s:Set("a").union, s:Set "a", other:Set "b")
  t.eq(#s:Set("a"):union(s:Set "b"), 0)
end)

t.test("threads and background are options of open", function()
  for _, options in ipairs { { threads = true }, { background = true }, { threads = false }, { url = "mem://", threads = true } } do
    local o = assert(kevy.open(options))
    t.eq(o:List("l"):push(1, 2, 3), 3)
    t.eq(o:List("l")[2], 2)
    o:close()
  end
end)

t.test("what is wrong with one of many names no method of kevy's own", function()
  s = kevy.open()
  local calls = {
    { s:ZSet "z", "add", { a = 0 / 0 } }, { s:ZSet "z", "add", { a = {} } }, { s:ZSet "z", "replace", { [1.5] = 1 } },
    { s:Hash "h", "set", { a = {} } }, { s:Hash "h", "replace", { a = 0 / 0 } }, { s:List "l", "extend", { 1, true } },
    { s:List "l", "replace", { 0 / 0 } }, { s:Set "m", "extend", { 1.5 } }, { s:Stream "x", "add", { a = {} } },
  }
  for _, call in ipairs(calls) do
    local view, method, given = unpack(call)
    local done, message = pcall(view[method], view, given)
    t.ok(not done and message:find "bad argument" and not message:find "'_", message)
    t.eq(view:len(), 0)
  end
end)

t.test("messages of views have no code before them, those of commands have", function()
  s = kevy.open()
  s:set("k", "text")
  for _ = 1, 2 do -- whoever failed the same way before
    t.results({ n = 2, nil, "value is not an integer or out of range" }, s:ZSet("z"):range(1.5, 2))
    t.results({ n = 2, nil, "ERR value is not an integer or out of range" }, s:command("ZRANGE", "z", 1.5, 2))
    for _, call in ipairs { { "ZSet", "range" }, { "ZSet", "score", "a" }, { "Hash", "get", "a" }, { "Stream", "range" } } do
      local view = s[call[1]](s, "k")
      t.results({ n = 2, nil, "Operation against a key holding the wrong kind of value" }, view[call[2]](view, call[3]))
      t.results({ n = 2, nil, "WRONGTYPE Operation against a key holding the wrong kind of value" }, s:command("LLEN", "k"))
    end
  end
end)
