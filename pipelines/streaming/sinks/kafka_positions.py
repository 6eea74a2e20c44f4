"""The positions of a stream in a compacted topic of Kafka, and the number of the last commit, a group's offset.

What a transaction wrote that was not taken is hidden by the broker, and where it is not, told by its number, which is
above that of the last commit, or was overwritten.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from pipelines.errors import DataError, InkrayError, UsageError
from pipelines.streaming.kafka_server import REFUSED, TIMEOUT_S, KafkaTopic, told
from pipelines.streaming.source import Position

KEY, STATE, END = b"at:", b"st:", b"end"
COMPACTED = {
    "cleanup.policy": "compact",
    # A driver that starts reads all of it, and what is not compacted yet as well.
    "segment.bytes": str(16 << 20),
    "min.cleanable.dirty.ratio": "0.1",
}
SOME = 10_000


def key_of(key: str) -> bytes:
    return KEY + key.encode(errors="surrogateescape")


@dataclass
class Known:
    positions: dict[str, Position] = field(default_factory=dict)
    with_rows: int = 0
    number: int = 0
    """The highest number there."""
    astray: set[str] = field(default_factory=set)
    """Keys of which there is a position that was not taken."""

    @property
    def mended(self) -> dict[str, Position | None]:
        """What has to be written once more, so that a later commit does not make valid what was not taken."""
        return {key: self.positions.get(key) for key in self.astray}


class KafkaPositions:
    def __init__(self, rows: KafkaTopic) -> None:
        self._rows, self._shown = rows.name, rows.shown
        self.topic = f"{rows.name}.positions"
        self.group = f"inkray-stream.{rows.name}"
        self._refused: InkrayError | None = None
        client = rows.client(self.hear, group_id=self.group, enable_auto_commit=False)
        self._admin = AdminClient(rows.client(self.hear))
        self._settled = Consumer({**client, "isolation.level": "read_committed"})
        self._unsettled = Consumer({**client, "isolation.level": "read_uncommitted"})
        self._metadata = self._settled.consumer_group_metadata()
        self._is_prepared = False

    def prepare(self) -> None:
        """Make the topics that are not there, and refuse those that would not keep what they are for."""
        if self._is_prepared:
            return
        for name, settings in ((self._rows, {}), (self.topic, COMPACTED)):
            partitions = 1 if settings else -1
            self._create(NewTopic(name, partitions, -1, config=settings))
        if "compact" in self._policy(self._rows):
            raise UsageError(f"{self._shown} keeps one row for each key, since it is compacted; name another topic.")
        if self._policy(self.topic) != "compact":
            raise UsageError(f"The topic {self.topic} may forget positions; set its cleanup.policy to compact.")
        self._is_prepared = True

    def heard(self) -> InkrayError | None:
        """What the broker said of the user, if it does not let it in."""
        self._admin.poll(0)
        return self._refused

    def number(self, *, settled: bool) -> int | None:
        """That of the last commit; settled: not before it is known what became of every transaction."""
        consumer = self._settled if settled else self._unsettled
        [found] = consumer.committed([TopicPartition(self.topic, 0)], TIMEOUT_S)
        if found.error:
            raise KafkaException(found.error)
        return found.offset if found.offset >= 0 else None

    def offset(self, number: int) -> tuple[list[TopicPartition], Any]:
        """What a transaction sends so that its number counts if it is taken."""
        return [TopicPartition(self.topic, 0, number)], self._metadata

    def read(self, number: int | None, producer: Producer) -> Known:
        """As of that number. A group that was without a driver for long is forgotten, and its number with it: then the
        broker alone says what was taken."""
        known, end = Known(), secrets.token_bytes(8)
        # What comes back shows that nothing before it is missing, whatever the broker takes for the end of the topic.
        producer.begin_transaction()
        producer.produce(self.topic, end, END, partition=0)
        producer.commit_transaction(TIMEOUT_S)
        self._settled.assign([TopicPartition(self.topic, 0, OFFSET_BEGINNING)])
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            for message in self._settled.consume(SOME, 0.1):
                until = time.monotonic() + TIMEOUT_S
                if error := message.error():
                    raise KafkaException(error)
                if message.key() == END and message.value() == end:
                    self._settled.unassign()
                    return known
                self._apply(known, message, number)
        raise DataError(f"{self._shown} does not do what it is asked: {self.topic} cannot be read to its end.")

    def close(self) -> None:
        self._settled.close()
        self._unsettled.close()

    def _apply(self, known: Known, message: Any, number: int | None) -> None:
        kind, key = message.key()[: len(KEY)], message.key()[len(KEY) :].decode(errors="surrogateescape")
        if kind not in (KEY, STATE):
            return
        own = int(dict(message.headers())["commit"])
        taken = number is None or own <= number
        if kind == STATE:
            if taken:
                known.with_rows, known.number = json.loads(message.value())["with_rows"], own
        elif not taken:
            known.astray.add(key)
        elif message.value() is None:
            known.positions.pop(key, None)
        else:
            known.positions[key] = Position(*json.loads(message.value()))

    def _create(self, topic: NewTopic) -> None:
        try:
            self._admin.create_topics([topic], request_timeout=TIMEOUT_S)[topic.topic].result()
        except KafkaException as error:
            # Who may not make topics may use those that somebody else has made.
            allowed = KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED
            if error.args[0].code() not in (KafkaError.TOPIC_ALREADY_EXISTS, *allowed):
                raise

    def _policy(self, topic: str) -> str:
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        [found] = self._admin.describe_configs([resource], request_timeout=TIMEOUT_S).values()
        settings = found.result()
        return settings["cleanup.policy"].value if "cleanup.policy" in settings else "delete"

    def hear(self, error: KafkaError) -> None:
        if error.code() in REFUSED:
            self._refused = told(self._shown, error)
