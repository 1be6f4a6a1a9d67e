-- window: the engine's windows, as kevy/serving.lua takes them.

local ffi = require "ffi"
local C = require "kevy.library"
local handle = require "kevy.ffi.handle"
local serving = require "kevy.serving"

local enter, leave, fail = handle.enter, handle.leave, handle.fail

-- What finalizers call is looked up now: when a Lua state closes, the library is closed before they run.
local kevy_window_close = C.kevy_window_close

local window_t = ffi.typeof "struct { kevy_window *handle; }"
local handle_out = ffi.typeof "kevy_window **"
local methods = {}

function methods:address() return ffi.string(C.kevy_window_address(self.handle)) end

function methods:connections() return tonumber(C.kevy_window_connections(self.handle)) end

function methods:close()
  local open = self.handle
  self.handle = nil
  kevy_window_close(open)
end

ffi.metatype(window_t, { __index = methods, __gc = methods.close })

local store = {}

-- Keeps strings reachable up to the call.
local function keep() end

function store:_serve(address, flags, password, maxclients, query_buffer, output_buffer)
  local options, w = ffi.new "kevy_window_options", ffi.new(window_t)
  local out = ffi.cast(handle_out, w)
  options.size, options.password, options.flags = ffi.sizeof "kevy_window_options", password, flags
  options.maxclients = maxclients or 0
  options.query_buffer, options.output_buffer = query_buffer or 0, output_buffer or 0
  local s = enter(self)
  local status = C.kevy_serve(s.handle, address, options, out)
  keep(address, password)
  if status < 0 then return fail(s, status) end
  leave(s)
  return w
end

function store:serve(address, given)
  leave(enter(self))
  return serving.serve(self, address, given)
end

function store:close()
  serving.leave(self)
  return handle.close(self)
end

return store
