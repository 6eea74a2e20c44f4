"""The lock of a run in an object store: one holder, who renews it, and who is followed when he is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipelines.errors import InkrayError
from pipelines.files import object_lock
from pipelines.files.locks import HeldByAnother
from pipelines.files.object_storage import ObjectStorage
from tests.processes import until
from tests.s3 import Bucket
from tests.stores import refusal

LOCK = "lock"
HOLD = """
import sys
from pipelines.files.object_storage import ObjectStorage

with ObjectStorage(sys.argv[1]).locked("lock"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(bucket: Bucket) -> str:
    return bucket.new_place()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("RENEW_S", 0.05), ("LOOK_S", 0.1), ("STALE_S", 1.0)):
        monkeypatch.setattr(object_lock, name, seconds)


def enter(lock: AbstractContextManager[None]) -> None:
    with lock:
        pass


def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process is on a machine from which no other process can be seen."""
    monkeypatch.setattr(object_lock, "_machine", lambda: "another machine")


def test_it_is_free_again_when_its_holder_has_left_it(place: str, bucket: Bucket) -> None:
    storage = ObjectStorage(place)
    for _ in range(2):
        with storage.locked(LOCK):
            storage.check_locked()
        assert bucket.files(place) == {}


def test_another_process_of_this_machine_has_it_until_it_is_killed(place: str, repo: Path) -> None:
    command = [sys.executable, "-c", HOLD, place]
    with subprocess.Popen(command, cwd=repo, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        told = refusal(HeldByAnother, lambda: enter(ObjectStorage(place).locked(LOCK)))
        assert told == f"{holder.pid} on {os.uname().nodename}"
        holder.kill()
    enter(ObjectStorage(place).locked(LOCK))


def test_a_holder_elsewhere_is_known_by_its_renewals(
    place: str, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ObjectStorage(place).locked(LOCK):
        elsewhere(monkeypatch)
        told = refusal(HeldByAnother, lambda: enter(ObjectStorage(place).locked(LOCK)))
    assert told == f"{os.getpid()} on {os.uname().nodename}"


def test_who_renews_no_more_loses_it_and_is_told(
    place: str, hurried: None, monkeypatch: pytest.MonkeyPatch, bucket: Bucket
) -> None:
    first, second = ObjectStorage(place), ObjectStorage(place)
    monkeypatch.setattr(object_lock, "RENEW_S", 3600.0)
    with first.locked(LOCK):
        elsewhere(monkeypatch)
        with second.locked(LOCK):
            second.check_locked()
            told = refusal(InkrayError, first.check_locked)
        assert told.startswith(f"Another process ({os.getpid()} on {os.uname().nodename}) took the run in {place} over")
        refusal(InkrayError, first.check_locked)
    assert bucket.files(place) == {}


def test_who_lost_it_does_not_free_it_for_a_third(
    place: str, hurried: None, monkeypatch: pytest.MonkeyPatch, bucket: Bucket
) -> None:
    monkeypatch.setattr(object_lock, "RENEW_S", 3600.0)
    first = ObjectStorage(place).locked(LOCK)
    first.__enter__()
    elsewhere(monkeypatch)
    with ObjectStorage(place).locked(LOCK):
        first.__exit__(None, None, None)
        assert list(bucket.files(place)) == [LOCK]


def test_a_renewal_whose_answer_was_lost_is_none_that_failed(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ObjectStorage(place)
    with storage.locked(LOCK):
        put_if = storage.put_if
        # As the library does where the connection breaks: it asks again, and the store has another version by then.
        monkeypatch.setattr(storage, "put_if", lambda *asked: (put_if(*asked), put_if(*asked))[1])
        storage.check_locked()
        storage.check_locked()


def test_it_is_renewed_as_long_as_it_is_held(place: str, hurried: None, bucket: Bucket) -> None:
    with ObjectStorage(place).locked(LOCK):
        until(lambda: json.loads(bucket.files(place)[LOCK])["renewals"] > 3, "it is renewed", seconds=30)
