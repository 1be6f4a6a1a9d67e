-- kevy: Redis data types inside your process.
--
--   local kevy = require "kevy"
--   local s = kevy.open{ maxmemory = "64mb" }
--   s:set("user:1", "alice", 60)
--   print(s:get("user:1"), s:ttl("user:1"))
--
-- Two doors lead to the same engine and behave the same: kevy.ffi, through LuaJIT's ffi, where the JIT
-- compiler is on, and kevy.core, a C module, everywhere else. The environment variable KEVY_LUA_DOOR
-- (ffi or core) chooses one by name. kevy.door says which it is.

local function choose()
  local named = os.getenv "KEVY_LUA_DOOR"
  if named == "ffi" or named == "core" then return named end
  if named and named ~= "" then
    error("KEVY_LUA_DOOR is '" .. named .. "': it can be ffi or core", 0)
  end
  return jit and jit.status() and "ffi" or "core"
end

local door = require("kevy." .. choose())
local face = require "kevy.cdef"
local common = require "kevy.views.common"
local reading = require "kevy.options"
local waiting = require "kevy.waiting"

-- What the doors' own methods of a view leave to do is the same for both.
for name, methods in pairs(door.classes) do
  for method, f in pairs(require("kevy.views." .. name:lower())) do methods[method] = f end
end

-- How the engine reads each option; path is the doors' word for a file:// url.
local KINDS = setmetatable({ path = "string", progress = "function" }, { __index = face.options })

local function check(options)
  for name, value in pairs(options) do
    local kind = KINDS[name]
    if not kind then
      error(("bad argument #1 to 'open' (unknown option '%s')"):format(tostring(name)), 3)
    elseif (kind == "string" or kind == "function") and type(value) ~= kind then
      error(("bad argument #1 to 'open' (%s is a %s)"):format(name, kind), 3)
    end
  end
  if options.url and options.path then
    error("bad argument #1 to 'open' (url and path exclude each other)", 3)
  end
end

-- The flags among the options.
local function read_flags(options)
  local flags = 0
  for name, kind in pairs(face.options) do
    if kind == "flag" and options[name] then flags = flags + face.constants["KEVY_" .. name:upper()] end
  end
  return flags
end

-- The engine reads these names up to a zero byte.
local function open(url, bytes, policy, flags, fsync, queue, rewrite, progress)
  for _, name in pairs { url, policy, fsync } do
    if name:find("\0", 1, true) then return nil, "a zero byte in a url, policy or fsync" end
  end
  return door.open(url, bytes, policy, flags, fsync, queue, rewrite, progress)
end

local kevy = { null = door.null, version = door.version, door = door.door, exclusive = common.exclusive }

-- Opens a store: of its own, or the one that a url ("mem://name") names. options is a url or a table
-- {url=, path=, maxmemory=, policy=, threads=, background=}, and for a directory (path=) {fsync=, log_queue=, rewrite_at=,
-- fail_fast=, salvage=, progress=}: progress(done, total, keys) is called about once a megabyte while it is read, with bytes read, of
-- how many, and keys there are; what it raises ends the opening. A store; nil and why not.
function kevy.open(options)
  if options == nil or type(options) == "string" then return open(options) end
  if type(options) ~= "table" then
    error("bad argument #1 to 'open' (a url or a table of options expected, not " .. type(options) .. ")", 2)
  end
  check(options)
  local bytes = {}
  for name, kind in pairs(face.options) do
    if kind == "bytes" and options[name] ~= nil then
      bytes[name] = reading.bytes(options[name])
      if not bytes[name] then return nil, reading.bad_bytes(name) end
    end
  end
  local url = options.url or options.path and "file://" .. options.path
  return open(url, bytes.maxmemory, options.policy, read_flags(options), options.fsync, bytes.log_queue,
    bytes.rewrite_at, options.progress)
end

local LOAD = { db = "number", skip_modules = "boolean", progress = "function" }

-- A new store with what a file holds that kevy, Redis or Valkey saved (RDB). options are those of kevy.open, and
-- db (of a file of several databases this one alone, into database 0), skip_modules (leave out keys of module types, which otherwise
-- fail the load) and progress(done, total, keys), called about once a megabyte with bytes read, of how many, and keys;
-- what it raises ends the load. A store; nil and why not.
function kevy.load(path, options)
  if type(path) ~= "string" or path:find("\0", 1, true) then
    error("bad argument #1 to 'load' (a path expected)", 2)
  end
  local opening, loading = {}, {}
  for name, value in pairs(options or {}) do
    if LOAD[name] and type(value) ~= LOAD[name] then
      error(("bad argument #2 to 'load' (%s is a %s)"):format(name, LOAD[name]), 2)
    end
    (LOAD[name] and loading or opening)[name] = value
  end
  local db = loading.db or -1
  if loading.db and not (db >= 0 and db < 2 ^ 31 and db % 1 == 0) then
    error("bad argument #2 to 'load' (db is the number of a database)", 2)
  end
  local s, why = kevy.open(opening)
  if not s then return nil, why end
  local flags = loading.skip_modules and face.constants.KEVY_SKIP_MODULES or 0
  local ok, reason = s:_load(path, math.floor(db), flags, loading.progress)
  if ok then return s end
  s:close()
  return nil, reason
end

-- wait_with(sleep): a command that waits calls sleep(seconds) again and again until it is served, so that a scheduler of
-- coroutines lets others run; with nil it blocks its thread. In nginx it is ngx.sleep without being told.
function kevy.wait_with(sleep)
  waiting.sleep = sleep
end

return kevy
