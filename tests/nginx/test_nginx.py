"""kevy inside nginx: a store per worker, over real HTTP."""

import re
import threading
import time

import pytest
from conftest import ROOT


def test_values_live_from_request_to_request(server):
    assert server.request("GET", "/door") == (200, "ffi")
    assert server.request("GET", "/name") == (404, "no such key")
    assert server.request("PUT", "/name", "alice") == (200, "true")
    assert server.request("GET", "/name") == (200, "alice")
    assert server.request("DELETE", "/name") == (200, "1")
    assert server.request("GET", "/name")[0] == 404


@pytest.mark.parametrize("size", [0, 1, 1000, 5000, 300000])
def test_bodies_of_every_size(server, size):
    body = bytes(i * 7 % 256 for i in range(size))
    assert server.request("PUT", "/body", body)[0] == 200
    assert server.request("GET", "/body") == (200, body.decode("latin-1"))


def test_counters(server):
    for i in range(1, 21):
        assert server.request("POST", "/n") == (200, str(i))
    assert server.request("POST", "/n?by=0.5") == (200, "20.5")
    assert server.request("PUT", "/text", "hello")[0] == 200
    status, message = server.request("POST", "/text")
    assert status == 400 and "not an integer" in message


def test_counters_under_concurrent_requests(server):
    threads = [threading.Thread(target=lambda: [server.request("POST", "/n") for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.request("GET", "/n") == (200, "400")


def test_a_leaderboard(server):
    assert server.request("GET", "/board") == (200, "")
    for i in range(20):
        assert server.request("POST", f"/board/p{i:02}?by={i}")[0] == 200
    assert server.request("POST", "/board/p05?by=0.5") == (200, "15 5.5")
    assert server.request("POST", "/board/p05?by=100") == (200, "1 105.5")
    assert server.request("GET", "/board/p19") == (200, "2 19")
    assert server.request("GET", "/board/nobody")[0] == 404
    lines = server.request("GET", "/board")[1].split("\n")
    assert len(lines) == 10 and lines[0] == "1. p05 105.5" and lines[9] == "10. p11 11"


def test_a_hash(server):
    assert server.request("GET", "/user/1")[0] == 404
    assert server.request("PUT", "/user/1?name=alice&age=41") == (200, "2")
    assert server.request("PUT", "/user/1?age=42&city=x") == (200, "1")
    assert server.request("GET", "/user/1?field=name") == (200, "alice")
    assert server.request("GET", "/user/1?field=none")[0] == 404
    assert server.request("GET", "/user/1") == (200, "age=42 city=x name=alice")
    assert server.request("PUT", "/user:2", "text")[0] == 200
    status, message = server.request("PUT", "/user/2?name=bob")
    assert status == 400 and "wrong kind of value" in message


def test_time_to_live(server):
    assert server.request("PUT", "/k?ttl=1", "v")[0] == 200
    assert server.request("GET", "/k") == (200, "v")
    assert 0 < float(server.request("GET", "/k?ttl=1")[1]) <= 1
    time.sleep(1.1)
    assert server.request("GET", "/k")[0] == 404
    assert server.request("PUT", "/k?ttl=-1", "v")[0] == 400


def stats(server):
    return {k: int(v) for k, v in (f.split("=") for f in server.request("GET", "/stats")[1].split())}


def test_the_timer_reclaims_what_expired_unread(server):
    for i in range(30):
        server.request("PUT", f"/k{i}?ttl=0.2", "v")
    time.sleep(0.3)
    server.wait(lambda: stats(server)["expired"] >= 30)
    assert stats(server)["keys"] == 0
    assert stats(server)["ticks"] > 2


def test_a_reload_starts_an_empty_store(server):
    server.request("PUT", "/k", "v")
    server.reload()
    assert server.request("GET", "/k")[0] == 404
    assert server.request("PUT", "/k", "w")[0] == 200
    assert server.request("GET", "/k") == (200, "w")
    for _ in range(3):
        server.reload()
    assert server.request("GET", "/k")[0] == 404


def test_every_worker_has_a_store_of_its_own(start):
    server = start(workers=2)
    counts = {}
    for _ in range(300):
        pid = server.request("GET", "/pid")[1]
        counts[pid] = counts.get(pid, 0) + 1
        if len(counts) == 2:
            break
    assert len(counts) == 2
    highest = max(int(server.request("POST", "/n")[1]) for _ in range(200))
    assert highest < 200  # the workers share the requests, and each counts its own


def test_the_hot_path_compiled(server):
    assert server.request("GET", "/hot") == (200, str(200000 * 200001 // 2))
    assert server.request("GET", "/hot")[0] == 200
    for _ in range(2):
        assert server.request("GET", "/hot_views")[0] == 200
    assert server.request("GET", "/hot_views") == (200, "100 20 3000")


def test_requests_wait_for_what_others_write(server):
    answers = {}

    def take(i):
        answers[i] = server.request("GET", "/jobs/q?wait=20")

    threads = [threading.Thread(target=take, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    assert not answers  # all of them wait, and the one worker still answers others
    assert server.request("GET", "/name")[0] == 404
    for i in range(5):
        assert server.request("PUT", "/jobs/q", f"job{i}") == (200, "1")
    for thread in threads:
        thread.join()
    assert sorted(answers.values()) == [(200, f"job{i}") for i in range(5)]
    assert server.request("GET", "/jobs/q?wait=0.05") == (404, "no such key")


def test_requests_share_what_one_computes(server):
    answers = {}

    def ask(i):
        answers[i] = server.request("GET", f"/slow/{i % 2}")

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    assert server.request("GET", "/name")[0] == 404  # the one worker still answers others
    for thread in threads:
        thread.join()
    assert len(set(answers.values())) == 2
    assert {code for code, _ in answers.values()} == {200}


def test_where_nobody_can_wait_a_command_answers_at_once(server):
    assert server.request("GET", "/filtered/q") == (200, "filtered")


def test_the_c_module_instead(start):
    server = start(env={"KEVY_LUA_DOOR": "core"})
    assert server.request("GET", "/door") == (200, "core")
    assert server.request("PUT", "/k", "v")[0] == 200
    assert server.request("GET", "/k") == (200, "v")
    assert server.request("GET", "/hot")[0] == 200
    assert server.request("GET", "/hot_views") == (200, "100 20 1000")
    assert server.request("POST", "/board/ann?by=2.5") == (200, "1 2.5")
    assert server.request("GET", "/jobs/q?wait=20")[0] == 404  # it cannot be left in the middle, so it does not wait


def test_the_example(start):
    server = start(conf=(ROOT / "examples" / "nginx.conf").read_text(), ready="/")
    assert server.request("GET", "/")[1].startswith("0 keys, ")
    assert server.request("PUT", "/user:1?ttl=60", "alice") == (200, "true\n")
    assert server.request("GET", "/user:1") == (200, "alice\n")
    assert server.request("POST", "/visits") == (200, "1\n")
    assert server.request("POST", "/board/alice?by=10") == (200, "1\n")
    assert server.request("GET", "/board/") == (200, "1 alice 10\n")
    assert server.request("DELETE", "/visits") == (200, "1\n")
    assert server.request("GET", "/visits") == (404, "no such key\n")


def test_the_configuration_of_the_documents(start):
    text = (ROOT / "docs" / "lua.md").read_text()
    (conf,) = re.findall(r"^```nginx\n(.*?)^```", text, re.M | re.S)
    (cache,) = re.findall(r"^```lua\n(-- cache\.lua.*?)^```", text, re.M | re.S)
    server = start(conf=conf, files={"cache.lua": cache}, ready="/ready")
    status, page = server.request("GET", "/page")
    assert status == 200 and page.startswith("made at ")
    assert server.request("GET", "/page") == (200, page)
