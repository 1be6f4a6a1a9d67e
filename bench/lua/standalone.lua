-- standalone: measure.lua outside nginx: one "peer|case|keys|calls" a line in, one line of JSON out.
local measure = require "measure"

for line in io.lines() do
  local peer, case, keys, calls = line:match("^(.-)|(.-)|(%d+)|(%d+)$")
  local ns = measure(peer, case, math.floor(tonumber(keys)), math.floor(tonumber(calls)))
  print(("{\"ns\": %.2f}"):format(ns))
  io.stdout:flush()
end
