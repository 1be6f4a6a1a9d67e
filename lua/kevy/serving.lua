-- serving: s:serve(address, options), for both doors: a window through which any client of Redis talks to the live store.
--
-- A window is open until it, or its store, is closed; while it is, neither is collected, so that who serves need not keep it.
-- The doors give a store _serve(address, flags, password, maxclients, query_buffer, output_buffer): nil and why not, or the
-- engine's window, with address() and connections() until close(), which the collector may call as well.

local options = require "kevy.options"
local K = require "kevy.cdef".constants

local serving = {}
local served = {} -- [store] = { [window] = true }: those that are open

local OPTIONS = {
  write = K.KEVY_WINDOW_WRITE, public = K.KEVY_WINDOW_PUBLIC,
  password = "string", maxclients = "number", query_buffer = "bytes", output_buffer = "bytes",
}

local Window = { __name = "kevy.Window" }
Window.__index = Window

local function check_word(word, argument, what)
  if type(word) ~= "string" then options.bad("serve", argument, what, word) end
  if word:find("\0", 1, true) then options.refuse("serve", argument, what .. " without a zero byte expected") end
end

local function check_clients(n)
  if type(n) ~= "number" then options.bad("serve", 2, "a number as maxclients", n) end
  if not (n >= 1 and n < 2 ^ 32 and n % 1 == 0) then options.refuse("serve", 2, "maxclients is at least 1") end
end

-- Reads {name = value, ...}: flags, and what the others are by their names. nil, and what is wrong with a number of bytes.
local function read(given)
  local flags, values = 0, {}
  for name, value in options.each(given) do
    local kind = OPTIONS[name] or options.unknown("serve", 2, name)
    if type(kind) == "number" then
      flags = flags + (value and kind or 0)
    elseif kind == "bytes" then
      values[name] = options.bytes(value)
      if not values[name] then return nil, options.bad_bytes(name) end
    else
      if kind == "string" then check_word(value, 2, "a string as the password") else check_clients(value) end
      values[name] = value
    end
  end
  return flags, values
end

-- Opens a window at "127.0.0.1:6390" (port 0: one that is free) or "unix:/tmp/app.sock". options: write (clients may write), password,
-- public (other machines may reach the address), maxclients, query_buffer, output_buffer. A window; nil, why not.
function serving.serve(s, address, given)
  check_word(address, 1, "a string as the address")
  if given ~= nil and type(given) ~= "table" then options.bad("serve", 2, "a table of options", given) end
  local flags, values = read(given or {})
  if not flags then return nil, values end
  local handle, why =
    s:_serve(address, flags, values.password, values.maxclients, values.query_buffer, values.output_buffer)
  if not handle then return nil, why end
  local w = setmetatable({ _handle = handle, _store = s, _address = handle:address() }, Window)
  served[s] = served[s] or {}
  served[s][w] = true
  return w
end

-- Closes the windows of a store, which is about to close.
function serving.leave(s)
  local mine = served[s]
  served[s] = nil
  for w in options.each(mine or {}) do w._handle:close() end
end

local function self_of(w)
  if getmetatable(w) ~= Window then error("bad argument #1 (a window expected: call it as window:method(...))", 3) end
  return w
end

local function is_open(w)
  local mine = served[w._store]
  return mine ~= nil and mine[w] ~= nil
end

-- Cuts the clients off. Closing twice is allowed.
function Window:close()
  local mine = served[self_of(self)._store]
  if not mine or not mine[self] then return end
  mine[self] = nil
  if next(mine) == nil then served[self._store] = nil end
  self._handle:close()
end

-- Where it listens: "HOST:PORT" or "unix:PATH".
function Window:address() return self_of(self)._address end

-- How many clients are connected.
function Window:connections() return is_open(self_of(self)) and self._handle:connections() or 0 end

-- Whether it, or its store, is closed.
function Window:closed() return not is_open(self_of(self)) end

Window.__close = Window.close

function Window:__tostring()
  return ("kevy.Window: %s%s"):format(self:address(), is_open(self) and "" or " (closed)")
end

return serving
