-- app: what the tested nginx runs: one store per worker over HTTP, ticked by a timer.
--
--   PUT /KEY?ttl=S   GET /KEY   DELETE /KEY   POST /KEY (incr)   GET /KEY?ttl   and /pid, /door, /stats, /hot
--   POST /board/NAME?by=N (the new rank)   GET /board (the first ten)   GET /board/NAME (rank and score)
--   PUT /jobs/NAME (how many there are)   GET /jobs/NAME?wait=S (one, when there is one)   GET /filtered/NAME (waits too late)
--   GET /slow/NAME (computed within 0.3 s, kept, and which call it was)
--   PUT /user/ID?FIELD=VALUE&... (new fields)   GET /user/ID?field=F   GET /user/ID (all, sorted)

local kevy = require "kevy"

local app = { ticks = 0 }
local store

local computed = 0

local function compute(name)
  ngx.sleep(0.3)
  computed = computed + 1
  return name .. " " .. computed
end

function app.init_worker()
  store = assert(kevy.open { maxmemory = "64mb" })
  app.slow = require "kevy.cached"(store, compute, { prefix = "slow:", ttl = 60, lock = true })
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
  hot_views = function()
    local board, user = store:ZSet "hot board", store:Hash "hot user"
    for i = 1, 100000 do
      board:incr("player" .. i % 100, 1)
      user:set("field" .. i % 20, "value-" .. i)
      if user:get("field" .. i % 20) ~= "value-" .. i then return nil, "lost a field" end
    end
    return board:len() .. " " .. user:len() .. " " .. board:score "player1"
  end,
}

local function board(name)
  local z = store:ZSet "board"
  if name == "" then
    local lines = {}
    for rank, pair in ipairs(z:range(1, 10, { rev = true, withscores = true })) do
      lines[rank] = ("%d. %s %g"):format(rank, pair[1], pair[2])
    end
    return table.concat(lines, "\n")
  end
  if ngx.req.get_method() == "POST" then
    local score, why = z:incr(name, tonumber(ngx.var.arg_by) or 1)
    if not score then return nil, why end
  end
  local rank = z:rank(name, { rev = true })
  return rank and ("%d %g"):format(rank, z:score(name))
end

local function user(id)
  local h = store:Hash("user:" .. id)
  if ngx.req.get_method() == "PUT" then return h:set(ngx.req.get_uri_args()) end
  if ngx.var.arg_field then return h:get(ngx.var.arg_field) end
  local lines = {}
  for field, value in h:iter() do lines[#lines + 1] = field .. "=" .. value end
  table.sort(lines)
  return #lines > 0 and table.concat(lines, " ") or nil
end

local function jobs(name)
  local queue = store:List("jobs:" .. name)
  if ngx.req.get_method() == "PUT" then
    ngx.req.read_body()
    return queue:push(ngx.req.get_body_data())
  end
  return queue:wait_popleft(tonumber(ngx.var.arg_wait))
end

-- A filter of headers is a phase that cannot wait: its command answers at once.
function app.filter()
  if ngx.var.uri:find("^/filtered/") then
    ngx.header["X-Job"] = tostring(store:command("BLPOP", "jobs:nothing", 0))
  end
end

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
  local place, rest = key:match "^(%l+)/(.*)$"
  if key == "board" then return answer(board "") end
  if place == "board" then return answer(board(rest)) end
  if place == "jobs" then return answer(jobs(rest)) end
  if place == "filtered" then return answer "filtered" end
  if place == "slow" then return answer(app.slow(rest)) end
  if place == "user" then return answer(user(rest)) end
  return answer(methods[ngx.req.get_method()](key))
end

return app
