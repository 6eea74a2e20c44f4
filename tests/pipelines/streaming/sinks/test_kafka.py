"""A topic of Kafka as a sink, against a broker: rows and positions in one transaction, of one driver at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest

from pipelines.errors import DataError, InkrayError, UsageError
from pipelines.streaming.opening import SinkOptions, sink_opener
from pipelines.streaming.sink import StreamSink, SupersededError
from pipelines.streaming.source import Positions
from tests.kafka_broker import KafkaBroker
from tests.kafka_broker import kafka_broker as kafka_broker
from tests.kafka_broker import s3_server as s3_server
from tests.processes import until
from tests.streams import STREAM_SCHEMA, positions, rows_of

BREAKS = 20
PASSWORD = "a-password-that-nobody-may-read"


def sink_of(uri: str) -> StreamSink:
    return sink_opener(uri, SinkOptions(schema=STREAM_SCHEMA), ".")()


def leading(uri: str) -> StreamSink:
    sink = sink_of(uri)
    assert sink.try_to_lead() is not None
    return sink


def items(broker: KafkaBroker, topic: str) -> list[tuple[str, str]]:
    return [(row.content["key"], row.content["at"]) for row in broker.rows(topic)]


def test_rows_and_positions_are_there_for_the_next_driver(kafka_broker: KafkaBroker) -> None:
    topic = kafka_broker.new_topic()
    first, second = leading(kafka_broker.uri(topic)), sink_of(kafka_broker.uri(topic))
    first.commit(rows_of(("a", "1"), ("b", "1")), positions(("a", "1"), ("b\udcff", "1"), ("c", "1")), [])
    first.commit(rows_of(("a", "2")), positions(("a", "2")), ["c", "unknown"])
    assert second.try_to_lead() is None
    first.close()
    assert second.try_to_lead() == positions(("a", "2"), ("b\udcff", "1"))
    second.commit(rows_of(), positions(("c", "2")), [])
    second.close()
    assert leading(kafka_broker.uri(topic)).try_to_lead() == positions(("a", "2"), ("b\udcff", "1"), ("c", "2"))
    assert items(kafka_broker, topic) == [("a", "1"), ("b", "1"), ("a", "2")]
    numbers = [row.commit for row in kafka_broker.rows(topic)]
    assert numbers[0] == numbers[1] < numbers[2]


def test_who_led_before_is_refused_when_its_number_stood_still(
    kafka_broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.streaming.sinks import kafka

    topic = kafka_broker.new_topic()
    monkeypatch.setattr(kafka, "LEASE_S", 0.5)
    before, after = leading(kafka_broker.uri(topic)), sink_of(kafka_broker.uri(topic))
    before.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    for _ in range(10):
        assert after.try_to_lead() is None
        # Whoever leads says so, though nothing is committed.
        before.tidy()
    known: list[Positions | None] = []
    until(lambda: known.append(after.try_to_lead()) or known[-1] is not None, "the other takes over")
    assert known[-1] == positions(("a", "1"))
    with pytest.raises(DataError):
        before.tidy()
    for again in (before.tidy, lambda: before.commit(rows_of(("a", "2")), positions(("a", "2")), [])):
        with pytest.raises(SupersededError, match="Another process writes the rows"):
            again()
    after.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    before.close()
    after.commit(rows_of(("a", "3")), positions(("a", "3")), [])
    assert items(kafka_broker, topic) == [("a", "1"), ("a", "2"), ("a", "3")]


@pytest.mark.parametrize("lost_before", ["send_offsets_to_transaction", "commit_transaction"])
def test_a_transaction_that_broke_off_is_made_once_more_and_counts_once(
    kafka_broker: KafkaBroker, lost_before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.streaming.sinks import kafka

    topic = kafka_broker.new_topic()
    monkeypatch.setattr(kafka, "LEASE_S", 0.2)
    sink = leading(kafka_broker.uri(topic))
    sink.commit(rows_of(("a", "1")), positions(("a", "1"), ("b", "1")), [])
    lose(sink, lost_before)
    with pytest.raises(DataError, match="does not do what it is asked"):
        sink.commit(rows_of(("a", "2")), positions(("a", "2"), ("c", "2")), ["b"])
    # The driver dies before it tries again: nothing of that is valid, neither now nor when another one has committed.
    sink.close()
    after = sink_of(kafka_broker.uri(topic))
    known: list[Positions | None] = []
    until(lambda: known.append(after.try_to_lead()) or known[-1] is not None, "the other takes over")
    assert known[-1] == positions(("a", "1"), ("b", "1"))
    lose(after, lost_before)
    with pytest.raises(DataError):
        after.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    after.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    assert after.try_to_lead() == positions(("a", "2"), ("b", "1"))
    assert items(kafka_broker, topic) == [("a", "1"), ("a", "2")]


def lose(sink: Any, before: str) -> None:
    """Have the broker get everything of the next transaction before this call, and no more."""
    from confluent_kafka import KafkaError, KafkaException

    class Broken:
        def __init__(self, producer: Any) -> None:
            self._producer = producer

        def __getattr__(self, name: str) -> Any:
            if name == before:
                assert self._producer.flush(30) == 0
                raise KafkaException(KafkaError(KafkaError._TRANSPORT, "the connection broke"))
            return getattr(self._producer, name)

    sink._producer = Broken(sink._producer)


def test_a_commit_whose_answer_was_lost_is_not_made_twice(kafka_broker: KafkaBroker) -> None:
    from confluent_kafka import KafkaError, KafkaException

    topic = kafka_broker.new_topic()
    sink: Any = leading(kafka_broker.uri(topic))

    class Lost:
        def __init__(self, producer: Any) -> None:
            self._producer = producer

        def __getattr__(self, name: str) -> Any:
            return getattr(self._producer, name)

        def commit_transaction(self, timeout_s: float) -> None:
            self._producer.commit_transaction(timeout_s)
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer"))

    for rows in (rows_of(("a", "1")), rows_of()):
        sink._producer = Lost(sink._producer)
        with pytest.raises(DataError):
            sink.commit(rows, positions(("a", "1")), [])
        sink.commit(rows, positions(("a", "1")), [])
    sink._producer = Lost(sink._producer)
    with pytest.raises(DataError):
        sink.tidy()
    # That what only kept the lead was taken says nothing of the commit that comes next.
    sink.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    assert items(kafka_broker, topic) == [("a", "1"), ("a", "2")]


def test_a_transaction_that_hangs_is_left_behind(kafka_broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.streaming.sinks import kafka

    topic = kafka_broker.new_topic()
    sink: Any = leading(kafka_broker.uri(topic))
    goes_on = Event()

    class Hanging:
        def __init__(self, producer: Any) -> None:
            self._producer = producer

        def __getattr__(self, name: str) -> Any:
            return getattr(self._producer, name)

        def commit_transaction(self, timeout_s: float) -> None:
            goes_on.wait(60)

    monkeypatch.setattr(kafka, "HUNG_S", 0.5)
    sink._producer = Hanging(sink._producer)
    with pytest.raises(DataError, match="a transaction takes longer than"):
        sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    monkeypatch.undo()
    sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    goes_on.set()
    assert items(kafka_broker, topic) == [("a", "1")]


def test_rows_are_there_once_whatever_breaks(kafka_broker: KafkaBroker) -> None:
    topic = kafka_broker.new_topic()
    sink = leading(kafka_broker.uri(topic))
    made, is_open = 0, False
    with broken_again_and_again(kafka_broker) as ended:
        while is_open or not ended():
            rows = [("a", f"{made}.{part}") for part in range(20)]
            try:
                sink.commit(rows_of(*rows), positions(("a", str(made))), [])
                made, is_open = made + 1, False
            except DataError:
                is_open = True
                time.sleep(0.01)
    assert items(kafka_broker, topic) == [("a", f"{number}.{part}") for number in range(made) for part in range(20)]
    assert sink.try_to_lead() == positions(("a", str(made - 1)))


@contextmanager
def broken_again_and_again(broker: KafkaBroker) -> Iterator[Any]:
    """Connections are cut, and answers lost: the broker has done what it was asked, and nobody knows."""
    chance = random.Random(0)

    def disturb() -> None:
        for _ in range(BREAKS):
            time.sleep(chance.uniform(0.05, 0.3))
            chance.choice((broker.relay.cut, broker.relay.lose_next_answer))()

    thread = Thread(target=disturb)
    thread.start()
    try:
        yield lambda: not thread.is_alive()
    finally:
        thread.join()


def test_a_group_that_the_broker_forgot_costs_nothing(kafka_broker: KafkaBroker) -> None:
    from confluent_kafka.admin import AdminClient

    topic = kafka_broker.new_topic()
    sink = leading(kafka_broker.uri(topic))
    sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    sink.close()
    admin = AdminClient(kafka_broker.settings)
    admin.delete_consumer_groups([f"inkray-stream.{topic}"])[f"inkray-stream.{topic}"].result()
    sink = sink_of(kafka_broker.uri(topic))
    assert sink.try_to_lead() == positions(("a", "1"))
    sink.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    assert items(kafka_broker, topic) == [("a", "1"), ("a", "2")]


def test_topics_that_would_forget_are_refused(kafka_broker: KafkaBroker) -> None:
    topic = kafka_broker.new_topic(cleanup_policy="compact")
    with pytest.raises(UsageError, match="keeps one row for each key, since it is compacted; name another topic"):
        sink_of(kafka_broker.uri(topic)).try_to_lead()
    from confluent_kafka.admin import AdminClient, NewTopic

    topic = kafka_broker.new_topic()
    admin = AdminClient(kafka_broker.settings)
    admin.create_topics([NewTopic(f"{topic}.positions", 1, 1)])[f"{topic}.positions"].result()
    with pytest.raises(
        UsageError, match=rf"{topic}\.positions may forget positions; set its cleanup\.policy to compact"
    ):
        sink_of(kafka_broker.uri(topic)).try_to_lead()


def test_a_user_who_is_refused_is_no_outage(kafka_broker: KafkaBroker) -> None:
    sink = sink_of(kafka_broker.uri(kafka_broker.new_topic()).replace("//", f"//me:{PASSWORD}@"))
    said: list[InkrayError] = []

    def refused() -> bool:
        try:
            sink.try_to_lead()
        except InkrayError as error:
            said.append(error)
        return not isinstance(said[-1], DataError)

    until(refused, "it is refused")
    assert "refuses this user" in str(said[-1])
    assert PASSWORD not in str(said)
