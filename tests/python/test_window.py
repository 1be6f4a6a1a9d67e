"""Windows: clients of Redis on the live store, what they may not do, what they do wrong, and the owner meanwhile."""

import contextlib
import gc
import os
import resource
import signal
import socket
import subprocess
import sys
import threading

import kevy
import pytest

redis = pytest.importorskip("redis")
SCALE = float(os.environ.get("KEVY_TEST_SCALE", 1))


def dial(window, timeout=30):
    where = window if isinstance(window, str) else window.address
    if where.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(where[5:])
        return s
    host, _, port = where.rpartition(":")
    return socket.create_connection((host, int(port)), timeout)


def client(window, **options):
    host, _, port = window.address.rpartition(":")
    return redis.Redis(host=host, port=int(port), **options)


def request(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def hears(s, answer):
    got = b""
    while len(got) < len(answer):
        piece = s.recv(len(answer) - len(got))
        if not piece:
            break
        got += piece
    assert got == answer


def hung_up(s):
    """Whether nothing more comes."""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while s.recv(65536):
            pass
    return True


@pytest.fixture
def w(s):
    with s.serve("127.0.0.1:0", write=True) as window:
        yield window


# ---- What it is for


def test_clients_and_owner_share_the_store(s, w):
    r = client(w)
    s["n"] = 41
    assert r.incr("n") == 42 and s["n"] == 42
    assert r.rpush("l", "a", "b") == 2 and list(s["l"]) == [b"a", b"b"]
    s["h"] = {"f": "v"}
    assert r.hgetall("h") == {b"f": b"v"}
    with r.pipeline() as p:
        assert p.set("k", "v").get("k").execute() == [True, b"v"]
    with pytest.raises(redis.ResponseError):
        r.execute_command("NOSUCH")


def test_the_kinds_of_stores(tmp_path):
    for url in ("mem://", "mem://window", f"file://{tmp_path}/dir"):
        with kevy.open(url) as s, s.serve("127.0.0.1:0", write=True) as w:
            r = client(w)
            assert r.set("k", "v") and s["k"] == b"v"
            s["n"] = 1
            assert r.get("n") == b"1"
            r.close()
    with kevy.Store(tmp_path / "dir") as s:
        assert s["k"] == b"v"
    with kevy.Store() as s, pytest.raises(kevy.Error):
        s.snapshot().serve("127.0.0.1:0")


def test_synced_always(tmp_path):
    """What was answered is on the disk, and the owner's threads and the clients do not wait for each other's turn."""
    with kevy.Store(tmp_path, fsync="always") as s, s.serve("127.0.0.1:0", write=True) as w:
        r = client(w)

        def own():
            for _ in range(20):
                s.incr("owner")

        threads = [threading.Thread(target=own) for _ in range(3)]
        for t in threads:
            t.start()
        for _ in range(20):
            r.incr("client")
        for t in threads:
            t.join()
        assert s["owner"] == 60 and s["client"] == 20
        s.sync()


def test_unix_socket(s, tmp_path):
    path = tmp_path / "app.sock"
    with s.serve(f"unix:{path}") as w:
        assert w.address == f"unix:{path}" and path.stat().st_mode & 0o777 == 0o600
        assert redis.Redis(unix_socket_path=str(path)).ping()
        with pytest.raises(OSError) as e:
            s.serve(f"unix:{path}")
        assert e.value.errno == 98
    assert not path.exists()


def test_read_only_unless_told_otherwise(s):
    s["k"] = 1
    with s.serve("127.0.0.1:0") as w:
        r = client(w)
        assert r.get("k") == b"1" and r.keys() == [b"k"] and r.ttl("k") == -1
        for words in (["SET", "k", 2], ["DEL", "k"], ["FLUSHALL"], ["EXPIRE", "k", 1], ["BLPOP", "k", 0], ["RESTORE", "x", 0, "y"]):
            with pytest.raises(redis.ReadOnlyError):
                r.execute_command(*words)
        with pytest.raises(redis.RedisError), r.pipeline() as p:
            p.get("k").set("k", 3).execute()
    assert s["k"] == 1


def test_password(s):
    with s.serve("127.0.0.1:0", password="open sesame") as w:
        with pytest.raises(redis.AuthenticationError):
            client(w).ping()
        with pytest.raises(redis.AuthenticationError):
            client(w, password="open").ping()
        assert client(w, password="open sesame").ping()
        assert client(w, username="default", password="open sesame").ping()


def test_blocking_commands_wait_without_stopping_others(s, w):
    got = []
    waiter = threading.Thread(target=lambda: got.append(client(w).blpop("q")))
    waiter.start()
    r = client(w)
    while not w.connections:
        pass
    assert r.ping() and r.blpop("q", timeout=0.01) is None
    s.List("q").append("served by the owner")
    waiter.join(30)
    assert got == [(b"q", b"served by the owner")]


def test_transactions_keep_clients_out(s, w):
    r = client(w, socket_timeout=30)
    with s.transaction():
        s["k"] = 1
        c = dial(w)
        c.sendall(request("GET", "k") * 3)
        s["k"] = 2
    hears(c, b"$1\r\n2\r\n" * 3)
    assert r.get("k") == b"2"
    with s.transaction():
        s["k"] = 3
        c.sendall(request("GET", "k"))
        w.close()
    assert s["k"] == 3 and hung_up(c)


def test_the_owner_works_meanwhile(s, w):
    rounds, over = max(int(20 * SCALE), 2), []

    def flood():
        c = dial(w)
        for _ in range(rounds):
            c.sendall(request("INCR", "n") * 200)
            got = b""
            while got.count(b"\n") < 200:
                got += c.recv(65536)
        over.append(1)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for t in threads:
        t.start()
    own = 0
    while len(over) < 4:
        s.incr("n")
        s["key"] = own
        assert s["key"] == own
        own += 1
    assert s["n"] == 4 * 200 * rounds + own


# ---- What clients do


def test_requests_in_pieces(w):
    c = dial(w)
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in request("SET", "k", "a\r\nb") + b"GET 'k'\r\n":
        c.sendall(bytes([byte]))
    hears(c, b"+OK\r\n$4\r\na\r\nb\r\n")


def test_a_giant_value(w):
    big = os.urandom(1 << 20) * 5
    c = dial(w)
    c.sendall(request("SET", "big", big) + request("GET", "big") * 2)
    hears(c, b"+OK\r\n" + (b"$%d\r\n%s\r\n" % (len(big), big)) * 2)


@pytest.mark.parametrize("bytes_", [b"*1\r\n$4\r\nPI", b"*3\r\n$3\r\nSET\r\n", b"*", b"*1000000\r\n", b"$", b"\x00", b"GET 'a", b"*1\r\n$100000000\r\n", b"*-5\r\n:1\r\n"])
def test_half_a_request_and_gone(w, bytes_):
    for _ in range(20):
        with dial(w) as c:
            c.sendall(bytes_)
    assert client(w).ping()


def test_malformed_requests_end_their_connection_alone(s, w):
    other = dial(w)
    for bad, why in ((b"*2000000000\r\n", b"invalid multibulk length"), (b"*1\r\n:1\r\n", b"expected '$', got ':'"),
                     (b"*1\r\n$70000000\r\n", b"invalid bulk length"), (b"x" * 70000, b"too big inline request")):
        c = dial(w)
        c.sendall(bad)
        hears(c, b"-ERR Protocol error: " + why + b"\r\n")
        assert hung_up(c)
        other.sendall(b"PING\r\n")
        hears(other, b"+PONG\r\n")


def test_noise(w):
    import random

    rng = random.Random(int(os.environ.get("SEED", 1)))
    for _ in range(50):
        with dial(w) as c, contextlib.suppress(OSError):
            c.sendall(rng.choice([b"", b"*2\r\n", b"*1\r\n$3\r\n"]) + rng.randbytes(rng.randrange(300)))
    assert client(w).ping()


def test_limits(s):
    with s.serve("127.0.0.1:0", write=True, maxclients=2, query_buffer="100kb", output_buffer="1mb") as w:
        a, b = dial(w), dial(w)
        for c in (a, b):
            c.sendall(b"PING\r\n")
            hears(c, b"+PONG\r\n")
        c = dial(w)
        hears(c, b"-ERR max number of clients reached\r\n")
        assert hung_up(c) and w.connections == 2
        with contextlib.suppress(OSError):
            a.sendall(b"*100\r\n" + b"$90000\r\n%s\r\n" % (b"x" * 90000) * 5)
        assert hung_up(a)
        s["l"] = ["x" * 100000] * 20
        b.sendall(b"LRANGE l 0 -1\r\n")
        assert hung_up(b)


def test_a_slow_reader_holds_up_nobody(s, w):
    s["big"] = "v" * 100000
    slow, n = dial(w), 400
    slow.sendall(request("GET", "big") * n)  # 40 MB of answers, which it does not read
    assert client(w).get("big") == b"v" * 100000
    hears(slow, (b"$100000\r\n" + b"v" * 100000 + b"\r\n") * n)


# ---- Opening and closing


def test_addresses(s):
    for address in ("", "x", "localhost", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "redis.example:1", "unix:", "unix:" + "x" * 200, "0.0.0.0:0", "[::]:0"):
        with pytest.raises(ValueError):
            s.serve(address)
    with pytest.raises(TypeError):
        s.serve(6390)
    for wrong in ({"password": 5}, {"maxclients": "x"}, {"maxclients": 0}, {"query_buffer": -1}, {"output_buffer": "2gb"}, {"what": 1}, {"password": "a\0b"}):
        with pytest.raises((TypeError, ValueError)):
            s.serve("127.0.0.1:0", **wrong)
    with s.serve("0.0.0.0:0", public=True) as w, s.serve("localhost:0") as other:
        assert w.address.startswith("0.0.0.0:") and other.address.startswith("127.0.0.1:")
        with pytest.raises(OSError):
            s.serve(other.address)


def test_closing(s):
    w, v = s.serve("127.0.0.1:0"), s.serve("127.0.0.1:0")
    c, d = dial(w), dial(v)
    c.sendall(b"PING\r\n")
    hears(c, b"+PONG\r\n")
    w.close()
    w.close()
    assert w.closed and not v.closed and hung_up(c) and repr(w).endswith("closed>") and w.connections == 0
    d.sendall(b"PING\r\n")
    hears(d, b"+PONG\r\n")
    s.close()
    assert v.closed and hung_up(d)
    v.close()
    with pytest.raises(kevy.ClosedError):
        s.serve("127.0.0.1:0")


def test_a_window_lives_as_long_as_its_store():
    s = kevy.Store()
    address = s.serve("127.0.0.1:0").address
    gc.collect()
    c = dial(address)
    c.sendall(b"PING\r\n")
    hears(c, b"+PONG\r\n")
    del s
    gc.collect()
    assert hung_up(c)


def test_closing_from_many_threads(s):
    windows = [s.serve("127.0.0.1:0", write=True) for _ in range(4)]
    clients = [dial(w) for w in windows]
    for c in clients:
        c.sendall(request("INCR", "n") * 100)
    threads = [threading.Thread(target=w.close) for w in windows * 2] + [threading.Thread(target=s.close)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert s.closed and all(w.closed for w in windows) and all(map(hung_up, clients))


def test_nothing_leaks(s):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    def use():
        with s.serve("127.0.0.1:0", write=True) as w:
            c = [dial(w) for _ in range(10)]
            for d in c:
                d.sendall(request("SET", "k", "v" * 1000) + request("BLPOP", "q", 0) + b"*2\r\n$100\r\nhalf")
            c[0].close()
            hears(c[1], b"+OK\r\n")
            for d in c:
                d.close()

    use()
    before = descriptors()
    for _ in range(10):
        use()
    assert descriptors() == before and threading.active_count() == 1


def test_fork(s, w):
    c = dial(w)
    c.sendall(b"PING\r\n")
    hears(c, b"+PONG\r\n")
    pid = os.fork()
    if pid == 0:
        s["k"] = 1
        os._exit(0 if s["k"] == 1 and w.connections == 0 and (w.close() or True) else 1)
    assert os.waitpid(pid, 0)[1] == 0
    c.sendall(b"EXISTS k\r\n")
    hears(c, b":0\r\n")


# ---- Many


def test_many_connections(s):
    """Idle ones, busy ones among them. KEVY_TEST_SCALE=10 is ten thousand and a thousand."""
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if SCALE > 1 else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if SCALE > 1:
        resource.setrlimit(resource.RLIMIT_NOFILE, (room, room))
    idle_count = min(int(1000 * SCALE), (room - 200) // 2 - 100)
    busy_count = min(int(100 * SCALE), idle_count // 10 + 1)
    with s.serve("127.0.0.1:0", write=True, maxclients=20000) as w:
        idle = [dial(w) for _ in range(idle_count - busy_count)]
        busy = [dial(w) for _ in range(busy_count)]
        for _ in range(5):
            for c in busy:
                c.sendall(request("INCR", "n") + request("GET", "missing"))
            for c in busy:
                got = b""
                while got.count(b"\n") < 2:
                    got += c.recv(100)
            s.incr("own")
        assert s["n"] == 5 * busy_count and s["own"] == 5 and w.connections == idle_count
        for c in idle + busy:
            c.close()


# ---- From a shell


def kevy_command(*args, **options):
    return subprocess.Popen([sys.executable, "-m", "kevy", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_python_m_kevy_serve(tmp_path):
    where = str(tmp_path / "dir")
    with kevy_command("serve", where) as p:
        assert p.wait(60) == 1 and "--write" in p.stderr.read()
    with kevy_command("serve", where, "--listen", "127.0.0.1:0", "--write", env={**os.environ, "KEVY_PASSWORD": "pw"}) as p:
        told = p.stdout.readline()
        address = told.split(" at ")[1].split(",")[0]
        c = dial(address)
        c.sendall(b"PING\r\nAUTH pw\r\nSET k v\r\n")
        hears(c, b"-NOAUTH Authentication required.\r\n+OK\r\n+OK\r\n")
        p.send_signal(signal.SIGTERM)
        assert p.wait(60) == 0
    with kevy.Store(where) as s:
        assert s["k"] == b"v"
        s.save(tmp_path / "dump.rdb")
    with kevy_command("serve", str(tmp_path / "dump.rdb"), "--listen", f"unix:{tmp_path}/sock") as p:
        assert "1 keys, read-only" in p.stdout.readline()
        c = dial(f"unix:{tmp_path}/sock")
        c.sendall(b"GET k\r\nSET k w\r\n")
        hears(c, b"$1\r\nv\r\n-READONLY")
        p.send_signal(signal.SIGINT)
        assert p.wait(60) == 0
