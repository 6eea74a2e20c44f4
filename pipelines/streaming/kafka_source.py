"""A topic of Kafka as a source: the messages of each partition are read behind the position that the sink has.

All partitions are read by the driver that leads, and none is assigned by a group: a group that moves partitions between
drivers would decide who leads, which is for the sink to say. A group only shows how far the rows are.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, Message, TopicPartition

from pipelines.errors import DataError, InkrayError
from pipelines.files.paths import printable
from pipelines.streaming.kafka_server import REFUSED, KafkaTopic, kafka_errors_told, told
from pipelines.streaming.source import Arrival, Lag, NoImage, Positions

SETTINGS = ("group",)
UNUSED_GROUP = "inkray-stream"
"""The library wants the name of a group even where nothing is committed to one."""
ANSWER_S = 2.0
"""How long the broker may take to tell what there is, which is asked every second."""
AHEAD_KB = 16 << 10
"""About how much is fetched before it is asked for."""


class KafkaSource:
    def __init__(self, topic: KafkaTopic) -> None:
        self.shown = topic.shown
        self._name, self._group = topic.name, topic.settings.get("group")
        group: dict[str, Any] = {"group_id": self._group or UNUSED_GROUP, "enable_auto_commit": False}
        settings = topic.client(
            self._hear,
            **group,
            enable_partition_eof=True,
            isolation_level="read_committed",
            auto_offset_reset="error",
            queued_max_messages_kbytes=AHEAD_KB,
        )
        with kafka_errors_told(self.shown):
            self._consumer = Consumer(settings)
            # A broker answers one question after the other, and the first may wait for messages that come.
            self._asking = Consumer(topic.client(self._hear, **group))
        self._read: set[int] = set()
        """The partitions that are read."""
        self._next: dict[int, int] = {}
        """The offset behind what was taken of each."""
        self._astray: set[int] = set()
        """Those of which the broker does not have that offset."""
        self._done: dict[int, int] = {}
        self._shown_done: dict[int, int] = {}
        self._ready: deque[Message] = deque()
        """What was taken and not polled."""
        self._refused: InkrayError | None = None
        self._is_away = False

    def open(self, committed: Positions) -> None:
        self._next = {}
        for key, position in committed.items():
            topic, _, partition = key.rpartition("/")
            if topic == self._name:
                self._next[int(partition)] = int(position.at) + 1
        self._done, self._shown_done = dict(self._next), {}
        self._read.clear()
        self._ready.clear()
        self._look()
        self._show()

    def poll(self, limit: int, timeout_s: float) -> list[Arrival]:
        if len(self._ready) < limit:
            self._take(limit - len(self._ready), 0.0 if self._ready else timeout_s)
        return [self._arrival(self._ready.popleft()) for _ in range(min(limit, len(self._ready)))]

    def commit(self, done: Positions) -> list[str]:
        """The group is told when the lag is asked for, since it only shows."""
        for key, position in done.items():
            self._done[int(key.rpartition("/")[2])] = int(position.at) + 1
        return []

    def lag(self) -> Lag:
        self._look()
        self._show()
        if not self._ready:
            self._take(1, 0.0)
        waiting = len(self._ready) + sum(self._behind(one) for one in self._read)
        return Lag(waiting, max(0.0, time.time() - _seconds(self._ready[0])) if self._ready else None)

    def close(self) -> None:
        if not self._is_away:
            with suppress(InkrayError):
                self._show()
        self._consumer.close()
        self._asking.close()

    def _take(self, count: int, timeout_s: float) -> None:
        """What is there at once, or else what comes in time: asked for many, the library would wait for all of them."""
        with kafka_errors_told(self.shown):
            messages = self._consumer.consume(count, 0.0)
            if not messages and timeout_s:
                messages = self._consumer.consume(1, timeout_s)
                messages += self._consumer.consume(count - 1, 0.0) if messages and count > 1 else []
        failed = [error for message in messages if (error := self._sort(message))]
        self._check_refused()
        if failed:
            raise told(self.shown, failed[0])

    def _sort(self, message: Any) -> KafkaError | None:
        partition, offset, error = message.partition(), message.offset(), message.error()
        if error is None:
            if offset >= self._next.get(partition, 0):
                self._next[partition] = offset + 1
                self._ready.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            # Behind the last message there may be marks of transactions, which are no items.
            self._next[partition] = max(self._next.get(partition, 0), offset)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._astray.add(partition)
        else:
            return error
        return None

    def _arrival(self, message: Any) -> Arrival:
        key, at = f"{self._name}/{message.partition()}", str(message.offset())
        name = dict(message.headers() or ()).get("name") or message.key() or f"{key}/{at}".encode()
        content = message.value() or NoImage("the message is empty")
        return Arrival(key, at, printable(name.decode(errors="surrogateescape")), _seconds(message), content)

    def _look(self) -> None:
        """See whether the broker is there, read partitions that are new, and find those that went astray."""
        self._is_away = True
        try:
            with kafka_errors_told(self.shown):
                about = self._asking.list_topics(self._name, ANSWER_S).topics[self._name]
        except DataError:
            # Why it does not answer is said by the callback, which is called from here.
            self._asking.poll(0.0)
            self._check_refused()
            raise
        if about.error or not about.partitions:
            raise DataError(f"{self.shown}: there is no such topic; make it, or send the first message to it.")
        if not self._read.issuperset(about.partitions):
            self._assign(self._read.union(about.partitions))
        self._is_away = False
        for partition in self._read:
            self._check(partition)

    def _assign(self, partitions: set[int]) -> None:
        with kafka_errors_told(self.shown):
            self._consumer.assign(
                [TopicPartition(self._name, one, self._next.get(one, OFFSET_BEGINNING)) for one in sorted(partitions)]
            )
        self._read, self._astray = partitions, set()

    def _check(self, partition: int) -> None:
        """Tell if the broker does not have what comes next, and go on with what it has."""
        wanted, where = self._next.get(partition, 0), f"{self._name}/{partition}"
        if partition in self._astray:
            with kafka_errors_told(self.shown):
                first, end = self._asking.get_watermark_offsets(TopicPartition(self._name, partition), ANSWER_S)
        else:
            first, end = wanted, self._known_end(partition)
        if 0 <= end < wanted:
            raise DataError(
                f"{self.shown}: {where} ends at {end}, before {wanted}, up to which there are rows: the topic was made "
                "anew, or the broker lost what came last, and new messages are not read; write into another output."
            )
        if partition in self._astray:
            self._next[partition] = max(first, wanted)
            self._assign(self._read)
        if first > wanted:
            raise DataError(
                f"{self.shown}: the messages {wanted} to {first - 1} of {where} were deleted before they were read; "
                "keep them for longer (retention.ms, retention.bytes)."
            )

    def _known_end(self, partition: int) -> int:
        """As the last answer of the broker had it, and below 0 before the first."""
        return self._consumer.get_watermark_offsets(TopicPartition(self._name, partition), cached=True)[1]

    def _behind(self, partition: int) -> int:
        first, end = self._consumer.get_watermark_offsets(TopicPartition(self._name, partition), cached=True)
        return max(0, end - self._next.get(partition, max(0, first)))

    def _show(self) -> None:
        if self._group and self._done != self._shown_done:
            offsets = [TopicPartition(self._name, one, offset) for one, offset in self._done.items()]
            with kafka_errors_told(self.shown):
                self._asking.commit(offsets=offsets, asynchronous=False)
            self._shown_done = dict(self._done)

    def _hear(self, error: KafkaError) -> None:
        if error.code() in REFUSED:
            self._refused = told(self.shown, error)

    def _check_refused(self) -> None:
        if self._refused is not None:
            raise self._refused


def _seconds(message: Message) -> float:
    kind, milliseconds = message.timestamp()
    return time.time() if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds / 1000
