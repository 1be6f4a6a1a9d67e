-- Run by both Luas with no path but the install's own directories: the modules find their library.
local kevy = require "kevy"
local passed, failed = 0, 0

local function check(what, holds)
  if holds then
    passed = passed + 1
  else
    failed = failed + 1
    print("not so: " .. what)
  end
end

local s = kevy.open "mem://"
s:set("n", 42)
s:set("name", "alice")
check("a store keeps values", s:get("n") == 42 and s:get("name") == "alice")
check("commands answer", s:command("INCR", "n") == 43)
s:close()

print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0)
