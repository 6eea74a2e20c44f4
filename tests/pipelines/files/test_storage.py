"""What every place of results promises: a folder on this machine, and one in a real S3 server."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.errors import InkrayError, UsageError
from pipelines.files.places import absolute_place, check_apart, open_storage
from pipelines.files.storage import LocalStorage, Storage
from tests.s3 import SECRET, Bucket
from tests.stores import refusal


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, bucket: Bucket) -> Storage:
    return open_storage(tmp_path / "out" if request.param == "folder" else bucket.new_place())


def test_what_is_put_is_there_and_can_be_replaced(storage: Storage) -> None:
    storage.put("rows/a b.csv", b"old")
    storage.put("rows/a b.csv", b"new")
    assert storage.get("rows/a b.csv") == b"new"
    assert storage.exists("rows/a b.csv") and not storage.exists("rows/a")
    assert storage.get("rows/c") is None


def test_what_is_there_stays_if_it_is_put_as_new(storage: Storage) -> None:
    storage.put_new("rows/a", b"first")
    storage.put_new("rows/a", b"second")
    assert storage.get("rows/a") == b"first"


def test_names_are_those_in_the_folder_itself(storage: Storage) -> None:
    assert storage.names() == storage.names("rows") == []
    for name in ("rows/b", "rows/a", "rows2/c", "run.json", "crops/d/e"):
        storage.put(name, b"x")
    assert storage.names() == ["crops", "rows", "rows2", "run.json"]
    assert storage.names("rows") == ["a", "b"]


def test_a_folder_is_deleted_with_all_in_it_and_nothing_else(storage: Storage) -> None:
    for name in ("rows/b", "rows/c/d", "rows2/c", "rows.json"):
        storage.put(name, b"x")
    for name in ("rows", "rows.json", "never-there"):
        storage.delete(name)
    assert storage.names() == ["rows2"]


def test_pieces_make_one_file_or_none(storage: Storage) -> None:
    def pieces(end: bool) -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * 3_000_000
        if not end:
            raise RuntimeError("no more")

    storage.put("whole", pieces(True))
    assert storage.get("whole") == b"x" * 9_000_000
    storage.put("twice", (storage.get("whole") or b"" for _ in range(2)))
    assert storage.get("twice") == b"x" * 18_000_000
    storage.delete("twice")
    with pytest.raises(RuntimeError, match="no more"):
        storage.put("half", pieces(False))
    assert storage.names() == ["whole"]


def test_it_travels_and_finds_the_same_place_from_another_folder(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put("a", b"x")
    with storage.locked("lock"):
        packed = pickle.dumps(storage)
        monkeypatch.chdir(tmp_path)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
            monkeypatch.delenv(name)
        assert pickle.loads(packed).get("a") == b"x"


def test_scratch_is_empty_or_not_on_this_machine(storage: Storage) -> None:
    for _ in range(2):
        with storage.scratch("spilled") as folder:
            assert (folder is None) == ("://" in storage.shown)
            if folder:
                assert list(folder.iterdir()) == []
                (folder / "a").touch()


def test_a_bucket_that_is_not_there_is_told_without_a_password(bucket: Bucket) -> None:
    uri = f"s3://KEY:{SECRET}@nowhere/out?scheme=http&endpoint_override={bucket.endpoint.partition('://')[2]}"
    storage = open_storage(uri)
    told = {refusal(InkrayError, ask) for ask in (storage.names, lambda: storage.get("a"))}
    assert told == {
        "s3://nowhere/out cannot be read: The specified bucket does not exist. Check the bucket, its endpoint and the "
        "credentials in the environment."
    }
    assert SECRET not in repr(storage)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (
            "ftp://me:secret@host/out",
            "Results cannot be written to 'ftp://host/out'; name a folder, or a URI that begins with s3://, gs://, "
            "az://, abfs://, abfss://.",
        ),
        (
            "s3://me:secret@[b/x",
            "'s3://[b/x' cannot be opened (Invalid IPv6 URL); name a URI such as s3://BUCKET/FOLDER.",
        ),
        (
            "s3://b/x?colour=red",
            "'s3://b/x' cannot be opened (it asks for colour, and only region, endpoint_override, scheme are known); "
            "name a URI such as s3://BUCKET/FOLDER.",
        ),
        (
            "gs://me:secret@b/x",
            "'gs://b/x' cannot be opened (passwords and settings belong into the environment); name a URI such as "
            "s3://BUCKET/FOLDER.",
        ),
        ("s3:/b/x", "s3:/b/x is neither a folder nor a URI, which has two slashes: s3://BUCKET/FOLDER."),
    ],
)
def test_what_is_no_place_is_refused(uri: str, told: str) -> None:
    assert refusal(UsageError, lambda: open_storage(uri)) == told


def test_a_folder_may_have_a_uri_too(tmp_path: Path) -> None:
    storage = open_storage(f"file://{tmp_path}/a%20b")
    assert isinstance(storage, LocalStorage)
    assert storage.shown == absolute_place(f"{tmp_path}/a b") == f"{tmp_path}/a b"


def test_a_folder_that_ray_removes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "working_dir_files" / "_ray_pkg_0123"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert refusal(UsageError, lambda: absolute_place("out")).startswith("The rows would lie in out below Ray's copy")


def test_results_never_lie_among_the_input_of_an_object_store() -> None:
    assert refusal(UsageError, lambda: check_apart("s3://b/scans/out", "s3://KEY:SECRET@b/scans/")) == (
        "The results in s3://b/scans/out would lie among what is read from s3://b/scans; name a place beside it."
    )
    check_apart("s3://b/scans-read", "s3://b/scans")
    check_apart("/scans/out", "/scans")
