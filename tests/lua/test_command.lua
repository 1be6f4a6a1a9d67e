-- Redis commands: replies as Lua values, and as bytes.

local kevy = require "kevy"
local t = require "harness"

local s

local function test(name, f)
  t.test(name, function()
    s = kevy.open()
    f()
    s:close()
  end)
end

test("strings, integers, statuses and nil", function()
  t.results({ "OK" }, s:command("SET", "k", "v"))
  t.results({ "v" }, s:command("get", "k"))
  t.results({ n = 1 }, s:command("GET", "nonesuch"))
  t.results({ 1 }, s:command("INCR", "n"))
  t.results({ "1" }, s:command("GET", "n"))
  t.results({ 2 }, s:command("EXISTS", "k", "n", "nonesuch"))
  t.results({ -2 }, s:command("TTL", "nonesuch"))
end)

test("numbers count as their decimal form", function()
  s:command("SET", "k", 42)
  t.eq(s:command("GET", "k"), "42")
  s:command("SET", "k", 2.5)
  t.eq(s:command("GET", "k"), "2.5")
  t.eq(s:command("INCRBYFLOAT", "k", 0.25), "2.75")
  t.eq(s:command("EXPIRE", "k", 100), 1)
  t.eq(s:command("APPEND", "k", -7), 6)
end)

test("arrays, with kevy.null for nil", function()
  s:command("MSET", "a", 1, "b", 2)
  t.eq(s:command("MGET", "a", "nonesuch", "b"), { "1", kevy.null, "2" })
  local keys = s:command("KEYS", "*")
  table.sort(keys)
  t.eq(keys, { "a", "b" })
  t.eq(s:command("MGET", "nonesuch"), { kevy.null })
  t.eq(s:command("KEYS", "nonesuch"), {})
  local page = s:command("SCAN", 0)
  t.eq(type(page[1]), "string")
  t.eq(type(page[2]), "table")
end)

test("errors are nil, message", function()
  t.fails("^ERR wrong number of arguments", s:command "GET")
  t.fails("^ERR unknown command", s:command("NONESUCH", 1))
  t.fails("^ERR syntax error", s:command("SET", "k", "v", "NONESUCH"))
  s:set("k", "text")
  t.fails("^ERR value is not an integer", s:command("INCR", "k"))
  t.fails("^ERR unknown command", s:command "")
end)

test("misuse raises", function()
  t.raises("name", s.command, s)
  t.raises("name", s.command, s, 1, 2)
  t.raises("name", s.command, s, nil)
  t.raises("name", s.command_resp, s)
  t.raises("string or number", s.command, s, "SET", "k", true)
  t.raises("string or number", s.command, s, "SET", nil, 1)
  t.raises("string or number", s.command_resp, s, "SET", "k", {})
  t.eq(s:len(), 0)
end)

test("command_resp answers bytes, errors among them", function()
  t.results({ "+OK\r\n" }, s:command_resp("SET", "k", "v"))
  t.results({ "$1\r\nv\r\n" }, s:command_resp("GET", "k"))
  t.eq(s:command_resp("GET", "nonesuch"), "$-1\r\n")
  t.eq(s:command_resp("INCR", "n"), ":1\r\n")
  t.eq(s:command_resp("MGET", "k", "nonesuch"), "*2\r\n$1\r\nv\r\n$-1\r\n")
  t.eq(s:command_resp("INCR", "k"), "-ERR value is not an integer or out of range\r\n")
end)

test("binary arguments and thousands of them", function()
  local value = "\0\r\n\255" .. ("x"):rep(100000)
  s:command("SET", "a\0b", value)
  t.ok(s:command("GET", "a\0b") == value)
  t.eq(s:command_resp("STRLEN", "a\0b"), ":100004\r\n")
  local arguments = { "MSET" }
  for i = 1, 2000 do
    arguments[#arguments + 1] = "k" .. i
    arguments[#arguments + 1] = i
  end
  t.eq(s:command((table.unpack or unpack)(arguments)), "OK")
  t.eq(s:len(), 2001)
end)

test("a nested reply is nested tables", function()
  local rows = s:command "COMMAND"
  t.ok(#rows > 20)
  t.eq(type(rows[1]), "table")
  t.eq(type(rows[1][1]), "string")
  local count = s:command("COMMAND", "COUNT")
  t.eq(#rows, count)
end)
