-- store: the life of a store or snapshot, its clock, and what can be watched about it.

local ffi = require "ffi"
local C = require "kevy.library"
local face = require "kevy.cdef"
local handle = require "kevy.ffi.handle"
local values = require "kevy.ffi.values"
local command = require "kevy.ffi.command"
local events = require "kevy.events"

local K = face.constants
local OK, MISSING = K.KEVY_OK, K.KEVY_MISSING
local enter, leave, fail = handle.enter, handle.leave, handle.fail
local integer = values.integer
local store_t, options_t = handle.store_t, ffi.typeof "kevy_options"
local handle_out = ffi.typeof "kevy_store **"
local CLOSED = 2

-- What finalizers call is looked up now: when a Lua state closes, the library is closed before they run.
local kevy_load_close = C.kevy_load_close

local store = {}

-- An object whose handle the engine will fill in, and where: it has an owner at once.
local function new()
  local s = ffi.new(store_t)
  s.busy = CLOSED
  return s, ffi.cast(handle_out, s)
end

-- Keeps strings reachable up to the call.
local function keep() end

-- What C can call in place of a function of (done, total, keys), and where it leaves what that raises.
local function callback(progress)
  local raised = {}
  return ffi.cast("kevy_progress", function(_, done, total, keys)
    local ok, why = pcall(progress, tonumber(done), tonumber(total), tonumber(keys))
    if not ok then raised.why, raised.yes = why, true end
    return ok and 0 or 1
  end), raised
end

-- A url, bytes, the name of a policy (or nil each), flags, and what is for directories: a store; nil, why not.
local function open(url, maxmemory, policy, flags, fsync, log_queue, rewrite_at, progress)
  local options = ffi.new(options_t)
  options.size = ffi.sizeof(options_t)
  options.url, options.policy, options.maxmemory, options.flags = url, policy, maxmemory or 0, flags or 0
  options.fsync, options.log_queue, options.rewrite_at = fsync, log_queue or 0, rewrite_at or 0
  local s, out = new()
  local tell, raised
  if progress then
    tell, raised = callback(progress)
    options.progress = tell
  end
  local status = C.kevy_open(options, out)
  keep(url, policy, fsync)
  if tell then tell:free() end
  if raised and raised.yes then error(raised.why, 0) end
  if status < 0 then return nil, ffi.string(C.kevy_errmsg(nil)) end
  s.busy = 0
  return s
end
jit.off(open) -- what calls back must not be compiled

-- snapshot(): a read-only store of this moment.
function store:snapshot()
  local moment, out = new()
  local s = enter(self)
  local status = C.kevy_snapshot(s.handle, out)
  if status < 0 then return fail(s, status) end
  moment.busy = 0
  leave(s)
  return moment
end

-- save(path): true, when this moment is a file that Redis loads; nil, why not.
function store:save(path)
  if type(path) ~= "string" or path == "" or path:find("%z") then
    error("bad argument #1 to 'save' (a path expected)", 2)
  end
  local s = enter(self)
  local status = C.kevy_save(s.handle, path, 0)
  if status < 0 then return fail(s, status) end
  leave(s)
  return true
end

-- Reads all of it, telling how far it is. The status; what progress raised.
local function run(loading, progress)
  local done, total, keys = ffi.new "uint64_t[1]", ffi.new "uint64_t[1]", ffi.new "uint64_t[1]"
  while true do
    local status = C.kevy_load_step(loading, 0)
    if status < 0 then return status end
    if progress then
      C.kevy_load_progress(loading, done, total, keys)
      local ok, raised = pcall(progress, tonumber(done[0]), tonumber(total[0]), tonumber(keys[0]))
      if not ok then return status, { raised } end
    end
    if status == OK then return status end
  end
end

-- _load(path, db, flags, progress): true, and the store holds what the file does; nil, why not. progress is a
-- function or nil; what it raises ends the load.
function store:_load(path, db, flags, progress)
  local options, out = ffi.new "kevy_load_options", ffi.new "kevy_loading *[1]"
  options.size, options.db, options.flags = ffi.sizeof "kevy_load_options", db, flags
  local s = enter(self)
  local status = C.kevy_load_start(s.handle, path, options, out)
  if status < 0 then return fail(s, status) end
  local loading, raised = ffi.gc(out[0], kevy_load_close)
  status, raised = run(loading, progress)
  C.kevy_load_close(ffi.gc(loading, nil))
  if status < 0 then return fail(s, status) end
  leave(s)
  if raised then error(raised[1], 0) end
  return true
end

-- begin(), commit(), rollback(): true; nil, why not.
for _, step in ipairs { "begin", "commit", "rollback" } do
  store[step] = function(self)
    local s = enter(self)
    local status = C["kevy_" .. step](s.handle)
    if status < 0 then return fail(s, status) end
    leave(s)
    return true
  end
end

-- Calls fn where nothing can yield: what string.gsub calls stands on the C stack.
local function call_whole(fn, n, list)
  local results
  string.gsub(" ", " ", function()
    local function pack(...) results = { n = select("#", ...), ... } end
    pack(fn(unpack(list, 1, n)))
  end)
  return results
end

-- transaction(fn, ...): what fn does happens as one; an error takes it back, and goes on. The results of fn.
function store:transaction(fn, ...)
  if type(fn) ~= "function" then error("bad argument #1 to 'transaction' (a function expected)", 2) end
  local begun, why = self:begin()
  if not begun then error(why, 2) end
  local ok, results = pcall(call_whole, fn, select("#", ...), { ... })
  if not ok then
    pcall(self.rollback, self)
    error(results, 0)
  end
  local done, problem = self:commit()
  if not done then error(problem, 2) end
  return unpack(results, 1, results.n)
end

-- tick(seconds): reclaims what expired for at most that long (nil: one short slice); how many keys went, and
-- whether nothing is left to do.
function store:tick(seconds)
  seconds = seconds or 0
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds < 1e9) then
    error("bad argument #1 to 'tick' (a number of seconds expected)", 2)
  end
  local s = enter(self)
  local status = C.kevy_tick(s.handle, seconds * 1e6, s.count_out)
  if status < 0 then return fail(s, status) end
  local reclaimed = tonumber(s.count_out[0])
  leave(s)
  return events.told(self, reclaimed, status == OK)
end

store.on_expire, store.on_evict = events.on_expire, events.on_evict

-- _listen(flags): true; nil, why not.
function store:_listen(flags)
  local s = enter(self)
  local status = C.kevy_listen(s.handle, flags, 0)
  if status < 0 then return fail(s, status) end
  leave(s)
  return true
end

-- _next_event(): nothing; or the event's flag, the type, and {key, value}.
function store:_next_event()
  local flag = ffi.new "int32_t[1]"
  local s = command.enter(self)
  local status = C.kevy_next_event_into(s.handle, flag, s.type_out, s.reply)
  if status < 0 then return fail(s, status) end
  local pair = {}
  if status == OK then pair[1], pair[2] = command.read(s), command.read(s) end
  local kind = s.type_out[0]
  leave(s)
  if status == MISSING then return nil end
  return flag[0], ffi.string(C.kevy_type_name(kind)), pair
end

-- now(): the store's present, in Unix seconds.
function store:now()
  local s = enter(self)
  local status = C.kevy_now(s.handle, s.integer_out)
  if status < 0 then return fail(s, status) end
  local ms = tonumber(s.integer_out[0])
  leave(s)
  return ms / 1000
end

-- info(): {name = figure, ...}.
function store:info()
  local figures, i = {}, 0
  local s = enter(self)
  local status = C.kevy_info(s.handle, i, s.text_out, s.value)
  while status == OK do
    figures[ffi.string(s.text_out[0])] = values.scalar(s.value)
    i = i + 1
    status = C.kevy_info(s.handle, i, s.text_out, s.value)
  end
  if status < 0 then return fail(s, status) end
  leave(s)
  return figures
end

-- reset_stats(): true; hits, misses and other counters are 0 again.
function store:reset_stats()
  local s = enter(self)
  local status = C.kevy_reset_stats(s.handle)
  if status < 0 then return fail(s, status) end
  leave(s)
  return true
end

-- used_memory(): bytes, exactly.
function store:used_memory()
  local s = enter(self)
  local bytes = tonumber(C.kevy_used_memory(s.handle))
  leave(s)
  return bytes
end

-- maxmemory([bytes]): the limit, after it was changed where bytes are given; nil, why not.
function store:maxmemory(bytes)
  if bytes ~= nil and (type(bytes) ~= "number" or bytes < 0) then
    error("bad argument #1 to 'maxmemory' (bytes expected)", 2)
  end
  if bytes ~= nil then
    local s = enter(self)
    local status = C.kevy_set_maxmemory(s.handle, bytes)
    if status < 0 then return fail(s, status) end
    leave(s)
  end
  return self:info().maxmemory
end

-- policy([word]): what is evicted, after it was changed where a word is given; nil, why not.
function store:policy(word)
  if word ~= nil and type(word) ~= "string" then error("bad argument #1 to 'policy' (string expected)", 2) end
  local s = enter(self)
  local status = word ~= nil and C.kevy_set_policy(s.handle, word) or OK
  if status < 0 then return fail(s, status) end
  local now = ffi.string(C.kevy_policy(s.handle))
  leave(s)
  return now
end

-- memory_usage(key): the bytes that go when the key goes; nil, "no such key".
function store:memory_usage(key)
  values.check_key(key, "memory_usage", 1)
  local s = enter(self)
  local status = C.kevy_memory_usage(s.handle, key, #key, s.count_out)
  if status < 0 then return fail(s, status) end
  local bytes = tonumber(s.count_out[0])
  leave(s)
  if status == MISSING then return nil, "no such key" end
  return bytes
end

-- ---- For tests ----------------------------------------------------------------------------------

-- _debug_clock(ms): stops the clock there; nil lets it go.
function store:_debug_clock(ms)
  local s = enter(self)
  local status = C.kevy_debug_clock(s.handle, ms or K.KEVY_NO_TTL)
  leave(s)
  return status == OK
end

-- _debug_fail_alloc(n): the n-th allocation from now fails.
function store:_debug_fail_alloc(n)
  local s = enter(self)
  local status = C.kevy_debug_fail_alloc(s.handle, n or 0)
  leave(s)
  return status == OK
end

return { open = open, methods = store }
