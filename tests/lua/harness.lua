-- harness: what test files are written with.
--
--   local t = require "harness"
--   t.test("set answers true", function() t.eq(s:set("k", 1), true) end)
--
-- A test passes when it returns. eq tells 1 from 1.0 and compares tables by their contents.

local harness = {}

local pending

-- Registers a test of the file that is being run.
function harness.test(name, f)
  pending[#pending + 1] = { name = name, f = f }
end

-- Runs one file: how many of its tests passed, how many failed. A file may also return the two numbers.
function harness.run(path)
  pending = {}
  local loaded, p, f = xpcall(assert(loadfile(path)), debug.traceback)
  if not loaded then
    print(("not ok: %s: %s"):format(path, p))
    return 0, 1
  end
  local passed, failed = tonumber(p) or 0, tonumber(f) or 0
  for _, test in ipairs(pending) do
    local ok, message = xpcall(test.f, debug.traceback)
    if ok then passed = passed + 1 else failed = failed + 1 end
    if not ok then print(("not ok: %s: %s"):format(test.name, message)) end
    collectgarbage()
  end
  return passed, failed
end

local function kind(value)
  return math.type and math.type(value) or type(value)
end

local function show(value)
  if type(value) == "string" then return ("%q"):format(#value > 200 and value:sub(1, 200) .. "..." or value) end
  if type(value) ~= "table" then return ("%s %s"):format(kind(value), tostring(value)) end
  local parts = {}
  for k, v in pairs(value) do parts[#parts + 1] = tostring(k) .. "=" .. show(v) end
  table.sort(parts)
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return kind(a) == kind(b) and a == b end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

function harness.eq(got, want, what)
  if not same(got, want) then
    error(("%sgot %s, want %s"):format(what and what .. ": " or "", show(got), show(want)), 2)
  end
end

function harness.ok(condition, what)
  if not condition then error(tostring(what or "not so"):sub(1, 300), 2) end
end

function harness.near(got, want, tolerance, what)
  if type(got) ~= "number" or math.abs(got - want) > tolerance then
    error(("%sgot %s, want %s +- %s"):format(what and what .. ": " or "", show(got), want, tolerance), 2)
  end
end

-- f(...) must raise, with a message that has the pattern in it.
function harness.raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  if ok then error("no error was raised, one with '" .. pattern .. "' was expected", 2) end
  if not tostring(message):find(pattern) then
    error(("the error is %s, without '%s'"):format(show(message), pattern), 2)
  end
end

-- The results must be nil and a message with the pattern in it, and nothing else.
function harness.fails(pattern, ...)
  local value, message = ...
  if select("#", ...) ~= 2 or value ~= nil or type(message) ~= "string" or not message:find(pattern) then
    error(("got %s, %s (%d results), want nil, a message with '%s'")
      :format(show(value), show(message), select("#", ...), pattern), 2)
  end
end

-- The results must be exactly these.
function harness.results(want, ...)
  local got = { n = select("#", ...), ... }
  want.n = want.n or #want
  if not same(got, want) then error(("got %s, want %s"):format(show(got), show(want)), 2) end
end

-- All the results of an iterator, by key; and how many there were.
function harness.collect(iterator, ...)
  local all, count = {}, 0
  for key, value in iterator, ... do
    all[key] = value == nil and true or value
    count = count + 1
  end
  return all, count
end

-- Calls f when the garbage made here is collected.
local function trap(f)
  if newproxy then
    getmetatable(newproxy(true)).__gc = f
  else
    setmetatable({}, { __gc = f })
  end
end

-- Runs f with a collector that hardly rests.
function harness.stressed(f)
  local pause, step = collectgarbage("setpause", 20), collectgarbage("setstepmul", 400)
  local ok, message = xpcall(f, debug.traceback)
  collectgarbage("setpause", pause)
  collectgarbage("setstepmul", step)
  if not ok then error(message, 0) end
end

-- Runs body so, while strike(n) is called at every collection, the n-th time with n, until that was often enough.
-- body(weather) goes on while weather() is true. How many strikes there were. LuaJIT's collector may come to rest for
-- seconds: after a lull weather() wakes it.
local ENOUGH, SECONDS, LULL = 60, 2, 0.05

function harness.storm(strike, body)
  local on, runs, failure = true, 0, nil
  local begun = os.clock()
  local struck = begun
  local function finalizer()
    if not on then return end
    runs, struck = runs + 1, os.clock()
    local ok, message = pcall(strike, runs)
    failure = failure or not ok and message
    if runs < ENOUGH then trap(finalizer) end
  end
  trap(finalizer)
  local function weather()
    local now = os.clock()
    if now - struck > LULL then collectgarbage() end
    return runs < ENOUGH and now - begun < SECONDS
  end
  local ok, message = pcall(harness.stressed, function() body(weather) end)
  on = false
  if not ok then error(message, 0) end
  if failure then error("in a finalizer: " .. tostring(failure), 0) end
  return runs
end

-- Registers a test for each of the methods {name = f(store)}: a finalizer closes the store that fresh() makes while f runs
-- again and again, so many rounds; then f says so.
function harness.closed_during(methods, fresh, rounds)
  local function round_of(method, round)
    local s, garbage = fresh(), {}
    local ok, message
    harness.storm(function(n)
      if n == round % 5 + 1 then s:close() end
    end, function(weather)
      while weather() do
        ok, message = pcall(method, s)
        if not ok then break end
        garbage[#garbage % 10 + 1] = { ("garbage"):rep(#garbage) }
      end
    end)
    if ok ~= false then ok, message = pcall(method, s) end -- closed behind the last look of the last call
    harness.ok(not ok and tostring(message):find "the store is closed", "never closed: " .. tostring(message))
    harness.raises("the store is closed", s.get, s, "short")
  end
  for name, method in pairs(methods) do
    harness.test("a finalizer closes the store during " .. name, function()
      for round = 1, rounds do round_of(method, round) end
    end)
  end
end

-- Whether AddressSanitizer is in this process.
function harness.sanitized()
  local file = assert(io.open "/proc/self/maps")
  local maps = file:read "*a"
  file:close()
  return maps:find("libasan", 1, true) ~= nil
end

-- The resident memory of this process, in bytes.
function harness.resident()
  local file = assert(io.open "/proc/self/statm")
  local pages = file:read "*a":match "^%d+ (%d+)"
  file:close()
  return tonumber(pages) * 4096
end

return harness
