"""A topic of Kafka as a source, against a broker: messages come behind the positions of the sink, whatever breaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pipelines.errors import DataError, InkrayError, UsageError
from pipelines.inference.outcome import ReasonCode
from pipelines.streaming.opening import SinkOptions, SourceOptions, sink_opener, source_opener
from pipelines.streaming.source import Arrival, Positions, StreamSource
from tests.kafka_broker import KafkaBroker
from tests.kafka_broker import kafka_broker as kafka_broker
from tests.kafka_broker import s3_server as s3_server
from tests.processes import until
from tests.streams import STREAM_SCHEMA, positions

PASSWORD = "a-password-that-nobody-may-read"
OPTIONS = SourceOptions(suffixes=frozenset())


def opened(uri: str, committed: Positions | None = None) -> StreamSource:
    source = source_opener(uri, OPTIONS)()
    source.open(committed or {})
    return source


def read(source: StreamSource, count: int) -> list[Arrival]:
    """So many items, in however many polls."""
    arrived: list[Arrival] = []

    def enough() -> bool:
        arrived.extend(source.poll(count - len(arrived), 0.1))
        return len(arrived) >= count

    until(enough, f"{count} items came")
    return arrived


def is_read(source: StreamSource) -> bool:
    """Whether nothing is left; an answer with the end of a partition may come after the last message."""
    return source.poll(1, 0.1) == [] and source.lag().items == 0


def test_messages_come_in_order_behind_the_positions_of_the_sink(kafka_broker: KafkaBroker) -> None:
    topic = kafka_broker.new_topic(2)
    source = opened(kafka_broker.uri(topic))
    assert source.poll(10, 0.01) == []
    kafka_broker.send(topic, b"1", b"2", b"3", partition=0)
    [one] = read(source, 1)
    assert (one.key, one.at, one.name, one.content) == (f"{topic}/0", "0", f"{topic}/0/0", b"1")
    assert abs(one.arrived_at - time.time()) < 60
    lag = source.lag()
    assert lag.items == 2
    assert lag.oldest_s is not None and lag.oldest_s < 60
    kafka_broker.send(topic, b"4", partition=1)
    rest = read(source, 3)
    assert [item.content for item in rest if item.key == f"{topic}/0"] == [b"2", b"3"]
    assert [(item.key, item.at) for item in rest if item.content == b"4"] == [(f"{topic}/1", "0")]
    until(lambda: is_read(source), "nothing waits")
    source.close()
    again = opened(kafka_broker.uri(topic), positions((f"{topic}/0", "0"), ("another/0", "7")))
    assert sorted(item.content for item in read(again, 3)) == [b"2", b"3", b"4"]  # type: ignore[type-var]
    until(lambda: is_read(again), "nothing waits")
    again.close()


def test_names_and_messages_without_an_image(kafka_broker: KafkaBroker) -> None:
    topic = kafka_broker.new_topic()
    kafka_broker.send(topic, b"scan", keys=["a key"], headers={"name": "a/b.pdf"})
    kafka_broker.send(topic, None, keys=[b"\xff.png"])
    kafka_broker.send(topic, b"")
    scan, tombstone, empty = read(opened(kafka_broker.uri(topic)), 3)
    assert (scan.name, scan.content) == ("a/b.pdf", b"scan")
    assert (tombstone.name, empty.name) == ("\\xff.png", f"{topic}/0/2")
    for one in (tombstone, empty):
        assert one.content.read().code == ReasonCode.MISSING_IMAGE  # type: ignore[union-attr]


def test_items_of_transactions_come_when_they_are_taken_and_marks_are_no_items(kafka_broker: KafkaBroker) -> None:
    from confluent_kafka import Producer

    topic = kafka_broker.new_topic()
    producer = Producer({**kafka_broker.settings, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in (b"1", b"2"):
        producer.produce(topic, value)
    producer.commit_transaction(30)
    source = opened(kafka_broker.uri(topic))
    assert [one.content for one in read(source, 2)] == [b"1", b"2"]
    until(lambda: is_read(source), "nothing waits behind the mark")


def test_a_group_shows_how_far_the_rows_are(kafka_broker: KafkaBroker) -> None:
    topic = kafka_broker.new_topic()
    kafka_broker.send(topic, b"1", b"2", b"3")
    source = opened(kafka_broker.uri(topic, "?group=shown-1"))
    read(source, 3)
    source.lag()
    assert kafka_broker.shown("shown-1", topic) < 0
    for _ in range(2):
        assert source.commit(positions((f"{topic}/0", "1"))) == []
        source.lag()
    assert kafka_broker.shown("shown-1", topic) == 2
    source.commit(positions((f"{topic}/0", "2")))
    source.close()
    assert kafka_broker.shown("shown-1", topic) == 3
    # Killed before it could tell: the next driver tells.
    opened(kafka_broker.uri(topic, "?group=shown-2"), positions((f"{topic}/0", "2")))
    assert kafka_broker.shown("shown-2", topic) == 3


def test_a_broker_that_restarts_loses_nothing_and_is_missed(kafka_broker: KafkaBroker) -> None:
    topic = kafka_broker.new_topic()
    source = opened(kafka_broker.uri(topic))
    kafka_broker.send(topic, b"1", b"2")
    assert [one.content for one in read(source, 1)] == [b"1"]
    kafka_broker.kill()
    try:
        with pytest.raises(DataError, match=f":{kafka_broker.port}/{topic} does not do what it is asked"):
            source.lag()
    finally:
        kafka_broker.start()
    kafka_broker.send(topic, b"3")
    assert [one.content for one in read(source, 2)] == [b"2", b"3"]
    until(lambda: is_read(source), "nothing waits")


@pytest.fixture
def short_topic() -> Iterator[tuple[str, str, int, int]]:
    """On the broker that the library has for tests, which keeps 5 MB of a partition: a topic, the key of its partition,
    the first offset that is left, and the end."""
    kafka = pytest.importorskip("confluent_kafka")
    broker = kafka.Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    [server] = broker.list_topics(timeout=30).brokers.values()
    producer = kafka.Producer({"bootstrap.servers": f"{server.host}:{server.port}", "log_level": 0})
    for number in range(20):
        producer.produce("short", bytes([number]) * 400_000, partition=0)
        producer.flush(30)
    consumer = kafka.Consumer({"bootstrap.servers": f"{server.host}:{server.port}", "group.id": "any"})
    first, end = consumer.get_watermark_offsets(kafka.TopicPartition("short", 0), 30)
    consumer.close()
    assert 0 < first < end == 20
    yield f"kafka://{server.host}:{server.port}/short", "short/0", first, end
    del producer, broker


def test_messages_that_were_deleted_before_they_were_read_are_told_once(
    short_topic: tuple[str, str, int, int],
) -> None:
    uri, key, first, end = short_topic
    source = opened(uri, positions((key, "0")))
    said = []

    def told() -> bool:
        try:
            source.poll(1, 0.1)
            source.lag()
        except DataError as error:
            said.append(str(error))
        return bool(said)

    until(told, "it is told")
    assert f"the messages 1 to {first - 1} of {key} were deleted before they were read; keep them for longer" in said[0]
    assert [int(one.at) for one in read(source, end - first)] == list(range(first, end))
    source.lag()
    source.close()
    # Who has read nothing yet begins with what is there.
    assert [int(one.at) for one in read(opened(uri), 1)] == [first]


def test_a_partition_that_ends_before_the_position_is_told_until_it_is_mended(
    short_topic: tuple[str, str, int, int], kafka_broker: KafkaBroker
) -> None:
    topic = kafka_broker.new_topic()
    kafka_broker.send(topic, b"1")
    for uri, key, end in ((short_topic[0], short_topic[1], short_topic[3]), (kafka_broker.uri(topic), f"{topic}/0", 1)):
        source = opened(uri, positions((key, "70")))
        times: list[str] = []

        def told(source: StreamSource = source, times: list[str] = times) -> bool:
            try:
                assert source.poll(1, 0.1) == []
                source.lag()
            except DataError as error:
                times.append(str(error))
            return len(times) > 1

        until(told, "it is told twice")
        assert f"{key} ends at {end}, before 71, up to which there are rows" in times[1]
        source.close()


def test_a_topic_that_comes_later_is_waited_for(short_topic: tuple[str, str, int, int]) -> None:
    kafka = pytest.importorskip("confluent_kafka")
    uri = short_topic[0].removesuffix("short") + "later"
    source = source_opener(uri, OPTIONS)()
    with pytest.raises(DataError, match="there is no such topic; make it"):
        source.open({})
    producer = kafka.Producer({"bootstrap.servers": uri.split("/")[2], "log_level": 0})
    for partition in range(3):
        producer.produce("later", b"1", partition=partition)
    producer.flush(30)
    source.open({})
    assert sorted(one.key for one in read(source, 3)) == ["later/0", "later/1", "later/2"]
    source.close()
    # As when the topic had one partition only, and got others.
    grown: Any = opened(uri)
    grown._assign({0})
    assert [one.key for one in read(grown, 1)] == ["later/0"]
    grown.lag()
    assert sorted(one.key for one in read(grown, 2)) == ["later/1", "later/2"]


def test_what_is_wrong_with_a_place_is_told_without_the_password(kafka_broker: KafkaBroker) -> None:
    sink = SinkOptions(schema=STREAM_SCHEMA)
    topic = kafka_broker.new_topic()
    for uri, said in (
        (f"kafka://me:{PASSWORD}@host", "kafka://host is no place of a topic, which is kafka://HOST:PORT/TOPIC."),
        (f"kafka://me:{PASSWORD}@host:port/a", "is no place of a topic"),
        (f"kafka://me:{PASSWORD}@host/a/b", "is no place of a topic"),
        (f"kafka://me:{PASSWORD}@host/a?gruop=b", "there is no setting 'gruop'; known: group, sasl.* and ssl.*"),
    ):
        with pytest.raises(UsageError) as refused:
            source_opener(uri, OPTIONS)
        assert said in str(refused.value)
        assert PASSWORD not in str(refused.value)
    with pytest.raises(UsageError, match=r"cannot be opened: No such configuration property: .ssl\.nothing"):
        source_opener(kafka_broker.uri(topic, "?ssl.nothing=a"), OPTIONS)()
    with pytest.raises(UsageError, match="messages cannot be moved"):
        source_opener(kafka_broker.uri(topic), SourceOptions(suffixes=frozenset(), afterwards="move"))
    with pytest.raises(UsageError, match="would lie among what is read"):
        sink_opener(kafka_broker.uri(topic), sink, kafka_broker.uri(topic, "?group=a"))
    with pytest.raises(UsageError, match="there is no setting 'group'"):
        sink_opener(kafka_broker.uri(topic, "?group=a"), sink, ".")
    with pytest.raises(UsageError, match=r"set its retention\.ms"):
        sink_opener(kafka_broker.uri(topic), SinkOptions(schema=STREAM_SCHEMA, keep_days=1), ".")
    with pytest.raises(UsageError, match="no files that could be merged"):
        sink_opener(kafka_broker.uri(topic), SinkOptions(schema=STREAM_SCHEMA, merge_files=9), ".")


def test_how_a_user_logs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("confluent_kafka")
    from pipelines.streaming.kafka_server import KafkaTopic

    def settings(uri: str) -> dict[str, object]:
        topic = KafkaTopic.parse(uri)
        assert PASSWORD not in repr(topic)
        known = topic.client(print)
        return {name: known[name] for name in known if name.startswith(("sasl", "ssl", "security", "bootstrap"))}

    assert settings("kafka://one,two:9093/a") == {
        "security.protocol": "PLAINTEXT",
        "bootstrap.servers": "one:9092,two:9093",
    }
    assert settings(f"kafkas://me:{PASSWORD}%2F@one/a?sasl.mechanism=PLAIN&ssl.ca.location=/ca.pem") == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "me",
        "sasl.password": f"{PASSWORD}/",
        "ssl.ca.location": "/ca.pem",
        "bootstrap.servers": "one:9092",
    }
    monkeypatch.setenv("KAFKA_PASSWORD", PASSWORD)
    assert settings("kafka://me@one/a")["sasl.password"] == PASSWORD


def test_a_user_who_is_refused_is_no_outage(kafka_broker: KafkaBroker) -> None:
    uri = kafka_broker.uri(kafka_broker.new_topic()).replace("//", f"//me:{PASSWORD}@")
    source = source_opener(uri, OPTIONS)()
    said: list[InkrayError] = []

    def refused() -> bool:
        try:
            source.open({})
        except InkrayError as error:
            said.append(error)
        return not isinstance(said[-1], DataError)

    until(refused, "it is refused")
    assert "refuses this user" in str(said[-1])
    assert PASSWORD not in str(said)
