"""The first things to do with kevy from Python: python quickstart.py"""

import asyncio
import datetime
import threading

import kevy

with kevy.Store(maxmemory="64mb") as s:  # a write beyond it raises MemoryError and changes nothing
    # A mapping. What goes in comes out: str, bytes, int and float keep their kind.
    s["user:1"] = "alice"
    s["user:1:visits"] = 41
    s["user:1:score"] = 2.5
    s["user:1:key"] = b"\x00\xff"
    print(s["user:1"], s["user:1:visits"] + 1, s["user:1:score"], s["user:1:key"])
    print(s.get("user:2", "nobody"), "user:2" in s, len(s))

    # Counters, and a lock that only one caller gets.
    print(s.incr("user:1:visits"), s.incr("user:1:score", 0.5))
    print(s.set("lock", "worker-7", ttl=10, nx=True), s.set("lock", "worker-8", ttl=10, nx=True))

    # Time to live.
    s.set("session:9f", "user:1", ttl=datetime.timedelta(minutes=30))
    print(f"{s.ttl('session:9f') / 60:.0f} minutes left, until {s.expires_at('session:9f'):%H:%M} UTC")

    # Many at once: all or none.
    s.mset({"a": 1, "b": 2, "c": 3})
    print(s.mget(["a", "c", "z"]))

    # A snapshot, and iteration, see one moment, whatever is written meanwhile.
    with s.snapshot() as then:
        for key in s.scan(match="user:1:*"):
            del s[key]
        print(sorted(then.scan(match="user:*")), sorted(s.scan(match="user:*")))

    # A big value without a copy; the view outlives the key.
    s["page"] = b"<html>" + bytes(1_000_000)
    page = s.view("page")
    del s["page"]
    print(bytes(page[:6]), page.nbytes)

    # Collections are mappings, lists and sets that live in the store.
    s["user:3"] = {"name": "carol", "logins": 1}
    user = s["user:3"]
    user["city"] = "Wien"
    user.expire("city", 60)  # a field may have a time to live of its own
    print(user["name"], user.incr("logins"), len(user), dict(user) == s["user:3"])

    queue = s.List("queue")
    queue.extend(["a", "b", "c"])
    print(queue[0], queue[-1], queue.popleft(), queue[:])

    s["python"], s["lua"] = {"alice", "bob"}, {"bob", "carol"}
    print(s["python"] & s["lua"], sorted(s["python"] | s["lua"]), "bob" in s["lua"])

    board = s.ZSet("board")
    board.add({"ann": 10, "bob": 30, "cid": 20})
    board.incr("ann", 15)
    print(board.range(0, 1, rev=True, withscores=True), board.rank("ann", rev=True), board.count(15, 25))

    # A stream of entries, shared by the consumers of a group.
    log = s.Stream("log")
    log.add({"event": "login", "user": 3})
    mailers = log.group("mailers")
    mailers.create(0)
    for id, fields in mailers.read("worker-1"):
        print(fields["event"], fields["user"], mailers.ack(id))

    # Waiting, in a thread and in an event loop.
    worker = threading.Thread(target=lambda: print(s.command("BLPOP", "jobs", 5)))
    worker.start()
    s.List("jobs").append("mail")
    worker.join()

    async def wait():
        waiting = asyncio.ensure_future(s.command_async("BLPOP", "jobs", 5))
        await asyncio.sleep(0.01)
        s.List("jobs").append("more mail")
        print(await waiting)

    asyncio.run(wait())

    # Redis commands on the same data.
    print(s.command("INCRBY", "a", 41), s.command("TTL", "a"), s.command_resp("MGET", "a", "z"))

    # Errors are exceptions with a place in Python's hierarchy.
    try:
        s.incr("session:9f")
    except ValueError as error:
        print(type(error).__name__, "is a ValueError:", error)
    print(f"{s.used_memory:,} bytes, {s.stats()}")
