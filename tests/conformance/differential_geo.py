"""Random geo commands, for differential.py: places near one another, all over the map, at its edges, and scores that are
none."""

KEYS = [b"geo1", b"geo2", b"geo3"]
EDGES = [(b"180", b"85.05112878"), (b"-180", b"-85.05112878"), (b"0", b"0"), (b"179.999", b"0"), (b"-179.999", b"0.001"),
         (b"0", b"85"), (b"90", b"-85"), (b"13.361389", b"38.115556")]
WRONG = [b"181", b"-200", b"x", b"", b"nan", b"inf", b"85.06", b" 1"]
UNITS = [b"m", b"km", b"ft", b"mi", b"KM", b"Mi"]


def key(q):
    return q.key() if q.one_in(20) else q.r.choice(KEYS)


def member(q):
    return q.r.choice([b"", b"a", b"\x00", b"m" * 70]) if q.one_in(10) else b"%d" % q.r.randrange(60)


def place(q):
    if q.one_in(60):
        return [q.r.choice(WRONG), q.r.choice(WRONG + [b"0"])]
    if q.one_in(6):
        return list(q.r.choice(EDGES))
    if q.one_in(3):
        return [b"%.6f" % q.r.uniform(-180, 180), b"%.6f" % q.r.uniform(-85, 85)]
    return [b"%.9f" % (13 + q.r.gauss(0, 0.5)), b"%.9f" % (38 + q.r.gauss(0, 0.5))]


def unit(q):
    return b"x" if q.one_in(60) else q.r.choice(UNITS)


def length(q):
    if q.one_in(40):
        return q.r.choice([b"-1", b"x", b"inf", b"0", b"1e300", b"1e-300"])
    return b"%.4f" % (10 ** q.r.uniform(-1, 7.5))


def circle(q):
    return [length(q), unit(q)]


def places(q):
    few = q.r.choice([1, 1, 2, 5, 5, 40, 200])
    return [word for _ in range(few) for word in (*place(q), member(q) if few < 40 else b"n%d" % q.r.randrange(400))]


def options(q):
    r = q.r
    return q.options(lambda: [b"WITHDIST"], lambda: [b"WITHHASH"], lambda: [b"withcoord"], lambda: [r.choice([b"ASC", b"DESC"])],
                     lambda: [b"COUNT", r.choice([b"1", b"3", b"100", q.integer()])],
                     lambda: [b"COUNT", r.choice([b"1", b"2", b"7"]), b"ANY"])


def storing(q):
    return q.options(lambda: [q.r.choice([b"STORE", b"STOREDIST"]), q.r.choice([*KEYS, b"geod"])])


def searching(q):
    center = [b"FROMMEMBER", member(q)] if q.one_in(2) else [b"FROMLONLAT", *place(q)]
    shape = [b"BYRADIUS", *circle(q)] if q.one_in(2) else [b"BYBOX", length(q), length(q), unit(q)]
    parts = [center, shape, options(q)]
    if q.one_in(15):
        parts.append(q.r.choice(parts))
    q.r.shuffle(parts)
    return [word for part in parts for word in part]


def command(q):
    r = q.r
    return r.choice([
        lambda: [b"GEOADD", key(q), *places(q)],
        lambda: [b"GEOADD", key(q), *places(q)],
        lambda: [b"GEOADD", key(q)] + q.options(lambda: [r.choice([b"NX", b"XX", b"CH", b"ch"])]) + places(q),
        lambda: [b"ZADD", key(q), b"%d" % r.choice([r.randrange(2**52), -5, 2**53, 2**63]), member(q)],
        lambda: [b"ZREM", key(q), member(q), member(q)],
        lambda: [r.choice([b"GEOPOS", b"GEOHASH", b"ZMSCORE"]), key(q), *(member(q) for _ in range(r.randrange(4)))],
        lambda: [b"GEODIST", key(q), member(q), member(q)] + q.options(lambda: [unit(q)]),
        lambda: [b"GEOSEARCH", key(q), *searching(q)],
        lambda: [b"GEOSEARCH", key(q), *searching(q)],
        lambda: [b"GEOSEARCH", key(q), *searching(q)],
        lambda: [b"GEOSEARCHSTORE", r.choice([*KEYS, b"geod"]), key(q), *searching(q)] + q.options(lambda: [b"STOREDIST"]),
        lambda: [r.choice([b"GEORADIUS", b"GEORADIUS_RO"]), key(q), *place(q), *circle(q), *options(q), *storing(q)],
        lambda: [r.choice([b"GEORADIUSBYMEMBER", b"GEORADIUSBYMEMBER_RO"]), key(q), member(q), *circle(q), *options(q),
                 *storing(q)],
        lambda: [b"ZRANGE", r.choice([*KEYS, b"geod"]), b"0", b"-1"],
        lambda: [r.choice([b"DEL", b"ZCARD"]), r.choice([*KEYS, b"geod"])],
        lambda: [b"COMMAND", b"GETKEYS", *command(q)],
    ])()


def upper(command):
    return [word.upper() for word in command]


def unfair(command):
    name, words = command[0].upper(), upper(command[2:])
    if not name.startswith(b"GEO"):
        return None
    storing = b"STORE" in words or b"STOREDIST" in words or name == b"GEOSEARCHSTORE"
    return "Places equally far away, with a COUNT" if b"COUNT" in words and storing else None


def alike(command, redis, ours):
    """Places equally far away, with a COUNT."""
    name, words = command[0].upper(), upper(command[2:])
    if not name.startswith(b"GEO") or b"COUNT" not in words or redis.kind != "array" or ours.kind != "array":
        return None
    return distances(redis, words) == distances(ours, words)


def distances(reply, words):
    """How far away each of the answered is, where that is told; else that each is there."""
    return [item.value[1].value if b"WITHDIST" in words else None for item in reply.value]
