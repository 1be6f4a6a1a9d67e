-- views: the types of views: what makes them, as methods of a store, and their tables of methods.

local hash = require "kevy.ffi.hash"
local list = require "kevy.ffi.list"
local set = require "kevy.ffi.set"
local view = require "kevy.ffi.view"
local zset = require "kevy.ffi.zset"

local streams = {} -- all of it is in kevy/views/stream.lua

local types = {
  Hash = hash, List = list, Set = set, ZSet = zset,
  Stream = { methods = streams, new = view.define(view.new_type(), "kevy.Stream", streams) },
}

local views = { makers = {}, classes = {} }
for name, kind in pairs(types) do
  views.makers[name], views.classes[name] = kind.new, kind.methods
end

return views
