-- int64: LuaJIT's 64-bit integers as two numbers that doubles hold exactly: the high 32 bits with the
-- sign, and the low 32 bits. The C module, which cannot look into cdata, uses it both ways.

local ffi = require "ffi"

local int64_t, uint64_t = ffi.typeof "int64_t", ffi.typeof "uint64_t"
local HALF = int64_t(2) ^ 32
local LARGEST = uint64_t(2) ^ 63 - 1

local int64 = {}

-- The int64_t whose halves are high and low.
function int64.join(high, low)
  return int64_t(high) * HALF + int64_t(low)
end

-- The integer in x (int64_t or uint64_t) as high, low; false when x is something else, true when it
-- is beyond the range of int64_t.
function int64.split(x)
  if ffi.istype(uint64_t, x) then
    if x > LARGEST then return true end
    x = int64_t(x)
  elseif not ffi.istype(int64_t, x) then
    return false
  end
  local low = x % HALF
  if low < 0 then low = low + HALF end
  return tonumber((x - low) / HALF), tonumber(low)
end

return int64
