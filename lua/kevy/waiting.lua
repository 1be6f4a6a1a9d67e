-- waiting: how a command that blocks (BLPOP, XREAD BLOCK, ...) passes its time until it is served or times out.
--
-- Plain Lua waits in the engine: other threads of the process may write. Where the time belongs to others, in nginx's
-- worker and under any scheduler of coroutines, it sleeps between looks: waiting.sleep is then a function of seconds that
-- lets the others run. nginx has one of its own, but not in every phase: in the others a command answers at once.
--
-- What waits is an object of the door's: over(ms) blocks for so long (-1: without limit) and tells whether it is over, left()
-- is the seconds until its timeout or nil, close() gives it up.

local waiting = { sleep = nil }

local SHORTEST, LONGEST, GROWTH = 0.001, 0.03, 1.3 -- seconds between looks

-- The phases of nginx in which ngx.sleep may be called.
local YIELDING = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true, preread = true, ssl_cert = true,
  ssl_session_fetch = true, ssl_client_hello = true,
}

-- What to sleep with: a function; nil where the thread may block; false where nobody may wait.
function waiting.sleeper()
  local ngx = rawget(_G, "ngx")
  if waiting.sleep or not (ngx and ngx.get_phase) then return waiting.sleep end
  return YIELDING[ngx.get_phase()] and ngx.sleep or false
end

local function sleep_until_over(wait, sleep)
  local pause = SHORTEST
  while not wait:over(0) do
    local ok, message = pcall(sleep, math.min(pause, wait:left() or pause))
    if not ok then
      wait:close()
      error(message, 0)
    end
    pause = math.min(pause * GROWTH, LONGEST)
  end
end

-- Returns when the command is over, or may not wait. resumable: whether coroutines can be left from here. sleep, if given,
-- is what to sleep with.
function waiting.pass(wait, resumable, sleep)
  if sleep == nil then sleep = waiting.sleeper() end
  if sleep and resumable then
    sleep_until_over(wait, sleep)
  elseif sleep == nil then
    repeat until wait:over(-1) -- a signal ends it early, and its hook runs
  end
end

return waiting
