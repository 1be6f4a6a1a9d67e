-- The first things to do with kevy from Lua 5.4 or LuaJIT: lua5.4 quickstart.lua

local kevy = require "kevy"

local s = assert(kevy.open { maxmemory = "64mb" }) -- a write beyond it answers nil and a message

-- Strings and numbers come back as what they were.
s:set("user:1", "alice")
s:set("user:1:visits", 41)
s:set("user:1:score", 2.5)
print(s:get "user:1", s:get "user:1:visits", s:get "user:1:score", s:get "user:2")

-- Counters, and a lock that only one caller gets.
print(s:incr "user:1:visits", s:incr("user:1:score", 0.5))
print(s:set("lock", "worker-7", { ttl = 10, nx = true }))
print(s:set("lock", "worker-8", { ttl = 10, nx = true }))

-- Time to live, in seconds; nil is none.
s:set("session:9f", "user:1", 1800)
print(("%.0f s left"):format(s:ttl "session:9f"), s:ttl "user:1")

-- Many at once: all or none.
s:mset { a = 1, b = 2, c = 3 }
local values = s:mget { "a", "c", "z" }
print(values[1], values[2], values[3])

-- A snapshot, and iteration, see one moment, whatever is written meanwhile.
local moment = s:snapshot()
for key in s:scan { match = "user:1:*" } do s:delete(key) end
print(moment:exists("user:1", "user:1:visits"), s:exists("user:1", "user:1:visits"))
moment:close()

-- Collections are used through views: a hash, a list, a set, a sorted set.
local user = s:Hash "user:1:profile"
user:set { name = "alice", city = "Wien" }
print(user:get "name", user:incr("logins", 1), user:len())

local queue = s:List "queue"
queue:push("a", "b", "c")
queue[2] = "B"
print(queue[1], queue[-1], queue:popleft(), queue:len())

print(s:Set("tags"):add("lua", "c"), s:Set("tags"):has "c", #s:Set("tags"):union(s:Set "other"))

local board = s:ZSet "board"
board:add { ann = 10, bob = 30, cid = 20 }
board:incr("ann", 15)
print(board:rank("ann", { rev = true }), table.concat(board:range(1, 2, { rev = true }), " "))

-- A stream of entries, read by a group of consumers.
local log = s:Stream "log"
log:add { event = "login", user = 1 }
local mailers = log:group "mailers"
mailers:create "0"
for _, entry in ipairs(mailers:read "worker-1") do print(entry.fields.event, mailers:ack(entry.id)) end
s:delete("user:1:profile", "queue", "tags", "board", "log")

-- Redis commands on the same data.
print(s:command("INCRBY", "a", 41), s:command("TTL", "a"))

-- What can be expected to fail answers nil and why; misuse raises.
print(s:incr "session:9f")
print(pcall(s.set, s, {}, 1))
print(s:len(), s:used_memory() < 64 * 2 ^ 20)
s:close()
