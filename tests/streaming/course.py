"""The course of a torture: items come at a steady pace, whatever happens, and faults one after the other."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.streaming.adversary import Driver, act
from tests.streaming.places import Broker, Inlet, Outlet

POLL_S = 0.02
PATIENCE_S = 120.0
"""Seconds without a new row after which what is missing counts as lost."""


@dataclass
class Course:
    inlet: Inlet
    outlet: Outlet
    drivers: Sequence[Driver]
    brokers: Collection[Broker]
    output: Path
    chance: random.Random
    recoveries: list[tuple[str, float]] = field(default_factory=list)
    _seen: set[tuple[str, str | None]] = field(default_factory=set)
    _watched: tuple[str, float, tuple[str, str]] | None = None
    """A fault, when it began, and the item that came after it."""

    def run(self, items: int, faults: list[tuple[int, str]], per_second: float) -> None:
        """`faults` with the number of the item before which each is due, the last one first."""
        for number in range(items):
            # The last items are held back for the faults that are left: each is judged by an item that comes after it.
            is_last = len(faults) >= items - number
            while is_last and self._watched:
                self._pause()
            fault = self._fault(faults, is_last) if faults and number >= faults[-1][0] else None
            while (item := self.inlet.deliver(number)) is None:
                self._pause()
            # What is killed before it has begun proves little.
            while not number and item not in self._seen:
                self._pause()
            if fault:
                self._watched = *fault, item
            self._pause(1 / per_second)
        while self._watched:
            self._pause()
        self._until_all_visible()

    def _fault(self, faults: list[tuple[int, str]], is_last: bool) -> tuple[str, float] | None:
        """Do what is due and say when it began, unless the one before is not got over, or there is nobody to harm."""
        driver = self.chance.choice(self.drivers)
        while not self._watched:
            began, kind = time.monotonic(), faults[-1][1]
            if self._harm(kind, driver):
                faults.pop()
                self._until_felt(kind, driver)
                return kind, began
            if not is_last:
                break
            self._pause()
        return None

    def _harm(self, kind: str, driver: Driver) -> bool:
        """Whether there was anything to do it to."""
        for broker in self.brokers:
            if kind in broker.faults:
                broker.harm(kind)
                return True
        return act(kind, driver, self.output, self.chance)

    def _until_felt(self, kind: str, driver: Driver) -> None:
        """What is read until a driver notices that its Ray is gone would pass for recovered."""
        began = time.monotonic()
        while kind == "raylet" and driver.process.poll() is None and time.monotonic() - began < PATIENCE_S:
            time.sleep(POLL_S)

    def _until_all_visible(self) -> None:
        most, since = -1, time.monotonic()
        while len(self._seen) < self.inlet.count() and time.monotonic() - since < PATIENCE_S:
            if len(self._seen) != most:
                most, since = len(self._seen), time.monotonic()
            self._pause()

    def _pause(self, seconds: float = POLL_S) -> None:
        """Start again who has ended, and look what has become visible."""
        for driver in self.drivers:
            driver.keep()
        for row in self.outlet.new_rows():
            self._seen.add(self.inlet.landed(row)[:2])
        if self._watched:
            kind, began, item = self._watched
            seconds_since = time.monotonic() - began
            # Either it is got over, or it never will be.
            if item in self._seen or seconds_since > PATIENCE_S:
                self.recoveries.append((kind, seconds_since))
                self._watched = None
        time.sleep(seconds)


def faults(items: int, kills: int, kinds: Sequence[str], chance: random.Random) -> list[tuple[int, str]]:
    """Each kind as often as the others, in any order."""
    turns = [kinds[number % len(kinds)] for number in range(kills)]
    chance.shuffle(turns)
    at = chance.sample(range(items // 10, items * 9 // 10), kills)
    return list(zip(sorted(at, reverse=True), turns, strict=True))
