"""What a store says of itself as a server would: CONFIG, INFO, CLIENT REPLY, and saving where it lives in a directory."""

import os
import time

import kevy
import pytest


def info(store, *sections):
    lines = store.command("INFO", *sections).decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


def test_info_has_the_sections_that_tools_read():
    with kevy.Store() as store:
        store["k"] = 1
        text = store.command("INFO").decode()
        sections = [line[2:] for line in text.split("\r\n") if line.startswith("# ")]
        assert sections == ["Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Errorstats",
                            "Cluster", "Keyspace"]
        about = info(store)
        assert about["redis_version"].startswith("7.2.") and about["role"] == "master" and about["aof_enabled"] == "0"
        assert int(about["used_memory"]) == store.used_memory and about["maxmemory_policy"] == "noeviction"
        assert int(about["process_id"]) == os.getpid() and len(about["run_id"]) == 40
        assert about["db0"] == "keys=1,expires=0,avg_ttl=0"
        assert "# Commandstats" in store.command("INFO", "everything").decode()
        assert store.command("INFO", "cluster") == b"# Cluster\r\ncluster_enabled:0\r\n"


def test_config_is_the_stores_own():
    with kevy.Store(maxmemory="64mb", policy="allkeys-lru") as store, kevy.Store() as other:
        assert store.command("CONFIG", "GET", "maxmemory*") == {
            b"maxmemory": b"67108864", b"maxmemory-policy": b"allkeys-lru", b"maxmemory-samples": b"5",
            b"maxmemory-eviction-tenacity": b"10", b"maxmemory-clients": b"0"}
        store.command("CONFIG", "SET", "hash-max-listpack-entries", 1)
        for each in (store, other):
            each["h"] = {"a": 1, "b": 2}
        assert store.command("OBJECT", "ENCODING", "h") == b"hashtable"
        assert other.command("OBJECT", "ENCODING", "h") == b"listpack"


def test_config_set_changes_all_or_nothing():
    with kevy.Store() as store:
        store["k"] = "x" * 100_000
        with pytest.raises(kevy.CommandError, match="related to argument 'maxmemory'"):
            store.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru", "timeout", 5, "maxmemory", 10_000)
        assert store.command("CONFIG", "GET", "maxmemory-policy", "timeout", "maxmemory") == {
            b"maxmemory-policy": b"noeviction", b"timeout": b"0", b"maxmemory": b"0"}
        store.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", 50_000_000)
        assert info(store, "memory")["maxmemory_policy"] == "allkeys-lru"


def test_client_reply():
    with kevy.Store() as store, store.session() as session:
        assert session.command_resp("CLIENT", "REPLY", "SKIP") == b""
        assert session.command_resp("SET", "k", 1) == b""
        assert session.command_resp("GET", "k") == b"$1\r\n1\r\n"
        assert session.command_resp("CLIENT", "REPLY", "OFF") == b""
        assert session.command_resp("SET", "k", 2) == b""
        assert session.command_resp("NOSUCH") == b""
        assert session.command_resp("CLIENT", "REPLY", "ON") == b"+OK\r\n"
        assert session.command_resp("GET", "k") == b"$1\r\n2\r\n"


def test_client_describes_its_own_connection():
    with kevy.Store() as store, store.session() as session:
        session.command("HELLO", 3, "SETNAME", "me")
        session.command("CLIENT", "SETINFO", "LIB-NAME", "lib")
        line = dict(word.split("=", 1) for word in session.command("CLIENT", "INFO").decode().split())
        assert (line["name"], line["resp"], line["lib-name"], line["cmd"]) == ("me", "3", "lib", "client|info")
        number = session.command("CLIENT", "ID")
        assert int(line["id"]) == number
        assert session.command("CLIENT", "LIST", "ID", number) != b""
        assert session.command("CLIENT", "KILL", "ID", number, "SKIPME", "no") == 1
        assert session.protocol == 0


def wait_until(done):
    while not done():
        time.sleep(0.01)


def test_saving_of_a_directory(tmp_path):
    home = tmp_path / "data"
    with kevy.Store(str(home)) as store:
        store["k"] = 1
        opened = store.command("LASTSAVE")
        assert store.command_resp("SAVE") == b"+OK\r\n"
        assert store.command("LASTSAVE") >= opened
        store["k"] = 2
        assert store.command("BGSAVE") == "Background saving started"
        wait_until(lambda: info(store)["rdb_bgsave_in_progress"] == "0")
        assert info(store)["rdb_last_bgsave_status"] == "ok"
        assert store.command("BGREWRITEAOF") == "Background append only file rewriting started"
        wait_until(lambda: (store.tick(), info(store)["aof_rewrite_in_progress"])[1] == "0")
        assert store.command("CONFIG", "GET", "dir", "appendonly") == {b"dir": str(home).encode(), b"appendonly": b"yes"}
        assert store.command("BGSAVE") == "Background saving started"
    with kevy.Store.load(home / "dump.rdb") as copy:
        assert copy["k"] == 2
    with kevy.Store(str(home)) as again:
        assert again["k"] == 2
