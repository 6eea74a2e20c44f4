"""A folder of an object store as a source, against a server: versions of objects, each once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import DataError, UsageError
from pipelines.files.object_storage import ObjectStorage
from pipelines.inference.outcome import ReasonCode
from pipelines.streaming.bucket import BucketSource
from pipelines.streaming.opening import SourceOptions, source_opener
from pipelines.streaming.source import Arrival, Position
from tests.s3 import Bucket
from tests.s3 import s3_server as s3_server

PNG = frozenset({".png"})


@pytest.fixture
def place(s3_server: Bucket, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_server.env.items():
        monkeypatch.setenv(name, value)
    return s3_server.new_place()


def done(*arrivals: Arrival) -> dict[str, Position]:
    return {one.key: Position(one.at) for one in arrivals}


def test_each_version_of_an_object_comes_once_and_what_is_deleted_is_forgotten(place: str) -> None:
    bucket = ObjectStorage(place)
    for name in ("a.png", "deep/b.png", ".c.png", "d.txt"):
        bucket.put(name, name.encode())
    source = BucketSource(place, PNG, 0.01)
    source.open({})
    a, b = sorted(source.poll(10, 5))
    assert (a.key, a.name, b.key) == ("a.png", f"{place}/a.png", "deep/b.png")
    assert (a.content.read(), source.lag().items) == (b"a.png", 0)  # type: ignore[union-attr]
    bucket.put("a.png", b"another")
    [later] = source.poll(10, 5)
    assert later.content.read() == b"another"  # type: ignore[union-attr]
    assert a.content.read().code == ReasonCode.CHANGED_WHILE_READ  # type: ignore[union-attr]
    assert source.commit(done(b, later)) == []
    again = BucketSource(place, PNG, 0.01)
    again.open(done(later))
    assert [(one.key, one.at) for one in again.poll(10, 5)] == [(b.key, b.at)]
    bucket.delete("deep/b.png")
    assert b.content.read().text == "it cannot be read: it is gone"  # type: ignore[union-attr]
    assert again.poll(10, 0.1) == []
    assert again.commit(done(b)) == []
    assert again.poll(10, 0.1) == []
    assert again.commit({}) == ["deep/b.png"]


def test_a_bucket_that_is_not_there_is_an_outage(place: str) -> None:
    source = BucketSource("s3://nobody-has-it/in", PNG, None)
    source.open({})
    with pytest.raises(DataError, match="s3://nobody-has-it/in cannot be read"):
        source.poll(1, 1)


def test_moving_is_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="objects cannot be moved"):
        source_opener(place, SourceOptions(suffixes=PNG, afterwards="move"))
