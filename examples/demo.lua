-- kevy at work from Lua: index Python source files, ask, hold a moment, read everything back.
--
--   lua5.4 examples/demo.lua [DIRECTORY]        the default is the Python standard library
--   luajit examples/demo.lua [DIRECTORY]
--
-- The same work as demo.py, in the same words, on a store of its own. Every figure is measured in this run.
-- Exits with 1 if anything read back differs from the files.

local kevy = require "kevy"

local tty = os.execute "test -t 1"
tty = tty == true or tty == 0
local FRESH = 2 -- seconds that a "seen:" key lives

-- ---- The screen ------------------------------------------------------------------------------------

local function styled(code, text)
  return tty and not os.getenv "NO_COLOR" and "\27[" .. code .. "m" .. text .. "\27[0m" or text
end

local function title(text, remark)
  print("\n" .. styled("1", text) .. (remark and "  " .. styled("2", remark) or ""))
end

local function line(left, middle, right)
  print((("  %-45s %-32s %s"):format(left, middle or "", right and styled("2", right) or ""):gsub(" +$", "")))
end

local function grouped(n)
  return (("%.0f"):format(n):reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", ""))
end

local function megabytes(n) return ("%.1f MB"):format(n / 1e6) end

local function duration(seconds)
  if seconds >= 1 then return ("%.1f s"):format(seconds) end
  if seconds >= 1e-3 then return ("%.1f ms"):format(seconds * 1e3) end
  if seconds >= 1e-6 then return ("%.1f us"):format(seconds * 1e6) end
  return ("%.0f ns"):format(seconds * 1e9)
end

-- ---- Indexing --------------------------------------------------------------------------------------

local function shell(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function quoted(path) return "'" .. path:gsub("'", "'\\''") .. "'" end

local function find_sources(root)
  local names = {}
  local found = shell("cd " .. quoted(root) .. " && find . -name '*.py' -type f "
    .. "! -path '*/site-packages/*' ! -path '*/dist-packages/*' | sort")
  for name in found:gmatch "%./([^\n]+)" do names[#names + 1] = name end
  return names
end

local function read(root, name)
  local file = assert(io.open(root .. "/" .. name, "rb"))
  local source = file:read "*a"
  file:close()
  return source
end

local function words_of(source)
  local words, n = {}, 0
  for word in source:gmatch "[%a_][%w_]*" do
    n = n + 1
    words[n] = word
  end
  return words
end

local function distinct(words)
  local set = {}
  for _, word in ipairs(words) do set[word] = true end
  return set
end

local function facts_of(source, words)
  local _, lines = source:gsub("\n", "")
  return { ["lines:"] = lines + 1, ["density:"] = #words / (lines + 1) }
end

local function add(s, totals, name, source)
  local words = words_of(source)
  local seen = distinct(words)
  local started = os.clock()
  for i = 1, #words do s:incr(words[i]) end
  local counted = os.clock()
  for word in pairs(seen) do
    s:set("seen:" .. word, name, FRESH)
    totals.sightings = totals.sightings + 1
  end
  totals.seeing = totals.seeing + os.clock() - counted
  totals.counting = totals.counting + counted - started
  totals.words = totals.words + #words
  for kind, fact in pairs(facts_of(source, words)) do s:set(kind .. name, fact) end
  s:set("source:" .. name, source)
end

local function progress(done, total, words, s)
  if not tty or (done % 20 ~= 0 and done ~= total) then return end
  local filled = math.floor(24 * done / total)
  io.write("\r\27[K  ", ("█"):rep(filled), styled("2", ("░"):rep(24 - filled)),
    (" %s of %s files   %s words   %s"):format(grouped(done), grouped(total), grouped(words),
      styled("1", megabytes(s:used_memory()))))
  io.flush()
end

local function wipe() if tty then io.write "\r\27[K" end end

local function build(s, root, names)
  title("Indexing", root)
  local totals = { words = 0, sightings = 0, counting = 0, seeing = 0 }
  local started = os.clock()
  for done, name in ipairs(names) do
    add(s, totals, name, read(root, name))
    progress(done, #names, totals.words, s)
  end
  wipe()
  line(("%s files, %s words"):format(grouped(#names), grouped(totals.words)),
    ("in %.1f s of CPU time"):format(os.clock() - started), "reading and splitting them included")
  line("s:incr(word)", grouped(totals.words) .. " times", duration(totals.counting / totals.words) .. " each")
  line('s:set("seen:" .. word, file, 2)', grouped(totals.sightings) .. " times",
    duration(totals.seeing / totals.sightings) .. " each")
  line("in the store", grouped(s:len()) .. " keys", megabytes(s:used_memory()))
end

-- ---- What it shows ---------------------------------------------------------------------------------

local function watch_expiry(s)
  title("Forgetting", "words seen in the last two seconds; nobody sweeps")
  local before, steps, left = s:used_memory(), {}, nil
  repeat
    for _ = 1, 5000 do s:len() end -- any call pays its small slice of what is due
    left = 0
    for _ in s:scan { match = "seen:*" } do left = left + 1 end
    if left ~= steps[#steps] then steps[#steps + 1] = left end
    shell "sleep 0.1"
  until left == 0
  local shown, every = {}, math.max(1, math.floor(#steps / 6))
  for i = 1, #steps - 1, every do shown[#shown + 1] = grouped(steps[i]) end
  line(table.concat(shown, " > ") .. (#shown > 0 and " > 0" or "0"))
  line("expired " .. grouped(s:info().expired) .. " keys since the start", "",
    "memory " .. megabytes(before) .. " > " .. megabytes(s:used_memory()))
end

-- Shows a line of Lua, what it gives, and how long one call of many takes.
local function ask(code, s)
  local compile = loadstring or load
  local once = assert(compile("local s = ...; return " .. code))
  local many = assert(compile("local s = ...; for _ = 1, 200000 do local _ = " .. code .. " end"))
  local result = once(s)
  local started = os.clock()
  many(s)
  local each = (os.clock() - started) / 200000
  local text = type(result) == "string" and ("%q"):format(result) or tostring(result)
  line(code, #text <= 32 and text or text:sub(1, 29) .. "...", duration(each))
end

local function query(s, file)
  title "Asking"
  s:set("user:42", "alice", 60)
  ask("s:get 'self'", s)
  ask("s:get 'no_such_word'", s)
  ask("s:exists 'yield'", s)
  ask(("s:get 'density:%s'"):format(file), s)
  ask("s:ttl 'user:42'", s)
  ask("s:memory_usage 'self'", s)
  s:delete "user:42"
  local reply = s:command("SCAN", 0, "MATCH", "assert*", "COUNT", 5000)
  line('s:command("SCAN", 0, "MATCH", "assert*", ...)', "cursor " .. reply[1] .. ", " .. #reply[2] .. " keys")
  local ok, why = s:incr("source:" .. file)
  line(("s:incr 'source:%s'"):format(file), tostring(ok), why)
end

local function top(s)
  local started, counts = os.clock(), {}
  for word, count in s:iter() do
    if not word:find(":", 1, true) then counts[#counts + 1] = { word, count } end
  end
  table.sort(counts, function(a, b) return a[2] > b[2] end)
  line("for word, count in s:iter() do ... end", grouped(#counts) .. " counters", duration(os.clock() - started))
  local shown = {}
  for i = 1, math.min(8, #counts) do shown[i] = styled("1", counts[i][1]) .. " " .. grouped(counts[i][2]) end
  print("  " .. styled("2", "most used: ") .. table.concat(shown, "  "))
end

local function hold_a_moment(s)
  title("Holding a moment", "a snapshot, while the store is written to")
  local started = os.clock()
  local moment = s:snapshot()
  local opened = os.clock() - started
  local doomed = {}
  for word in s:scan { match = "[a-f]*" } do
    if not word:find(":", 1, true) then doomed[#doomed + 1] = word end
  end
  for _, word in ipairs(doomed) do s:delete(word) end
  line("moment = s:snapshot()", "of " .. grouped(moment:len()) .. " keys", duration(opened))
  line("for word in s:scan {match='[a-f]*'} do ...", grouped(#doomed) .. " deleted")
  line("moment:get 'def', moment:len()", grouped(moment:get "def") .. "  " .. grouped(moment:len()))
  line("s:get 'def', s:len()", tostring(s:get "def") .. "  " .. grouped(s:len()))
  for _, word in ipairs(doomed) do s:set(word, moment:get(word)) end
  moment:close()
end

-- ---- Reading back ----------------------------------------------------------------------------------

local function read_back(s, root, names)
  title("Reading back", "against a recount of the files in a Lua table")
  local counts, keys, wrong = {}, 0, 0
  local function check(key, expected)
    keys = keys + 1
    local value = s:get(key)
    if value ~= expected or (math.type and math.type(value) ~= math.type(expected)) then wrong = wrong + 1 end
  end
  for done, name in ipairs(names) do
    local source = read(root, name)
    local words = words_of(source)
    for _, word in ipairs(words) do counts[word] = (counts[word] or 0) + 1 end
    for kind, fact in pairs(facts_of(source, words)) do check(kind .. name, fact) end
    check("source:" .. name, source)
    progress(done, #names, #words, s)
  end
  wipe()
  for word, count in pairs(counts) do check(word, count) end
  local extra = s:len() - keys
  line(grouped(keys) .. " keys", wrong .. " differ, " .. extra .. " too many", megabytes(s:used_memory()))
  return wrong == 0 and extra == 0
end

local function main(root)
  local names = find_sources(root)
  if #names == 0 then error("no Python source under " .. root, 0) end
  local file = names[1]
  for _, name in ipairs(names) do if name == "json/decoder.py" then file = name end end
  print(styled("1", "kevy " .. kevy.version) .. styled("2", (" in %s, the %s door"):format(
    jit and jit.version or _VERSION, kevy.door)))
  local s = assert(kevy.open())
  build(s, root, names)
  watch_expiry(s)
  query(s, file)
  top(s)
  hold_a_moment(s)
  local whole = read_back(s, root, names)
  s:close()
  print()
  return whole
end

local STDLIB = [[python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))']]
os.exit(main(arg[1] or shell(STDLIB):gsub("\n", "")) and 0 or 1)
