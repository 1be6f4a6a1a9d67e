"""Scripts: what other parts of kevy see of them, and what they cannot do to the process. What they answer is in
tests/conformance/script.txt."""

import hashlib
import subprocess
import sys
import threading

import kevy
import pytest

UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end"

# A sliding window over a sorted set, as rate limiters have it.
WINDOW = """
local now, length, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - length)
if redis.call('ZCARD', KEYS[1]) >= limit then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('PEXPIRE', KEYS[1], length)
return 1
"""

# A bucket that fills again with time, in a hash.
BUCKET = """
local rate, room, now, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local last = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(last[1]) or room, tonumber(last[2]) or now
tokens = math.min(room, tokens + math.max(0, now - at) * rate)
local allowed = tokens >= wanted
if allowed then tokens = tokens - wanted end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
return {allowed and 1 or 0, tostring(tokens)}
"""


@pytest.fixture
def s():
    with kevy.Store() as store:
        yield store


def test_a_lock_is_released_by_its_owner_alone(s):
    assert s.command("SET", "lock", "mine", "NX", "PX", 10000) == "OK"
    assert s.command("EVAL", UNLOCK, 1, "lock", "other") == 0
    assert s.command("EVAL", UNLOCK, 1, "lock", "mine") == 1
    assert "lock" not in s


def test_a_sliding_window(s):
    sha = s.command("SCRIPT", "LOAD", WINDOW)
    assert sha == hashlib.sha1(WINDOW.encode()).hexdigest().encode()
    allowed = [s.command("EVALSHA", sha, 1, "w", 1000 + i, 100, 3, "call %d" % i) for i in range(5)]
    assert allowed == [1, 1, 1, 0, 0]
    assert s.command("EVALSHA", sha, 1, "w", 1102, 100, 3, "later") == 1
    assert s.command("ZCARD", "w") == 1


def test_a_token_bucket(s):
    answers = [s.command("EVAL", BUCKET, 1, "b", 0.5, 2, now, 1) for now in (10, 10, 10, 11, 12)]
    assert answers == [[1, b"1"], [1, b"0"], [0, b"0"], [0, b"0.5"], [1, b"0"]]


def test_a_script_is_one_step_for_other_threads():
    """Two keys that a script keeps equal are never seen apart."""
    with kevy.Store() as s:
        s.command("MSET", "a", 0, "b", 0)
        done = threading.Event()

        def write():
            for _ in range(300):
                s.command("EVAL", "redis.call('INCR', 'a') redis.call('INCR', 'b')", 0)
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not done.is_set():
            a, b = s.command("MGET", "a", "b")
            assert a == b
        writer.join()
        assert s.command("MGET", "a", "b") == [b"300", b"300"]


def test_what_a_script_does_is_logged_as_one(tmp_path):
    url = "file://%s" % tmp_path
    with kevy.open(url) as s:
        s.command("EVAL", "redis.call('SET', 'k', 1) redis.call('RPUSH', 'l', 'a', 'b') redis.call('GET', 'k')", 0)
    text = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*incr.aof")))
    words = [line for line in text.split(b"\r\n") if line.isalpha()]
    assert words[:1] == [b"MULTI"] and words[-1] == b"EXEC" and b"EVAL" not in words
    with kevy.open(url) as s:
        assert s.command("GET", "k") == b"1" and s.command("LRANGE", "l", 0, -1) == [b"a", b"b"]


def test_time_stands_still_in_a_script(s):
    text = """redis.call('SET', 'k', 'v', 'PX', 1)
              for i = 1, 300000 do end
              local first = redis.call('TIME')
              for i = 1, 300000 do end
              local second = redis.call('TIME')
              return {first[1] == second[1] and first[2] == second[2], redis.call('EXISTS', 'k')}"""
    assert s.command("EVAL", text, 0) == [1, 1]


def test_a_transaction_undoes_a_script(s):
    s["k"] = "before"
    with pytest.raises(kevy.CommandError):
        with s.transaction():
            s.command("EVAL", "redis.call('SET', 'k', 'after') redis.call('NOSUCH')", 0)
    assert s["k"] == "before"


def test_a_snapshot_runs_scripts_that_read(s):
    s["k"] = "v"
    with s.snapshot() as before:
        s["k"] = "w"
        assert before.command("EVAL", "return redis.call('GET', 'k')", 0) == b"v"
        with pytest.raises(kevy.Error, match="READONLY|read only|snapshot"):
            before.command("EVAL", "return redis.call('SET', 'k', 1)", 0)


def test_maxmemory_holds_in_a_script():
    with kevy.Store(maxmemory="2mb") as s:
        with pytest.raises(kevy.Error, match="maxmemory|OOM"):
            s.command("EVAL", "for i = 1, 100 do redis.call('SET', i, string.rep('x', 100000)) end", 0)
        assert s.info()["used_memory"] <= 2 << 20


def test_stores_have_scripts_of_their_own(s):
    sha = s.command("SCRIPT", "LOAD", "return 1")
    with kevy.Store() as other:
        assert other.command("SCRIPT", "EXISTS", sha) == [0]
    assert s.command("SCRIPT", "EXISTS", sha) == [1]


HOSTILE = [
    "local s = 'x' while true do s = s .. s end",
    "return string.rep('x', 1e9)",
    "return #string.rep('', 1e18)",
    "local function f() return f(f()) end return f()",
    "local function f() return pcall(f) end return f()",
    "local function f() return coroutine.wrap(f)() end return f()",
    "return unpack({}, -2147483648, 2147483647)",
    "return unpack({}, 1, 1e8)",
    "return bit.tohex(1, -2147483648)",
    "return bit.tohex(1, 0/0)",
    "return string.find(string.rep('a', 300000), string.rep('a?', 300000))",
    "return string.rep('a', 300000):match(string.rep('.-', 300000))",
    "local t = {} t[1] = t return t",
    "local t = {} t.map = t return t",
    "local t = {} t.set = {[t] = true} return t",
    "local t = {} for i = 1, 100000 do t = {t} end return t",
    "cjson.encode_max_depth(1e9) local t = {} for i = 1, 200000 do t = {t} end return cjson.encode(t)",
    "cjson.decode_max_depth(1e9) return cjson.decode(string.rep('[', 1000000))",
    "local s = string.rep('x', 2e7) local t = {} for i = 1, 200 do t[i] = s end return cjson.encode(t)",
    "local s = string.rep('x', 2e7) local t = {} for i = 1, 200 do t[i] = s end return cjson.new().encode(t)",
    "return loadstring('\\27Lua')",
    "return load(function() error('x') end)",
    "return loadstring('return ' .. string.rep('(', 100000))",
    "return loadstring('return ' .. string.rep('{', 100000))",
    "return string.format('%' .. string.rep('9', 200) .. 'd', 1)",
    "table.sort({3, 2, 1, 5, 4}, function() return true end)",
    "error(setmetatable({}, {__index = function() error('x') end}))",
    "error({})",
    "error(string.rep('x', 1e6))",
    "return string.byte(string.rep('x', 1e6), 1, -1)",
    "return redis.call(unpack({}, 1, 7000))",
    "redis.setresp(0/0)",
    "redis.set_repl(1e300)",
    "return struct.pack('i', 1)",
    "return cmsgpack.pack(1)",
    "return collectgarbage('setpause', 1e9)",
    "\x1bLua",
    "#!lua\n\x1bLua",
    "\x00",
    "",
]


@pytest.mark.parametrize("script", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_scripts_answer(s, script):
    try:
        s.command("EVAL", script, 0)
    except kevy.Error as error:
        assert str(error)
    assert s.command("EVAL", "return {KEYS[1], 1}", 1, "k") == [b"k", 1]


def test_the_interpreter_stays_out_of_the_process():
    """It exports nothing, and what it is linked from is nobody else's."""
    code = """
import ctypes, kevy
s = kevy.Store()
assert s.command("EVAL", "return _VERSION", 0) == b"Lua 5.1"
for name in ("lua_newstate", "luaL_newstate", "luaopen_cjson", "SHA1Init", "kevy_script_engine"):
    assert not hasattr(ctypes.CDLL(None), name), name
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_script_that_does_not_end(s):
    s.command("CONFIG", "SET", "lua-time-limit", 20)
    for body in ("while true do end",
                 "while true do pcall(function() while true do end end) end",
                 "while true do coroutine.wrap(function() while true do end end)() end",
                 "while true do local c = coroutine.create(function() while true do end end) coroutine.resume(c) end",
                 "return load(function() return ' ' end)",
                 "while true do redis.pcall('INCR', 'n') end",
                 "pcall(error, setmetatable({}, {__index = function() while true do end end}))"):
        with pytest.raises(kevy.CommandError, match="Script killed"):
            s.command("EVAL", body, 0)
    assert s.command("EVAL", "return 1", 0) == 1
    assert int(s.command("GET", "n")) > 0  # what it wrote stays, as with any error


def test_a_function_that_does_not_end(s):
    s.command("CONFIG", "SET", "lua-time-limit", 20)
    s.command("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() while true do end end)")
    with pytest.raises(kevy.CommandError, match="Script killed"):
        s.command("FCALL", "f", 0)


def test_a_store_that_is_full_of_garbage(s):
    with pytest.raises(kevy.CommandError, match="not enough memory"):
        s.command("EVAL", "local t = {} for i = 1, 1e9 do t[i] = {} end", 0)
    assert s.command("EVAL", "return #string.rep('x', 1e7)", 0) == 10 ** 7


def test_functions_go_from_store_to_store(s):
    s.command("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function(k, a) return a[1] end)")
    payload = s.command("FUNCTION", "DUMP")
    with kevy.Store() as other:
        other.command("FUNCTION", "LOAD", "#!lua name=m\nredis.register_function('g', function() return 'g' end)")
        assert other.command("FUNCTION", "RESTORE", payload) == "OK"
        assert other.command("FCALL", "f", 0, "a") == b"a"
        assert other.command("FCALL", "g", 0) == b"g"
        for cut in range(len(payload)):
            with pytest.raises(kevy.CommandError):
                other.command("FUNCTION", "RESTORE", payload[:cut], "FLUSH")
        assert other.command("FCALL", "g", 0) == b"g"


def test_what_a_function_writes_is_logged(tmp_path):
    url = "file://%s" % tmp_path
    with kevy.open(url) as s:
        s.command("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function(k, a) return redis.call('SET', k[1], a[1]) end)")
        s.command("FCALL", "f", 1, "k", "v")
    with kevy.open(url) as s:
        assert s.command("GET", "k") == b"v"
        s.command("FCALL", "f", 1, "k", "w")
        assert s.command("GET", "k") == b"w"
