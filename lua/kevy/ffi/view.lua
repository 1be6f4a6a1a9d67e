-- view: hash, list, set, zset and stream of a key, as objects of LuaJIT's ffi: what all of them share.
--
-- A view is bound to a key, not to what it holds: it sees later writes, and is empty while there is no such key. The
-- key's bytes are in its struct; its store's object is kept alive by the table `stores`. Here are the ways that hold for
-- every type: making one, its name, and commands in typed form, which kevy/views/*.lua makes the rest of the methods
-- of, for both doors. handle.lua has the rule that methods keep.

local ffi = require "ffi"
local C = require "kevy.library"
local face = require "kevy.cdef"
local command = require "kevy.ffi.command"
local handle = require "kevy.ffi.handle"
local scan = require "kevy.ffi.scan"
local values = require "kevy.ffi.values"
local options = require "kevy.options"

local K = face.constants
local TEXT, TYPED, CAPACITY = K.KEVY_TEXT, K.KEVY_TYPED, handle.CAPACITY
local enter, leave, fail = handle.enter, handle.leave, handle.fail
local held, fill, array, kind_of = values.held, values.fill, values.array, values.kind_of
local ffi_new, ffi_istype, ffi_string, select = ffi.new, ffi.istype, ffi.string, select

local view = {}

local stores = setmetatable({}, { __mode = "k" }) -- the store of each view

-- A new type of view: every one is a type of its own.
local function new_type()
  return ffi.typeof "struct { uint32_t _klen; char _key[?]; }"
end

local function no_view()
  error("bad argument #1 (a view of its type expected: call it as view:method(...))", 4)
end

-- The store of self, which must be a view of that type.
local function store_of(view_t, self)
  if not ffi_istype(view_t, self) then no_view() end
  return stores[self]
end
view.store_of = store_of

-- Begins a call: the store to work on, to be given to leave(). A closed store raises.
function view.enter(view_t, self)
  return enter(store_of(view_t, self))
end

-- Ends a call whose value is in the store's buffer. What is too long for it is read by the command that is called as
-- view:_call{...}.
function view.ended(s, status, self, ...)
  if status == 0 then
    if s.kind <= TEXT and s.length > CAPACITY then
      leave(s)
      return self:_call { ... }
    end
    local value = held(s)
    leave(s, ...)
    return value
  end
  if status < 0 then return fail(s, status, ...) end
  leave(s)
  return nil
end

-- The ends of calls that answer a count, true, and whether the status is KEVY_OK. What follows stays reachable.
function view.counted(s, status, ...)
  if status < 0 then return fail(s, status, ...) end
  local count = tonumber(s.count_out[0])
  leave(s, ...)
  return count
end

function view.truly(s, status, ...)
  if status < 0 then return fail(s, status, ...) end
  leave(s, ...)
  return true
end

function view.whether(s, status, ...)
  if status < 0 then return fail(s, status, ...) end
  leave(s, ...)
  return status == 0
end

-- A method that writes its arguments by write(handle, view, k, values, flags, count), and one of a table and flags.
function view.writer(view_t, write, kind, method, flags)
  return function(self, first, ...)
    local n = select("#", ...)
    if n == 0 then
      local first_kind = kind(first, method, 1)
      local s = view.enter(view_t, self)
      fill(s.input, first_kind, first)
      s.count_out[0] = 0
      return view.counted(s, write(s.handle, self, 1, s.input, flags, s.count_out), first)
    end
    local list = { first, ... }
    local items = array(list, n + 1, kind, method, 1)
    local s = view.enter(view_t, self)
    s.count_out[0] = 0
    return view.counted(s, write(s.handle, self, n + 1, items, flags, s.count_out), list)
  end
end

function view.list_writer(view_t, write, kind)
  return function(self, list, flags)
    local n = #list
    local items = array(list, n, kind, "_write", 1)
    local s = view.enter(view_t, self)
    return view.counted(s, write(s.handle, self, n, items, flags, s.count_out), list)
  end
end

-- A method that removes its arguments by remove(handle, view, k, members, removed).
function view.remover(view_t, remove, method)
  return view.writer(view_t, function(store, self, k, members, _, removed)
    return remove(store, self, k, members, removed)
  end, values.member_kind, method, 0)
end

-- has(member), by ask(handle, view, member).
function view.asker(view_t, ask)
  return function(self, member)
    local kind = values.member_kind(member, "has", 1)
    local s = view.enter(view_t, self)
    fill(s.input, kind, member)
    return view.whether(s, ask(s.handle, self, s.input), member)
  end
end

-- len(), by count(handle, view, out).
function view.counter(view_t, count)
  return function(self)
    local s = view.enter(view_t, self)
    return view.counted(s, count(s.handle, self, s.count_out))
  end
end

-- iter(); the option rev is for types with an order.
function view.iterator(view_t, kind, shape, ordered)
  return function(self, given)
    local flags = 0
    if ordered and given ~= nil then flags = options.read(given, "iter", "iter", 1) end
    return scan.elements(store_of(view_t, self), self, kind, flags, shape)
  end
end

-- ---- Of every type -------------------------------------------------------------------------------

local every = {}

-- key(): the key that it is a view of. store(): the store.
function every:key()
  if not stores[self] then no_view() end
  return ffi_string(self._key, self._klen)
end

function every:store()
  return stores[self] or no_view()
end

-- _call{name, ...}: the typed reply to a command, in which views stand for their keys.
function every:_call(list)
  local store, n = stores[self] or no_view(), #list
  for i = 1, n do
    local other = type(list[i]) == "cdata" and stores[list[i]]
    if other then
      if not rawequal(other, store) then error("the views are of different stores", 3) end
      list[i] = list[i]:key()
    end
  end
  local argv = array(list, n, kind_of, "_call", 1)
  return command.run(store, TYPED, n, argv, list, true)
end

-- ---- Types ---------------------------------------------------------------------------------------

-- What operators do, which have no place for nil, message: raise.
local function or_raise(first, ...)
  if first == nil then error((...), 3) end
  return first, ...
end

-- Makes the type of views of that name: methods gets what every type has (and from kevy.lua, before any is made, what
-- both doors share), extra is added to the metatable. Answers the maker of views, a method of stores.
function view.define(view_t, name, methods, extra)
  for method, f in pairs(every) do methods[method] = f end
  setmetatable(methods, { __index = function() end })
  local meta = {
    __index = methods,
    __len = function(self) return (or_raise(methods.len(self))) end,
    __pairs = function(self) return or_raise(methods.iter(self)) end,
    __tostring = function(self) return name .. ": " .. methods.key(self) end,
  }
  for event, f in pairs(extra or {}) do meta[event] = f end
  ffi.metatype(view_t, meta)
  return function(self, key)
    if type(key) ~= "string" then values.check_key(key, name:match "%a+$", 1) end
    leave(enter(self))
    local v = ffi_new(view_t, #key)
    v._klen = #key
    ffi.copy(v._key, key, #key)
    stores[v] = self
    return v
  end
end

view.new_type, view.or_raise = new_type, or_raise

return view
