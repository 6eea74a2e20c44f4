"""A stream of Redis as a source, against a server: entries come behind the position of the sink, whatever breaks."""

from __future__ import annotations

import time

import pytest

from pipelines.errors import DataError, InkrayError, UsageError
from pipelines.inference.outcome import ReasonCode
from pipelines.streaming.opening import SinkOptions, SourceOptions, sink_opener, source_opener
from pipelines.streaming.redis_server import RedisStream
from pipelines.streaming.redis_source import SETTINGS, RedisSource
from pipelines.streaming.source import Arrival, Positions
from tests.redis_server import PASSWORD, RedisServer
from tests.redis_server import redis_server as redis_server
from tests.relay import relay_to
from tests.streams import STREAM_SCHEMA, positions

OPTIONS = SourceOptions(suffixes=frozenset())


def opened(uri: str, committed: Positions | None = None) -> RedisSource:
    source = RedisSource(RedisStream.parse(uri, SETTINGS))
    source.open(committed or {})
    return source


def add(server: RedisServer, name: str, *contents: str) -> list[str]:
    return [server.client.xadd(name, {"image": content}).decode() for content in contents]


def read(arrivals: list[Arrival]) -> list[object]:
    return [one.content for one in arrivals]


def test_entries_come_in_order_behind_the_position_of_the_sink(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    source = opened(redis_server.uri(name))
    assert source.poll(10, 0.01) == []
    first, second, third = add(redis_server, name, "1", "2", "3")
    [one] = source.poll(1, 1)
    assert (one.key, one.at, one.name, one.content) == (name, first, f"{name}/{first}", b"1")
    assert abs(one.arrived_at - time.time()) < 60
    assert source.lag().items == 2
    assert read(source.poll(10, 1)) == [b"2", b"3"]
    assert source.poll(10, 0) == []
    assert (source.lag().items, source.lag().oldest_s) == (0, None)
    again = opened(redis_server.uri(name), positions((name, first)))
    assert again.lag().items == 2
    assert [entry.at for entry in again.poll(10, 1)] == [second, third]


def test_a_backlog_is_counted_however_long(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    ids = add(redis_server, name, *map(str, range(345)))
    source = opened(redis_server.uri(name), positions((name, ids[9])))
    assert source.lag().items == 335
    redis_server.client.xtrim(name, minid=ids[44], approximate=False)
    assert len(source.poll(1000, 1)) == 301
    add(redis_server, name, "new")
    assert source.lag().items == 1 + 34
    assert len(source.poll(1000, 1)) == 1
    assert source.lag().items == 0


def test_names_and_entries_without_an_image(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    redis_server.client.xadd(name, {"file": b"scan", "name": "a/b.pdf"})
    redis_server.client.xadd(name, {"text": "no image", "name": b"\xff.png"})
    scan, empty = opened(redis_server.uri(name)).poll(10, 1)
    assert (scan.name, scan.content) == ("a/b.pdf", b"scan")
    assert empty.name == "\\xff.png"
    assert empty.content.read().code == ReasonCode.MISSING_IMAGE  # type: ignore[union-attr]


def test_no_more_is_asked_for_at_a_time_than_memory_has_room_for(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    for _ in range(4):
        redis_server.client.xadd(name, {"image": bytes(6 << 20)})
    source = opened(redis_server.uri(name))
    assert [len(source.poll(1, 1)), len(source.poll(512, 1)), len(source.poll(512, 1))] == [1, 2, 1]


def test_a_group_shows_how_far_it_is_and_what_is_done_is_trimmed_by_option(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    source = opened(redis_server.uri(name, "&group=readers&trim=yes"))
    first, second, third = add(redis_server, name, "1", "2", "3")
    source.poll(10, 1)
    [group] = redis_server.client.xinfo_groups(name)
    assert (group["name"], group["last-delivered-id"]) == (b"readers", b"0-0")
    for _ in range(2):
        assert source.commit(positions((name, second))) == []
    [group] = redis_server.client.xinfo_groups(name)
    assert (group["last-delivered-id"], group["pending"]) == (second.encode(), 0)
    assert [at.decode() for at, _ in redis_server.client.xrange(name)] == [second, third]
    # Killed before it could tell: the next driver tells.
    opened(redis_server.uri(name, "&group=readers&trim=yes"), positions((name, third)))
    assert redis_server.client.xinfo_groups(name)[0]["last-delivered-id"] == third.encode()
    assert first not in redis_server.client.xrange(name)


def test_a_lost_answer_and_a_restart_lose_nothing(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    with relay_to(redis_server.port) as relay:
        source = opened(redis_server.uri(name, port=relay.port))
        add(redis_server, name, "1", "2")
        relay.lose_next_answer()
        with pytest.raises(DataError, match="does not do what it is asked"):
            source.poll(1, 0)
        assert read(source.poll(1, 0)) == [b"1"]
        redis_server.kill()
        with pytest.raises(DataError):
            source.poll(10, 0)
        with pytest.raises(DataError):
            source.lag()
        redis_server.start()
        assert read(source.poll(10, 0)) == [b"2"]
        source.close()


def test_a_stream_that_begins_anew_is_told(redis_server: RedisServer) -> None:
    name = redis_server.new_name()
    redis_server.client.xadd(name, {"image": "1"}, id="5-1")
    with pytest.raises(DataError, match=f"ends at 5-1, before 7-0, .* XSETID {name} 7-0"):
        opened(redis_server.uri(name), positions((name, "7-0")))
    redis_server.client.xgroup_create(name, "unused")
    redis_server.client.execute_command("XSETID", name, "7-0")
    assert opened(redis_server.uri(name), positions((name, "7-0"))).poll(1, 0) == []


def test_what_is_wrong_with_a_place_is_told_without_the_password(redis_server: RedisServer) -> None:
    sink = SinkOptions(schema=STREAM_SCHEMA)
    name = redis_server.new_name()
    for uri, said in (
        (f"redis://:{PASSWORD}@host", "redis://host names no stream; add it: redis://host?stream=NAME."),
        (f"redis://:{PASSWORD}@host?stream=a&gruop=b", "there is no setting 'gruop'; known: stream, group, trim."),
        (f"redis://:{PASSWORD}@host/x?stream=a", "is no place of a Redis server"),
        (f"redis://:{PASSWORD}@host:port?stream=a", "is no place of a Redis server"),
        (f"redis://:{PASSWORD}@host?stream=a&trim=maybe", "trim is 'maybe'; it must be yes or no."),
    ):
        with pytest.raises(UsageError) as refused:
            source_opener(uri, OPTIONS)
        assert said in str(refused.value)
        assert PASSWORD not in str(refused.value)
    with pytest.raises(UsageError, match="entries cannot be moved"):
        source_opener(redis_server.uri(name), SourceOptions(suffixes=frozenset(), afterwards="move"))
    with pytest.raises(UsageError, match="would lie among what is read"):
        sink_opener(redis_server.uri(name), sink, redis_server.uri(name, "&group=a"))
    with pytest.raises(UsageError, match="there is no setting 'trim'"):
        sink_opener(redis_server.uri(name, "&trim=yes"), sink, ".")
    assert PASSWORD not in repr(RedisStream.parse(redis_server.uri(name)))


def test_the_password_may_come_from_the_environment(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"redis://127.0.0.1:{redis_server.port}?stream={redis_server.new_name()}"
    with pytest.raises(InkrayError, match="refuses this user") as refused:
        opened(uri)
    assert not isinstance(refused.value, DataError)
    monkeypatch.setenv("REDISCLI_AUTH", PASSWORD)
    assert opened(uri).poll(1, 0) == []
