"""The benches run and print their ratios; how high those are is for a quiet machine to say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jobs.benches.batch.scale import write_names
from jobs.benches.engines import bench as engines
from jobs.benches.numbers import NumberBench
from jobs.benches.serve import bench as serve
from jobs.benches.strings import labelled_strings, read_all, score_of
from jobs.benches.training.variants import VariantsBench
from pipelines.corpora import Corpus
from pipelines.corpora.parquet import write_parquet
from pipelines.errors import DataError, UnknownName
from pipelines.evaluation.number_scenes import SCENES
from pipelines.models.store import ModelStore
from pipelines.strings.reading import StringReading
from pipelines.strings.synthesis import WrittenString
from tests import lines
from tests.clusters import RayCluster
from tests.digits import drawn
from tests.pipelines.strings.written import on_paper, row
from tests.processes import new_home


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    """Small, since what is measured of it is no one's concern here."""
    write_parquet(Corpus("digits", drawn(1024), None), tmp_path / "digits.parquet")
    return f"parquet:{tmp_path / 'digits.parquet'}"


def bench(repo: Path, home: Path, *words: str) -> str:
    env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | {"INKRAY_HOME": str(home)}
    command = [sys.executable, "jobs/bench.py", *words]
    done = subprocess.run(command, cwd=repo, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_training_is_measured_against_both_rivals(
    repo: Path, corpus: str, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    rounds = ("--networks", "mlp3", "--epochs", 2, "--rounds", 1, "--json", "numbers.json")
    with new_home(tmp_path / "home", ray_cluster) as home:
        job = home.run(repo / "jobs" / "bench.py", "train", "--corpus", corpus, *rounds)
    assert job.process.returncode == 0, job.err
    assert "of by hand" in job.out and "of usual" in job.out
    rows = json.loads((home.folder / "numbers.json").read_text())
    assert len(rows) == 5
    assert all(speed > 0 for row in rows for speed in row["images_per_second"])


def test_a_recipe_is_trained_again_with_something_left_out(repo: Path, corpus: str, tmp_path: Path) -> None:
    """And what was measured before stays as it was."""
    numbers, accuracies = tmp_path / "numbers.json", [{"on": corpus, "accuracy": 0.5}]
    whole = {"seed": 0, "without": "", "epochs": 1, "corpus": corpus, "on": [corpus], "read": accuracies}
    numbers.write_text(json.dumps([whole]))
    words = ("--corpus", corpus, "--on", corpus, "--epochs", "1", "--json", str(numbers))
    printed = bench(repo, tmp_path, "variants", *words, "--without", "lines,specks,drawn,junk")
    assert "without" in printed and "50.00 %" in printed
    before, less = json.loads(numbers.read_text())
    assert before == whole
    assert len(less["read"][0]["per_class"]) == 10


def test_all_engines_of_one_bench_compute_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "load_corpus", lambda name: Corpus("drawn", drawn(8), None))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    file = tmp_path / "numbers.json"
    engines.EngineBench("builtin", batches=(8,), rounds=1, seconds=0.01, json=file).run()
    rows = json.loads(file.read_text())
    assert [(row["engine"], row["precision"]) for row in rows] == list(engines.CASES["fp32"])
    assert all(row["ours"] > 0 and row["bare"] > 0 for row in rows)


def test_a_bench_of_the_server_without_a_single_connection_has_a_table_too() -> None:
    """Camera frames come over one connection, and have no rival; where there is one, each round is held against it."""
    latency = (1.0, 2.0, 0)
    rows = [
        serve.ServeRow(number, server, what, connections, speed, *latency)
        for number, speeds in enumerate([(100.0, 110.0, 30.0), (200.0, 100.0, 31.0), (300.0, 600.0, 32.0)])
        for server, what, connections, speed in (
            ("fastapi", serve.PICTURE, 32, speeds[0]),
            ("inkray", serve.PICTURE, 32, speeds[1]),
            ("inkray", serve.LIVE, 1, speeds[2]),
        )
    ]
    table = serve._table(rows)
    assert list(table.columns[3].cells) == ["200", "110", "31"]
    assert list(table.columns[-1].cells) == ["", "1.10 (0.50-2.00)", ""]


def test_a_typo_in_what_to_leave_out_is_reported_before_anything_is_trained(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    with pytest.raises(UnknownName, match="linse"):
        VariantsBench(json=numbers, without=("lines", "linse")).run()
    assert not numbers.exists()


def test_reading_is_measured_for_every_source(repo: Path, corpus: str, tmp_path: Path) -> None:
    printed = bench(repo, tmp_path, "read", "--corpus", corpus)
    assert all(f"inkray, {source}" in printed for source in ("idx", "png folder", "parquet"))


def test_forms_are_measured_by_what_must_hold_of_them(repo: Path, tmp_path: Path) -> None:
    words = (
        "--pages",
        "5",
        "--foreign",
        "2",
        "--level",
        "easy",
        "--processes",
        "1",
        "--json",
        str(tmp_path / "a.json"),
    )
    printed = bench(repo, tmp_path, "forms-accuracy", *words)
    assert re.search(r"pages laid straight on their form\W+5\W+5\W+100\.000%", printed)
    trust = json.loads((tmp_path / "a.json").read_text())["trust"]
    assert (trust["pages"], trust["foreign"], trust["mistaken"]) == (5, 2, 0)
    assert trust["all"]["right"] >= 0.9 * trust["all"]["fields"] > 0
    assert (
        0
        < trust["checked"]["ok_right"]
        <= trust["checked"]["ok"]
        <= trust["checked"]["fields"]
        < trust["all"]["fields"]
    )


def test_strings_are_scored_by_exact_answers_and_by_what_can_be_accepted() -> None:
    confidences = [0.9, 0.8, 0.7, 0.6]
    readings = [StringReading(value, sure, (), ()) for value, sure in zip("1234", confidences, strict=True)]
    score = score_of(readings, ["1", "2", "3", "9"])
    assert (score.strings, score.exact, score.accepted, score.at) == (4, 0.75, 0.75, 0.7)
    assert score_of(readings, ["9", "9", "9", "9"]).accepted == 0


def test_a_folder_of_strings_is_read_with_its_answers(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("L", (60, 30), 220).save(tmp_path / "images" / "a.png")
    (tmp_path / "labels.csv").write_text("file,digits\na.png,0042\n")
    (string,) = labelled_strings(tmp_path)
    assert (string.digits, string.image.shape) == ("0042", (30, 60))
    (tmp_path / "labels.csv").write_text("file,digits\nb.png,1\n")
    with pytest.raises(DataError, match=r"b\.png"):
        list(labelled_strings(tmp_path))


def test_strings_are_read_whole_by_a_reader_of_lines(repo: Path, tmp_path: Path) -> None:
    lines.publish(ModelStore(tmp_path / "store"), tmp_path / "files")
    folder = tmp_path / "numbers"
    folder.mkdir()
    for number in ("23", "611", "52"):
        Image.fromarray(on_paper(row(number))).save(folder / f"{number}.png")
    (folder / "labels.csv").write_text("file,digits\n23.png,23\n611.png,611\n52.png,52\n")
    words = ("strings", "--on", str(folder), "--model", "lines", "--json", str(tmp_path / "a.json"))
    assert "66.7% exact" in bench(repo, tmp_path, *words)
    saved = json.loads((tmp_path / "a.json").read_text())
    assert (saved["strings"], saved["exact"]) == (3, 2 / 3)


def test_pictures_of_a_number_are_read_in_every_way_that_they_are_cut_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    NumberBench(corpus="builtin", count=1, json=tmp_path / "a.json").run()
    assert [row["scene"] for row in json.loads((tmp_path / "a.json").read_text())] == [*SCENES]
    assert "nothing found" in capsys.readouterr().out


def test_none_or_several_numbers_in_a_picture_of_one_are_wrong() -> None:
    blank, pair = np.full((60, 200), 220, np.uint8), np.full((300, 300), 220, np.uint8)
    for top in (30, 200):
        number = on_paper(row("23"))
        pair[top : top + number.shape[0], 40 : 40 + number.shape[1]] = number
    single, nothing, several = read_all(
        [WrittenString(image, "23") for image in (on_paper(row("23")), blank, pair)], lines.shipped()
    )
    assert (single.value, nothing.value, several.value) == ("23", "", "")
    assert single.confidence > 0.5 and several.confidence > 0.5 and nothing.confidence == 0


def test_streams_are_measured_against_bulk(repo: Path, tmp_path: Path) -> None:
    printed = bench(repo, tmp_path, "stream", "--files", "4000", "--seconds", "1", "--tiny", "2000")
    assert "of bulk" in printed and "(p99)" in printed
    assert all(f"memory of the {what}" in printed for what in ("driver", "readers"))


def test_the_table_of_names_has_as_many_as_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.benches.batch.scale.ROW_GROUP", 1_000)
    write_names(tmp_path / "list.parquet", ["a.png", "b.png", "c.png"], 2_500)
    table = pq.ParquetFile(tmp_path / "list.parquet")
    assert [table.metadata.row_group(group).num_rows for group in range(3)] == [1_000, 1_000, 500]
    assert Counter(table.read()["image"].to_pylist()) == {"a.png": 835, "b.png": 833, "c.png": 832}
