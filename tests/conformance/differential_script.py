"""Random scripts and functions, for differential.py: commands that are called or tried, what they answered looked at and given on in
all shapes that replies have, errors of every origin, and RESP3 inside."""

# None of "Scripts that use cmsgpack or struct", nor "Scripts that raise a table without err".
EXPRESSIONS = [
    "1", "-7", "3.99", "2^53", "'text'", "''", "true", "false", "nil", "{}", "{1,2,3}", "{1,nil,3}", "{'a',{'b',{true,false}}}",
    "{ok='fine'}", "{err='ERR mine'}", "{err='mine'}", "redis.status_reply('S')", "redis.error_reply('E')", "redis.error_reply('ERR E')",
    "{double=1.5}", "{double=-0.25}", "{map={k='v'}}", "{set={m=true}}", "{big_number='12345678901234567890'}",
    "{verbatim_string={string='text',format='txt'}}", "#KEYS", "#ARGV", "KEYS[1]", "ARGV[1]", "ARGV[9]", "KEYS", "ARGV",
    "redis.sha1hex('')", "redis.sha1hex(ARGV[1] or '')", "tostring(12)", "tostring(1.5)", "tonumber('0x10')", "tonumber('x')",
    "type(redis)", "string.format('%d %s', 3, 'x')", "string.rep('ab', 5)", "string.upper('q')", "math.floor(2.7)", "10 % 3", "1/0 > 1",
    "cjson.encode({1,2,{a=1}})", "cjson.encode('x')", "cjson.decode('[1,2,{\"a\":[null,true]}]')", "cjson.decode('{\"a\":1.5}').a",
    "cjson.encode(cjson.decode('[1.5,\"x\",null]'))",
    "bit.band(255, 15)", "bit.tohex(255)", "bit.bnot(0)",
    "table.concat({'a','b'}, ',')", "unpack({7,8})", "select('#', 1, 2)", "next({})", "redis.REDIS_VERSION_NUM ~= nil",
    "redis.LOG_WARNING", "redis.breakpoint == nil", "(function() return 1, 2 end)()", "_G == nil", "pcall(error, 'x')",
    "pcall(error, {err='ERR t'})", "select(2, pcall(redis.call, 'nosuch'))", "tostring(nil)", "redis.call", "coroutine.wrap(function() return 5 end)()",
]
FAILURES = ["error('boom')", "error({err='ERR boom'})", "nosuch()", "x = 1", "return redis.call()", "return redis.call({})",
            "redis.call('GET')", "return redis.nosuch", "local t = nil; t.x = 1", "error(redis.error_reply('ERR r'))", "redis.setresp(4)",
            "return redis.call('GET', nil)", "return redis.call('EVAL', 'return 1', 0)", "redis.log(1)", "return loadstring('return 5')()",
            "while", "local a <const> = 1", "setmetatable(_G, {})", "KEYS = 1", "string.x = 1", "print('x')", "require('x')"]
# Answers that are alike without being equal: a script may make anything of them.
LOOSE = {b"KEYS", b"SCAN", b"RANDOMKEY", b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME", b"DBSIZE", b"HGETALL", b"HKEYS", b"HVALS",
         b"HSCAN", b"HRANDFIELD", b"SMEMBERS", b"SINTER", b"SUNION", b"SDIFF", b"SSCAN", b"SPOP", b"SRANDMEMBER", b"ZSCAN",
         b"ZRANDMEMBER", b"SORT", b"SORT_RO", b"XINFO", b"XPENDING", b"COMMAND", b"OBJECT", b"DUMP", b"RESTORE", b"HELLO", b"FUNCTION",
         b"XREAD", b"XREADGROUP", b"XGROUP", b"XAUTOCLAIM", b"XCLAIM", b"LCS", b"SCRIPT", b"SLOWLOG", b"LATENCY", b"MEMORY"}


# Words beside which no other is exchanged: times to live must stay long, and what is fair must stay so.
KEPT = {b"EX", b"PX", b"EXPIRE", b"PEXPIRE", b"SETEX", b"PSETEX", b"BLPOP", b"BLMPOP", b"BITCOUNT", b"BITPOS", b"MINID", b"SETRANGE",
        b"SETBIT", b"BITFIELD", b"LPOS", b"LREM"}


def quoted(word):
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else "\\%03d" % b for b in word) + '"'


def asked(q):
    """A command whose answer is one and the same."""
    from differential import unfair, unfair_in
    while True:
        command = q.plain(but=("script", "session", "pubsub", "database"))
        command = q.bend(command) if q.one_in(15) else command
        simple = all(isinstance(word, bytes) and len(word) < 500 for word in command) and len(command) < 50
        exact = command[0].upper() not in LOOSE and not command[0].upper().startswith((b"GEO", b"Z"))
        if simple and (exact or q.one_in(3) and command[0].upper() in PRECISE) and not (unfair(command) or unfair_in(q, command)):
            return command


PRECISE = {b"ZADD", b"ZSCORE", b"ZMSCORE", b"ZRANGE", b"ZCARD", b"ZRANK", b"ZREM", b"ZPOPMIN", b"ZINCRBY", b"ZCOUNT"}


def called(q):
    command = asked(q)
    words = [quoted(word) for word in command]
    for at in range(1, len(words) if not KEPT & {word.upper() for word in command} else 0):
        if q.one_in(12):
            words[at] = q.r.choice(["KEYS[1]", "ARGV[1]", "KEYS[2]", "7", "-1", "'x'..'y'", "tostring(1)", "ARGV[7]"])
    return "redis.%s(%s)" % (q.r.choice(["call", "pcall", "pcall"]), ",".join(words))


def shape(q, depth=0):
    kind = q.r.randrange(10)
    if kind < 5:
        return q.r.choice(EXPRESSIONS)
    if kind < 8 or depth > 2:
        return q.r.choice(["r[1]", "r[2]", "r[#r]", "type(r[1])", "#r", "r[3]", "r", "tostring(r[1] == r[2])",
                           "(type(r[1]) == 'table') and (r[1].err or r[1].ok or r[1][1]) or r[1]", "r[1] or 'none'", "r[1] == false"])
    return "{" + ",".join(shape(q, depth + 1) for _ in range(q.r.randrange(4))) + "}"


def body(q):
    lines = ["local r = {}"]
    if q.one_in(3):
        lines.append("redis.setresp(%d)" % q.r.choice([2, 3, 3]))
    for _ in range(q.r.randrange(4)):
        lines.append("r[#r + 1] = " + called(q))
    if q.one_in(5):
        lines.append("for i = 1, 3 do redis.call('RPUSH', KEYS[1] or 'a', i) end")
    if q.one_in(8):
        lines.append(q.r.choice(FAILURES))
        return "\n".join(lines)
    lines.append("return " + shape(q))
    return "\n".join(lines)


def with_arguments(q, words):
    keys = q.keys() if q.one_in(2) else []
    return [*words, *(q.counted(keys) if q.one_in(6) else [b"%d" % len(keys), *keys]),
            *(q.r.choice([q.integer(), b"word", b"", b"\x00"]) for _ in range(q.r.randrange(3)))]


def script(q):
    return with_arguments(q, [q.r.choice([b"EVAL", b"EVAL", b"EVAL", b"eval_ro", b"EVAL_RO"]), body(q).encode("latin-1")])


def library(q):
    name, function = "lib%d" % q.r.randrange(3), "f%d" % q.r.randrange(4)
    flags = q.r.choice(["", "", ", flags={'no-writes'}", ", flags={'allow-stale'}", ", flags={'x'}"])
    code = "redis.register_function{function_name='%s', callback=function(KEYS, ARGV) %s end%s}" % (
        function, body(q).replace("\n", " "), flags)
    return q.r.choice(["#!lua name=%s\n" % name] * 8 + ["", "#!lua\n", "#!js name=x\n"]) + code


def functions(q):
    r = q.r
    return r.choice([
        lambda: [b"FUNCTION", b"LOAD", *q.options(lambda: [b"REPLACE"]), library(q).encode("latin-1")],
        lambda: [b"FUNCTION", b"LOAD", b"REPLACE", library(q).encode("latin-1")],
        lambda: with_arguments(q, [r.choice([b"FCALL", b"FCALL", b"FCALL_RO"]), b"f%d" % r.randrange(4)]),
        lambda: with_arguments(q, [r.choice([b"FCALL", b"FCALL", b"FCALL_RO"]), b"f%d" % r.randrange(4)]),
        lambda: [b"FUNCTION", b"DELETE", b"lib%d" % r.randrange(4)],
        lambda: [b"FUNCTION", b"LIST", *q.options(lambda: [b"LIBRARYNAME", r.choice([b"lib*", b"lib1", b"x"])], lambda: [b"WITHCODE"])],
        lambda: [b"FUNCTION", b"FLUSH", *q.options(lambda: [r.choice([b"SYNC", b"ASYNC", b"x"])])] if q.one_in(5) else [b"PING"],
        lambda: [b"SCRIPT", b"LOAD", body(q).encode("latin-1")],
        lambda: [b"SCRIPT", b"EXISTS", b"0" * 40, b"x"],
    ])()


def command(q):
    return script(q) if q.r.randrange(10) < 7 else functions(q)


def alike(command, redis, ours):
    if command[0].upper() == b"FUNCTION" and redis.kind == ours.kind != "error":
        import conformance
        return conformance.unordered(redis) == conformance.unordered(ours)
    return None
