-- app: what the tested nginx runs: one store per worker over HTTP, ticked by a timer.
--
--   PUT /KEY?ttl=S   GET /KEY   DELETE /KEY   POST /KEY (incr)   GET /KEY?ttl   and /pid, /door, /stats, /hot

local kevy = require "kevy"

local app = { ticks = 0 }
local store

function app.init_worker()
  store = assert(kevy.open { maxmemory = "64mb" })
  assert(ngx.timer.every(0.05, function(premature)
    if premature then return end
    store:tick(0.001)
    app.ticks = app.ticks + 1
  end))
end

local function answer(value, failure)
  if value == nil then
    ngx.status = failure and 400 or 404
    ngx.print(failure or "no such key")
  else
    ngx.print(tostring(value))
  end
end

local pages = {
  pid = function() return ngx.worker.pid() end,
  door = function() return kevy.door end,
  stats = function()
    local info = store:info()
    return ("ticks=%d keys=%d expired=%d"):format(app.ticks, info.keys, info.expired)
  end,
  -- Long enough for the compiler to take the hot path over, with garbage for the collector.
  hot = function()
    local sum = 0
    for i = 1, 200000 do
      local key = "hot:" .. i % 1000
      store:set(key, "value-" .. i, i % 3 == 0 and 60 or nil)
      if store:get(key) ~= "value-" .. i then return nil, "lost " .. key end
      sum = sum + store:incr "hot"
    end
    return sum
  end,
}

local methods = {
  GET = function(key)
    if ngx.var.arg_ttl then return store:ttl(key) end
    return store:get(key)
  end,
  PUT = function(key)
    ngx.req.read_body()
    return store:set(key, ngx.req.get_body_data() or "", tonumber(ngx.var.arg_ttl))
  end,
  DELETE = function(key) return store:delete(key) end,
  POST = function(key) return store:incr(key, tonumber(ngx.var.arg_by)) end,
}

function app.handle()
  local key = ngx.var.uri:sub(2)
  local page = pages[key]
  if page then return answer(page()) end
  return answer(methods[ngx.req.get_method()](key))
end

return app
