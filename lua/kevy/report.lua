-- report: what a store's memory is spent on.
--
--   local report = require "kevy.report"
--   print(report(s))
--
-- report(s, { separator = ":", top = 10 }) reads a snapshot, key by key, so others may write meanwhile: {
--   keys =, bytes =, info = what s:info() said,
--   types =, encodings =, prefixes =, ttls = lists of { name =, keys =, bytes = },
--   biggest = a list of { key =, type =, encoding =, bytes =, ttl = } }; tostring() makes lines with bars of it.
-- O(keys).

local MOST_PREFIXES = 10000
local SPANS = {
  { 1, "under 1 s" }, { 60, "under 1 min" }, { 600, "under 10 min" }, { 3600, "under 1 h" }, { 86400, "under 1 day" },
  { 604800, "under 1 week" }, { math.huge, "longer" },
}

local function span(ttl)
  if not ttl then return "none" end
  for _, s in ipairs(SPANS) do
    if ttl < s[1] then return s[2] end
  end
end

local function counts()
  return { n = 0, by = {}, list = {} }
end

local function add(c, name, bytes)
  local part = c.by[name]
  if not part and c.n >= MOST_PREFIXES then name = "(others)" end
  part = c.by[name]
  if not part then
    part = { name = name, keys = 0, bytes = 0 }
    c.by[name], c.list[#c.list + 1], c.n = part, part, c.n + 1
  end
  part.keys, part.bytes = part.keys + 1, part.bytes + bytes
end

local function by_bytes(a, b)
  if a.bytes ~= b.bytes then return a.bytes > b.bytes end
  return (a.name or a.key) < (b.name or b.key)
end

-- The biggest n of a list, the biggest first.
local function cut(list, n)
  table.sort(list, by_bytes)
  for i = #list, n + 1, -1 do list[i] = nil end
  return list
end

-- ---- As lines ----

local WIDTH = 30

local function size(n)
  for _, unit in ipairs { "B", "KB", "MB" } do
    if n < 1024 then return (unit == "B" and "%d %s" or "%.1f %s"):format(n, unit) end
    n = n / 1024
  end
  return ("%.1f GB"):format(n)
end

local function shown(name)
  name = name:gsub("[%c\127-\255]", function(c) return ("\\x%02x"):format(c:byte()) end)
  return #name <= 28 and name or name:sub(1, 25) .. "..."
end

local function section(lines, title, list, text)
  lines[#lines + 1] = "\n" .. title
  local most = 1
  for _, part in ipairs(list) do most = math.max(most, part.bytes) end
  for _, part in ipairs(list) do
    local bar = ("#"):rep(math.max(1, math.floor(part.bytes / most * WIDTH + 0.5)))
    lines[#lines + 1] = ("  %-28s %-30s %s"):format(shown(part.name or part.key), bar, text(part))
  end
end

local function in_keys(part)
  return ("%s in %d keys"):format(size(part.bytes), part.keys)
end

local class = {}

function class:__tostring()
  local lines = { ("keys %d  used %s  keys and values %s  hits %d  misses %d  expired %d  evicted %d"):format(
    self.keys, size(self.info.used_memory), size(self.bytes), self.info.hits, self.info.misses, self.info.expired,
    self.info.evicted) }
  section(lines, "Memory by type", self.types, in_keys)
  section(lines, "Encodings", self.encodings, in_keys)
  section(lines, "Memory by prefix", self.prefixes, in_keys)
  section(lines, "Time to live", self.ttls, in_keys)
  section(lines, "Biggest keys", self.biggest, function(key)
    return ("%s %s, %s%s"):format(size(key.bytes), key.type, key.encoding,
      key.ttl and (", %.1f s left"):format(key.ttl) or "")
  end)
  return table.concat(lines, "\n")
end

-- ---- Gathering ----

local function gather(moment, separator, top, r)
  local types, encodings, prefixes, ttls, biggest = counts(), counts(), counts(), counts(), {}
  for key in moment:scan() do
    local kind, bytes, ttl = moment:type(key), moment:memory_usage(key), moment:ttl(key)
    local encoding = kind and moment:command("OBJECT", "ENCODING", key)
    if encoding and bytes then
      local at = key:find(separator, 1, true)
      r.keys, r.bytes = r.keys + 1, r.bytes + bytes
      add(types, kind, bytes)
      add(encodings, kind .. ", " .. encoding, bytes)
      add(prefixes, at and key:sub(1, at + #separator - 1) or "(no prefix)", bytes)
      add(ttls, span(ttl), bytes)
      biggest[#biggest + 1] = { key = key, type = kind, encoding = encoding, bytes = bytes, ttl = ttl }
      if #biggest >= 2 * top + 64 then cut(biggest, top) end
    end
  end
  r.types, r.encodings = cut(types.list, math.huge), cut(encodings.list, math.huge)
  r.prefixes, r.ttls, r.biggest = cut(prefixes.list, top), cut(ttls.list, math.huge), cut(biggest, top)
end

return function(s, options)
  options = options or {}
  local separator, top = options.separator or ":", options.top or 10
  if type(separator) ~= "string" or separator == "" then error("bad argument #2 to 'report' (separator is a string)", 2) end
  if type(top) ~= "number" or not (top >= 0) then error("bad argument #2 to 'report' (top is a number)", 2) end
  local r = setmetatable({ keys = 0, bytes = 0, info = s:info() }, class)
  local moment = assert(s:snapshot())
  local ok, why = pcall(gather, moment, separator, top, r)
  moment:close()
  if not ok then error(why, 0) end
  return r
end
