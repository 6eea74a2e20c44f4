"""Rows as messages of a topic of Kafka; positions lie in a topic beside it and change in the same transaction.

Each commit has a number, which only grows, and which the broker keeps as an offset that the transaction commits for a
group. It tells whether a commit whose answer was lost was taken, and that another driver led meanwhile; the broker
itself takes nothing of a producer after another one of its name. While a driver leads, the number changes every second;
one that stands still, or that says so, lets another driver lead.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from threading import Thread

import pyarrow as pa
from confluent_kafka import KafkaException, Producer

from pipelines.errors import DataError, InkrayError
from pipelines.labeling.rows import json_rows
from pipelines.streaming.kafka_server import TIMEOUT_S, KafkaTopic, kafka_errors_told
from pipelines.streaming.sink import SupersededError
from pipelines.streaming.sinks.kafka_positions import STATE, KafkaPositions, key_of
from pipelines.streaming.source import Position, Positions

LEASE_S = 5.0
"""How long a number stands still before another driver takes the lead."""
LOT = 1 << 20
"""Numbers rise by this, and have a random rest, so that no two attempts of any drivers have one; without a rest, nobody
leads."""
TRANSACTION_S = 30
"""After which the broker gives up a transaction whose driver is gone, unless another driver came before."""
HUNG_S = 8.0
"""The library has limits of its own, and was seen to hang all the same, after connections broke."""


@dataclass(frozen=True)
class Transaction:
    """One by its number, which another attempt does not have."""

    number: int
    has_rows: bool
    is_commit: bool
    """Or else it was only to keep the lead."""


class KafkaSink:
    def __init__(self, topic: KafkaTopic) -> None:
        self.shown = topic.shown
        self._topic = topic
        with kafka_errors_told(self.shown):
            self._positions = KafkaPositions(topic)
        self._producer: Producer | None = None
        """None where a transaction failed, after which the next one takes a new producer."""
        self._number = 0
        """That of the last transaction of which it is known that it was taken."""
        self._with_rows = 0
        """That of the last one which had rows."""
        self._pending: Transaction | None = None
        """That of which it is not known whether it was taken."""
        self._seen: tuple[int | None, float] | None = None
        """The number of another driver, and since when it stands still."""

    def try_to_lead(self) -> Positions | None:
        with self._errors_told():
            self._positions.prepare()
            if not self._is_free():
                return None
            self._producer = None
            producer = self._new_producer()
            number = self._positions.number(settled=True)
            known = self._positions.read(number, producer)
            self._number, self._with_rows, self._pending = number or known.number, known.with_rows, None
            self._producer = producer
            self._transact(Transaction(self._after(self._number), False, False), known.mended, [])
        return known.positions

    def commit(self, rows: pa.Table, done: Positions, forgotten: Collection[str]) -> None:
        with self._errors_told():
            if not self._was_taken():
                changes = {**dict.fromkeys(forgotten), **done}
                transaction = Transaction(self._after(self._number), len(rows) > 0, True)
                keys = rows["key"].to_pylist()
                self._transact(transaction, changes, list(zip(keys, json_rows(rows), strict=True)))

    def tidy(self) -> None:
        """Show that this driver leads."""
        if self._pending and self._pending.is_commit:
            # What became of it is asked when it is made once more.
            return
        with self._errors_told():
            self._was_taken()
            self._transact(Transaction(self._after(self._number), False, False), {}, [])

    def close(self) -> None:
        # A lead that cannot be given back ends by itself.
        with suppress(InkrayError), kafka_errors_told(self.shown):
            if self._producer is not None and self._pending is None:
                self._transact(Transaction((self._number // LOT + 1) * LOT, False, False), {}, [])
        self._producer = None
        self._positions.close()

    @staticmethod
    def _after(number: int) -> int:
        return (number // LOT + 1) * LOT + 1 + secrets.randbelow(LOT - 1)

    def _is_free(self) -> bool:
        # Whoever leads may not reach the broker either, as long as it does not answer.
        before, self._seen = self._seen, None
        number = self._positions.number(settled=False)
        if number is None or number % LOT == 0 or number in self._own():
            return True
        self._seen = before if before and before[0] == number else (number, time.monotonic())
        return time.monotonic() - self._seen[1] > LEASE_S

    def _own(self) -> tuple[int, ...]:
        return self._number, self._pending.number if self._pending else self._number

    def _new_producer(self) -> Producer:
        """Nothing that an earlier one of this name began is taken any more."""
        settings = self._topic.client(
            self._positions.hear,
            transactional_id=self._positions.group,
            transaction_timeout_ms=TRANSACTION_S * 1000,
            queue_buffering_max_messages=0,
            partitioner="murmur2_random",
        )
        producer = Producer(settings)
        producer.init_transactions(TIMEOUT_S)
        return producer

    def _transact(
        self, transaction: Transaction, done: dict[str, Position | None], rows: list[tuple[str, str]]
    ) -> None:
        assert self._producer is not None
        producer, self._producer, self._pending = self._producer, None, transaction
        if not in_time(partial(self._send, producer, transaction, done, rows), HUNG_S):
            raise DataError(
                f"{self.shown} does not do what it is asked: a transaction takes longer than {HUNG_S:.0f} s."
            )
        self._taken(transaction)
        self._producer = producer

    def _send(
        self,
        producer: Producer,
        transaction: Transaction,
        done: dict[str, Position | None],
        rows: list[tuple[str, str]],
    ) -> None:
        number: dict[str, str | bytes | None] = {"commit": str(transaction.number)}
        producer.begin_transaction()
        for key, row in rows:
            about = number | {"after": str(self._with_rows)}
            producer.produce(self._topic.name, row.encode(), key.encode(), headers=about)
        for key, position in done.items():
            value = None if position is None else json.dumps(position).encode()
            producer.produce(self._positions.topic, value, key_of(key), partition=0, headers=number)
        state = json.dumps({"with_rows": transaction.number if transaction.has_rows else self._with_rows})
        producer.produce(self._positions.topic, state.encode(), STATE, partition=0, headers=number)
        producer.send_offsets_to_transaction(*self._positions.offset(transaction.number), TIMEOUT_S)
        producer.commit_transaction(TIMEOUT_S)

    def _taken(self, transaction: Transaction) -> None:
        self._number, self._pending = transaction.number, None
        if transaction.has_rows:
            self._with_rows = transaction.number

    def _was_taken(self) -> bool:
        """Whether the commit whose answer was lost was taken after all; there is a producer afterwards."""
        if self._producer is not None:
            return False
        # Before a new producer ends what a driver that leads now has begun.
        self._check_leads(self._positions.number(settled=False))
        producer = self._new_producer()
        number = self._positions.number(settled=True)
        self._check_leads(number)
        transaction, self._pending, self._producer = self._pending, None, producer
        if transaction is None or number != transaction.number:
            return False
        self._taken(transaction)
        return transaction.is_commit

    def _check_leads(self, number: int | None) -> None:
        if number in self._own():
            return
        if number is None or number < self._number:
            raise InkrayError(
                f"{self.shown} lost commits that it had confirmed, as a broker does that was restored from a copy; "
                "start the stream again, which goes on from the positions that the broker has."
            )
        raise SupersededError(f"Another process writes the rows in {self.shown} now; leave them to that one.")

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            with kafka_errors_told(self.shown):
                yield
        except InkrayError as error:
            refused = self._positions.heard()
            if refused is not None and isinstance(error.__cause__, KafkaException):
                raise refused from error
            raise


def in_time(work: Callable[[], None], seconds: float) -> bool:
    """Whether it was done; it raises what the work raises. Work that hangs is left behind, and holds up no exit."""
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            work()
            outcome.set_result(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the work was asked for
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    if not wait([outcome], seconds).done:
        return False
    outcome.result()
    return True
