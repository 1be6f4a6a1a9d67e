"""What the clients of windows see of each other and do to each other: CLIENT, INFO, and the options that bound them."""

import pathlib
import subprocess
import sys
import threading
import time

import kevy
import kevy.redis
import pytest

redis = pytest.importorskip("redis")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import oracle  # noqa: E402
from test_window import client, dial, hears, hung_up, request  # noqa: E402


@pytest.fixture
def w(s):
    with s.serve("127.0.0.1:0", write=True) as window:
        yield window


def until(done):
    for _ in range(2000):
        if done():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to that")


def by_name(r):
    return {c["name"]: c for c in r.client_list()}


def info(s):
    return dict(line.split(":", 1) for line in s.command("INFO", "clients", "stats").decode().splitlines() if ":" in line)


def test_the_line_is_of_the_servers_form(s, w):
    with oracle.Redis() as server:
        line = server.execute([b"CLIENT", b"LIST"]).decode().splitlines()[1]
    with dial(w) as c:
        c.sendall(request("CLIENT", "LIST"))
        ours = c.recv(65536).decode().splitlines()[1]
    names, wanted = [[word.split("=")[0] for word in text.split()] for text in (ours, line)]
    assert names == [*wanted, "lib-name", "lib-ver"]


def test_all_clients_are_listed(s, w, tmp_path):
    with s.serve(f"unix:{tmp_path}/sock") as looking, s.session() as own, client(w, client_name="one") as one:
        two = redis.Redis(unix_socket_path=f"{tmp_path}/sock", client_name="two")
        silent = dial(w)
        own.command("CLIENT", "SETNAME", "own")
        one.get("k"), two.get("k")
        until(lambda: len(one.client_list()) == 4)
        assert [c["name"] for c in one.client_list() if c["name"]] == ["own", "one", "two"]
        all_of_them = by_name(one)
        assert all_of_them["one"]["laddr"] == w.address and all_of_them["one"]["cmd"] == "client|list"
        host, port = all_of_them["one"]["addr"].rsplit(":", 1)
        assert host == "127.0.0.1" and int(port) > 0 and int(all_of_them["one"]["fd"]) > 0
        assert all_of_them["two"]["addr"] == f"{tmp_path}/sock:0" and all_of_them["two"]["flags"] == "Ur"
        assert all_of_them["own"]["addr"] == "" and all_of_them["own"]["fd"] == "-1"
        assert all_of_them[""]["cmd"] == "NULL"
        assert two.client_id() in [int(c["id"]) for c in two.client_list()]
        assert info(s)["connected_clients"] == "4" and info(s)["total_connections_received"] == "3"
        ids = [int(c["id"]) for c in one.client_list()]
        assert ids == sorted(ids)
        assert [int(c["id"]) for c in one.client_list(client_id=[str(ids[2]), str(ids[0]), "999999"])] == [ids[2], ids[0]]
        silent.close()
        until(lambda: len(one.client_list()) == 3)
        two.close()
    until(lambda: len(s.command("CLIENT", "LIST").splitlines()) == 1)
    until(lambda: info(s)["connected_clients"] == "1")


def test_what_clients_are_at(s, w):
    with client(w) as watcher:
        listening, waiting, queueing = client(w, client_name="listening"), client(w, client_name="waiting"), dial(w)
        p = listening.pubsub()
        p.subscribe("a", "b")
        p.psubscribe("c*")
        for words in (("CLIENT", "SETNAME", "queueing"), ("WATCH", "k"), ("MULTI",), ("SET", "k", "v")):
            queueing.sendall(request(*words))
            queueing.recv(100)
        t = threading.Thread(target=waiting.blpop, args=("nothing",))
        t.start()
        until(lambda: by_name(watcher).get("waiting", {}).get("flags") == "b")
        until(lambda: by_name(watcher)["listening"]["psub"] == "1")
        lines = by_name(watcher)
        assert (lines["listening"]["flags"], lines["listening"]["sub"]) == ("P", "2")
        assert (lines["queueing"]["flags"], lines["queueing"]["multi"], lines["waiting"]["multi"]) == ("x", "1", "-1")
        assert int(lines["queueing"]["multi-mem"]) > 0
        assert info(s)["blocked_clients"] == "1"
        s["k"] = 1
        assert by_name(watcher)["queueing"]["flags"] == "xd"
        assert [x["name"] for x in watcher.client_list(_type="pubsub")] == ["listening"]
        assert "listening" not in [x["name"] for x in watcher.client_list(_type="normal")]
        assert watcher.client_unblock(lines["queueing"]["id"]) == 0
        assert watcher.client_unblock(lines["waiting"]["id"]) == 1
        t.join()
        assert info(s)["blocked_clients"] == "0"
        for x in (listening, queueing, waiting):
            x.close()


def test_unblock_with_an_error(s, w):
    with client(w) as r, client(w, client_name="waiting") as waiting:
        errors = []

        def wait():
            with pytest.raises(redis.ResponseError) as e:
                waiting.blpop("nothing")
            errors.append(str(e.value))

        t = threading.Thread(target=wait)
        t.start()
        until(lambda: by_name(r).get("waiting", {}).get("flags") == "b")
        assert r.client_unblock(by_name(r)["waiting"]["id"], error=True) == 1
        t.join()
        assert errors == ["UNBLOCKED client unblocked via CLIENT UNBLOCK"]


def test_kill(s, w):
    with client(w) as r, s.serve("127.0.0.1:0") as other:
        def fresh(window=w):
            c = dial(window)
            c.sendall(request("CLIENT", "ID"))
            return c, int(c.recv(100)[1:-2])

        c, number = fresh()
        assert r.client_kill_filter(_id=number) == 1 and hung_up(c)
        until(lambda: r.client_kill_filter(_id=number) == 0)
        c, _ = fresh()
        assert r.client_kill("%s:%d" % c.getsockname()) is True and hung_up(c)
        with pytest.raises(redis.ResponseError, match="No such client"):
            r.client_kill("1.2.3.4:5")
        c, _ = fresh()
        assert r.client_kill_filter(addr="%s:%d" % c.getsockname()) == 1 and hung_up(c)
        c, _ = fresh(other)
        assert r.client_kill_filter(laddr=other.address) == 1 and hung_up(c)
        c = dial(w)
        c.sendall(request("SUBSCRIBE", "x"))
        c.recv(100)
        assert r.client_kill_filter(_type="pubsub") == 1 and hung_up(c)
        c = dial(w)
        c.sendall(request("BLPOP", "nothing", 0))
        until(lambda: info(s)["blocked_clients"] == "1")
        assert r.client_kill_filter(_type="normal", user="default") == 1 and hung_up(c)
        until(lambda: info(s)["blocked_clients"] == "0")
        mine, _ = fresh()
        mine.sendall(request("CLIENT", "KILL", "SKIPME", "no", "TYPE", "normal") + request("PING"))
        hears(mine, b":2\r\n")  # it hears the answer, and nothing more
        assert hung_up(mine)
        assert r.ping()  # by a new connection


def test_the_process_kills_clients_and_its_own_sessions(s, w):
    c = dial(w)
    c.sendall(request("PING"))
    hears(c, b"+PONG\r\n")
    with s.session() as own:
        assert s.command("CLIENT", "KILL", "TYPE", "normal") == 2
        assert hung_up(c) and own.protocol == 0
        assert s.command("CLIENT", "KILL", "TYPE", "normal") == 0
        with pytest.raises(kevy.ClosedError, match="killed"):
            own.command("SET", "k", "v")
        assert "k" not in s


def test_a_client_of_the_library_whose_session_is_killed_begins_another(s):
    r = kevy.redis.Redis(s)
    number = r.client_id()
    assert s.command("CLIENT", "KILL", "ID", number) == 1
    with pytest.raises(redis.ConnectionError):
        r.set("k", "v")
    assert "k" not in s
    assert r.set("k", "v") and r.client_id() != number


def test_pause(s, w):
    with client(w) as r, client(w) as other:
        assert r.client_pause(100000, all=False)
        assert other.get("k") is None
        done = []
        t = threading.Thread(target=lambda: done.append(other.set("k", "v")))
        t.start()
        s["of the process"] = 1  # which no client stops
        assert r.get("k") is None and not done
        assert r.client_unpause()
        t.join()
        assert done == [True] and s["k"] == b"v"
        assert s.command("CLIENT", "PAUSE", 100000) == "OK"
        t = threading.Thread(target=lambda: done.append(other.get("k")))
        t.start()
        assert s.command("CLIENT", "UNPAUSE") == "OK"
        t.join()
        assert done == [True, b"v"]
        assert r.client_pause(1) and r.get("k") == b"v"
        r.client_pause(100000, all=False)
        with r.pipeline() as p:
            p.get("k")
            assert p.execute() == [b"v"]  # a transaction of reads
        p = other.pipeline().set("k", "w")
        t = threading.Thread(target=p.execute)
        t.start()
        assert s["k"] == b"v"
        r.client_unpause()
        t.join()
        assert s["k"] == b"w"


def test_switches(s, w):
    with client(w, client_name="me") as r:
        r.client_no_evict("ON")
        r.execute_command("CLIENT", "NO-TOUCH", "ON")
        assert by_name(r)["me"]["flags"] == "eT"
        r.client_no_evict("OFF")
        r.execute_command("CLIENT", "NO-TOUCH", "OFF")
        assert by_name(r)["me"]["flags"] == "N"
        with pytest.raises(redis.ResponseError, match="not supported"):
            r.client_tracking_on()


# ---- Options


def test_maxclients_is_an_option(s):
    with s.serve("127.0.0.1:0", write=True) as w, client(w) as r:
        assert r.config_get("maxclients") == {"maxclients": "10000"}
        r.config_set("maxclients", 1)
        c = dial(w)
        hears(c, b"-ERR max number of clients reached\r\n")
        assert hung_up(c)
        assert info(s)["maxclients"] == "1" and int(info(s)["rejected_connections"]) >= 1
        r.config_set("maxclients", 2)

        def let_in():
            with dial(w) as c:
                c.sendall(request("PING"))
                return c.recv(7) == b"+PONG\r\n"

        until(let_in)


def test_who_says_nothing_for_too_long(s, w):
    idle, waits, hears_of = dial(w), dial(w), dial(w)
    waits.sendall(request("BLPOP", "l", 0))
    hears_of.sendall(request("SUBSCRIBE", "c"))
    hears_of.recv(100)
    s.command("CONFIG", "SET", "timeout", 1)
    assert hung_up(idle)
    s.command("RPUSH", "l", "v")
    hears(waits, b"*2\r\n$1\r\nl\r\n$1\r\nv\r\n")
    s.command("PUBLISH", "c", "m")
    hears(hears_of, b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n")


def test_output_buffers_are_limited_by_class(s, w):
    before = b"normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
    option = "client-output-buffer-limit"

    def now():
        return s.command("CONFIG", "GET", option)[option.encode()]

    assert now() == before
    assert s.command("CONFIG", "SET", option, "normal 1mb 0 0 pubsub 64kb 0 0") == "OK"
    assert now() == b"normal 1048576 0 0 slave 268435456 67108864 60 pubsub 65536 0 0"
    for wrong, why in (("normal 1 2", "Wrong number"), ("master 1 2 3", "Invalid client class"), ("normal x 2 3", "Error in hard"),
                       ("normal 1 2 -3", "Error in hard"), ("", "Wrong number")):
        with pytest.raises(kevy.CommandError, match=why):
            s.command("CONFIG", "SET", option, wrong)
    s["long"] = bytes(100_000)

    time.sleep(0.3)  # the window looks at its options ten times a second
    s["longer"] = bytes(2_000_000)
    c = dial(w)
    c.sendall(request("GET", "longer"))
    assert hung_up(c)
    deaf = dial(w)
    deaf.sendall(request("SUBSCRIBE", "c"))
    deaf.recv(100)
    for _ in range(200):
        s.command("PUBLISH", "c", bytes(60_000))
    until(lambda: s.command("PUBLISH", "c", "x") == 0)
    assert s.command("CONFIG", "SET", option, before) == "OK" and now() == before


# ---- Scripts that are late --------------------------------------------------------------------------------------

ENDLESS = ("EVAL", "while true do end", "0")
ENDLESS_WRITER = ("EVAL", "redis.call('SET', 'k', 'v') while true do end", "0")
ENDLESS_LIBRARY = """#!lua name=l
redis.register_function('f', function(k, a) if a[1] then redis.call('SET', 'k', 'v') end while true do end end)"""


def ask(c, *words):
    """A short answer, whole."""
    c.sendall(request(*words))
    answer = piece = c.recv(65536)
    while piece and not answer.endswith(b"\r\n"):
        piece = c.recv(65536)
        answer += piece
    return answer


class Late:
    """A server at `dial`, with a script that is late."""

    def __init__(self, dialing, script):
        self.dial, self.runner, self.other = dialing, dialing(), dialing()
        ask(self.other, "CONFIG", "SET", "busy-reply-threshold", "20")
        ask(self.other, "FUNCTION", "LOAD", "REPLACE", ENDLESS_LIBRARY)
        self.runner.sendall(request(*script))
        until(lambda: ask(self.other, "GET", "k").startswith(b"-BUSY"))

    def answers(self, *commands):
        return [ask(self.other, *command.split()) for command in commands]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        ask(self.other, "SHUTDOWN", "NOSAVE")
        self.runner.close(), self.other.close()


LATE_CASES = {
    ENDLESS: ("GET k", "PING", "FOO", "GET", "MULTI", "GET k", "EXEC", "DISCARD", "UNWATCH", "RESET", "FUNCTION STATS", "FUNCTION KILL",
              "SUBSCRIBE x", "SHUTDOWN ABORT", "SHUTDOWN", "SCRIPT EXISTS a", "CLIENT LIST", "COMMAND COUNT", "INFO", "SCRIPT KILL"),
    ENDLESS_WRITER: ("SCRIPT KILL", "FUNCTION KILL", "GET k"),
    ("FCALL", "f", "0"): ("GET k", "SCRIPT KILL", "EVAL 1 0", "FUNCTION KILL"),
    ("FCALL", "f", "0", "w"): ("SCRIPT KILL", "FUNCTION KILL"),
}


@pytest.mark.parametrize("script", LATE_CASES, ids=lambda script: script[0] + str(len(script[1])))
def test_while_a_script_is_late_others_hear_what_redis_says(w, script):
    answers = []
    with oracle.Redis() as server:
        for dialing in (lambda: dial(w), lambda: dial("unix:" + server.path)):
            with Late(dialing, script) as late:
                answers.append(late.answers(*LATE_CASES[script]))
                if answers[-1][-1] == b"+OK\r\n":
                    answers[-1].append(late.runner.recv(65536))
    assert answers[0] == answers[1]


def test_clients_come_and_go_while_a_script_is_late(s, w):
    with Late(lambda: dial(w), ENDLESS) as late:
        slow = dial(w)
        slow.sendall(request("SCRIPT", "KILL")[:-6])
        for _ in range(3):
            with dial(w) as c:
                assert ask(c, "PING").startswith(b"-BUSY")
        with dial(w) as c:
            assert ask(c, "HELLO", "3").startswith(b"%7")
            c.sendall(request("PING") * 300)
        slow.sendall(request("SCRIPT", "KILL")[-6:])
        assert slow.recv(100) == b"+OK\r\n"
        assert late.runner.recv(1000).startswith(b"-ERR Script killed by user with SCRIPT KILL...")
        assert ask(slow, "PING") == b"+PONG\r\n"
        slow.close()
        late.runner.sendall(request("EVAL", "return 1", "0"))
        assert late.runner.recv(100) == b":1\r\n"


def test_a_window_closes_while_a_script_is_late(s):
    w = s.serve("127.0.0.1:0", write=True)
    runner, other = dial(w), dial(w)
    ask(other, "CONFIG", "SET", "busy-reply-threshold", "20")
    runner.sendall(request(*ENDLESS_WRITER))
    until(lambda: ask(other, "PING").startswith(b"-BUSY"))
    w.close()
    assert s["k"] == b"v"
    runner.close(), other.close()


def test_the_owner_waits_for_a_script_that_is_late(s, w):
    """Its sessions are clients. Its own calls are not: what a script does is one to them."""
    with s.session() as session, Late(lambda: dial(w), ENDLESS_WRITER) as late:
        with pytest.raises(kevy.CommandError, match="BUSY"):
            session.command("GET", "k")
        with pytest.raises(kevy.CommandError, match="UNKILLABLE"):
            session.command("SCRIPT", "KILL")
        seen = []
        reader = threading.Thread(target=lambda: seen.append(s["k"]))
        reader.start()
        assert seen == []
        ask(late.other, "SHUTDOWN", "NOSAVE")
        reader.join()
        assert seen == [b"v"]


def test_the_clients_of_a_window_while_the_owners_script_is_late(s, w):
    """The interpreter stands still meanwhile: another process asks."""
    s.command("CONFIG", "SET", "busy-reply-threshold", "20")
    code = """
import socket, sys, time
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while True:
    c.sendall(b"PING\\r\\n")
    if c.recv(1000).startswith(b"-BUSY"):
        break
    time.sleep(0.01)
c.sendall(b"SCRIPT KILL\\r\\n")
assert c.recv(1000) == b"+OK\\r\\n"
"""
    killer = subprocess.Popen([sys.executable, "-c", code, w.address.rsplit(":", 1)[1]])
    with pytest.raises(kevy.CommandError, match="Script killed by user with SCRIPT KILL"):
        s.command(*ENDLESS)
    assert killer.wait(60) == 0
