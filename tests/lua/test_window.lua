-- s:serve(address, options): a window for clients of Redis. What they can do there is tests/python/test_window.py's.

local kevy = require "kevy"
local t = require "harness"

-- What redis-cli says to a command through the window.
local function asked(w, command)
  local host, port = w:address():match "^(.*):(%d+)$"
  local where = host and ("-h %s -p %s"):format(host, port) or "-s " .. w:address():match "^unix:(.*)$"
  local pipe = assert(io.popen(("timeout 20 redis-cli %s %s 2>&1"):format(where, command)))
  local text = pipe:read "*a"
  pipe:close()
  return (text:gsub("%s+$", ""))
end

t.test("clients of a window see the store", function()
  local s = kevy.open()
  s:set("name", "alice")
  local w = s:serve "127.0.0.1:0"
  t.ok(w:address():find "^127%.0%.0%.1:%d+$")
  t.eq(w:connections(), 0)
  t.eq(w:closed(), false)
  t.eq(tostring(w), "kevy.Window: " .. w:address())
  t.eq(asked(w, "GET name"), "alice")
  t.ok(asked(w, "SET name bob"):find "READONLY")
  s:set("name", "carol")
  t.eq(asked(w, "GET name"), "carol")
  s:close()
  t.eq(w:closed(), true)
  t.ok(asked(w, "PING"):find "Could not connect")
end)

t.test("clients that may write change the store; a password is asked for; several windows of a store", function()
  local s, path = kevy.open(), os.tmpname()
  os.remove(path)
  local one = s:serve("unix:" .. path, { write = true, password = "se cret", maxclients = 10, query_buffer = "1mb", output_buffer = 65536 })
  local two = s:serve "127.0.0.1:0"
  t.eq(one:address(), "unix:" .. path)
  t.ok(asked(one, "GET k"):find "NOAUTH")
  t.eq(asked(one, "--no-auth-warning -a 'se cret' SET k 5"), "OK")
  t.eq(s:incr "k", 6)
  t.eq(asked(two, "GET k"), "6")
  one:close()
  one:close()
  t.eq(one:closed(), true)
  t.eq(one:connections(), 0)
  t.eq(one:address(), "unix:" .. path)
  t.eq(tostring(one), "kevy.Window: unix:" .. path .. " (closed)")
  t.eq(io.open(path), nil)
  t.eq(asked(two, "GET k"), "6")
  two:close()
  t.eq(s:get "k", 6)
end)

t.test("a window that nobody refers to is open, and keeps its store", function()
  local address, address_of = kevy.open(), nil
  address:set("k", "v")
  address_of = address:serve("127.0.0.1:0"):address()
  local s = setmetatable({ address }, { __mode = "v" })
  address = nil
  collectgarbage()
  collectgarbage()
  t.eq(asked({ address = function() return address_of end }, "GET k"), "v")
  s[1]:close()
  collectgarbage()
  collectgarbage()
  t.eq(s[1], nil)
end)

t.test("a transaction keeps clients out, and a window can be closed inside", function()
  local s = kevy.open()
  s:set("k", "before")
  local w = s:serve "127.0.0.1:0"
  s:transaction(function()
    s:set("k", "inside")
    w:close()
  end)
  t.eq(s:get "k", "inside")
  t.raises("not allowed inside this transaction", function()
    s:transaction(function() assert(s:serve "127.0.0.1:0") end)
  end)
end)

if _VERSION == "Lua 5.4" then
  t.test("a window closes at the end of its block", function()
    local s = kevy.open()
    local kept
    assert(load [[
      local s, keep = ...
      do
        local w <close> = s:serve "127.0.0.1:0"
        keep(w)
      end]])(s, function(w) kept = w end)
    t.eq(kept:closed(), true)
  end)
end

t.test("serve says what it cannot do", function()
  local s = kevy.open()
  t.fails("other machines reach", s:serve "0.0.0.0:0")
  t.fails("HOST:PORT or unix:PATH", s:serve "nowhere")
  t.fails("cannot listen at unix:/nonesuch/x", s:serve "unix:/nonesuch/x")
  t.fails("query_buffer is a number of bytes", s:serve("127.0.0.1:0", { query_buffer = "much" }))
  t.fails("at most 1 GiB", s:serve("127.0.0.1:0", { output_buffer = "2gb" }))
  t.fails("read", s:snapshot():serve "127.0.0.1:0")
  for _, address in ipairs { false, {}, "a\0b" } do
    t.raises("bad argument #1 to 'serve'", s.serve, s, address)
  end
  for _, given in ipairs {
    5, { password = 5 }, { password = "a\0b" }, { maxclients = 0 }, { maxclients = 1.5 }, { maxclients = "x" }, { nonesuch = 1 },
  } do
    t.raises("bad argument #2 to 'serve'", s.serve, s, "127.0.0.1:0", given)
  end
  local w = s:serve "127.0.0.1:0"
  t.raises("a window expected", w.close, {})
  t.raises("bad argument", s.serve, w, "127.0.0.1:0")
  s:close()
  t.raises("the store is closed", s.serve, s, "127.0.0.1:0")
end)

t.test("a finalizer opens and closes windows", function()
  local s = kevy.open()
  local runs = t.storm(function(n)
    local w = s:serve "127.0.0.1:0"
    if w and n % 2 == 0 then w:close() end
  end, function(weather)
    local garbage = {}
    while weather() do
      s:set("k", ("x"):rep(100))
      t.eq(s:get "k", ("x"):rep(100))
      garbage[#garbage % 10 + 1] = { ("garbage"):rep(#garbage) }
    end
  end)
  t.ok(runs > 0)
  s:close()
end)
