"""Images and tables of them in an S3 bucket."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from pipelines.corpora.corpus import Split
from pipelines.labeling.inputs import list_input
from tests.inputs import Memory, find_input, members, pixels, reason_codes, reasons, sources
from tests.s3 import SECRET, Bucket

Put = Callable[[Mapping[str, bytes]], str]
"""Puts files into a new folder of the bucket, and returns the URI of that."""


@pytest.fixture
def put(bucket: Bucket) -> Put:
    host = bucket.endpoint.removeprefix("http://")
    store = fs.S3FileSystem(endpoint_override=host, scheme="http", region="us-east-1")
    folder = f"{bucket.name}/input {next(bucket.numbers)}"

    def write(files: Mapping[str, bytes]) -> str:
        for name, content in files.items():
            with store.open_output_stream(f"{folder}/{name}") as file:
                file.write(content)
        return f"s3://{folder.replace(' ', '%20')}{{}}?endpoint_override={host}&scheme=http&region=us-east-1"

    return write


def test_files_are_listed_in_order_read_and_held_against_the_list(put: Put, digits: Split) -> None:
    names = ("a/1.png", "a-1.png", "a.png", "b/c/2.png", ".hidden/3.png", "notes.txt")
    uri = put(dict(zip(names, members(digits.images[: len(names)]).values(), strict=True)))
    found = find_input(uri.format(""))
    told = [source.partition("/input ")[2].partition("/")[2] for source, _ in sources(found)]
    assert told == ["a-1.png", "a.png", "a/1.png", "b/c/2.png"]
    assert np.array_equal(pixels(found), digits.images[[1, 2, 0, 3]])
    assert reason_codes(found) == set()
    put({"a.png": b"another"})
    assert [bool(reason) for reason in reasons(found)] == [False, True, False, False]
    assert reason_codes(found) == {"changed_while_read"}
    assert find_input(uri.format("/**/c/*.png")).count == 1


@pytest.mark.parametrize("listed", ["folder", "table"])
def test_what_opens_a_store_goes_along_to_where_the_environment_says_nothing_of_it(
    put: Put, digits: Split, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listed: str
) -> None:
    uri = put(members(digits.images[:2])).partition("{}")[0]
    pq.write_table(pa.table({"file": [f"{uri}/00000.png", f"{uri}/00001.png"]}), tmp_path / "list.parquet")
    read = list_input(uri) if listed == "folder" else list_input(str(tmp_path / "list.parquet"), uri_column="file")
    packed = pickle.dumps(read.found(Memory(), map))
    assert SECRET not in repr(pickle.loads(packed))
    for name in bucket.env:
        monkeypatch.delenv(name)
    assert np.array_equal(pixels(pickle.loads(packed)), digits.images[:2])


def test_a_table_names_images_beside_it_and_anywhere(put: Put, digits: Split) -> None:
    images = members(digits.images[:3])
    uri = put({f"scans/{name}": content for name, content in images.items()})
    other = uri.format("/scans/00002.png")
    table = pa.BufferOutputStream()
    rows = ["scans/00001.png", "scans/../scans/00000.png", other, "scans/gone.png"]
    pq.write_table(pa.table({"file": rows}), table)
    put({"list.parquet": table.getvalue().to_pybytes()})
    found = list_input(uri.format("/list.parquet"), uri_column="file").found(Memory(), map)
    assert np.array_equal(pixels(found)[:3], digits.images[[1, 0, 2]])
    told = reasons(found)
    assert told[:3] == [None] * 3 and str(told[3]).startswith("it cannot be read: ")
    assert [source.rpartition("/")[2] for source, _ in sources(found)] == [
        "00001.png",
        "00000.png",
        "00002.png",
        "gone.png",
    ]
