"""Lines are drawn once into the folder of their run, and by that folder known again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.corpora.corpus import Corpus
from pipelines.training.line_task import LineTask, labels_of
from pipelines.training.losses import PADDING
from tests.clusters import RayCluster
from tests.digits import drawn
from tests.lines import OPTIONS
from tests.processes import new_home

DRAWN_AGAIN = """
import json
import sys
from dataclasses import replace
from pathlib import Path

import ray
import torch

from pipelines.corpora.corpus import Corpus
from pipelines.training import line_task
from tests.digits import drawn
from tests.lines import OPTIONS

line_task.BLOCK = 10
folder = Path(sys.argv[1])
options = replace(OPTIONS, lines=25, junk=0.2)
task = line_task.LineTask.prepare(options, Corpus("digits", drawn(300), drawn(60, seed=4)))
ray.init(log_to_driver=False)
learning, validation = task.material(folder).load(torch.device("cpu"))
files = sorted((folder / "lines").iterdir())
before = [(file.name, file.stat().st_mtime_ns, file.read_bytes()) for file in files]
files[1].unlink()
resume_options, _ = task.material(folder).load(torch.device("cpu"))
after = [(file.name, file.stat().st_mtime_ns, file.read_bytes()) for file in files]
task.draw_test(folder)
everything = torch.arange(25)
print(json.dumps({
    "files": [name for name, *_ in before],
    "drawn again": [one[1] != other[1] for one, other in zip(before, after)],
    "others": [one[2] != other[2] for one, other in zip(before, after)],
    "lines": [len(learning.images), len(validation.images), len(task.test_lines(folder))],
    "same": torch.equal(resume_options.images[everything], learning.images[everything]),
    "held": torch.equal(task.validation_examples(folder).labels, validation.labels),
    "tested": [line.digits for line in task.test_lines(folder)],
    "learnt": ["".join(str(digit) for digit in row if digit >= 0) for row in learning.labels.tolist()],
}))
"""


@pytest.fixture
def task() -> LineTask:
    return LineTask.prepare(replace(OPTIONS, lines=25), Corpus("digits", drawn(300), drawn(60, seed=4)))


def test_what_was_drawn_before_is_not_drawn_again(ray_cluster: RayCluster, repo: Path, tmp_path: Path) -> None:
    script = tmp_path / "again.py"
    script.write_text(DRAWN_AGAIN)
    with new_home(tmp_path / "home", ray_cluster) as home:
        home.env["PYTHONPATH"] = str(repo)
        job = home.run(script, tmp_path)
    assert job.process.returncode == 0, job.err
    told = json.loads(job.last_line)
    assert told["files"] == [*(f"000000{number}.parquet" for number in range(3)), "1000000.parquet"]
    assert told["drawn again"] == [False, True, False, False] and not any(told["others"])
    assert told["lines"] == [25, 1, 25] and told["same"] and told["held"]
    lengths = {len(value) for value in told["learnt"]}
    assert told["tested"] != told["learnt"] and 0 in lengths and len(lengths) > 2


def test_without_a_test_split_nothing_is_tested(task: LineTask, tmp_path: Path) -> None:
    without = replace(task, test=None)
    without.draw_test(tmp_path)
    assert without.test_lines(tmp_path) == []


def test_it_is_another_run_with_other_digits(task: LineTask) -> None:
    other = LineTask.prepare(task.options, Corpus("digits", drawn(300, seed=8), None))
    assert task.identity(1) == task.identity(1) != other.identity(1)
    assert task.identity(1)["lines"] == 25 and len(task) == 25


def test_labels_are_padded() -> None:
    labels = labels_of(["", "07", "1234567890"])
    assert labels.shape == (3, 10)
    assert (labels[0] == PADDING).all() and labels[2].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert np.array_equal(labels[1, :2], [0, 7]) and (labels[1, 2:] == PADDING).all()
