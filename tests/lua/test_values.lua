-- Values: the kinds that Lua has, there and back, to the last bit.

local kevy = require "kevy"
local t = require "harness"

local s = kevy.open()
local integers = math.type ~= nil

local function there_and_back(value)
  t.eq(s:set("v", value), true)
  return s:get "v"
end

t.test("strings of every length, binary", function()
  local lengths = { 0, 1, 2, 7, 8, 15, 16, 63, 64, 100, 127, 128, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097, 65535,
    65536, 1048576, 5000000 }
  for _, length in ipairs(lengths) do
    local value = ("\0k\255\n" .. length):rep(math.ceil(length / 4)):sub(1, length)
    t.ok(there_and_back(value) == value, length .. " bytes")
    t.eq(s:strlen "v", length)
    t.ok(s:getdel "v" == value, length .. " bytes, by getdel")
    s:set("v", value)
    t.ok(s:set("v", "", { get = true }) == value, length .. " bytes, by set with get")
    s:set("v", value)
    t.ok(s:mget { "v", "v" }[2] == value, length .. " bytes, by mget")
    t.ok(s:getrange("v", 1) == value, length .. " bytes, by getrange")
    t.ok(s:command("GET", "v") == value, length .. " bytes, by command")
  end
end)

t.test("a string that looks like a number stays one", function()
  for _, value in ipairs { "42", "-7", "007", "1e3", "0x10", "nan", "", " 1", "9223372036854775807" } do
    t.eq(there_and_back(value), value)
  end
end)

t.test("integers", function()
  for _, value in ipairs { 0, 1, -1, 127, 128, -128, 32767, 65536, 2147483647, -2147483648, 4294967296, 9007199254740991 } do
    t.eq(there_and_back(value), value)
    t.eq(s:command("GET", "v"), ("%d"):format(value))
  end
end)

t.test("floats", function()
  for _, value in ipairs { 0.5, -2.25, 1e300, 5e-324, 1 / 0, -1 / 0, 0.1, 1e15 + 0.5, 1e100 } do
    t.eq(there_and_back(value), value)
  end
  t.raises("NaN", s.set, s, "v", 0 / 0)
end)

if integers then
  t.test("Lua 5.4 tells 3 from 3.0", function()
    t.eq(there_and_back(3.0), 3.0)
    t.eq(there_and_back(3), 3)
    t.eq(there_and_back(-0.0), -0.0)
    t.eq(1 / there_and_back(-0.0), -1 / 0)
    t.eq(there_and_back(math.maxinteger), math.maxinteger)
    t.eq(there_and_back(math.mininteger), math.mininteger)
    t.eq(there_and_back(9007199254740993), 9007199254740993)
    t.eq(there_and_back(2.0 ^ 60), 2.0 ^ 60)
    s:set("f", 3.0)
    t.eq(s:command("GET", "f"), "3")
  end)
end

if jit then
  local ffi = require "ffi"

  t.test("LuaJIT: integral numbers within 2^53 are ints, others floats", function()
    t.eq(there_and_back(3.0), 3)
    t.eq(s:command("GET", "v"), "3")
    t.eq(s:incr "v", 4)
    t.eq(there_and_back(2 ^ 53), 2 ^ 53)
    t.eq(s:command("GET", "v"), "9007199254740992")
    s:set("v", 2 ^ 60)
    t.eq(s:get "v", 2 ^ 60)
    s:set("v", 2.5)
    t.fails("integer", s:incr "v")
  end)

  t.test("LuaJIT: larger ints arrive as int64_t", function()
    local largest, smallest = ffi.new("int64_t", 2 ^ 62) * 2 - 1, ffi.new("int64_t", -2 ^ 63)
    for _, value in ipairs { largest, smallest, ffi.new("int64_t", 2 ^ 53) + 1, ffi.new("int64_t", -2 ^ 53) - 1,
      ffi.new("uint64_t", 2 ^ 62) } do
      local back = there_and_back(value)
      t.eq(type(back), "cdata")
      t.ok(ffi.istype("int64_t", back))
      t.ok(back == ffi.new("int64_t", value), tostring(back))
    end
    t.eq(s:set("v", ffi.new("int64_t", 42)), true)
    t.eq(s:get "v", 42)
    t.eq(s:get "v", s:command("INCRBY", "v", ffi.new("uint64_t", 0)))
    t.eq(tostring(s:incr("big", ffi.new("int64_t", 2 ^ 60))), "1152921504606846976LL")
    t.raises("64 bits", s.set, s, "v", ffi.new("uint64_t", 2 ^ 63))
    t.raises("64 bits", s.incr, s, "v", ffi.new("uint64_t", 2 ^ 63))
    t.eq(s:mset { a = ffi.new("int64_t", 7), b = ffi.new("int64_t", 2 ^ 60) }, true)
    t.eq(s:get "a", 7)
    t.eq(tostring(s:get "b"), "1152921504606846976LL")
    t.eq(tostring(s:command("INCR", "b")), "1152921504606846977LL")
  end)

  t.test("LuaJIT: other cdata is misuse", function()
    for _, value in ipairs { ffi.new("int32_t", 1), ffi.new("double", 1), ffi.new("char[4]"), ffi.new("void *"), ffi } do
      t.raises("string or number", s.set, s, "v", value)
    end
  end)
end

t.test("other types are misuse, and change nothing", function()
  s:set("v", "kept")
  local values = { true, false, {}, print, coroutine.create(print), io.stdout, kevy.null, s }
  for _, value in ipairs(values) do
    t.raises("string or number", s.set, s, "v", value)
    t.raises("string or number", s.append, s, "v", value)
    t.raises("string or number", s.mset, s, { v = "lost", w = value })
    t.raises("string or number", s.command, s, "SET", "v", value)
  end
  t.raises("string or number", s.set, s, "v")
  t.raises("string or number", s.set, s, "v", nil, 10)
  t.raises("string or number", s.append, s, "v")
  t.raises("string or number", s.command, s, "SET", "v", nil)
  t.raises("NaN", s.append, s, "v", 0 / 0)
  t.raises("NaN", s.mset, s, { v = 0 / 0 })
  t.raises("NaN", s.command, s, "SET", "v", 0 / 0)
  t.eq(s:get "v", "kept")
  t.eq(s:get "w", nil)
end)

t.test("a key is a string, and nothing else", function()
  for _, key in ipairs { 1, 2.5, true, {}, print, s } do
    for _, name in ipairs { "get", "set", "getdel", "incr", "append", "strlen", "getrange", "setrange", "delete", "exists",
      "touch", "type", "rename", "copy", "ttl", "expires_at", "expire", "expire_at", "persist", "memory_usage" } do
      t.raises("string", s[name], s, key, 1, 1)
    end
    t.raises("string", s.rename, s, "v", key)
    t.raises("string", s.copy, s, "v", key)
    t.raises("string", s.mget, s, { "v", key })
    t.raises("string", s.mset, s, { [key] = 1 })
    t.raises("string", s.delete, s, "v", key)
    t.raises("string", s.exists, s, "v", key, "v")
  end
  t.raises("string", s.get, s)
  t.raises("string", s.delete, s, nil)
  t.eq(s:get "v", "kept")
end)

t.test("keys of every length, binary", function()
  for _, key in ipairs { "", "\0", "a\0b", ("k"):rep(100), ("k"):rep(300), ("\255"):rep(70000) } do
    t.eq(s:set(key, #key), true)
    t.eq(s:get(key), #key)
    t.eq(s:exists(key, key), 2)
    t.eq(s:delete(key), 1)
    t.eq(s:get(key), nil)
  end
end)
