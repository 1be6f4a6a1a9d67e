-- library: libkevy.so for LuaJIT's ffi, checked against the declarations it is called by.
--
-- It is looked for as KEVY_LIB says (a file); else beside, above and two above each directory of
-- package.cpath, where the build and the installation put it; else as the system's linker finds "kevy".

local ffi = require "ffi"
local face = require "kevy.cdef"

if not pcall(ffi.typeof, "kevy_value") then ffi.cdef(face.cdef) end

local function exists(file)
  local f = io.open(file, "rb")
  if f then f:close() end
  return f ~= nil
end

local function find()
  local named = os.getenv "KEVY_LIB"
  if named and named ~= "" then return named end
  for template in package.cpath:gmatch "[^;]+" do
    local directory = template:match "^(.*)%?"
    if directory and directory:match "/$" then
      for _, way in ipairs { "", "../", "../../" } do
        local file = directory .. way .. "libkevy.so"
        if exists(file) then return file end
      end
    end
  end
  return "kevy"
end

local C = ffi.load(find())

if C.kevy_abi() ~= face.abi then
  error(("kevy.ffi was written for ABI %d of libkevy, and this one has %d")
    :format(face.abi, C.kevy_abi()), 0)
end

return C
