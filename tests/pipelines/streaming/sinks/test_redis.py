"""A stream of Redis as a sink, against a server: rows and positions in one step, of one driver at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from pipelines.errors import DataError, InkrayError, UsageError
from pipelines.streaming.redis_server import RedisStream
from pipelines.streaming.sink import SupersededError
from pipelines.streaming.sinks import redis as module
from pipelines.streaming.sinks.redis import RedisSink
from tests.redis_server import PASSWORD, RedisServer
from tests.redis_server import redis_server as redis_server
from tests.relay import relay_to
from tests.streams import positions, rows_of

KILLS = 8


def sink_of(uri: str, keep_days: int | None = None) -> RedisSink:
    return RedisSink(RedisStream.parse(uri), keep_days)


def leading(uri: str) -> RedisSink:
    sink = sink_of(uri)
    assert sink.try_to_lead() is not None
    return sink


def items(server: RedisServer, name: str) -> list[tuple[str, str]]:
    return [(row["key"], row["at"]) for row in server.rows(name)]


def test_rows_and_positions_are_there_for_the_next_driver(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    first, second = leading(redis_server.uri(name)), sink_of(redis_server.uri(name))
    first.commit(rows_of(("a", "1"), ("b", "1")), positions(("a", "1"), ("b\udcff", "1"), ("c", "1")), [])
    first.commit(rows_of(("a", "2")), positions(("a", "2")), ["c", "unknown"])
    assert second.try_to_lead() is None
    first.close()
    assert second.try_to_lead() == positions(("a", "2"), ("b\udcff", "1"))
    second.commit(rows_of(), positions(("c", "2")), [])
    second.close()
    assert leading(redis_server.uri(name)).try_to_lead() == positions(("a", "2"), ("b\udcff", "1"), ("c", "2"))
    assert [row["at"] for row in redis_server.rows(name)] == ["1", "1", "2"]


def test_who_led_before_is_refused_when_its_lease_has_ended(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = redis_server.new_name()
    monkeypatch.setattr(module, "LEASE_MS", 100)
    before = leading(redis_server.uri(name))
    before.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    after = sink_of(redis_server.uri(name))
    began = time.monotonic()
    while (known := after.try_to_lead()) is None:
        assert time.monotonic() - began < 60
        time.sleep(0.01)
    assert known == positions(("a", "1"))
    with pytest.raises(SupersededError, match="Another process writes the rows"):
        before.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    after.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    with pytest.raises(SupersededError):
        before.tidy()
    before.close()
    assert items(redis_server, name) == [("a", "1"), ("a", "2")]


def test_whoever_leads_renews_the_lease_though_nothing_is_committed(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    sink = leading(redis_server.uri(name))
    redis_server.client.delete(f"{name}:lease")
    sink.tidy()
    assert redis_server.client.pttl(f"{name}:lease") > 0
    assert sink_of(redis_server.uri(name)).try_to_lead() is None


def test_a_commit_whose_answer_was_lost_is_not_made_twice(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    with relay_to(redis_server.port) as relay:
        sink = leading(redis_server.uri(name, port=relay.port))
        relay.lose_next_answer()
        with pytest.raises(DataError, match=f":{relay.port}/0\\?stream={name} does not do what it is asked"):
            sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
        assert relay.lost
        assert items(redis_server, name) == [("a", "1")]
        for at in "12":
            sink.commit(rows_of(("a", at)), positions(("a", at)), [])
        sink.close()
    assert items(redis_server, name) == [("a", "1"), ("a", "2")]


def test_rows_are_there_once_whenever_the_server_is_killed(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    sink = leading(redis_server.uri(name))
    made = 0
    with killed_again_and_again(redis_server) as ended:
        while not ended():
            rows = [("a", f"{made}.{part}") for part in range(50)]
            try:
                sink.commit(rows_of(*rows), positions(("a", str(made))), [])
                made += 1
            except DataError:
                time.sleep(0.01)
    assert made > KILLS
    assert items(redis_server, name) == [("a", f"{number}.{part}") for number in range(made) for part in range(50)]
    assert sink.try_to_lead() == positions(("a", str(made - 1)))


@contextmanager
def killed_again_and_again(server: RedisServer) -> Iterator[object]:
    chance = random.Random(0)

    def kill() -> None:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.02, 0.2))
            server.kill()
            server.start()

    thread = Thread(target=kill)
    thread.start()
    try:
        yield lambda: not thread.is_alive()
    finally:
        thread.join()


def test_old_rows_are_retired(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    for number in range(500):
        redis_server.client.xadd(name, {"row": "{}"}, id=f"{number + 1}-0")
    sink = sink_of(redis_server.uri(name), keep_days=1)
    assert sink.try_to_lead() == {}
    sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    sink.tidy()
    assert redis_server.client.xlen(name) < 102
    assert redis_server.rows(name)[-1]["at"] == "1"


def test_a_server_that_may_forget_is_refused(redis_server: RedisServer) -> None:
    sink = sink_of(redis_server.uri(redis_server.new_name()))
    for setting, other, said in (
        ("appendfsync", "everysec", "since it has appendfsync everysec; set appendfsync always."),
        ("maxmemory-policy", "allkeys-lru", "set maxmemory-policy noeviction."),
    ):
        before = redis_server.client.config_get(setting)[setting]
        redis_server.client.config_set(setting, other)
        try:
            with pytest.raises(UsageError, match=said):
                sink.try_to_lead()
        finally:
            redis_server.client.config_set(setting, before)
    assert sink.try_to_lead() == {}


def test_a_server_that_lost_commits_or_is_full_says_so(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    sink = leading(redis_server.uri(name))
    redis_server.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(DataError, match="maxmemory"):
            sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    finally:
        redis_server.client.config_set("maxmemory", 0)
    sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    assert items(redis_server, name) == [("a", "1")]
    redis_server.client.hset(f"{name}:state", "number", 0)
    with pytest.raises(InkrayError, match="lost commits that it had confirmed"):
        sink.commit(rows_of(("a", "2")), positions(("a", "2")), [])


def test_a_wrong_password_and_a_key_of_another_kind_are_no_outages(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    with pytest.raises(InkrayError, match="refuses this user") as refused:
        sink_of(redis_server.uri(name, password=f"{PASSWORD}-wrong")).try_to_lead()
    assert not isinstance(refused.value, DataError)
    assert PASSWORD not in str(refused.value)
    redis_server.client.set(name, "something")
    with pytest.raises(UsageError, match=f"the key {name} is no stream"):
        sink_of(redis_server.uri(name)).try_to_lead()
