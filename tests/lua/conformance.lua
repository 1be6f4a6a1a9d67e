-- conformance: the cases of tests/conformance (README.md there has the format) through s:command(...).
--
--   passed, failed = require "conformance"(kevy, directory)
--
-- A command gives Lua values: a bulk string and a status are strings, a null is nil or, within a table,
-- kevy.null, an error is nil and its text, a map is a table by key. So a reply is compared by what it
-- can be in Lua, and a map with the array of twice its pairs that it is in the file.

local EPOCH = 1700000000000

-- ---- Reading ----------------------------------------------------------------------------------

local ESCAPES = { r = "\r", n = "\n", t = "\t" }

-- The string in quotes at a position, repeated where "*N" follows; and the position after it.
local function quoted(line, at)
  local parts = {}
  at = at + 1
  while true do
    local c = line:sub(at, at)
    assert(c ~= "", "a string that does not end")
    if c == '"' then break end
    if c == "\\" then
      c = line:sub(at + 1, at + 1)
      if c == "x" then
        parts[#parts + 1] = string.char(tonumber(line:sub(at + 2, at + 3), 16))
        at = at + 4
      else
        parts[#parts + 1] = ESCAPES[c] or c
        at = at + 2
      end
    else
      parts[#parts + 1] = c
      at = at + 1
    end
  end
  local text, times = table.concat(parts), line:match("^%*(%d+)", at + 1)
  if times then return text:rep(tonumber(times)), at + 2 + #times end
  return text, at + 1
end

local function words(line)
  local result, at = {}, line:find "%S"
  while at do
    local word, after
    if line:sub(at, at) == '"' then
      word, after = quoted(line, at)
    else
      word = line:match("^%S+", at)
      after = at + #word
    end
    result[#result + 1] = word
    at = line:find("%S", after)
  end
  return result
end

-- The item that the next lines are: { kind = ..., value = ... }.
local function item(rows)
  local row = assert(table.remove(rows, 1), "the reply ends too early")
  local text, first = row.text, row.text:sub(1, 1)
  if first == '"' then return { kind = "string", value = (quoted(text, 1)) } end
  if first == "+" then return { kind = "string", value = text:sub(2) } end
  if first == "-" then return { kind = "inner", value = text:sub(2) } end
  if first == ":" then
    local low, high = text:match "^:(%-?%d+)%.?%.?(%-?%d*)$"
    return { kind = "int", low = low, high = high ~= "" and high or low }
  end
  if first == "*" then
    local array = { kind = "array", ordered = row.ordered, value = {} }
    for i = 1, tonumber(text:sub(2)) do array.value[i] = item(rows) end
    return array
  end
  return { kind = assert(text:match "^%((%a+)%)$", text) }
end

-- The cases of a file: { name =, steps = { { arguments =, expected = } or { clock = } } }.
local function read(path)
  local file = assert(io.open(path, "rb"))
  local cases, step, rows = {}, nil, {}
  local function finish()
    if step and not step.expected then step.expected = item(rows) end
    assert(#rows == 0, "the reply has items left over")
    step = nil
  end
  for line in file:lines() do
    local mark, rest = line:match "^(%S+) ?(.*)$"
    if mark == "##" then
      finish()
      cases[#cases + 1] = { name = rest, steps = {} }
    elseif mark == ">" then
      finish()
      step = { arguments = words(rest) }
      table.insert(cases[#cases].steps, step)
    elseif mark == "@" then
      finish()
      local clock = rest:match "^clock ([+-]%d+)$"
      if clock then table.insert(cases[#cases].steps, { clock = tonumber(clock) }) end
      if rest == "session" then cases[#cases].session = true end
    elseif mark == "!" then
      step.expected = { kind = "error", value = rest }
    elseif mark == "<" or mark == "<~" then
      rows[#rows + 1] = { ordered = mark == "<", text = rest }
    end
  end
  finish()
  file:close()
  return cases
end

-- ---- Comparing --------------------------------------------------------------------------------

local matches, null

-- LuaJIT's 64-bit integers print with a suffix.
local function integer(value)
  if type(value) == "number" then return ("%.0f"):format(value) end
  return (tostring(value):gsub("U?LL$", ""))
end

local function integer_matches(expected, value)
  if type(value) == "boolean" then value = value and 1 or 0 end -- which answers for its number
  if type(value) ~= "number" and type(value) ~= "cdata" then return false end
  if expected.low == expected.high then
    local text = math.type and math.type(value) == "integer" and tostring(value) or integer(value)
    return text == expected.low
  end
  return value >= tonumber(expected.low) and value <= tonumber(expected.high)
end

local function table_size(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end

-- A map by key: its pairs in the file are strings or integers and whatever they lead to.
local function map_matches(expected, got)
  if table_size(got) * 2 ~= #expected.value then return false end
  for i = 1, #expected.value, 2 do
    local key = expected.value[i]
    local value = got[key.kind == "int" and tonumber(key.low) or key.value]
    if value == nil or not matches(expected.value[i + 1], value) then return false end
  end
  return true
end

local function array_matches(expected, got)
  if #got ~= #expected.value then return next(got) ~= nil and map_matches(expected, got) end
  local left = {}
  for i = 1, #got do left[i] = got[i] end
  for i, each in ipairs(expected.value) do
    local found = expected.ordered and matches(each, got[i]) and i
    for j = 1, expected.ordered and 0 or #got do
      if not found and left[j] ~= nil and matches(each, left[j]) then found = j end
    end
    if not found then return false end
    left[found] = nil
  end
  return true
end

function matches(expected, got, message)
  local kind = expected.kind
  if kind == "any" then return got ~= nil end
  if kind == "nil" then return (got == nil and message == nil) or got == null end
  if kind == "error" then return got == nil and message == expected.value end
  if kind == "inner" then return type(got) == "table" and got.err == expected.value end
  if kind == "bulk" then return type(got) == "string" end
  if kind == "string" and type(got) == "number" then -- a double answers for its text
    return got == (({ inf = math.huge, ["-inf"] = -math.huge })[expected.value] or tonumber(expected.value))
  end
  if kind == "string" then return got == expected.value end
  if kind == "int" then return integer_matches(expected, got) end
  return type(got) == "table" and array_matches(expected, got)
end

-- ---- Running ----------------------------------------------------------------------------------

local unpack = table.unpack or unpack

-- The first command whose reply is wrong, nil when all are right.
local function run(store, case)
  local now = EPOCH
  store:_debug_clock(now)
  local speaker = case.session and store:session() or store
  for _, step in ipairs(case.steps) do
    if step.clock then
      now = now + step.clock
      store:_debug_clock(now)
    else
      local got, message = speaker:command(unpack(step.arguments))
      if not matches(step.expected, got, message) then
        return ("> %s\n  got %s %s"):format(table.concat(step.arguments, " "):sub(1, 200), tostring(got),
          tostring(message or ""))
      end
    end
  end
end

return function(kevy, directory)
  null = kevy.null
  local passed, failed = 0, 0
  local list = io.popen("ls '" .. directory .. "'")
  for name in list:lines() do
    local cases = name:match "%.txt$" and name ~= "differences.txt" and read(directory .. "/" .. name) or {}
    for _, case in ipairs(cases) do
      local store = assert(kevy.open "mem://")
      local ok, wrong = pcall(run, store, case)
      store:close()
      if ok and not wrong then
        passed = passed + 1
      else
        failed = failed + 1
        print(("not ok: %s: %s\n%s"):format(name, case.name, tostring(wrong)))
      end
    end
  end
  list:close()
  return passed, failed
end
