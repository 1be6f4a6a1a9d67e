-- handle: the object of a store on LuaJIT, and the rule that keeps it safe.
--
-- Any step of the interpreter that allocates, even reading a pointer out of a struct, may run the
-- collector, and with it a finalizer that calls the same store again, or closes it. (On a compiled trace
-- no finalizer runs, but leaving one may run it: wherever a condition can turn out otherwise.) Therefore:
--   * A method that calls the engine marks its store busy from enter() to leave(). A nested method finds
--     it busy and works on an alias: the same engine handle with buffers of its own. A nested close()
--     only marks the store; leave() closes it. So handle and buffers stay put under a method's feet. A mark is
--     read and written with no condition between them.
--   * What the engine lends dies with the next call on the store, and a nested method is one. So a value is
--     taken in the single C call that finds it, which copies it into the store's buffer (kevy_get_into),
--     or read from a pin, an iterator, a reply or a snapshot of the method's own.
--   * A Lua string whose address is written to C memory stays reachable until the call is over.
-- A memory error, or a debug hook that raises, may leave a store busy for good: it then works through aliases,
-- and the collector closes it.

local ffi = require "ffi"
local C = require "kevy.library"
local face = require "kevy.cdef"

-- What finalizers call is looked up now: when a Lua state closes, the library is closed before they run.
local kevy_close, kevy_reply_free = C.kevy_close, C.kevy_reply_free

local ffi_new, ffi_string, ffi_istype, ffi_gc = ffi.new, ffi.string, ffi.istype, ffi.gc
local band, bor = bit.band, bit.bor
local ECLOSED, EOOM = face.constants.KEVY_ECLOSED, face.constants.KEVY_EOOM

local IDLE, BUSY, CLOSED, CLOSING = 0, 1, 2, 3 -- CLOSING is both
local CAPACITY = 4096 -- bytes of a store's buffer; longer values are pinned

-- A kevy_value by the names of its parts; no string is longer than 31 bits can say. Reading kind and length
-- allocates nothing, and int32_t is what compiled code holds without conversions.
local PARTS = [[
  union {
    kevy_value value;
    struct {
      int32_t kind, reserved, ]] .. (ffi.abi "le" and "length, high" or "high, length") .. [[;
      union { const char *bytes; int64_t integer; double number; };
    };
  };
]]

local store_t = ffi.typeof([[struct {
  kevy_store *handle;
  kevy_reply *reply;    /* memory of command replies, made by the first command */
  int32_t busy;         /* IDLE, BUSY, CLOSED, CLOSING */
  int32_t alias;        /* 1: the handle belongs to another object */
  int32_t nested;       /* 1: an alias has been at work since this was last 0 */
]] .. PARTS .. [[
  kevy_value input;
  kevy_item item;
  int64_t integer_out[1];
  uint64_t count_out[1];
  double number_out[1];
  int32_t type_out[1];
  const char *text_out[1];
  size_t length_out[1];
  kevy_store *store_out[1];
  kevy_pin *pin_out[1];
  kevy_wait *wait_out[1];
  char buffer[]] .. CAPACITY .. [[];
}]])

local handle = { store_t = store_t, CAPACITY = CAPACITY, PARTS = PARTS }

local function no_store()
  error("bad argument #1 (a store expected: call it as store:method(...))", 4)
end

-- Mark an object busy, and no longer busy: what its mark was.
local function mark(object)
  local was = object.busy
  object.busy = bor(was, BUSY)
  return was
end
handle.mark = mark

local function unmark(object)
  local was = object.busy
  object.busy = band(was, CLOSED)
  return was
end
handle.unmark = unmark

-- What a call works on that found the store busy or closed.
local function alias(self, was)
  if was ~= BUSY then
    if was == CLOSED then self.busy = CLOSED end
    error(face.errors[ECLOSED].message, 4)
  end
  local other = ffi_new(store_t)
  other.handle, other.alias, other.busy = self.handle, 1, BUSY
  self.nested = 1
  return other
end

-- Begins a call: the store to work on, to be given to leave(). A closed store raises.
function handle.enter(self)
  if not ffi_istype(store_t, self) then no_store() end
  local was = mark(self)
  if was ~= IDLE then return alias(self, was) end
  return self
end

local function close_now(self)
  self.busy = CLOSED
  kevy_close(self.handle)
  self.handle = nil
end

local function leave(self)
  if unmark(self) == CLOSING then close_now(self) end
end
handle.leave = leave

function handle.close(self)
  if not ffi_istype(store_t, self) then no_store() end
  if self.busy == IDLE then
    close_now(self)
  elseif self.busy == BUSY then
    self.busy = CLOSING
  end
end

-- The finalizer: nobody is inside any more.
function handle.collect(self)
  if self.reply ~= nil then kevy_reply_free(self.reply) end
  if self.alias == 0 and self.busy ~= CLOSED then close_now(self) end
end

function handle.is_closed(self)
  return self.busy == CLOSED or self.busy == CLOSING
end

-- Ends a call that failed: nil, message. The store's own message has the detail, unless a nested call may have
-- replaced it; memory may have failed where the store has not heard of it. Without the code that commands put before
-- it, which is for who speaks in commands: fail_coded has it.
function handle.fail(self, status)
  local _, message = handle.fail_coded(self, status)
  return nil, (message:gsub("^ERR ", "", 1):gsub("^WRONGTYPE ", "", 1))
end

function handle.fail_coded(self, status)
  local message = ffi_string(C.kevy_errmsg(self.handle))
  if self.nested ~= 0 or status == EOOM then
    self.nested = 0
    message = ffi_string(C.kevy_strerror(status))
  end
  leave(self)
  if status == ECLOSED then error(message, 4) end
  return nil, message
end

-- A snapshot to read from, closed by drop_moment() or the collector: what it lends is disturbed by nobody.
-- nil, status when there is no memory for it.
function handle.take_moment(self)
  local status = C.kevy_snapshot(self.handle, self.store_out)
  if status < 0 then return nil, status end
  return ffi_gc(self.store_out[0], kevy_close)
end

function handle.drop_moment(moment)
  kevy_close(ffi_gc(moment, nil))
end

return handle
