-- command: Redis commands and their replies as Lua values.
--
-- A reply is memory of its own, so reading it may allocate: a nested command works on an alias, which has
-- another. Inside a table nil is kevy.null and an error is {err = message}.

local ffi = require "ffi"
local C = require "kevy.library"
local face = require "kevy.cdef"
local handle = require "kevy.ffi.handle"
local values = require "kevy.ffi.values"
local options = require "kevy.options"
local waiting = require "kevy.waiting"

local K = face.constants
local ECOMMAND = K.KEVY_ECOMMAND
local NIL, VALUE, STATUS, ERROR = K.KEVY_REPLY_NIL, K.KEVY_REPLY_VALUE, K.KEVY_REPLY_STATUS, K.KEVY_REPLY_ERROR
local ARRAY, SET, MAP, BOOL = K.KEVY_REPLY_ARRAY, K.KEVY_REPLY_SET, K.KEVY_REPLY_MAP, K.KEVY_REPLY_BOOL
local PUSH = K.KEVY_REPLY_PUSH
local UNMET = K.KEVY_UNMET
local enter, leave, fail = handle.enter, handle.leave, handle.fail
local scalar, kind_of = values.scalar, values.kind_of

local command = {}

local null = newproxy(true)
getmetatable(null).__tostring = function() return "kevy.null" end

local read

local function read_items(s, count, paired)
  local items = {}
  for i = 1, count do
    local item = read(s)
    if paired then items[item] = read(s) else items[i] = item end
  end
  return items
end

-- The item that s.item is, with what follows of it.
local function read_item(s)
  local item = s.item
  local kind = item.type
  if kind == VALUE or kind == STATUS then return scalar(item.value) end
  if kind == ARRAY or kind == SET or kind == PUSH then return read_items(s, tonumber(item.count), false) end
  if kind == MAP then return read_items(s, tonumber(item.count), true) end
  if kind == BOOL then return item.value.as.i ~= 0 end
  if kind == ERROR then return { err = scalar(item.value) } end
  return null
end

read = function(s)
  C.kevy_reply_next(s.reply, s.item)
  return read_item(s)
end

-- The arguments of a command as kevy_values that borrow from the list.
local function arguments(list, n, method)
  if type(list[1]) ~= "string" then options.bad(method, 1, "a string as the command's name", list[1]) end
  return values.array(list, n, kind_of, method, 1)
end

-- Enters, and makes the reply.
local function enter_with_reply(self)
  local s = enter(self)
  if s.reply == nil then s.reply = C.kevy_reply_new() end
  if s.reply == nil then
    leave(s)
    error(ffi.string(C.kevy_strerror(K.KEVY_EOOM)), 3)
  end
  return s
end

-- Ends a command that was called with that status: its reply; nil, message when it is an error. A bare message is
-- without "ERR ", which is for who speaks in commands.
local function replied(s, status, list, bare)
  if status < 0 and status ~= ECOMMAND then return (bare and fail or handle.fail_coded)(s, status, list) end
  C.kevy_reply_next(s.reply, s.item)
  local kind, message = s.item.type, nil
  local reply = nil
  if kind == ERROR then
    message = scalar(s.item.value)
    if bare then message = message:gsub("^ERR ", "", 1) end
  elseif kind ~= NIL then
    reply = read_item(s)
  end
  leave(s, list)
  if message then return nil, message end
  return reply
end

-- ---- Commands that wait -------------------------------------------------------------------------

local kevy_wait_close, kevy_reply_free = C.kevy_wait_close, C.kevy_reply_free -- looked up now, for the finalizer

local wait_t = ffi.typeof "struct { kevy_wait *wait; kevy_reply *reply; }"

ffi.metatype(wait_t, {
  __index = {
    over = function(self, ms) return C.kevy_wait_poll(self.wait, ms) == K.KEVY_OK end,
    left = function(self)
      local left = C.kevy_wait_left(self.wait)
      if left == K.KEVY_NO_TTL then return nil end
      return tonumber(left) / 1000
    end,
    close = function(self) C.kevy_wait_end(self.wait) end,
  },
  __gc = function(self)
    kevy_wait_close(self.wait)
    kevy_reply_free(self.reply)
  end,
})

-- Passes the time of a command that s keeps; the store's object to read the reply from, and the status.
local function wait_for(self, s, list)
  local w = ffi.new(wait_t)
  w.wait, w.reply, s.reply = s.wait_out[0], s.reply, nil
  leave(s, list)
  waiting.pass(w, true)
  local status = C.kevy_wait_end(w.wait)
  s = enter(self)
  w.reply, s.reply = s.reply, w.reply
  return s, status
end

-- Runs a command, waiting where it waits: its reply, as replied answers it.
local function run(self, flags, n, argv, list, bare)
  local s = enter_with_reply(self)
  local status = C.kevy_wait_call(s.handle, n, argv, flags, s.reply, s.wait_out)
  if status == UNMET then s, status = wait_for(self, s, list) end
  return replied(s, status, list, bare)
end

-- command(name, ...): the reply; nil, message when it is an error.
function command:command(...)
  local list, n = { ... }, select("#", ...)
  return run(self, 0, n, arguments(list, n, "command"), list)
end

-- ---- Sessions and versions -----------------------------------------------------------------------

local kevy_session_close, kevy_version_close = C.kevy_session_close, C.kevy_version_close
local session_out, version_out = ffi.typeof "kevy_session *[1]", ffi.typeof "kevy_version_handle *[1]"
local Session, Version = {}, {}
Session.__index = Session

-- session(): where MULTI, EXEC, DISCARD, WATCH and UNWATCH work.
function command:session()
  local out = ffi.new(session_out)
  local s = enter(self)
  local status = C.kevy_session_open(s.handle, out)
  if status < 0 then return fail(s, status) end
  leave(s)
  return setmetatable({ store = self, handle = ffi.gc(out[0], kevy_session_close) }, Session)
end

-- command(name, ...): as a store's.
function Session:command(...)
  if not self.handle then error("the session is closed", 2) end
  local list, n = { ... }, select("#", ...)
  local argv = arguments(list, n, "command")
  local s = enter_with_reply(self.store)
  return replied(s, C.kevy_session_call(self.handle, n, argv, 0, s.reply), list)
end

-- One look for a message: whether it is over, and what next_message returns then.
local function look(self)
  if not self.handle then error("the session is closed", 3) end
  local s = enter_with_reply(self.store)
  local status = C.kevy_session_next_push(self.handle, 0, s.reply)
  if status < 0 then return true, fail(s, status) end
  if status == K.KEVY_OK then return true, replied(s, status) end
  leave(s)
  if status == UNMET then return true, nil, "messages were dropped: too many waited" end
  return false
end

-- next_message([seconds]): the oldest message, for which it waits so long, or until a signal; nil: there is none.
function Session:next_message(seconds)
  local over, message, why = look(self)
  if not over and seconds and seconds > 0 then
    C.kevy_session_wait_push(self.handle, seconds < 1e15 and math.ceil(seconds * 1000) or -1)
    over, message, why = look(self)
  end
  return message, why
end

function Session:close()
  if self.handle then kevy_session_close(ffi.gc(self.handle, nil)) end
  self.handle = nil
end

-- version(key): equal to a later one while the key was not written, removed or expired.
function command:version(key)
  values.check_key(key, "version", 1)
  local out = ffi.new(version_out)
  local s = enter(self)
  local status = C.kevy_version_of(s.handle, key, #key, out)
  if status < 0 then return fail(s, status, key) end
  leave(s)
  return setmetatable({ handle = ffi.gc(out[0], kevy_version_close) }, Version)
end

Version.__eq = function(a, b) return C.kevy_version_compare(a.handle, b.handle) == K.KEVY_OK end

-- ---- Others --------------------------------------------------------------------------------------

-- random_key(): any key, or nil when there is none. The command answers memory of its own; kevy_random_key lends.
function command:random_key()
  return self:command "RANDOMKEY"
end

-- command_resp(name, ...): the bytes that Redis would answer.
function command:command_resp(...)
  local list, n = { ... }, select("#", ...)
  local argv = arguments(list, n, "command_resp")
  local s = enter_with_reply(self)
  local status = C.kevy_call_resp(s.handle, n, argv, s.reply, s.text_out, s.length_out)
  if status < 0 then return fail(s, status, list) end
  local bytes = ffi.string(s.text_out[0], tonumber(s.length_out[0]))
  leave(s, list)
  return bytes
end

-- The next item of the reply; nil for nil.
local function read_next(s)
  local item = read(s)
  if item ~= null then return item end
end

return {
  null = null, methods = command, enter = enter_with_reply, read = read_next, replied = replied, run = run,
}
