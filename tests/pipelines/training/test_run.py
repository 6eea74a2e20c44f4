from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import UsageError
from pipelines.training.options import TrainingOptions
from pipelines.training.run import Crew, finish_run, new_name, open_run

OPTIONS = TrainingOptions(validation=1 / 12)


def refusal(folder: Path, options: TrainingOptions, resume: bool) -> str:
    with pytest.raises(UsageError) as caught:
        open_run(folder, options, resume)
    return str(caught.value)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    open_run(tmp_path / "runs" / "first", OPTIONS, resume=False)
    return tmp_path / "runs" / "first"


def test_a_new_run_writes_down_what_it_was_asked(begun: Path) -> None:
    assert [path.name for path in begun.iterdir()] == ["options.json"]
    assert TrainingOptions(**json.loads((begun / "options.json").read_text())) == OPTIONS


def test_an_empty_folder_may_become_a_run(tmp_path: Path) -> None:
    open_run(tmp_path, OPTIONS, resume=False)
    assert (tmp_path / "options.json").exists()


def test_a_begun_run_is_not_continued_unasked(begun: Path) -> None:
    assert refusal(begun, OPTIONS, resume=False) == (
        f"The run 'first' in {begun.parent} was begun and can go on with --resume; give another --name to start anew."
    )


def test_a_finished_run_is_refused_either_way(begun: Path) -> None:
    finish_run(begun, {"model": "ink:1"})
    assert refusal(begun, OPTIONS, resume=False) == (
        f"The run 'first' in {begun.parent} is finished; give another --name to start anew."
    )
    assert refusal(begun, OPTIONS, resume=True) == (
        f"The run 'first' in {begun.parent} is finished: there is nothing to resume."
    )


def test_what_never_began_cannot_go_on(tmp_path: Path) -> None:
    expected = f"There is no run 'first' in {tmp_path} to resume; leave --resume out to start it."
    assert refusal(tmp_path / "first", OPTIONS, resume=True) == expected
    assert not (tmp_path / "first").exists()


def test_a_begun_run_goes_on_with_the_options_it_began_with(begun: Path) -> None:
    before = (begun / "options.json").read_bytes()
    open_run(begun, OPTIONS, resume=True)
    assert (begun / "options.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 20}, "--epochs is 20, but the run 'first' began with 10; resume it so."),
        ({"learning_rate": 0.1}, "--learning-rate is 0.1, but the run 'first' began with 0.004; resume it so."),
        ({"corpus": "builtin"}, "--corpus is builtin, but the run 'first' began with mnist; resume it so."),
    ],
)
def test_a_run_does_not_go_on_with_other_options(begun: Path, change: dict[str, Any], said: str) -> None:
    assert refusal(begun, replace(OPTIONS, **change), resume=True) == said


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder, reason in (
        (tmp_path / "file" / "run", "Not a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        said = refusal(folder, OPTIONS, resume=False)
        assert said == f"The run's folder {folder} cannot be written: {reason}; name another --runs."


def test_a_result_is_whole_and_leaves_nothing_else(begun: Path) -> None:
    finish_run(begun, {"accuracy": 0.1 + 0.2})
    assert json.loads((begun / "result.json").read_text()) == {"accuracy": 0.1 + 0.2}
    assert {path.name for path in begun.iterdir()} == {"options.json", "result.json"}


def test_a_name_says_what_is_trained_on_what_and_when() -> None:
    assert re.fullmatch(r"ink-folder-\d{8}-\d{6}", new_name("ink", "folder:/some/where"))


@pytest.mark.parametrize(("cpus", "threads"), [(0.5, 1), (1, 1), (3.5, 3)])
def test_a_worker_has_a_thread_for_each_whole_cpu(cpus: float, threads: int) -> None:
    assert Crew(workers=2, cpus=cpus).threads == threads
