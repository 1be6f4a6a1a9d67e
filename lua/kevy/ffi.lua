-- ffi: kevy's door for LuaJIT, over libkevy.so through the ffi library. It behaves as kevy.core does.
--
-- A store is a struct of LuaJIT's ffi with the methods of kevy/ffi/*.lua; handle.lua has the rule that all of
-- them keep. `require "kevy"` gives this door where the JIT compiler is on.

local ffi = require "ffi"
local C = require "kevy.library"
local handle = require "kevy.ffi.handle"
local command = require "kevy.ffi.command"
local keys = require "kevy.ffi.keys"
local scan = require "kevy.ffi.scan"
local store = require "kevy.ffi.store"
local strings = require "kevy.ffi.strings"
local views = require "kevy.ffi.views"
local window = require "kevy.ffi.window"

local methods = {}
for _, part in ipairs { strings, keys, scan.methods, command.methods, store.methods, views.makers, window } do
  for name, method in pairs(part) do methods[name] = method end
end

-- A name that is no method reads as nil.
setmetatable(methods, { __index = function() end })

ffi.metatype(handle.store_t, {
  __index = methods,
  __gc = handle.collect,
  __len = keys.len,
  __pairs = scan.methods.iter,
  __tostring = function(self)
    if handle.is_closed(self) then return "kevy.Store (closed)" end
    return ("kevy.Store: 0x%x"):format(tonumber(ffi.cast("uintptr_t", ffi.cast("void *", self))))
  end,
})

return {
  open = store.open, null = command.null, classes = views.classes, version = ffi.string(C.kevy_version()), door = "ffi",
}
