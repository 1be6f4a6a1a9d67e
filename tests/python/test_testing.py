"""kevy.testing: the fixtures, in a pytest of their own."""

import os
import pathlib
import subprocess
import sys

import kevy
import pytest

pytest.importorskip("redis")

TESTS = '''
import asyncio
import redis, redis.asyncio
import pytest

@pytest.mark.parametrize("n", range(2))
def test_new_each_time(kevy_redis, n):
    assert kevy_redis.incr("n") == 1

def test_one_store(kevy_redis, kevy_redis_text, kevy_redis_url, kevy_store):
    kevy_redis.set("k", "v")
    assert kevy_redis_text.get("k") == "v"
    assert redis.from_url(kevy_redis_url).get("k") == b"v"
    assert kevy_store["k"] == b"v"

def test_async(kevy_redis_async):
    async def main():
        async with kevy_redis_async as r:
            return await r.incr("n")
    assert asyncio.run(main()) == 1

def test_clock(kevy_redis, kevy_clock):
    kevy_redis.set("k", "v", ex=60)
    kevy_clock.advance(59)
    assert kevy_redis.ttl("k") == 1
    kevy_clock.advance(1)
    assert kevy_redis.get("k") is None

def test_everywhere(kevy_redis_everywhere):
    redis.Redis("nowhere.example", 1, socket_timeout=5).set("k", "v")
    assert redis.from_url("redis://elsewhere.example/0").get("k") == b"v"
    assert redis.Redis(connection_pool=redis.BlockingConnectionPool(host="x")).get("k") == b"v"
    assert redis.Redis(unix_socket_path="/none").get("k") == b"v"
    async def main():
        async with redis.asyncio.Redis(host="nowhere.example") as r:
            return await r.get("k")
    assert asyncio.run(main()) == b"v"
    assert kevy_redis_everywhere["k"] == b"v"

def test_not_everywhere_any_more():
    with pytest.raises(redis.ConnectionError):
        redis.Redis(unix_socket_path="/none", retry=None).get("k")
'''


def test_the_fixtures(tmp_path):
    tmp_path.joinpath("test_them.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "kevy.testing", "-p", "no:cacheprovider", str(tmp_path)]
    path = str(pathlib.Path(kevy.__file__).absolute().parent.parent)
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "7 passed" in done.stdout, done.stdout + done.stderr
