-- events: s:on_expire(f) and s:on_evict(f): functions that are called when keys went by themselves.
--
-- The engine notes what went; s:tick() tells of it when its own work is done, outside of every lock, so that what is called may
-- use the store, close it, or raise. What it raises goes to kevy's events.raised, which writes it to standard
-- error (in nginx: to the error log). A tick within what is called tells nothing.
--
-- For both doors, which give a store _listen(flags) and _next_event(): nothing, or the event's flag, the type, and {key, value}.

local K = require "kevy.cdef".constants
local EXPIRED, EVICTED, VALUES = K.KEVY_EVENT_EXPIRED, K.KEVY_EVENT_EVICTED, K.KEVY_EVENT_VALUES
local BATCH = 256 -- events told by one tick

local events = {}
local listening = setmetatable({}, { __mode = "k" }) -- a store: { [flag] = { fn =, value = }, telling = }

function events.raised(message)
  local ngx = rawget(_G, "ngx")
  local text = "kevy: a listener raised: " .. tostring(message)
  if ngx and ngx.log then ngx.log(ngx.ERR, text) else io.stderr:write(text, "\n") end
end

local function listen(s, flag, method, fn, options)
  if fn ~= nil and type(fn) ~= "function" then
    error(("bad argument #1 to '%s' (a function or nil expected)"):format(method), 3)
  end
  local mine = listening[s] or {}
  local before = mine[flag]
  mine[flag] = fn and { fn = fn, value = options and options.value } or nil
  local wanted, values = 0, false
  for _, which in ipairs { EXPIRED, EVICTED } do
    if mine[which] then wanted, values = wanted + which, values or mine[which].value end
  end
  local ok, why = s:_listen(values and wanted + VALUES or wanted)
  if not ok then
    mine[flag] = before
    return nil, why
  end
  listening[s] = wanted ~= 0 and mine or nil
  return true
end

-- on_expire(fn, { value = true }): fn(key, type, value) is called for every key that expires; nil ends it. value is a
-- string's or number's, where it was asked for and is at most 64 KiB. True; nil, why not.
function events.on_expire(s, fn, options)
  return listen(s, EXPIRED, "on_expire", fn, options)
end

-- on_evict(fn, { value = true }): the same for keys that are evicted.
function events.on_evict(s, fn, options)
  return listen(s, EVICTED, "on_evict", fn, options)
end

-- Tells of what waits.
local function tell_all(s, mine)
  for _ = 1, BATCH do
    local flag, kind, pair = s:_next_event()
    if not flag then return end
    local listener = mine[flag]
    if listener then
      local ok, message = pcall(listener.fn, pair[1], kind, listener.value and pair[2] or nil)
      if not ok then events.raised(message) end
    end
  end
end

-- What tick() answers, once what waits was told.
function events.told(s, ...)
  local mine = listening[s]
  if mine and not mine.telling then
    mine.telling = true
    pcall(tell_all, s, mine) -- a listener may have closed the store
    mine.telling = nil
  end
  return ...
end

return events
