"""A broker of Kafka with the topics that are read and written, from the outside; all come to it by a relay."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

from tests.kafka_broker import STATE, KafkaBroker, broker_program
from tests.redis_server import free_port
from tests.relay import relay_to
from tests.streaming.generator import digest_of
from tests.streaming.judge import Delivered, Landed
from tests.streaming.places import Goods, Row, which

PARTITIONS = 4
SOME = 10_000
ANSWER_S = 5
LOOK_S = 0.05
UNCOMMITTED = {"isolation.level": "read_uncommitted", "enable.auto.commit": False}


class KafkaPlaces:
    faults = ("halt", "cut", "answer")
    """The broker stands still for a while; all connections are cut; an answer is lost."""

    def __init__(self, broker: KafkaBroker) -> None:
        self._broker = broker

    def harm(self, kind: str) -> None:
        if kind == "halt":
            self._broker.halt()
        elif kind == "cut":
            self._broker.relay.cut()
        else:
            self._broker.relay.lose_next_answer()

    def inlet(self, goods: Goods) -> KafkaInlet:
        return KafkaInlet(self._broker, goods)

    def outlet(self) -> KafkaOutlet:
        return KafkaOutlet(self._broker)


class KafkaInlet:
    words = ()

    def __init__(self, broker: KafkaBroker, goods: Goods) -> None:
        self._broker, self._goods, self._topic = broker, goods, broker.new_topic(PARTITIONS)
        self.where = broker.uri(self._topic, "?group=readers")
        self._producer = Producer({**broker.settings, "message.timeout.ms": ANSWER_S * 1000, "linger.ms": 0})
        self._consumer = Consumer({**broker.settings, "group.id": "inlet"})

    def deliver(self, number: int) -> tuple[str, str] | None:
        """If the answer is lost, the library sends it again: the message may be there twice, as two items."""
        content = self._goods.contents[which(number)]
        sent: list[Any] = []
        self._producer.produce(
            self._topic,
            content,
            partition=number % PARTITIONS,
            on_delivery=lambda error, message: sent.append((error, message)),
        )
        self._producer.flush(2 * ANSWER_S)
        if not sent or sent[0][0]:
            return None
        return self._item(sent[0][1], digest_of(content))

    def count(self) -> int:
        found = (
            self._consumer.get_watermark_offsets(TopicPartition(self._topic, n), ANSWER_S) for n in range(PARTITIONS)
        )
        return sum(end for _, end in found)

    def delivered(self) -> list[Delivered]:
        found = []
        for message in self._broker.messages(self._topic):
            digest = digest_of(message.value())
            found.append(Delivered(*self._item(message, digest), *self._goods.answers[digest]))
        return found

    def landed(self, row: Row) -> Landed:
        return Landed(row.key, row.digest and f"{row.at} {row.digest}", row.value, row.status)

    def _item(self, message: Any, digest: str) -> tuple[str, str]:
        """A message with the content that it had: a row of another is foreign."""
        return f"{self._topic}/{message.partition()}", f"{message.offset()} {digest}"


class KafkaOutlet:
    words = ()

    def __init__(self, broker: KafkaBroker) -> None:
        self._broker, self._topic = broker, broker.new_topic(PARTITIONS)
        self.where = broker.uri(self._topic)
        self._positions = TopicPartition(f"{self._topic}.positions", 0)
        self._consumer = Consumer({**broker.settings, "group.id": f"inkray-stream.{self._topic}"} | UNCOMMITTED)
        topics = [TopicPartition(self._topic, n, OFFSET_BEGINNING) for n in range(PARTITIONS)]
        self._consumer.assign([*topics, TopicPartition(self._positions.topic, 0, OFFSET_BEGINNING)])
        self._rows: dict[int, list[Any]] = defaultdict(list)
        """Of commits that may have been taken."""
        self._with_rows: dict[int, int] = {}
        """The last commit with rows as of each commit that may have been taken."""
        self._seen = 0
        self._look_at = 0.0

    def new_rows(self) -> Iterator[Row]:
        """Those of commits that lead from the last one that was taken to the last that was told."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_S
        for message in self._consumer.consume(SOME, 0):
            if message.error() is None and (headers := message.headers()):
                self._sort(message, int(dict(headers)["commit"]))
        try:
            [last] = self._consumer.committed([self._positions], ANSWER_S)
        except KafkaException:
            return
        number, chain = self._with_rows.get(last.offset, self._seen), []
        while number != self._seen and number in self._rows:
            chain.append(self._rows[number])
            number = int(dict(chain[-1][0].headers())["after"])
        if number == self._seen and chain:
            self._seen = self._with_rows[last.offset]
            yield from (_row(json.loads(message.value())) for messages in reversed(chain) for message in messages)

    def rows(self) -> Iterator[Row]:
        return (_row(one.content) for one in self._broker.rows(self._topic))

    def _sort(self, message: Any, commit: int) -> None:
        if message.topic() == self._topic:
            self._rows[commit].append(message)
        elif message.key() == STATE:
            self._with_rows[commit] = json.loads(message.value())["with_rows"]


def _row(content: dict[str, Any]) -> Row:
    return Row(*(content[name] for name in Row._fields))


@contextmanager
def kafka_broker() -> Iterator[KafkaPlaces]:
    """It keeps all in memory, since it is not killed."""
    port = free_port()
    with relay_to(port) as relay, closing(KafkaBroker(broker_program(), port, relay)) as broker:
        broker.start()
        yield KafkaPlaces(broker)
