"""The command line: answers as redis-cli prints them, shells on stores and sockets, files from one form to the other."""

import io
import os
import signal
import subprocess
import sys
import threading

import kevy
import pytest
from kevy.__main__ import main
from kevy.cli import links, progress, replies, resp, words
from kevy.cli.manual import Manual
from kevy.cli.shell import Shell


def reply(text):
    file = io.BytesIO(text)
    found = resp.read_reply(file)
    assert not file.read()
    return found


# ---- Replies ----

PRETTY = [
    (b"+OK\r\n", b"OK\n"),
    (b"-ERR no\r\n", b"(error) ERR no\n"),
    (b"!6\r\nERR no\r\n", b"(error) ERR no\n"),
    (b":-12\r\n", b"(integer) -12\n"),
    (b",1.5\r\n", b"(double) 1.5\n"),
    (b"#t\r\n", b"(true)\n"),
    (b"#f\r\n", b"(false)\n"),
    (b"(123456789012345678901\r\n", b"123456789012345678901\n"),
    (b"_\r\n", b"(nil)\n"),
    (b"$-1\r\n", b"(nil)\n"),
    (b"*-1\r\n", b"(nil)\n"),
    (b"$0\r\n\r\n", b'""\n'),
    (b'$14\r\na"\\\n\r\t\a\b\0\xff\xc3\xa9 \x7f\r\n', b'"a\\"\\\\\\n\\r\\t\\a\\b\\x00\\xff\\xc3\\xa9 \\x7f"\n'),
    (b"=8\r\ntxt:a\nb\"\r\n", b'a\nb"\n'),
    (b"*0\r\n", b"(empty array)\n"),
    (b"%0\r\n", b"(empty hash)\n"),
    (b"~0\r\n", b"(empty set)\n"),
    (b">0\r\n", b"(empty push)\n"),
    (b"~2\r\n$1\r\na\r\n:1\r\n", b'1~ "a"\n2~ (integer) 1\n'),
    (b"|1\r\n+ttl\r\n:1\r\n$1\r\na\r\n", b'"a"\n'),
    (b"*3\r\n:1\r\n*2\r\n:2\r\n*1\r\n$1\r\nx\r\n*0\r\n", b'1) (integer) 1\n2) 1) (integer) 2\n   2) 1) "x"\n3) (empty array)\n'),
    (b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*2\r\n:1\r\n:2\r\n", b'1# "a" => (integer) 1\n2# "b" => 1) (integer) 1\n   2) (integer) 2\n'),
    (b"*10\r\n" + b":7\r\n" * 8 + b"*2\r\n:1\r\n:2\r\n$-1\r\n",
     b"".join(b" %d) (integer) 7\n" % n for n in range(1, 9)) + b" 9) 1) (integer) 1\n    2) (integer) 2\n10) (nil)\n"),
]

RAW = [
    (b"+OK\r\n", b"OK\n"),
    (b"-ERR no\r\n", b"ERR no\n\n"),
    (b":1\r\n", b"1\n"),
    (b"$-1\r\n", b"\n"),
    (b"$3\r\n\0\"\n\r\n", b'\0"\n\n'),
    (b"*0\r\n", b"\n"),
    (b"*3\r\n:1\r\n*2\r\n$1\r\na\r\n_\r\n,2.5\r\n", b"1\na\n\n2.5\n"),
    (b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n#t\r\n", b"a 1\nb (true)\n"),
]


@pytest.mark.parametrize("given, printed", PRETTY)
def test_pretty(given, printed):
    assert replies.pretty(reply(given)) == printed


@pytest.mark.parametrize("given, printed", RAW)
def test_raw(given, printed):
    assert replies.raw(reply(given)) == printed


@pytest.mark.parametrize("given", [b"?what\r\n", b"\r\n", b"$x\r\n", b"+no end", b"*1\r\n" * 1000])
def test_no_replies(given):
    with pytest.raises(resp.ProtocolError):
        resp.read_reply(io.BytesIO(given))


@pytest.mark.parametrize("given", [b"", b"$5\r\nab", b"*2\r\n:1\r\n"])
def test_replies_that_end(given):
    with pytest.raises(ConnectionError):
        resp.read_reply(io.BytesIO(given))


# ---- Words ----


@pytest.mark.parametrize("line, found", [
    ("", []),
    ("  GET  k ", [b"GET", b"k"]),
    (r'SET "a b" "\x00\xFF\n\"\\\q"', [b"SET", b"a b", b'\0\xff\n"\\q']),
    (r"SET 'it\'s' '\x00'", [b"SET", b"it's", rb"\x00"]),
    ("SET \"\" '' \u00e9\udcff", [b"SET", b"", b"", b"\xc3\xa9\xff"]),
])
def test_words(line, found):
    assert words.split(line) == found


@pytest.mark.parametrize("line", ['GET "a', "GET 'a", 'GET "a"b', '"\\'])
def test_words_that_do_not_end(line):
    with pytest.raises(ValueError):
        words.split(line)


# ---- Shells ----


def kevy_says(capfdbinary, *argv):
    """Exit code, what is printed, and what is complained."""
    code = main([str(a) for a in argv])
    return (code, *capfdbinary.readouterr())


@pytest.fixture
def typed(monkeypatch):
    """Sets what a program's input is."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))


@pytest.fixture
def says(capfdbinary):
    return lambda *argv: kevy_says(capfdbinary, *argv)


def test_one_command(says, tmp_path):
    home = tmp_path / "data"
    code, out, err = says("shell", home, "GET", "k")
    assert (code, out) == (1, b"") and b"--new" in err and err.count(b"\n") == 1
    assert says("shell", "--new", home, "SET", "k", "a b") == (0, b"OK\n", b"")
    assert says(home, "GET", "k") == (0, b"a b\n", b"")
    assert says("shell", "--no-raw", home, "GET", "k") == (0, b'"a b"\n', b"")
    assert says("shell", "-3", "--no-raw", "mem://", "HGETALL", "k") == (0, b"(empty hash)\n", b"")
    assert says(home, "LPUSH", "k", "x")[:2] == (1, b"WRONGTYPE Operation against a key holding the wrong kind of value\n\n")
    assert says("mem://", "help", "getdel")[1].startswith(b"\n  GETDEL")


def test_input_of_a_program(says, typed):
    typed(b'SET k "\\x00\xff"\nGET k\n\n2 INCR n\nexit\nINCR n\n')
    assert says("mem://") == (0, b"OK\n\0\xff\n1\n2\n", b"")
    typed(b'GET "k\nNOSUCH\nINFO server\n')
    code, out, _ = says("shell", "--no-raw")
    assert code == 1 and out.startswith(b"Invalid argument(s)\n(error) ERR unknown command 'NOSUCH'") and b"\n# Server" in out
    typed(b"the value")
    assert says("shell", "-x", "mem://", "ECHO") == (0, b"the value\n", b"")


class Person(io.StringIO):
    def isatty(self):
        return True


def talk(monkeypatch, says, target, *lines):
    """What a shell prints when these lines are typed; an exception is raised where its line would be read, a function called
    before the next is. Prompts, too."""
    said, prompts = iter(lines), []

    def read(prompt):
        prompts.append(prompt)
        line = next(said, EOFError)
        if not isinstance(line, (str, type)):
            line()
            line = next(said)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setenv("KEVY_HISTORY", "")
    monkeypatch.setattr(sys, "stdin", Person())
    monkeypatch.setattr("builtins.input", read)
    code, out, err = says("shell", "--no-raw", target)
    assert (code, err) == (0, b"")
    return out.decode(), prompts


def test_a_person(monkeypatch, says):
    out, prompts = talk(monkeypatch, says, "mem://", "SET k 1", KeyboardInterrupt, "MULTI", "GET k", "EXEC", "help @bitmap", "exit")
    assert out.startswith('OK\n\nOK\nQUEUED\n1) "1"\n') and "BITCOUNT: " in out
    assert prompts == ["mem://> "] * 3 + ["mem://(TX)> "] * 2 + ["mem://> "] * 2


@pytest.fixture
def interruptible():
    """Ctrl-C raises, also where the tests are a job in the background, which begins with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_what_blocks_waits(monkeypatch, says, interruptible):
    interrupt = threading.Timer(1, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT])
    out, _ = talk(monkeypatch, says, "mem://", "BLPOP q 0.1", interrupt.start, "BLPOP q 0", "RPUSH q x", "BLPOP q 0", "exit")
    assert out == '(nil)\n\n(integer) 1\n1) "q"\n2) "x"\n'


def test_targets_have_help(says):
    code, out, _ = says("shell", "mem://", "help", "targets")
    assert code == 0 and [line.split()[0] for line in out.decode().splitlines()] == ["mem://", "DIR,", "FILE", "HOST:PORT", "unix:PATH"]


def test_options_complete():
    link = links.open_link("mem://")
    manual = Manual(link.ask([b"COMMAND", b"DOCS"])[-1])
    link.close()
    wanted = {"SET k v E": ["EX", "EXAT"], "set k v ex 5 n": ["nx"], "SET k v NX n": [], "GET k ": [], "CONFIG ge": ["get"]}
    assert {line: manual.completions(line, line.rindex(" ") + 1) for line in wanted} == wanted


def test_what_blocks_is_served():
    link = links.open_link("mem://")
    timer = threading.Timer(0.1, link.store.command, ["RPUSH", "q", "x"])
    timer.start()
    assert link.ask([b"BLPOP", b"q", b"0"]) == [resp.Reply("*", [resp.Reply("$", b"q"), resp.Reply("$", b"x")])]
    timer.join()
    link.close()


def test_messages(monkeypatch):
    out = io.BytesIO()
    shell = Shell(links.open_link("mem://", protocol=3), True, out)
    pushed = shell.link.pushed

    def until_two(timeout):
        message = pushed(0)
        if message is None:
            raise KeyboardInterrupt
        return message

    monkeypatch.setattr(shell.link, "pushed", until_two)
    shell.link.session.command_resp("SUBSCRIBE", "c")
    shell.link.store.command("PUBLISH", "c", "hello")
    with pytest.raises(KeyboardInterrupt):
        shell.line("SUBSCRIBE d")
    assert out.getvalue() == (b'1) "subscribe"\n2) "d"\n3) (integer) 2\nReading messages... (press Ctrl-C to quit)\n'
                              b'1) "message"\n2) "c"\n3) "hello"\n')
    shell.restart()
    assert shell.link.ask([b"PUBLISH", b"c", b"x"]) == [resp.Reply(":", b"0")]
    shell.link.close()


def test_names_complete():
    shell = Shell(links.open_link("mem://"), True, io.BytesIO())
    complete = shell.manual.completions
    assert complete("getd", 0) == ["getdel"] and complete("GETD", 0) == ["GETDEL"]
    assert complete("config ge", 7) == ["get"] and complete("CONFIG RE", 7) == ["RESETSTAT", "REWRITE"]
    assert complete("help getd", 5) == ["getdel"] and complete("help @bi", 5) == ["@bitmap"] and complete("GET k", 4) == []
    assert shell.manual.help(["nosuch"]) == ["there is no command NOSUCH"]
    shell.link.close()


def test_help_knows_syntax():

    def bulk(*texts):
        return [resp.Reply("$", t.encode()) for t in texts]

    def array(*items):
        return resp.Reply("*", list(items))

    key = array(*bulk("name", "key", "type", "key"))
    many = array(*bulk("name", "field", "type", "string", "flags"), array(*bulk("optional", "multiple")))
    nx, xx = (array(*bulk("name", n.lower(), "type", "pure-token", "token", n)) for n in ("NX", "XX"))
    either = array(*bulk("name", "c", "type", "oneof", "flags"), array(*bulk("optional")), *bulk("arguments"), array(nx, xx))
    ttl = array(*bulk("name", "seconds", "type", "integer", "token", "EX"))
    doc = array(*bulk("summary", "Does it.", "arguments"), array(key, many, either, ttl))
    assert Manual(array(*bulk("it"), doc)).help(["it"]) == ["", "  IT key [field [field ...]] [NX|XX] EX seconds", "  summary: Does it.", ""]


# ---- Sockets ----


def test_a_server(s, says, typed, tmp_path):
    path = f"unix:{tmp_path / 'sock'}"
    try:
        window = s.serve("127.0.0.1:0", write=True, password="pass")
    except (kevy.Error, ValueError, OSError) as e:
        pytest.skip(str(e))
    with window, s.serve(path, write=True):
        address = window.address
        assert says(address, "GET", "k")[1].startswith(b"NOAUTH")
        assert says("shell", "-a", "pass", address, "SET", "k", "1") == (0, b"OK\n", b"")
        assert s["k"] == "1" or s["k"] == b"1"
        typed(b"HSET h f v\nHGETALL h\nSUBSCRIBE\nPING\n")
        code, out, _ = says("shell", "-3", "--no-raw", path)
        assert code == 1 and out.startswith(b'(integer) 1\n1# "f" => "v"\n(error) ERR wrong number') and out.endswith(b"\nPONG\n")
        link = links.open_link(path, protocol=3)
        assert [r.kind for r in link.ask([b"SUBSCRIBE", b"a", b"b"])] == [">", ">"]
        s.command("PUBLISH", "a", "x")
        s.command("PUBLISH", "b", "y")
        for channel, text in ((b"a", b"x"), (b"b", b"y")):
            assert [part.value for part in link.pushed(30).value] == [b"message", channel, text]
        assert link.pushed(0) is None
        link.reset()
        assert link.ask([b"GET", b"k"]) == [resp.Reply("$", b"1")]
        link.close()
        code, out, err = says("shell", "-a", "wrong", address, "PING")
        assert (code, out) == (1, b"") and b"WRONGPASS" in err
    code, out, err = says(path, "PING")
    assert (code, out) == (1, b"") and err.startswith(b"kevy: cannot connect to unix:") and err.count(b"\n") == 1


@pytest.mark.parametrize("word, is_one", [("mem://", True), ("unix:/tmp/x", True), ("host.example:6379", True), ("[::1]:6379", True),
                                          (":6379", True), ("data/", True), ("nosuchthing", False), ("host:", False)])
def test_targets(word, is_one):
    assert bool(links.names_target(word)) == is_one


# ---- Files ----


@pytest.fixture
def dump(tmp_path):
    with kevy.Store() as store:
        store.update({"user:1": {"name": "alice", "age": 30}, "n": 7, "text": "t", "bytes": b"b"})
        store.set("later", 1.5, ttl=1000)
        store.save(tmp_path / "dump.rdb")
    return tmp_path / "dump.rdb"


def assert_same_as_dump(store):
    assert (store["n"], store["text"], store["bytes"], store["later"], len(store)) == (7, "t", b"b", 1.5, 5)
    assert dict(store["user:1"]) == {"name": "alice", "age": 30} and 900 < store.ttl("later") <= 1000


def test_there_and_back(dump, says, tmp_path):
    home, again, third = tmp_path / "home", tmp_path / "again.rdb", tmp_path / "third"
    assert says("load", dump, home) == (0, f"{home}: 5 keys\n".encode(), b"")
    with kevy.Store(home) as store:
        assert_same_as_dump(store)
        store["more"] = 1
        del store["more"]
    assert says("save", home, again)[0] == 0
    with kevy.Store.load(again) as store:
        assert_same_as_dump(store)
    assert says("convert", again, f"{third}/")[0] == 0
    with kevy.Store(third) as store:
        assert_same_as_dump(store)
    assert sorted(os.listdir(tmp_path)) == ["again.rdb", "dump.rdb", "home", "third"]


def test_what_is_there_stays(dump, says, tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    other.mkdir()
    (other / "letter").write_text("dear")
    assert says("load", dump, home)[0] == 0
    for argv in (["load", dump, home], ["load", "--force", dump, other], ["save", home, dump], ["convert", dump, dump],
                 ["convert", tmp_path / "nothing", other], ["load", other, tmp_path / "new"], ["save", "--force", dump, home]):
        code, out, err = says(*argv)
        assert (code, out) == (1, b"") and err.startswith(b"kevy: ") and err.count(b"\n") == 1
    assert (other / "letter").read_text() == "dear"
    assert says("load", "--force", dump, home)[0] == 0
    assert says("save", "--force", home, dump)[0] == 0
    assert sorted(os.listdir(tmp_path)) == ["dump.rdb", "home", "other"]


def test_check(dump, says, tmp_path):
    home = tmp_path / "home"
    with kevy.Store(home, fsync="no") as store:
        for n in range(10):
            store[f"k{n}"] = "value"
        store.sync()
        code, out, _ = says("check", home, dump)
        assert code == 0 and out.startswith(f"{home}: 10 keys\n".encode()) and f"{dump}: 5 keys, ".encode() in out
    log = home / "appendonlydir" / "appendonly.aof.1.incr.aof"
    whole = log.read_bytes()
    log.write_bytes(whole[:-3])
    code, out, _ = says("check", home)
    assert code == 0 and b": 9 keys\n" in out and b"at offset" in out and log.read_bytes() == whole[:-3]
    broken = bytearray(whole)
    broken[whole.index(b"k5") - 3] = ord("x")
    log.write_bytes(broken)
    code, out, _ = says("check", home)
    assert code == 1 and b"corrupt: appendonly.aof.1.incr.aof at offset" in out and b"salvage=True keeps 5 keys" in out
    assert log.read_bytes() == broken and len(os.listdir(log.parent)) == 2
    dump.write_bytes(dump.read_bytes()[:-20])
    code, out, _ = says("check", dump)
    assert code == 1 and b"at offset" in out
    code, out, err = says("check", tmp_path / "nothing")
    assert (code, out) == (2, b"") and err.count(b"\n") == 1


def test_report(dump, says, tmp_path):
    code, out, _ = says("report", dump)
    assert code == 0 and "Memory by type" in out.decode() and "user:" in out.decode()
    assert says("report", "--html", tmp_path / "page.html", dump) == (0, b"", b"")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


# ---- The rest ----


def test_bench(says):
    code, out, _ = says("bench", "--seconds", 0)
    assert code == 0 and out.splitlines()[0].split() == [b"operation", b"per", b"second", b"ns", b"each"] and b"zadd" in out


def test_progress():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    with progress.Progress("reading x", Terminal()) as shown:
        shown(1536, 3072, 7)
        assert shown.file.getvalue() == "\r\x1b[Kreading x [###############...............]  50%  1.5 KB  7 keys"
    quiet = io.StringIO()
    with progress.Progress("reading x", quiet) as shown:
        shown(1, 2)
    assert quiet.getvalue() == ""


def test_usage(says):
    assert says()[0] == 2
    with pytest.raises(SystemExit) as e:
        main(["nosuchthing"])
    assert e.value.code == 2


def test_a_process():
    done = subprocess.run([sys.executable, "-m", "kevy", "mem://", "ECHO", b"\xff"], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\xff\n", b"")
