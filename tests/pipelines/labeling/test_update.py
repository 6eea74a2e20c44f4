"""Updates of a run, without Ray: only what is new or changed is read, and every item has its rows once."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable

from pipelines.drawing.pen import draw_digits
from pipelines.errors import DataError, UsageError
from pipelines.files.storage import Content, LocalStorage
from pipelines.labeling import run_folder
from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.finishing import LabelingRun, sum_up
from pipelines.labeling.inputs import ListedInput, list_input
from pipelines.labeling.kept_listing import KeptInFolder
from pipelines.labeling.pipeline import RunSpec
from pipelines.labeling.rows import read_shards
from pipelines.labeling.run_file import INPUT
from pipelines.labeling.run_folder import LISTING, LabelingRunFolder, open_run
from pipelines.labeling.update import about_update, begin_update, by_file, changed_sources, keep_list, last_part
from pipelines.labeling.workload import ReaderConfig
from pipelines.models.folder import open_model
from pipelines.models.store import store_location
from tests.inputs import folder_of, idx_bytes, members, pixel_lists, table_of, touch_later
from tests.s3 import Bucket
from tests.stores import refusal

READING = ReaderConfig("builtin", open_model("builtin").digest, store_location(None), "onnxruntime", "fp32", 1, 0.9)
COUNTS = {"items": 0, "status": {}, "engines": [], "items_per_second": 1, "input": "in"}
LABELER = DigitWorkload().labeler(READING)


def finish(listed: ListedInput, folder: LabelingRunFolder, delta: bool) -> list[str]:
    """Read what is left of the last part, as tasks and actors do, and sum up; the sources that were read."""
    workload, read = DigitWorkload(), list[str]()
    keep_list(listed, folder)
    found = listed.found(KeptInFolder(folder.place, LISTING), map).beginning_at(folder.part.first)
    for task in found.tasks:
        for items in found.input.read(task, set(task.shards) - folder.done()):
            labelled = LABELER.label(items)
            folder.write(items.shard, labelled.rows, labelled.files)
            read += labelled.rows["source"].to_pylist()
    spec = RunSpec(workload, found.input, folder, READING, cast(Any, None), 60)
    run = LabelingRun(spec, found, delta, changed_sources(listed, folder))
    sum_up(run, COUNTS | about_update(folder), len(read), time.time() - 1, map)
    return read


def label(source: Path, output: Path | str, update: bool = True, delta: bool = False, format: str = "parquet") -> Any:
    """A run, or an update of it: the names of the files that were read, and how the files had changed."""
    listed, told = list_input(str(source)), None
    identity = {**listed.settings, INPUT: listed.fingerprint}
    with open_run(output, format, identity, fresh=False, update=update) as folder:
        read = [] if folder.summary() else finish(last_part(listed, folder), folder, delta)
        folder.tidy()
        if folder.part.input != listed.fingerprint:
            summary = folder.summary()
            assert summary is not None
            begun = begin_update(listed, folder, summary["items"])
            told = begun.changes
            if begun.folder is not None:
                read += finish(last_part(listed, begun.folder), begun.folder, delta)
    return sorted({Path(name).name for name in read}), told


def labels(output: Path, format: str = "parquet") -> dict[str, str]:
    """What each file was read as, by its name; each has one row."""
    rows = pa.concat_tables(read_shards(output / "rows", format))
    assert len(set(rows["source"].to_pylist())) == len(rows)
    return {
        Path(name).name: value for name, value in zip(*map(pa.ChunkedArray.to_pylist, rows.select([0, 3])), strict=True)
    }


@pytest.fixture(scope="module")
def images() -> list[bytes]:
    return list(members(draw_digits(12, 3)[0]).values())


@pytest.fixture(scope="module")
def values(images: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the model reads in each image."""
    folder = tmp_path_factory.mktemp("all")
    label(folder_of(folder / "in", {f"{at:02d}.png": image for at, image in enumerate(images)}), folder / "out")
    return [value for _, value in sorted(labels(folder / "out").items())]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several shards of few files, and lists in several pieces."""
    monkeypatch.setattr("pipelines.labeling.inputs.image_files.LEAST_HERE", 2)
    monkeypatch.setattr("pipelines.labeling.inputs.spool.PIECE", 3)
    monkeypatch.setattr(run_folder, "GROUP", 2)


@pytest.fixture
def source(tmp_path: Path, images: list[bytes]) -> Path:
    return folder_of(tmp_path / "in", {f"{name}.png": image for name, image in zip("bcdefg", images, strict=False)})


def change(source: Path, images: list[bytes]) -> None:
    """Two more files, one of them the first in order, one changed, one gone."""
    folder_of(source, {"a.png": images[6], "h.png": images[7], "d.png": images[8]})
    touch_later(source / "d.png")
    (source / "f.png").unlink()


def expected(values: list[str]) -> dict[str, str]:
    return dict(zip("bcdefg", values, strict=False)) | {"a": values[6], "h": values[7], "d": values[8]}


def by_name(found: dict[str, str]) -> dict[str, str]:
    return {Path(name).stem: value for name, value in found.items()}


@pytest.mark.parametrize("format", ["parquet", "csv", "jsonl"])
def test_only_what_is_new_or_changed_is_read(
    format: str, few: None, source: Path, images: list[bytes], values: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    assert label(source, output, format=format) == ([f"{name}.png" for name in "bcdefg"], None)
    assert label(source, output, format=format) == ([], None)
    change(source, images)
    told = {"new": 2, "changed": 1, "unchanged": 4, "gone": 1}
    assert label(source, output, format=format) == (["a.png", "d.png", "h.png"], told)
    assert by_name(labels(output, format)) == expected(values)
    summary = json.loads((output / "summary.json").read_text())
    assert (summary["items"], summary["update"], summary["files_of_the_update"]) == (8, 1, told)
    # Once more, with the files of an update changed, one back, and a whole shard replaced.
    folder_of(source, {"f.png": images[4], "a.png": images[9], "b.png": images[10], "c.png": images[11]})
    for name in "abcf":
        touch_later(source / f"{name}.png")
    assert label(source, output, format=format)[0] == [f"{name}.png" for name in "abcf"]
    later = dict(zip("abcf", [values[9], values[10], values[11], values[4]], strict=True))
    assert by_name(labels(output, format)) == expected(values) | later
    assert label(source, output, format=format, update=False) == ([], None)


def test_what_is_gone_is_told_and_keeps_its_row_and_is_known_when_it_comes_back(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    label(source, output)
    before = labels(output)
    (source / "c.png").rename(tmp_path / "c.png")
    for _ in range(2):
        assert label(source, output) == ([], {"new": 0, "changed": 0, "unchanged": 5, "gone": 1})
    assert labels(output) == before
    (tmp_path / "c.png").rename(source / "c.png")
    assert label(source, output) == ([], None)


def test_whoever_reads_by_the_manifest_has_the_state_before_until_the_update_is_finished(
    few: None, source: Path, images: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    label(source, output, delta=True)

    def snapshots() -> Iterator[list[str]]:
        yield ds.parquet_dataset(output / "rows" / "_metadata").to_table(["source"])["source"].to_pylist()
        yield DeltaTable(output / "rows").to_pyarrow_table(columns=["source"])["source"].to_pylist()

    def names() -> list[list[str]]:
        return [sorted(Path(name).stem for name in found) for found in snapshots()]

    change(source, images)
    assert names() == [list("bcdefg")] * 2
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.labeling.finishing.write_manifest", ended)
        with pytest.raises(KeyboardInterrupt):
            label(source, output, delta=True)
    assert names() == [list("bcdefg")] * 2
    assert json.loads((output / "summary.json").read_text())["items"] == 6
    label(source, output, delta=True)
    assert names() == [list("abcdefgh")] * 2
    assert {path.name for path in (output / "rows").glob("*.parquet")} == {
        *(f"part-{shard:06d}.parquet" for shard in (0, 2, 3, 4, 5)),
        "part-000001-u1.parquet",
    }
    assert DeltaTable(output / "rows").version() == 1


def ended(*_: object) -> None:
    raise KeyboardInterrupt


class Killed(LocalStorage):
    """A folder whose process is killed at an instant: after so many writes and deletions, or before a certain one."""

    left = -1
    at = "none"

    def _instant(self, name: str) -> None:
        if Killed.left == 0 or name == Killed.at:
            raise KeyboardInterrupt
        Killed.left -= 1

    def put(self, name: str, content: Content) -> None:
        self._instant(name)
        super().put(name, content)

    def delete(self, name: str) -> None:
        self._instant(name)
        super().delete(name)


def test_killed_at_any_instant_it_ends_as_if_it_had_not_been(
    few: None, source: Path, images: list[bytes], values: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "open_storage", Killed)
    Killed.left = -1
    for instant in itertools.count():
        output = tmp_path / f"out-{instant}"
        scans = folder_of(tmp_path / f"in-{instant}", {path.name: path.read_bytes() for path in source.iterdir()})
        label(scans, output, delta=True)
        change(scans, images)
        Killed.left = instant
        try:
            label(scans, output)
        except KeyboardInterrupt:
            over = False
        else:
            over = True
        Killed.left = -1
        label(scans, output, update=instant % 2 == 0 or not begun(output))
        assert by_name(labels(output)) == expected(values)
        left = {path.name for path in (output / "rows").glob("part*")}
        assert len(left) == 6 and "part-000001-u1.parquet" in left
        assert DeltaTable(output / "rows").count() == 8
        if over:
            break
    assert instant > 10


def begun(output: Path) -> bool:
    return len(json.loads((output / "run.json").read_text())["parts"]) > 1


def test_what_changes_after_a_kill_is_read_by_the_next_update_and_what_was_begun_before(
    few: None, source: Path, images: list[bytes], values: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the run is killed, and the input changes before the next start."""
    output = tmp_path / "out"
    monkeypatch.setattr(run_folder, "open_storage", Killed)
    monkeypatch.setattr(Killed, "at", "rows/part-000002.parquet")
    with pytest.raises(KeyboardInterrupt):
        label(source, output)
    change(source, images)
    monkeypatch.setattr(Killed, "at", "rows/part-000005.parquet")
    with pytest.raises(KeyboardInterrupt):
        label(source, output)
    folder_of(source, {"i.png": images[9], "a.png": images[10]})
    touch_later(source / "a.png")
    monkeypatch.setattr(Killed, "at", "none")
    read, told = label(source, output)
    assert told == {"new": 1, "changed": 1, "unchanged": 6, "gone": 1}
    assert read == ["a.png", "h.png", "i.png"]
    found = by_name(labels(output))
    # What was gone before it was read has a row that says so.
    del found["f"]
    there = expected(values) | {"i": values[9], "a": values[10]}
    del there["f"]
    assert found == there


def test_a_table_that_changed_is_read_as_a_whole_and_one_that_came_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output, images = tmp_path / "in", tmp_path / "out", draw_digits(90, 3)[0]
    source.mkdir()
    for number in range(3):
        table_of(source / f"{number}.parquet", image=pixel_lists(images[number * 20 :][:20]))
    label(source, output)
    table_of(source / "1.parquet", image=pixel_lists(images[20:50]))
    table_of(source / "3.parquet", image=pixel_lists(images[70:75]))
    table_of(source / "4.parquet", image=pixel_lists(images[:0]))
    read, told = label(source, output)
    assert (read, told) == (["1.parquet", "3.parquet"], {"new": 2, "changed": 1, "unchanged": 2, "gone": 0})
    rows = pa.concat_tables(read_shards(output / "rows", "parquet")).to_pylist()
    found = {(Path(row["source"]).name, row["item"]): row["value"] for row in rows}
    assert len(found) == len(rows) == 75
    afresh = tmp_path / "afresh"
    label(source, afresh)
    rows = pa.concat_tables(read_shards(afresh / "rows", "parquet")).to_pylist()
    assert found == {(Path(row["source"]).name, row["item"]): row["value"] for row in rows}


def test_an_update_in_an_object_store(
    few: None, source: Path, images: list[bytes], values: list[str], bucket: Bucket, tmp_path: Path
) -> None:
    place = bucket.new_place()
    label(source, place, delta=True)
    change(source, images)
    assert label(source, place, delta=True)[0] == ["a.png", "d.png", "h.png"]
    copy = folder_of(tmp_path / "copy", bucket.files(place))
    assert by_name(labels(copy)) == expected(values)


def test_the_report_shows_no_picture_of_what_changed(source: Path, images: list[bytes], tmp_path: Path) -> None:
    output = tmp_path / "out"
    label(source, output)
    assert (output / "report.html").read_text().count("data:image/png") == 6
    folder_of(source, {f"{name}.png": images[11] for name in "bcdefg"})
    for path in source.iterdir():
        touch_later(path)
    label(source, output)
    kept = [np.load(path) for path in sorted((output / ".work" / "kept").iterdir())]
    assert [len(one["images"]) for one in kept] == [0, 6]
    assert (output / "report.html").read_text().count("data:image/png") == 6


def test_without_being_asked_an_input_that_changed_is_refused(
    source: Path, images: list[bytes], tmp_path: Path
) -> None:
    label(source, tmp_path / "out")
    change(source, images)
    assert refusal(UsageError, lambda: label(source, tmp_path / "out", update=False)) == (
        f"The files of the input are not those that {tmp_path}/out was made of: some came, went or changed. Name "
        "another folder, start afresh, or read only what is new or changed."
    )


def test_a_list_that_is_gone_is_told(source: Path, images: list[bytes], tmp_path: Path) -> None:
    label(source, tmp_path / "out")
    change(source, images)
    LocalStorage(tmp_path / "out").delete(".work/listing")
    assert refusal(DataError, lambda: label(source, tmp_path / "out")) == (
        "The list of files that the run keeps in its output is gone; start the run afresh."
    )


def test_what_cannot_be_split_by_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "some-idx3-ubyte").write_bytes(idx_bytes(draw_digits(3, 3)[0]))
    named = table_of(tmp_path / "list.parquet", file=pa.array(["a.png"]))
    for listed, kind in (
        (list_input(str(tmp_path / "some-idx3-ubyte")), "idx"),
        (list_input(str(named), uri_column="file"), "files that a table names"),
    ):
        assert refusal(UsageError, lambda listed=listed: by_file(listed)) == (
            "Only a folder of files or parquet can be read again for what is new or changed, and the input is "
            f"{kind}. Start afresh, or name another output."
        )
