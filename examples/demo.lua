-- kevy at work from Lua: index Python source files, ask, hold a moment, read everything back.
--
--   lua5.4 examples/demo.lua [DIRECTORY [FILE]]        the default is the Python standard library
--   luajit examples/demo.lua [DIRECTORY [FILE]]
--
-- The same work as demo.py, in the same words, on a store of its own; then it asks the FILE that demo.py saved. Every
-- figure is measured in this run. Exits with 1 if anything read back differs from the files.

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
  print((("  %-52s %-32s %s"):format(left, middle or "", right and styled("2", right) or ""):gsub(" +$", "")))
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

local function counted(words)
  local counts = {}
  for _, word in ipairs(words) do counts[word] = (counts[word] or 0) + 1 end
  return counts
end

local function facts_of(source, words)
  local _, lines = source:gsub("\n", "")
  return { lines = lines + 1, words = #words, density = #words / (lines + 1) }
end

local function add(s, totals, name, source)
  local words = words_of(source)
  local counts = counted(words)
  local function timed(what, f)
    local started = os.clock()
    f()
    totals[what] = totals[what] + os.clock() - started
  end
  timed("counting", function()
    for i = 1, #words do s:incr(words[i]) end
  end)
  timed("seeing", function()
    for word in pairs(counts) do s:set("seen:" .. word, name, FRESH) end
  end)
  timed("ranking", function()
    local ranks = s:ZSet "rank:words"
    for word, count in pairs(counts) do ranks:incr(word, count) end
  end)
  timed("placing", function()
    for word in pairs(counts) do s:Set("in:" .. word):add(name) end
  end)
  for _ in pairs(counts) do totals.sightings = totals.sightings + 1 end
  totals.words = totals.words + #words
  s:Hash("module:" .. name):set(facts_of(source, words))
  s:set("source:" .. name, source)
  s:Stream("log:processed"):add { file = name, words = #words }
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
  local totals = { words = 0, sightings = 0, counting = 0, seeing = 0, ranking = 0, placing = 0 }
  local started, done = os.clock(), 0
  local queue = s:List "queue:files"
  queue:extend(names)
  for name in function() return queue:popleft() end do
    add(s, totals, name, read(root, name))
    done = done + 1
    progress(done, #names, totals.words, s)
  end
  wipe()
  line(("%s files, %s words"):format(grouped(#names), grouped(totals.words)),
    ("in %.1f s of CPU time"):format(os.clock() - started), "reading and splitting them included")
  line("s:incr(word)", grouped(totals.words) .. " times", duration(totals.counting / totals.words) .. " each")
  local function shown(code, spent)
    line(code, grouped(totals.sightings) .. " times", duration(spent / totals.sightings) .. " each")
  end
  shown('s:set("seen:" .. word, file, 2)', totals.seeing)
  shown('s:ZSet "rank:words":incr(word, n)', totals.ranking)
  shown('s:Set("in:" .. word):add(file)', totals.placing)
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
  ask(("s:Hash 'module:%s':get 'density'"):format(file), s)
  ask("s:ZSet 'rank:words':score 'self'", s)
  ask("s:ZSet 'rank:words':rank('self', {rev = true})", s)
  ask("s:Set 'in:yield':has '" .. file .. "'", s)
  ask("s:ttl 'user:42'", s)
  ask("s:memory_usage 'self'", s)
  s:delete "user:42"
  local reply = s:command("SCAN", 0, "MATCH", "assert*", "COUNT", 5000)
  line('s:command("SCAN", 0, "MATCH", "assert*", ...)', "cursor " .. reply[1] .. ", " .. #reply[2] .. " keys")
  local ok, why = s:incr("source:" .. file)
  line(("s:incr 'source:%s'"):format(file), tostring(ok), why)
end

local function leaders(s)
  title("Collections", "a leaderboard, set algebra, a log that a group of consumers reads")
  local ranks, started = s:ZSet "rank:words", os.clock()
  local best = ranks:range(1, 8, { rev = true, withscores = true })
  line("ranks:range(1, 8, {rev=true, withscores=true})", "of " .. grouped(ranks:len()) .. " words",
    duration(os.clock() - started))
  local shown = {}
  for i, pair in ipairs(best) do shown[i] = styled("1", pair[1]) .. " " .. grouped(pair[2]) end
  print("  " .. styled("2", "most used: ") .. table.concat(shown, "  "))
  started = os.clock()
  local both = s:Set "in:yield":inter(s:Set "in:lambda")
  line('s:Set "in:yield":inter(s:Set "in:lambda")', grouped(#both) .. " files", duration(os.clock() - started))
  started = os.clock()
  local only = s:Set "in:async":diff(s:Set "in:yield")
  line('s:Set "in:async":diff(s:Set "in:yield")', grouped(#only) .. " files", duration(os.clock() - started))
end

-- Two consumers share the log of what was processed.
local function consume(s)
  local group, sums, started = s:Stream "log:processed":group "sums", { a = 0, b = 0 }, os.clock()
  group:create "0"
  local handled, busy = 0, true
  while busy do
    busy = false
    for consumer in pairs(sums) do
      for _, entry in ipairs(group:read(consumer, { count = 10 })) do
        sums[consumer] = sums[consumer] + entry.fields.words
        handled, busy = handled + group:ack(entry.id), true
      end
    end
  end
  line("group:read(consumer, {count = 10}), group:ack(id)", grouped(handled) .. " entries",
    duration(os.clock() - started))
  return sums.a + sums.b
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

local function read_back(s, root, names, consumed)
  title("Reading back", "against a recount of the files in a Lua table")
  local counts, keys, wrong = {}, 0, 0
  local function same(found, expected)
    if found ~= expected or (math.type and math.type(found) ~= math.type(expected)) then wrong = wrong + 1 end
  end
  local function check(key, expected)
    keys = keys + 1
    same(s:get(key), expected)
  end
  local places = {}
  for done, name in ipairs(names) do
    local source = read(root, name)
    local words = words_of(source)
    for word, count in pairs(counted(words)) do
      counts[word] = (counts[word] or 0) + count
      places[word] = (places[word] or 0) + 1
      if not s:Set("in:" .. word):has(name) then wrong = wrong + 1 end
    end
    keys = keys + 1
    for fact, value in pairs(facts_of(source, words)) do same(s:Hash("module:" .. name):get(fact), value) end
    check("source:" .. name, source)
    progress(done, #names, #words, s)
  end
  wipe()
  local ranks, previous, total = s:ZSet "rank:words", 0, 0
  for word, count in pairs(counts) do
    check(word, count)
    keys, total = keys + 1, total + count
    if ranks:score(word) ~= count or s:Set("in:" .. word):len() ~= places[word] then wrong = wrong + 1 end
  end
  for _, score in ranks:iter() do
    if score < previous then wrong = wrong + 1 end
    previous = score
  end
  if consumed ~= total or s:Stream "log:processed":len() ~= #names then wrong = wrong + 1 end
  keys = keys + 2
  local extra = s:len() - keys
  line(grouped(keys) .. " keys", wrong .. " differ, " .. extra .. " too many", megabytes(s:used_memory()))
  return wrong == 0 and extra == 0
end

-- What Python saved, with its kinds; of the same files both count each word the same way.
local function ask_file(path)
  title("What Python saved", path)
  local started = os.clock()
  local s = assert(kevy.load(path))
  line("s = kevy.load(...)", grouped(s:len()) .. " keys", duration(os.clock() - started))
  local top = s:ZSet("rank:words"):range(1, 3, { rev = true })
  line("s:ZSet('rank:words'):range(1, 3, {rev = true})", table.concat(top, "  "))
  local same = 0
  for _, word in ipairs(top) do
    if s:get(word) == s:ZSet("rank:words"):score(word) then same = same + 1 end
  end
  line("s:get(word) == s:ZSet('rank:words'):score(word)", same .. " of " .. #top)
  s:close()
  return same == #top
end

local function main(root, path)
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
  leaders(s)
  local consumed = consume(s)
  hold_a_moment(s)
  local whole = read_back(s, root, names, consumed)
  s:close()
  if path then whole = ask_file(path) and whole end
  print()
  return whole
end

local STDLIB = [[python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))']]
os.exit(main(arg[1] or (shell(STDLIB):gsub("\n", "")), arg[2]) and 0 or 1)
