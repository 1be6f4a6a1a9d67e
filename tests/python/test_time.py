"""Time to live: seconds, datetimes, conditions, and that an expired key is gone everywhere."""

import datetime as dt
import math
import time

import kevy
import pytest

UTC = dt.timezone.utc


class Delta(dt.timedelta):
    pass


@pytest.mark.parametrize("ttl, ms", [
    (1, 1000), (0.001, 1), (0.0001, 1), (0.0015, 2), (0.035, 35), (0.57, 570), (1.001, 1001), (8.2, 8200),
    (4.0005, 4001), (1e-300, 1), (86400 * 365, 86400_000 * 365), (1e6 + 0.001, 1_000_000_001),
    (dt.timedelta(seconds=1), 1000), (dt.timedelta(microseconds=1), 1), (dt.timedelta(microseconds=1001), 2),
    (dt.timedelta(days=1, milliseconds=5), 86400_005), (Delta(minutes=1), 60_000)])
def test_ttl_is_rounded_up_to_a_millisecond(s, clock, ttl, ms):
    for put in (lambda: s.set("k", 1, ttl), lambda: s.set("k", 1, ttl=ttl), lambda: s.mset({"k": 1}, ttl=ttl),
                lambda: s.expire("k", ttl)):
        s["k"] = 1
        put()
        assert s.ttl("k") == ms / 1000
        assert s.expires_at("k") == dt.datetime.fromtimestamp(0, UTC) + dt.timedelta(milliseconds=clock.now + ms)


@pytest.mark.parametrize("ttl", [0, -1, 0.0, -0.5, math.nan, math.inf, -math.inf, 1e300, 1 << 70, -(1 << 70), 1 << 60,
                                 (1 << 63) // 1000, dt.timedelta(0), dt.timedelta(days=-1)])
def test_ttl_out_of_range(s, ttl):
    s["k"] = 1
    for call in (lambda: s.set("k", 2, ttl), lambda: s.expire("k", ttl), lambda: s.mset({"k": 2}, ttl=ttl)):
        with pytest.raises(ValueError):
            call()
    assert s["k"] == 1 and s.ttl("k") is None


@pytest.mark.parametrize("ttl", ["5", b"5", True, False, [], dt.datetime.now(), dt.date.today()])
def test_ttl_of_another_type(s, ttl):
    s["k"] = 1
    for call in (lambda: s.set("k", 2, ttl), lambda: s.expire("k", ttl), lambda: s.mset({"k": 2}, ttl=ttl)):
        with pytest.raises(TypeError):
            call()
    assert s["k"] == 1


def test_ttl_none_is_none(s):
    s.set("k", 1, ttl=None)
    assert s.ttl("k") is None and s.expires_at("k") is None
    with pytest.raises(TypeError, match="persist"):
        s.expire("k", None)


def test_missing_keys(s):
    for call in (s.ttl, s.expires_at):
        with pytest.raises(KeyError):
            call("k")
    assert s.expire("k", 5) is False and s.expire_at("k", 2e9) is False and s.persist("k") is False


def test_expire_conditions(s, clock):
    s["k"] = 1
    assert s.expire("k", 10, xx=True) is False and s.expire("k", 10, gt=True) is False
    assert s.expire("k", 10, nx=True) is True and s.expire("k", 20, nx=True) is False
    assert s.expire("k", 5, gt=True) is False and s.expire("k", 20, gt=True) is True
    assert s.expire("k", 30, lt=True) is False and s.expire("k", 5, lt=True) is True
    assert s.ttl("k") == 5
    assert s.persist("k") is True and s.persist("k") is False and s.ttl("k") is None
    assert s.expire("k", 7, lt=True) is True
    for contradiction in ({"nx": True, "xx": True}, {"gt": True, "lt": True}, {"nx": True, "gt": True}):
        with pytest.raises(ValueError):
            s.expire("k", 5, **contradiction)
    for wrong in (lambda: s.expire("k"), lambda: s.expire("k", 5, True), lambda: s.expire("k", 5, what=True)):
        with pytest.raises(TypeError):
            wrong()


def test_expire_at(s, clock):
    s["k"] = 1
    now = clock.now / 1000
    assert s.expire_at("k", now + 5) is True and s.ttl("k") == 5
    assert s.expire_at("k", int(now) + 7) is True and s.ttl("k") == 7
    moment = dt.datetime(2030, 1, 2, 3, 4, 5, 678000, UTC)
    s.expire_at("k", moment)
    assert s.expires_at("k") == moment and s.expires_at("k").tzinfo is UTC
    east = moment.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30)))
    s.expire_at("k", east)
    assert s.expires_at("k") == moment
    s.expire_at("k", moment.timestamp())
    assert s.expires_at("k") == moment
    s.expire_at("k", moment + dt.timedelta(microseconds=1))
    assert s.expires_at("k") == moment + dt.timedelta(milliseconds=1)
    assert s.expire_at("k", moment, gt=True) is False and s.expire_at("k", moment, lt=True) is True


@pytest.mark.parametrize("past", [0, 1, 0.5, -0.001, -1, -1e12, dt.datetime(1900, 1, 1, tzinfo=UTC)])
def test_expire_at_in_the_past_deletes(s, clock, past):
    s["k"] = 1
    assert s.expire_at("k", past) is True and "k" not in s


@pytest.mark.parametrize("when, error", [
    (dt.datetime(2030, 1, 1), ValueError), (math.nan, ValueError), (math.inf, ValueError), (1e300, ValueError),
    (1 << 70, ValueError), (None, TypeError), ("2030", TypeError), (True, TypeError), (dt.date(2030, 1, 1), TypeError),
    (dt.timedelta(5), TypeError)])
def test_expire_at_refuses(s, when, error):
    s["k"] = 1
    with pytest.raises(error):
        s.expire_at("k", when)
    assert s.ttl("k") is None


def test_an_expired_key_is_gone_everywhere(s, clock):
    s.set("k", "v", ttl=5)
    s["stays"] = 1
    snapshot, it = s.snapshot(), iter(s)
    clock.advance(5)
    assert s.get("k") is None and "k" not in s and s.mget(["k"]) == [None] and s.type("k") is None
    assert list(s) == ["stays"] == list(s.scan()) and s == {"stays": 1} and len(s) == 1
    assert s.strlen("k") == 0 and s.exists("k") == 0 and s.delete("k") == 0 and s.persist("k") is False
    assert s.copy("k", "x") is False and s.expire("k", 5) is False and s.pop("k", None) is None
    assert s.popitem() == ("stays", 1) and not s
    for gone in (lambda: s["k"], lambda: s.ttl("k"), lambda: s.view("k"), lambda: s.rename("k", "x"), s.popitem):
        with pytest.raises(KeyError):
            gone()
    assert s.set("k", 1, nx=True) is True and s.ttl("k") is None
    assert snapshot["k"] == "v" and snapshot.ttl("k") == 5, "in a snapshot time stands still"
    assert sorted(it) == ["k", "stays"]


def test_the_clock_steps_back(s, clock):
    s.set("k", 1, ttl=5)
    clock.advance(-100)
    assert s.ttl("k") == 105
    clock.advance(104.999)
    assert "k" in s
    clock.advance(0.001)
    assert "k" not in s


def test_real_time():
    with kevy.Store() as s:
        s.set("k", 1, ttl=0.5)
        assert 0 < s.ttl("k") <= 0.5
        assert abs(s.expires_at("k").timestamp() - time.time()) < 5
        deadline = time.monotonic() + 5
        while "k" in s and time.monotonic() < deadline:
            time.sleep(0.005)
        assert s.get("k") is None and len(s) == 0 and s.stats()["expired"] == 1


def test_far_deadlines(s, clock):
    s["k"] = 1
    s.expire("k", 10**12)
    assert s.ttl("k") == 10**12
    with pytest.raises(OverflowError):
        s.expires_at("k")  # beyond the year 9999 a datetime has no name for it
