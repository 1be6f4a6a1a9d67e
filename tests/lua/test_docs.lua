-- The examples of docs/lua.md and docs/caching.md print what they promise: "--> words" behind a line, "/" between lines.

local t = require "harness"

local directory = arg[0]:match "^(.*)/[^/]*$" or "."
local text = ""
for _, name in ipairs { "lua", "caching" } do
  local file = assert(io.open(directory .. "/../../docs/" .. name .. ".md"))
  text = text .. file:read "*a"
  file:close()
end

local function words(line)
  local list = {}
  for word in line:gmatch "%S+" do list[#list + 1] = word end
  return table.concat(list, " ")
end

-- Runs a program; the lines that it prints.
local function printed(program)
  local out, line = {}, ""
  local function write(...)
    for i = 1, select("#", ...) do line = line .. tostring((select(i, ...))) end
  end
  local function print(...)
    for i = 1, select("#", ...) do write(" ", (select(i, ...))) end
    out[#out + 1], line = words(line), ""
  end
  local env = setmetatable({ print = print, io = { write = write } }, { __index = _G })
  local chunk = setfenv and setfenv(assert(loadstring(program)), env) or assert(load(program, "docs", "t", env))
  chunk()
  return out
end

for program in text:gmatch "\n```lua\n(.-)\n```" do
  local promised = {}
  for line in program:gmatch "%-%->([^\n]*)" do
    for part in (line .. "/"):gmatch "([^/]*)/" do promised[#promised + 1] = words(part) end
  end
  if #promised > 0 then
    t.test("the example that begins " .. program:sub(1, 60), function() t.eq(printed(program), promised) end)
  end
end
