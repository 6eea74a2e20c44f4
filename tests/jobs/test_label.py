"""The labelling job on a Ray of its own: what comes out, what is refused, and with which code it ends."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from jobs._label_options import LabelDigits
from jobs._stream_options import StreamDigits
from pipelines.corpora import Corpus
from pipelines.corpora.corpus import Split
from pipelines.corpora.idx import write_idx
from pipelines.corpora.parquet import write_parquet
from pipelines.labeling.readers import untested
from pipelines.labeling.rows import SCHEMA, read_shards
from pipelines.models.folder import open_model
from pipelines.models.store import ModelStore
from tests.clusters import RayCluster, kept_files
from tests.in_process import RunJob
from tests.inputs import table_of
from tests.labels import digits, once, rows, tables
from tests.processes import Home, Job, new_home, title
from tests.refusals import Refused


@pytest.fixture(scope="module")
def home(ray_cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("home"), ray_cluster) as home:
        yield home


Label = Callable[..., Job]


@pytest.fixture(scope="module")
def label(home: Home, repo: Path, models: ModelStore) -> Label:
    def run(*words: object) -> Job:
        return home.run(
            repo / "jobs" / "label.py", "digits", *words, "--model", "small", "--store", models, "--threads", 1
        )

    return run


SOME = 500
UNTESTED = "all that small:1 reads counts as ok, however unsure, since it was tested on no images, "
RECIPE = ("--accept-above", 0.99, "--max-actors", 50)


def some_digits() -> Split:
    return Split(digits().images[:SOME], digits().labels[:SOME])


@dataclass(frozen=True)
class Done:
    source: Path
    output: Path
    job: Job

    @property
    def same_again(self) -> tuple[object, ...]:
        return ("digits", self.source, self.output, *RECIPE, "--model", "small", "--threads", 1)


@pytest.fixture(scope="module")
def done(label: Label, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A run over a table, of which several tests look at what is theirs."""
    folder = tmp_path_factory.mktemp("done")
    write_parquet(Corpus("digits", some_digits(), None), folder / "digits.parquet")
    job = label(folder / "digits.parquet", folder / "out", *RECIPE)
    assert job.process.returncode == 0, job.err
    return Done(folder / "digits.parquet", folder / "out", job)


def test_no_log_holds_what_was_read_and_nothing_lies_outside_the_folder(
    done: Done, home: Home, ray_cluster: RayCluster
) -> None:
    read = {str(confidence) for confidence in rows(done.output)["confidence"].to_pylist()}
    telling = [one for one in read if len(one) > 8]
    assert len(telling) > SOME / 2
    logs = [done.job.out, done.job.err, *(file.read_text(errors="replace") for file in kept_files(ray_cluster))]
    assert [log for log in logs if any(one in log for one in telling)] == []
    assert list(home.scratch.rglob("*")) == []


def pngs(folder: Path, count: int) -> Path:
    split = digits()
    for index in range(count):
        inner = folder / f"{index // 100:03d}"
        inner.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(inner / f"{index:05d}.png"), split.images[index])
    return folder


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def damages(good: bytes) -> list[bytes]:
    """Twenty ways for an image file to be none."""
    huge = good[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)) + good[33:]
    empty = good[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 28, 8, 0, 0, 0, 0)) + good[33:]
    flipped = good[:60] + bytes([good[60] ^ 0xFF]) + good[61:]
    jpeg = cv2.imencode(".jpg", np.full((28, 28), 200, np.uint8))[1].tobytes()
    return [
        *(b"", b"x", b"no image at all", good[:8], good[:20], good[:33], good[: len(good) // 2], good[:-20]),
        *(good[1:], b"\0" * 500, b"\xff" * 500, huge, empty, flipped, good[8:], b"GIF89a" + good, b"%PDF-1.7 " + good),
        *(jpeg[: len(jpeg) // 2], jpeg[:2], good[:8] + chunk(b"IHDR", b"short") + good[33:]),
    ]


def test_what_is_damaged_gets_a_row_with_its_reason(label: Label, tmp_path: Path) -> None:
    source = pngs(tmp_path / "scans", 2000)
    files = sorted(source.rglob("*.png"))
    ways = damages(files[0].read_bytes())
    assert len(ways) == 20
    for index, file in enumerate(files[::10]):
        file.write_bytes(ways[index % 20])
    job = label(source, tmp_path / "out")
    assert job.process.returncode == 3, job.err
    assert UNTESTED in job.out
    table = rows(tmp_path / "out")
    once(table, 2000)
    bad = table.filter(pc.equal(table["status"], "error"))
    assert bad["source"].to_pylist() == [str(file) for file in files[::10]]
    assert all(bad["reason"].to_pylist()) and set(bad["reason_code"].to_pylist()) == {"unreadable_file"}
    assert bad["value"].null_count == bad["confidence"].null_count == 200
    good = table.filter(pc.not_equal(table["status"], "error"))
    assert len(good) == 1800 and good["value"].null_count == 0
    truth = np.delete(digits().labels[:2000], np.arange(0, 2000, 10))
    assert (np.array(good["value"].to_pylist(), int) == truth).mean() > 0.9
    assert set(good["engine"].to_pylist()) <= {"openvino bf16", "openvino fp32", "onnxruntime fp32"}
    assert set(good["model"].to_pylist()) == {"small:1"}
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["items"] == 2000 and summary["status"]["error"] == 200
    assert sum(summary["status"].values()) == 2000
    report = (tmp_path / "out" / "report.html").read_text()
    assert "200" in report and "data:image/png;base64," in report and "http" not in report


def stamps(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


def test_a_finished_run_says_so_and_does_nothing(
    done: Done, models: ModelStore, run_job: RunJob, tmp_path: Path
) -> None:
    output = tmp_path / "out [again]"
    shutil.copytree(done.output, output)
    before = stamps(output)
    again = run_job("label.py", "digits", done.source, output, *done.same_again[3:], "--store", models)
    assert again.returncode == 0
    assert again.stdout.splitlines()[0] == (
        f"{output} is finished already, and nothing is read again unless the run starts afresh."
    )
    assert stamps(output) == before


def test_every_kind_of_input_and_of_output_gives_the_same_rows(label: Label, done: Done, tmp_path: Path) -> None:
    first, idx = rows(done.output), tmp_path / "some-idx3-ubyte"
    write_idx(some_digits(), idx, tmp_path / "labels")
    label(idx, tmp_path / "two", *RECIPE, "--format", "jsonl")
    assert without_source(rows(tmp_path / "two", "jsonl"), idx).equals(without_source(first, done.source))
    files = sorted(pngs(tmp_path / "png", SOME).rglob("*.png"))
    with_truth = pa.schema([*SCHEMA, ("truth", pa.int64())])
    paths = pa.array([str(file.relative_to(tmp_path)) for file in files])
    named = table_of(tmp_path / "list.parquet", file=paths, truth=pa.array(digits().labels[:SOME]))
    words = ("--uri-column", "file", "--keep-columns", "truth")
    label(named, tmp_path / "three", *RECIPE, "--format", "csv", *words)
    third = pa.concat_tables(read_shards(tmp_path / "three" / "rows", "csv", with_truth))
    assert third["truth"].to_pylist() == digits().labels[:SOME].tolist()
    columns = ["value", "confidence", "status", "reason_code", "reason", "engine", "model"]
    assert third.select(columns).equals(first.select(columns))
    assert third["source"].to_pylist() == list(map(str, files))


def without_source(table: pa.Table, source: Path) -> pa.Table:
    assert set(table["source"].to_pylist()) == {str(source)}
    return table.drop_columns("source")


def test_what_is_less_sure_than_asked_for_is_to_be_reviewed(done: Done) -> None:
    assert UNTESTED not in done.job.out
    table = rows(done.output)
    doubtful = table.filter(pc.less(table["confidence"], 0.99))
    assert len(doubtful) and set(doubtful["status"].to_pylist()) == {"review"}
    assert set(doubtful["reason_code"].to_pylist()) == {"low_confidence"}
    assert set(doubtful["reason"].to_pylist()) == {"less sure than 0.99"}
    assert pc.sum(pc.equal(table["status"], "review")).as_py() == len(doubtful)


def test_only_who_states_no_confidence_is_told_that_everything_counts_as_ok(models: ModelStore) -> None:
    small = open_model("small", models)
    assert (untested(None, small) or "").startswith(UNTESTED)
    assert untested(0.0, small) is None
    assert untested(None, open_model("builtin", models)) is None


def test_a_second_opinion_is_had_by_the_builtin_model_and_by_whom_it_is_asked_for(models: ModelStore) -> None:
    """In bulk and in streams, and a run with it is another one than a run without."""
    places: dict[str, Any] = {"input": "in", "output": "out"}
    builtin, small = open_model("builtin"), open_model("small", models)
    digest = open_model("builtin-lines").digest
    for model, asked, had in (
        (builtin, "auto", digest),
        (builtin, "never", None),
        (small, "auto", None),
        (small, "always", digest),
    ):
        bulk = LabelDigits(**places, second_opinion=asked).workload([model])
        assert bulk.identity() == {"second opinion": had}
        stream = StreamDigits(source="in", output="out", second_opinion=asked).work([model])
        assert stream.workload.identity() == bulk.identity()


def test_more_actors_than_fit_are_fewer_with_a_line(done: Done) -> None:
    # Five fit into four CPUs, unless an actor of the run before is still on its way out.
    assert re.search("50 actors of 1 threads do not fit into what is free; taking [1-5] until more is\n", done.job.out)


def test_another_runs_folder_is_refused_and_fresh_starts_over(
    label: Label, done: Done, models: ModelStore, not_labelled: Refused, tmp_path: Path
) -> None:
    other, output = tables(tmp_path / "other", [50]), tmp_path / "out"
    shutil.copytree(done.output, output)
    assert not_labelled("digits", other, output, *RECIPE, "--model", "small", "--store", models) == (
        2,
        f"error: {output} belongs to another run: its input is '{done.source}', and this one's is '{other}'. "
        "Name another folder, or start over in this one (--fresh).\n",
    )
    once(rows(output), SOME)
    assert label(other, output, *RECIPE, "--fresh").process.returncode == 0
    once(rows(output), 50)


@pytest.mark.parametrize(
    ("make", "words", "said"),
    [
        ("nothing", (), "error: There is no {source}; check the path.\n"),
        ("empty", (), "error: {source} holds no files; expected images (png, jpeg, tiff, bmp, webp), parquet, IDX, "),
        ("texts", (), "error: {source} holds no images among its 1 files (a.txt...); expected images "),
        ("table", ("--column", "picture"), "error: {source}/0000.parquet has no column 'picture'; it has image ("),
        (
            *("table", ("--keep-columns", "image,,label")),
            "error: --keep-columns is 'image,,label'; it must name columns, each once, with commas between them.\n",
        ),
        (
            "table",
            ("--keep-columns", "picture"),
            "error: {source}/0000.parquet has no column 'picture'; it has image (",
        ),
        ("table", ("--engine", "openvin"), "error: There is no engine 'openvin'; known: "),
        (
            *("table", ("--engine", "torch_cuda", "--gpus-per-actor", 0)),
            "error: The engine torch_cuda computes on a GPU, and 0 of them means the CPU; give each reader some, or "
            "take another engine, or auto (--gpus-per-actor).\n",
        ),
        ("table", ("--accept-above", 2), "error: --accept-above is 2; it must be from 0 to 1.\n"),
        ("table", ("--threads", 0), "error: --threads is 0; it must be at least 1.\n"),
        *(
            (
                "table",
                ("--gpus-per-actor", gpus),
                f"error: --gpus-per-actor is {gpus}; it must be 0, a share of one GPU such as 0.25, or a whole "
                "number.\n",
            )
            for gpus in ("1.5", "-1", "1e-05", "inf", "nan")
        ),
    ],
)
def test_bad_usage_is_one_sentence_and_2(
    make: str, words: tuple[object, ...], said: str, not_labelled: Refused, models: ModelStore, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    if make == "table":
        tables(source, [10])
    elif make != "nothing":
        source.mkdir()
    if make == "texts":
        (source / "a.txt").write_text("no image")
    code, words_said = not_labelled("digits", source, tmp_path / "out", "--model", "small", "--store", models, *words)
    assert code == 2
    assert words_said.startswith(said.format(source=source)) and words_said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_model(not_labelled: Refused, models: ModelStore, tmp_path: Path) -> None:
    source = tables(tmp_path / "in", [10])
    code, said = not_labelled("digits", source, tmp_path / "out", "--model", "smal", "--store", models)
    assert code == 2 and "Did you mean 'small'?" in said


def test_an_output_that_cannot_be_written(not_labelled: Refused, models: ModelStore, tmp_path: Path) -> None:
    source, words = tables(tmp_path / "in", [10]), ("--model", "small", "--store", models)
    (tmp_path / "file").write_text("")
    assert not_labelled("digits", source, tmp_path / "file", *words) == (
        2,
        f"error: {tmp_path}/file is a file; name a folder for the results.\n",
    )
    code, said = not_labelled("digits", source, "/proc/nowhere", *words)
    assert code == 2 and said.startswith("error: The output folder /proc/nowhere cannot be written: ")


def test_actors_that_can_never_fit_are_refused_at_once(
    home: Home, repo: Path, models: ModelStore, tmp_path: Path
) -> None:
    words = ("--model", "small", "--store", models, "--threads", 64)
    job = home.run(repo / "jobs" / "label.py", "digits", tables(tmp_path / "in", [100]), tmp_path / "out", *words)
    assert job.process.returncode == 1
    assert job.err.startswith("error: One actor needs 63.75 CPUs (64 threads) and 0 GPUs on one node,")


HELPERS = ("DashboardAgent", "RuntimeEnvAgent", "Stats", "Autoscaling", "ActorLocation")
"""Processes of Ray's and of Ray Data's, each of which takes a second of a run's start."""


def test_without_a_cluster_it_brings_its_own_ray(repo: Path, models: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    with new_home(tmp_path / "alone") as alone:
        source = tables(tmp_path / "in", [200, 200])
        words = ("--model", "small", "--store", models)
        seen = set[str]()
        with alone.start(repo / "jobs" / "label.py", "digits", source, tmp_path / "out", *words) as job:
            while job.process.poll() is None:
                seen |= {title(process.pid) for process in alone.processes()}
    assert job.process.returncode == 0, job.err
    assert job.err == ""
    once(rows(tmp_path / "out"), 400)
    assert any("LabelShards" in one for one in seen)
    assert [one for one in seen if any(helper in one for helper in HELPERS)] == []


def test_help_shows_how_to_start_it(repo: Path) -> None:
    done = subprocess.run([sys.executable, "jobs/label.py", "--help"], cwd=repo, capture_output=True, text=True)
    assert done.returncode == 0 and "inkray label digits scans/ labels/" in done.stdout
