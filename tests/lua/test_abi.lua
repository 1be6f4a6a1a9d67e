-- lua: 5.4
-- The whole C ABI through libffi: require "kevy.abi". Every function is called at least once, and
-- nothing a script passes may crash the process.

local abi = require "kevy.abi"
local t = require "harness"

local same, check, raises = t.eq, t.ok, t.raises
local called = {}

-- The functions, noting which were called.
local c = setmetatable({}, { __index = function(_, name)
  local f = abi["kevy_" .. name]
  assert(f, name)
  called["kevy_" .. name] = true
  return f
end })

local function open(options)
  local status, s = c.open(options)
  same(status, abi.KEVY_OK, "kevy_open")
  return s
end

t.test("version", function()
  same(c.abi(), abi.KEVY_ABI)
  same(c.version(), abi.KEVY_VERSION)
  same(c.strerror(abi.KEVY_ENOTINT), "value is not an integer or out of range")
  check(#c.strerror(-9999) > 0)
  same(c.type_name(abi.KEVY_TYPE_ZSET), "zset")
end)

t.test("constants", function()
  same(abi.KEVY_NX, 1)
  same(abi.KEVY_NO_TTL, -1)
  same(abi.KEVY_MAX_LEN, 512 * 1024 * 1024)
  same(abi.KEVY_EEXPIRE, -17)
end)

t.test("options", function()
  local s <close> = open { url = "mem://", maxmemory = 64 << 20, policy = "noeviction", flags = abi.KEVY_THREADS }
  same(c.set(s, "k", "v", abi.KEVY_NO_TTL, 0), abi.KEVY_OK)
  local status, nothing = c.open { url = "nonesuch://" }
  same(status, abi.KEVY_EUNSUPPORTED)
  same(nothing, nil)
  check(c.errmsg(nil):find("mem"), "the message names what works")
  same(c.open { policy = "nonesuch" }, abi.KEVY_EARG)
  raises("no field 'nonesuch'", abi.kevy_open, { nonesuch = 1 })
  raises("no field 'size'", abi.kevy_open, { size = 8 })
  raises("no field", abi.kevy_open, { "mem://" })
  raises("zero byte", abi.kevy_open, { url = "mem://\0" })
  raises("zero byte", abi.kevy_open, { url = 5 })
  raises("out of range", abi.kevy_open, { maxmemory = -1 })
  raises("out of range", abi.kevy_open, { flags = 1 << 32 })
  raises("an integer", abi.kevy_open, { maxmemory = "64mb" })
  raises("table", abi.kevy_open, "mem://")
end)

t.test("named stores are one", function()
  local a <close> = open { url = "mem://test_abi" }
  local b <close> = open { url = "mem://test_abi" }
  same(c.set(a, "k", 5, abi.KEVY_NO_TTL, 0), abi.KEVY_OK)
  same(select(2, c.get(b, "k")), 5)
end)

t.test("scalars come back as they went in", function()
  local s <close> = open()
  local cases = {
    { "bytes\0\xff", "bytes\0\xff", abi.KEVY_BYTES },
    { "", "", abi.KEVY_BYTES },
    { { text = "ålice" }, "ålice", abi.KEVY_TEXT },
    { { bytes = "b" }, "b", abi.KEVY_BYTES },
    { math.mininteger, math.mininteger, abi.KEVY_INT },
    { math.maxinteger, math.maxinteger, abi.KEVY_INT },
    { { int = 3.0 }, 3, abi.KEVY_INT },
    { 2.5, 2.5, abi.KEVY_FLOAT },
    { 3.0, 3.0, abi.KEVY_FLOAT },
    { { float = 3 }, 3.0, abi.KEVY_FLOAT },
    { ("x"):rep(100000), ("x"):rep(100000), abi.KEVY_BYTES },
  }
  for _, case in ipairs(cases) do
    same(c.set(s, "k", case[1], abi.KEVY_NO_TTL, 0), abi.KEVY_OK)
    local status, value, kind = c.get(s, "k")
    same(status, abi.KEVY_OK)
    same(value, case[2])
    same(kind, case[3])
  end
  same(c.set(s, "k", 0 / 0, abi.KEVY_NO_TTL, 0), abi.KEVY_EARG, "NaN")
end)

t.test("bad scalars", function()
  local s <close> = open()
  local function set(value)
    return function() return abi.kevy_set(s, "k", value, -1, 0) end
  end
  for _, bad in ipairs { true, print, {}, { 5 }, { text = 5 }, { bytes = {} }, { int = 2.5 }, { int = "2" },
    { float = "2" }, { nonesuch = 1 }, { text = "a", bytes = "b" }, { [1.5] = 2 } } do
    raises("expected", set(bad))
  end
  raises("expected", set(nil))
  raises("string expected", abi.kevy_set, s, 5, "v", -1, 0)
  raises("string expected", abi.kevy_get, s, nil)
  raises("an integer expected", abi.kevy_set, s, "k", "v", "60", 0)
  raises("an integer expected", abi.kevy_set, s, "k", "v", 1.5, 0)
  raises("an integer expected", abi.kevy_set, s, "k", "v", 2 ^ 63, 0)
  raises("out of range", abi.kevy_set, s, "k", "v", -1, -1)
  raises("true", abi.kevy_set, s, "k", "v", -1, 0, 1)
  raises("takes 6 arguments, 7 given", abi.kevy_set, s, "k", "v", -1, 0, true, nil)
  raises("takes 0 arguments", abi.kevy_abi, 1)
  same(select(2, c.len(s)), 0, "nothing was written")
end)

t.test("set with the old value", function()
  local s <close> = open()
  local status, old, kind = c.set(s, "k", 1, -1, 0, true)
  same(status, abi.KEVY_OK)
  same(old, nil)
  same(kind, abi.KEVY_NIL)
  status, old, kind = c.set(s, "k", { text = "two" }, -1, abi.KEVY_NX, true)
  same(status, abi.KEVY_UNMET)
  same(old, 1)
  same(kind, abi.KEVY_INT)
  same(select("#", c.set(s, "k", "x", -1, 0)), 3, "what was not asked for is nil")
  same(c.set(s, "k", "x", 0, 0), abi.KEVY_EEXPIRE)
  same(select("#", c.set(s, "k", "x", 0, 0, true)), 1, "an error has no results")
end)

t.test("strings", function()
  local s <close> = open()
  same(c.set(s, "k", "hello", -1, 0), 0)
  same(select(2, c.append(s, "k", " you", 0, true)), 9)
  same(select(2, c.append(s, "k", "", 0)), nil)
  same(select(2, c.strlen(s, "k")), 9)
  same(c.strlen(s, "nobody"), abi.KEVY_MISSING)
  same(select(2, c.getrange(s, "k", -3, -1)), "you")
  same(select(2, c.setrange(s, "k", 0, "J", 0)), 9)
  same(c.setrange(s, "k", -1, "J", 0), abi.KEVY_ERANGE)
  same(select(2, c.getex(s, "k", 5000, 0)), "Jello you")
  local status, ttl = c.ttl(s, "k")
  check(status == 0 and ttl > 0 and ttl <= 5000, "a TTL from kevy_getex")
  same(select(2, c.getdel(s, "k")), "Jello you")
  same(c.get(s, "k"), abi.KEVY_MISSING)
  same(select(2, c.incr(s, "n", 41, 0)), 41)
  same(select(2, c.incr(s, "n", 1, 0)), 42)
  same(select(2, c.incr_float(s, "n", 0.5, 0)), 42.5)
  same(select(2, c.incr_float(s, "n", 1, 0)), 43.5, "an integer where C takes a double")
  same(c.incr(s, "n", 1, 0), abi.KEVY_ENOTINT)
end)

t.test("batches", function()
  local s <close> = open()
  same(c.mset(s, { "a", { text = "b" }, 3 }, { 1, { text = "two" }, 3.5 }, -1, 0), abi.KEVY_OK)
  local status, values, kinds = c.mget(s, { "a", "b", "missing", 3 })
  same(status, abi.KEVY_OK)
  same(values.n, 4)
  same(values[1], 1)
  same(values[2], "two")
  same(values[3], nil)
  same(values[4], 3.5)
  same(kinds[2], abi.KEVY_TEXT)
  same(kinds[3], abi.KEVY_NIL)
  same(select(2, c.mget(s, {})).n, 0)
  same(c.mset(s, { "a" }, { 2 }, -1, abi.KEVY_NX), abi.KEVY_UNMET)
  raises("as many values as before", abi.kevy_mset, s, { "a", "b" }, { 1 }, -1, 0)
  raises("expected", abi.kevy_mset, s, { "a" }, { {} }, -1, 0)
  raises("table expected", abi.kevy_mget, s, "a")
end)

t.test("keys", function()
  local s <close> = open()
  c.mset(s, { "a", "b" }, { 1, 2 }, -1, 0)
  same(c.exists(s, "a"), abi.KEVY_OK)
  same(c.touch(s, "z"), abi.KEVY_MISSING)
  same(select(2, c.type(s, "a")), abi.KEVY_TYPE_STRING)
  same(c.rename(s, "a", "c", 0), abi.KEVY_OK)
  same(c.rename(s, "c", "b", abi.KEVY_NX), abi.KEVY_UNMET)
  same(c.copy(s, "b", "d", 0), abi.KEVY_OK)
  same(c.copy(s, "b", "d", 0), abi.KEVY_UNMET)
  same(select(2, c.len(s)), 3)
  local status, key = c.random_key(s)
  check(status == 0 and (key == "b" or key == "c" or key == "d"), "a key at random")
  same(c.delete(s, "b"), abi.KEVY_OK)
  same(c.delete(s, "b"), abi.KEVY_MISSING)
  same(c.clear(s), abi.KEVY_OK)
  same(select(2, c.len(s)), 0)
  same(c.random_key(s), abi.KEVY_MISSING)
end)

t.test("time", function()
  local s <close> = open()
  same(c.debug_clock(s, 1000000), abi.KEVY_OK)
  same(select(2, c.now(s)), 1000000)
  c.set(s, "k", 1, 5000, 0)
  same(select(2, c.ttl(s, "k")), 5000)
  same(select(2, c.deadline(s, "k")), 1005000)
  same(c.expire(s, "k", 9000, abi.KEVY_LT), abi.KEVY_UNMET)
  same(c.expire(s, "k", 9000, abi.KEVY_GT), abi.KEVY_OK)
  same(c.persist(s, "k"), abi.KEVY_OK)
  same(select(2, c.ttl(s, "k")), abi.KEVY_NO_TTL)
  c.expire(s, "k", 1, 0)
  c.debug_clock(s, 2000000)
  same(c.get(s, "k"), abi.KEVY_MISSING)
  for i = 1, 50 do c.set(s, "k" .. i, i, 10, 0) end
  c.debug_clock(s, 3000000)
  local status, reclaimed = c.tick(s, 1000000, true)
  same(status, abi.KEVY_OK)
  same(reclaimed, 50)
  same(select(2, c.tick(s, 0)), nil)
end)

t.test("iteration", function()
  local s <close> = open()
  for i = 1, 100 do c.set(s, "key:" .. i, i, -1, abi.KEVY_TEXT_KEY) end
  c.set(s, "other", "x", -1, 0)
  local status, it = c.iter_open(s, "key:*", abi.KEVY_TYPE_NONE)
  same(status, abi.KEVY_OK)
  local seen, sum = 0, 0
  while true do
    local code, key, value, kkind, vkind = c.iter_next(it, true)
    if code == abi.KEVY_MISSING then break end
    same(key, "key:" .. value)
    same(kkind, abi.KEVY_TEXT)
    same(vkind, abi.KEVY_INT)
    same(c.iter_type(it), abi.KEVY_TYPE_STRING)
    c.delete(s, key)
    seen, sum = seen + 1, sum + value
  end
  same(seen, 100)
  same(sum, 5050)
  c.iter_close(it)
  c.iter_close(it)
  raises("kevy_iter is closed", abi.kevy_iter_next, it)
  same(select(2, c.len(s)), 1)
end)

t.test("snapshots", function()
  local s <close> = open()
  c.set(s, "k", "before", -1, 0)
  local status, moment = c.snapshot(s)
  same(status, abi.KEVY_OK)
  c.set(s, "k", "after", -1, 0)
  same(select(2, c.get(moment, "k")), "before")
  same(c.set(moment, "k", 1, -1, 0), abi.KEVY_EREADONLY)
  c.close(s)
  same(select(2, c.get(moment, "k")), "before", "a snapshot outlives its store")
  c.close(moment)
end)

t.test("pins", function()
  local s <close> = open()
  local big = ("0123456789"):rep(10000)
  c.set(s, "k", big, -1, 0)
  local status, pin, value = c.pin_value(s, "k")
  same(status, abi.KEVY_OK)
  check(value == big, "the pinned bytes")
  c.delete(s, "k")
  c.close(s)
  c.unpin(pin)
  c.unpin(pin)
  local t <close> = open()
  status, pin, value = c.pin_value(t, "missing")
  same(status, abi.KEVY_MISSING)
  same(pin, nil)
  same(value, nil)
end)

t.test("copies", function()
  local s <close> = open()
  c.set(s, "k", "0123456789", -1, 0)
  local status, value, kind = c.get_into(s, "k", 10)
  same(status, abi.KEVY_OK)
  same(value, "0123456789")
  same(kind, abi.KEVY_BYTES)
  status, value, kind = c.get_into(s, "k", 9)
  same(value, nil, "what does not fit")
  same(kind, abi.KEVY_BYTES)
  raises("out of range", abi.kevy_get_into, s, "k", -1)
end)

t.test("hashes", function()
  local s <close> = open()
  same(select(2, c.hset(s, "h", { "f", "n" }, { 1, 2.5 }, 0)), 2)
  same(select(2, c.hget(s, "h", "f")), 1)
  same(select(2, c.hget_into(s, "h", "f", 10)), 1)
  same(c.hget(s, "h", "x"), abi.KEVY_MISSING)
  same(select(2, c.hmget(s, "h", { "f", "x", "n" }))[3], 2.5)
  same(c.hexists(s, "h", "x"), abi.KEVY_MISSING)
  same(select(2, c.hlen(s, "h")), 2)
  same(select(2, c.hincr(s, "h", "f", 5, 0)), 6)
  same(select(2, c.hincr_float(s, "h", "f", 0.5, 0)), 6.5)
  same(c.hexpire(s, "h", "f", 5000, 0), abi.KEVY_OK)
  check(select(2, c.httl(s, "h", "f")) > 4000, "the field's time to live")
  local _, it <close> = c.iter_elements(s, "h", abi.KEVY_TYPE_HASH, 0)
  same(c.iter_next(it), abi.KEVY_OK)
  same(c.iter_elements(s, "h", abi.KEVY_TYPE_LIST, 0), abi.KEVY_EWRONGTYPE)
  same(select(2, c.hdel(s, "h", { "f", "x" })), 1)
end)

t.test("lists", function()
  local s <close> = open()
  same(c.push(s, "l", { "b", 3 }, 0), abi.KEVY_OK)
  same(c.push(s, "l", { "a" }, abi.KEVY_LEFT), abi.KEVY_OK)
  same(select(2, c.llen(s, "l")), 3)
  same(select(2, c.lindex(s, "l", -1)), 3)
  same(select(2, c.lindex_into(s, "l", 0, 10)), "a")
  same(c.lset(s, "l", 1, "B"), abi.KEVY_OK)
  same(c.lset(s, "l", 9, "B"), abi.KEVY_ERANGE)
  same(c.lsplice(s, "l", 1, 1, { "x", "y" }, 0), abi.KEVY_OK)
  same(select(2, c.pop(s, "l", 0)), 3)
  local status, value = c.pop_into(s, "l", abi.KEVY_LEFT, 10)
  same(status, abi.KEVY_OK)
  same(value, "a")
  c.push(s, "l", { "longer" }, 0)
  same(select(2, c.pop_into(s, "l", 0, 3)), nil)
  same(select(2, c.llen(s, "l")), 3)
  same(c.ltrim(s, "l", 0, 0), abi.KEVY_OK)
  same(select(2, c.llen(s, "l")), 1)
end)

t.test("sets and sorted sets", function()
  local s <close> = open()
  same(c.sadd(s, "s", { "a", "b" }, 0), abi.KEVY_OK)
  same(c.sismember(s, "s", "a"), abi.KEVY_OK)
  same(select(2, c.scard(s, "s")), 2)
  same(c.srem(s, "s", { "a" }), abi.KEVY_OK)
  same(select(2, c.scard(s, "s")), 1)
  same(c.zadd(s, "z", { "a", "b" }, { 1, 2.5 }, 0), abi.KEVY_OK)
  same(select(2, c.zscore(s, "z", "b")), 2.5)
  same(select(2, c.zincr(s, "z", "a", 5, 0, true)), 6.0)
  same(c.zrank(s, "z", "a", abi.KEVY_REV), abi.KEVY_OK)
  same(select(2, c.zcard(s, "z")), 2)
  same(c.zrem(s, "z", { "a" }), abi.KEVY_OK)
  same(select(2, c.zcard(s, "z")), 1)
end)

t.test("streams: the id is given and received", function()
  local s <close> = open()
  local status, id = c.xadd(s, "st", { ms = 5, seq = 7 }, { "f" }, { 1 }, 0)
  same(status, abi.KEVY_OK)
  same({ id.ms, id.seq }, { 5, 7 })
  status, id = c.xadd(s, "st", { ms = 5, seq = -1 }, { "f" }, { 1 }, 0)
  same({ status, id.ms, id.seq }, { abi.KEVY_OK, 5, 8 })
  status, id = c.xadd(s, "st", { ms = -1, seq = -1 }, { "f" }, { 1 }, 0)
  check(status == abi.KEVY_OK and id.ms > 1e12, "made from the time")
  same(c.xadd(s, "st", { ms = 5, seq = 8 }, { "f" }, { 1 }, 0), abi.KEVY_ERANGE)
  same(c.xadd(s, "st", {}, { "f" }, { 1 }, 0), abi.KEVY_ERANGE)
  same(select(2, c.xlen(s, "st")), 3)
  raises("table expected", c.xadd, s, "st", nil, { "f" }, { 1 }, 0)
end)

t.test("files are loaded in steps", function()
  local path = os.tmpname()
  local s <close> = open()
  same(c.set(s, "k", "v", -1, 0), abi.KEVY_OK)
  same(c.save(s, path, 0), abi.KEVY_OK)
  same(c.sync(s), abi.KEVY_OK) -- there is no log: nothing to wait for, to rewrite or to recover from
  check(c.rewrite(s) < 0)
  same({ c.mode(s), c.durability(s), c.recovery(s) }, { "memory", "none", "" })
  local started, job = c.save_start(s, path, 0)
  same(started, abi.KEVY_OK)
  same(c.job_wait(job, -1), abi.KEVY_OK)
  same(c.job_errmsg(job), "")
  same(select(2, c.job_progress(job)), 1)
  c.job_close(job)
  local other <close> = open()
  local status, loading = c.load_start(other, path, nil)
  same(status, abi.KEVY_OK)
  same(c.load_step(loading, 0), abi.KEVY_OK)
  same(select(3, c.load_progress(loading)), 1)
  c.load_close(loading)
  same(select(2, c.get(other, "k")), "v")
  same(c.load(other, path, nil), abi.KEVY_OK)
  local file <close> = assert(io.open(path, "rb"))
  same(c.load_bytes(other, file:read "a", { db = 0 }), abi.KEVY_OK)
  same(c.load_bytes(other, "no file", nil), abi.KEVY_ECORRUPT)
  local payload = select(2, c.dump(s, "k"))
  same(c.restore(other, "again", payload, -1, 0), abi.KEVY_OK)
  same(select(2, c.get(other, "again")), "v")
  os.remove(path)
  same(c.load_start(other, path, nil), abi.KEVY_EIO)
end)

t.test("waiting", function()
  local s <close> = open { flags = abi.KEVY_THREADS }
  local r <close> = c.reply_new()
  same(c.wait_call(s, { "SET", "k", "v" }, 0, r), abi.KEVY_OK)
  local status, w = c.wait_call(s, { "XREAD", "BLOCK", 0, "STREAMS", "st", "$" }, abi.KEVY_RESP, r)
  same(status, abi.KEVY_UNMET)
  check(c.wait_fd(w) >= 0, "a descriptor")
  same(c.wait_left(w), abi.KEVY_NO_TTL)
  same(c.wait_poll(w, 0), abi.KEVY_UNMET)
  same(c.xlen(s, "st"), abi.KEVY_MISSING)
  local other <close> = c.reply_new()
  same(c.call(s, { "XADD", "st", "*", "f", 1 }, other), abi.KEVY_OK)
  same(select(2, c.xlen(s, "st")), 1)
  same(c.wait_poll(w, 1000), abi.KEVY_OK)
  same(c.wait_end(w), abi.KEVY_OK)
  check(c.reply_bytes(r):find("^%*1\r\n"), "the bytes")
  c.wait_close(w)
end)

t.test("transactions, versions, sessions", function()
  local s <close> = open()
  local r <close> = c.reply_new()
  same(c.begin(s), abi.KEVY_OK)
  same(c.transaction_depth(s), 1)
  same(c.set(s, "k", 1, -1, 0), abi.KEVY_OK)
  same(c.rollback(s), abi.KEVY_OK)
  same(c.exists(s, "k"), abi.KEVY_MISSING)
  same(c.begin(s), abi.KEVY_OK)
  same(c.commit(s), abi.KEVY_OK)
  same(c.commit(s), abi.KEVY_ETRANSACTION)
  same(c.try_lock(s), abi.KEVY_OK)
  local _, a = c.version_of(s, "k")
  same(c.version_check(s, a), abi.KEVY_OK)
  same(c.set(s, "k", 1, -1, 0), abi.KEVY_OK)
  same(c.version_check(s, a), abi.KEVY_UNMET)
  local _, b = c.version_of(s, "k")
  same(c.version_compare(a, b), abi.KEVY_UNMET)
  c.version_close(a)
  c.version_close(b)
  local _, session = c.session_open(s)
  same(c.session_call(session, { "MULTI" }, abi.KEVY_RESP, r), abi.KEVY_OK)
  same(c.reply_bytes(r), "+OK\r\n")
  same(c.session_call(session, { "EXEC" }, 0, r), abi.KEVY_OK)
  same(c.session_protocol(session), 2)
  same(c.session_call_resp(session, { "HELLO", "3" }, r), abi.KEVY_OK)
  same(c.reply_bytes(r):sub(1, 4), "%7\r\n")
  same(c.session_protocol(session), 3)
  same(c.session_call_resp(session, { "GET", "missing" }, r), abi.KEVY_OK)
  same(c.reply_bytes(r), "_\r\n")
  local status, wait = c.session_wait(session, { "BLPOP", 5, 0 }, abi.KEVY_RESP, r)
  same(status, abi.KEVY_UNMET)
  c.wait_close(wait)
  same(c.reply_bytes(r), "_\r\n")
  c.session_close(session)
end)

t.test("messages", function()
  local s <close> = open()
  local r <close> = c.reply_new()
  local _, session = c.session_open(s)
  same(c.session_call(session, { "SUBSCRIBE", "c", "d" }, 0, r), abi.KEVY_OK)
  for _ = 1, 8 do
    same(c.reply_more(r), 1)
    c.reply_next(r)
  end
  same(c.reply_more(r), 0)
  check(c.session_push_fd(session) >= 0, "a descriptor")
  same(c.session_wait_push(session, 0), abi.KEVY_UNMET)
  same(c.call(s, { "PUBLISH", "c", "hello" }, r), abi.KEVY_OK)
  same(c.session_wait_push(session, -1), abi.KEVY_OK)
  same(c.session_next_push(session, abi.KEVY_RESP, r), abi.KEVY_OK)
  same(c.reply_bytes(r), "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n")
  same(c.session_next_push(session, 0, r), abi.KEVY_MISSING)
  c.session_wake(session)
  same(c.session_wait_push(session, -1), abi.KEVY_OK)
  same(c.set_push_limit(s, 10, 0, 0), abi.KEVY_OK)
  same(c.call(s, { "PUBLISH", "c", "hello" }, r), abi.KEVY_OK)
  same(c.session_next_push(session, 0, r), abi.KEVY_UNMET)
  c.session_close(session)
end)

t.test("windows", function()
  local s <close> = open()
  local status, w = c.serve(s, "127.0.0.1:0", { password = "pw", flags = abi.KEVY_WINDOW_WRITE, maxclients = 5 })
  same(status, abi.KEVY_OK)
  check(c.window_address(w):find("^127%.0%.0%.1:%d+$"))
  same(c.window_connections(w), 0)
  same(c.serve(s, "0.0.0.0:0"), abi.KEVY_EARG)
  check(c.errmsg(s):find("public"))
  same(c.set(s, "k", 1, -1, 0), abi.KEVY_OK)
  c.window_stop(w)
  c.window_close(w)
  local _, another = c.serve(s, "127.0.0.1:0")
  c.close(s)
  c.window_close(another)
end)

local function items(r)
  return function() return c.reply_next(r) end
end

t.test("commands", function()
  local s <close> = open()
  local r <close> = c.reply_new()
  same(c.call(s, { "SET", "k", 41 }, r), abi.KEVY_OK)
  local item = c.reply_next(r)
  same(item.type, abi.KEVY_REPLY_STATUS)
  same(item.value, "OK")
  same(c.reply_next(r).type, abi.KEVY_REPLY_END)
  same(c.call(s, { "MGET", "k", "missing" }, r), abi.KEVY_OK)
  local next_item = items(r)
  item = next_item()
  same(item.type, abi.KEVY_REPLY_ARRAY)
  same(item.count, 2)
  same(next_item().value, "41")
  same(next_item().type, abi.KEVY_REPLY_NIL)
  same(c.call(s, { "INCR", "k" }, r), abi.KEVY_OK)
  same(c.reply_next(r).value, 42)
  same(c.call(s, { "NONESUCH" }, r), abi.KEVY_ECOMMAND)
  item = c.reply_next(r)
  same(item.type, abi.KEVY_REPLY_ERROR)
  check(item.value:find("^ERR unknown command"), "the error of an unknown command")
  same(c.call(s, {}, r), abi.KEVY_EARG)
  same(c.call_typed(s, { "HSET", "h", "f", 2.5 }, r), abi.KEVY_OK)
  same(c.call_typed(s, { "HGET", "h", "f" }, r), abi.KEVY_OK)
  same(c.reply_next(r).value, 2.5)
  same(c.call_typed(s, { "GET", "h" }, r), abi.KEVY_EWRONGTYPE)
  same(c.call(s, { "SET", "k", 42 }, r), abi.KEVY_OK)
  same(select(2, c.call_resp(s, { "GET", "k" }, r)), "$2\r\n42\r\n")
  same(select(2, c.call_resp(s, { "GET" }, r)), "-ERR wrong number of arguments for 'get' command\r\n")
  c.reply_free(r)
  c.reply_free(r)
  raises("kevy_reply is closed", abi.kevy_reply_next, r)
  raises("kevy_reply is closed", abi.kevy_call, s, { "GET", "k" }, r)
end)

t.test("rows", function()
  local row, count = c.command(0), 0
  for _, field in ipairs { "name", "flags", "group", "since", "syntax", "summary" } do
    same(type(row[field]), "string", field)
  end
  same(math.type(row.arity), "integer")
  while c.command(count) do count = count + 1 end
  check(count > 40, "commands")
end)

t.test("watching", function()
  local s <close> = open()
  c.set(s, "k", "v", -1, 0)
  local figures, i = {}, 0
  while true do
    local status, name, value = c.info(s, i)
    if status ~= abi.KEVY_OK then break end
    figures[name], i = value, i + 1
  end
  same(figures.used_memory, c.used_memory(s))
  check(c.used_memory(s) > 0, "used memory")
  local status, bytes = c.memory_usage(s, "k")
  check(status == 0 and bytes > 0, "memory of a key")
  same(c.reset_stats(s), abi.KEVY_OK)
  same({ c.policy(s), c.set_policy(s, "allkeys-lru"), c.policy(s) }, { "noeviction", abi.KEVY_OK, "allkeys-lru" })
  same({ c.set_policy(s, "nonesuch"), c.set_policy(s, "noeviction") }, { abi.KEVY_EARG, abi.KEVY_OK })
  same({ c.fsync(s), c.set_fsync(s, "no") }, { "none", abi.KEVY_EUNSUPPORTED })
  same({ c.set_maxmemory(s, 1), c.set_maxmemory(s, 1 << 30), c.set_maxmemory(s, 0) }, { abi.KEVY_EOOM, abi.KEVY_OK, abi.KEVY_OK })
  c.debug_fail_alloc(s, 1)
  same(c.set(s, "big", ("x"):rep(100000), -1, 0), abi.KEVY_EOOM)
  check(#c.errmsg(s) > 0, "a message")
  same(c.get(s, "big"), abi.KEVY_MISSING)
  c.debug_fail_alloc(s, 0)
end)

t.test("events", function()
  local s <close> = open()
  c.debug_clock(s, 1000)
  same(c.listen(s, abi.KEVY_EVENT_EXPIRED | abi.KEVY_EVENT_VALUES, 0), abi.KEVY_OK)
  same(c.listen(s, 8, 0), abi.KEVY_EARG)
  c.set(s, "k", { text = "value" }, 5, 0)
  c.debug_clock(s, 2000)
  same(c.tick(s, 0), abi.KEVY_OK)
  local status, waiting, missed, bytes = c.events_waiting(s, true, true)
  same({ status, waiting, missed, bytes > 0 }, { abi.KEVY_OK, 1, 0, true })
  local status, event, kind, key, value = c.next_event(s, true)
  same({ status, event, kind, key, value }, { abi.KEVY_OK, abi.KEVY_EVENT_EXPIRED, abi.KEVY_TYPE_STRING, "k", "value" })
  same(c.next_event(s), abi.KEVY_MISSING)
  local r <close> = c.reply_new()
  c.set(s, "n", 7, 5, 0)
  c.debug_clock(s, 3000)
  c.tick(s, 0)
  same({ c.next_event_into(s, r) }, { abi.KEVY_OK, abi.KEVY_EVENT_EXPIRED, abi.KEVY_TYPE_STRING })
  same(c.next_event_into(s, r), abi.KEVY_MISSING)
end)

t.test("locks", function()
  local s <close> = open { flags = abi.KEVY_THREADS }
  raises("not locked", abi.kevy_unlock, s)
  c.lock(s)
  c.lock(s)
  same(c.set(s, "k", 1, -1, 0), 0)
  c.unlock(s)
  c.unlock(s)
  raises("not locked", abi.kevy_unlock, s)
  c.lock(s)
  c.close(s) -- leaves the lock first
end)

t.test("handles", function()
  local s = open()
  local r = c.reply_new()
  check(tostring(s):find("^kevy_store: "), tostring(s))
  raises("kevy_store expected, got kevy_reply", abi.kevy_get, r, "k")
  raises("kevy_reply expected, got kevy_store", abi.kevy_reply_next, s)
  raises("kevy_store expected", abi.kevy_get, nil, "k")
  raises("kevy_store expected", abi.kevy_get, io.stdout, "k")
  raises("kevy_store expected", abi.kevy_get, {}, "k")
  raises("kevy_store expected", abi.kevy_close, r)
  same(getmetatable(s), false)
  c.close(s)
  c.close(s)
  c.close(nil)
  same(tostring(s), "kevy_store (closed)")
  raises("kevy_store is closed", abi.kevy_get, s, "k")
  raises("kevy_store is closed", abi.kevy_lock, s)
  raises("kevy_store is closed", abi.kevy_errmsg, s)
  -- even the collector's method, dug out with the debug library, takes only its own kind
  local meta = debug.getmetatable(r)
  raises("kevy_reply expected", meta.__gc, io.stdout)
  raises("kevy_reply expected", meta.__gc)
  meta.__gc(r)
  meta.__gc(r)
end)

t.test("the collector releases what is dropped, in any order", function()
  for _ = 1, 20 do
    for _ = 1, 10 do
      local s = open()
      c.set(s, "k", ("x"):rep(1000), -1, 0)
      c.iter_open(s, "", abi.KEVY_TYPE_NONE)
      c.snapshot(s)
      c.pin_value(s, "k")
      c.reply_new()
    end
    collectgarbage()
  end
  c.set(open { url = "mem://test_abi_collected" }, "k", 1, -1, 0)
  collectgarbage()
  collectgarbage()
  local again <close> = open { url = "mem://test_abi_collected" }
  same(select(2, c.len(again)), 0, "a collected store was closed")
end)

t.test("a finalizer may call back", function()
  local s <close> = open { flags = abi.KEVY_THREADS }
  c.set(s, "k", ("v"):rep(5000), -1, 0)
  local runs = 0
  local function trap()
    setmetatable({}, { __gc = function()
      runs = runs + 1
      abi.kevy_set(s, "k", ("w"):rep(5000), -1, 0)
      abi.kevy_get(s, "k")
      if runs < 200 then trap() end
    end })
  end
  trap()
  for _ = 1, 5000 do
    local _, value = c.get(s, "k")
    if value ~= ("v"):rep(5000) and value ~= ("w"):rep(5000) then check(false, "a torn value") end
  end
  check(runs > 0, "the finalizer ran")
end)

t.test("nothing that is passed crashes", function()
  math.randomseed(tonumber(os.getenv "SEED") or 1)
  local names, pool = {}, {}
  for name, f in pairs(abi) do -- what saves would leave files about
    if type(f) == "function" and not name:find "^kevy_save" then names[#names + 1] = name end
  end
  table.sort(names)
  local function renew()
    local s = open { flags = abi.KEVY_THREADS }
    local closed = open()
    abi.kevy_close(closed)
    pool = {
      s, s, s, s, closed, select(2, abi.kevy_snapshot(s)), abi.kevy_reply_new(), abi.kevy_reply_new(),
      select(2, abi.kevy_iter_open(s, "*", 0)), select(2, abi.kevy_pin_value(s, "k")),
      "k", "k", "key", "", ("x"):rep(3000), "\0", 0, 0, 1, -1, 2, 5, 1000, math.maxinteger, math.mininteger, 0.5, -1.0,
      0 / 0, 1 / 0, true, false, {}, { "GET", "k" }, { "SET", "k", 5 }, { "k" }, { {} }, { text = "t" }, { int = 5 },
      { float = 1 }, { text = 5 }, { url = "mem://" }, { flags = 3 }, print, io.stdout, coroutine.create(print),
    }
  end
  local reached = 0
  -- Whatever an argument is refused for, another one is tried in its place, until the call is made.
  local function try(f)
    local arguments, n = {}, 7
    for _ = 1, 60 do
      local ok, message = pcall(f, table.unpack(arguments, 1, n))
      if ok then return true end
      local at, count = message:match "bad argument #(%d+)", message:match "takes (%d+) arguments"
      if not at and not count then return false end
      n = count or n
      if at then arguments[tonumber(at)] = pool[math.random(#pool)] end
    end
  end
  for round = 1, 4000 do
    if round % 200 == 1 then renew() end
    if try(abi[names[math.random(#names)]]) then reached = reached + 1 end
  end
  check(reached > 2000, "calls that reached the library: " .. reached)
  pool = {}
  collectgarbage()
  local s <close> = open()
  same(c.set(s, "k", 1, -1, 0), abi.KEVY_OK)
end)

t.test("every function was called", function()
  for name, f in pairs(abi) do
    check(type(f) ~= "function" or called[name], name .. " was never called")
  end
end)
