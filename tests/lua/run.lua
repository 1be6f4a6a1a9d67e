-- run: every tests/lua/test_*.lua, then the conformance cases, in the Lua that runs this file:
--
--   lua5.4 tests/lua/run.lua            luajit tests/lua/run.lua            (and -joff)
--   KEVY_LUA_DOOR=core luajit tests/lua/run.lua
--   lua5.4 tests/lua/run.lua strings    (only the files whose name has that in it)
--
-- LUA_PATH must find kevy.lua and this directory, LUA_CPATH kevy/core.so. A file whose first line is
-- "-- lua: 5.4" is left to that Lua. The last line counts; the exit code is 1 when something failed.

local directory = arg[0]:match "^(.*)/[^/]*$" or "."
local kevy = require "kevy"
local harness = require "harness"

local function test_files()
  local list = io.popen("ls '" .. directory .. "'")
  local files = {}
  for name in list:lines() do
    if name:match "^test_.*%.lua$" and name:find(arg[1] or "", 1, true) then files[#files + 1] = name end
  end
  list:close()
  return files
end

local function only_for(path)
  local file = assert(io.open(path))
  local first = file:read "*l"
  file:close()
  return first:match "^%-%- lua: ([%d.]+)$"
end

io.stdout:setvbuf "line"
local passed, failed = 0, 0

local function count(p, f)
  passed, failed = passed + (p or 0), failed + (f or 0)
end

for _, name in ipairs(test_files()) do
  local path = directory .. "/" .. name
  local lua = only_for(path)
  if not lua or _VERSION == "Lua " .. lua then
    io.write(("# %s\n"):format(name))
    count(harness.run(path))
  end
end

if not arg[1] or ("conformance"):find(arg[1], 1, true) then
  io.write "# conformance\n"
  count(require "conformance"(kevy, directory .. "/../conformance"))
end

print(("lua: %s, door %s"):format(jit and jit.version or _VERSION, kevy.door))
print(("lua: %d passed, %d failed"):format(passed, failed))
os.exit(failed == 0, true)
