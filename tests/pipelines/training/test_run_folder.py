"""A run's folder: one run's alone, held by one process, and gone on with only as it began."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import DataError, InkrayError, TrainingError, UsageError
from pipelines.training.options import TrainingOptions
from pipelines.training.run_folder import new_name, open_run

IMAGES = {"training": "aa", "held": "bb"}
ASKED = {**asdict(TrainingOptions(validation=1 / 12)), "workers": 2, "images": IMAGES}


def refusal(folder: Path, resume: bool = False, error: type[InkrayError] = UsageError, **changes: Any) -> str:
    with pytest.raises(error) as caught, open_run(folder, ASKED | changes, resume):
        pass
    assert type(caught.value) is error
    return str(caught.value)


def begin(folder: Path) -> Path:
    with open_run(folder, ASKED, resume=False) as run:
        run.begin()
    return folder


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    return begin(tmp_path / "runs" / "first")


def record(folder: Path) -> Path:
    return folder / "options.json"


def finish(folder: Path) -> None:
    with open_run(folder, ASKED, resume=True) as run:
        run.finish({"model": "ink:1", "accuracy": 0.1 + 0.2})


def test_a_new_run_writes_down_what_it_was_asked(begun: Path) -> None:
    assert {path.name for path in begun.iterdir()} == {"options.json", ".lock"}
    assert json.loads(record(begun).read_text()) == ASKED


def test_an_empty_folder_may_become_a_run(tmp_path: Path) -> None:
    begin(tmp_path)
    assert record(tmp_path).exists()


def test_a_name_is_free_until_its_run_begins(tmp_path: Path) -> None:
    for _ in range(2):
        with open_run(tmp_path / "first", ASKED, resume=False):
            pass


def test_a_begun_run_is_not_continued_unasked(begun: Path) -> None:
    assert refusal(begun) == (
        f"The run 'first' in {begun.parent} was begun and can be resumed; give another name to start anew."
    )


def test_a_finished_run_is_refused_either_way(begun: Path) -> None:
    finish(begun)
    assert refusal(begun) == f"The run 'first' in {begun.parent} is finished; give another name to start anew."
    assert refusal(begun, resume=True) == (
        f"The run 'first' in {begun.parent} is finished: there is nothing to resume."
    )


def test_what_never_began_cannot_go_on(tmp_path: Path) -> None:
    expected = f"There is no run 'first' in {tmp_path} to resume; check the name, or start it anew."
    assert refusal(tmp_path / "first", resume=True) == expected
    assert not (tmp_path / "first").exists()


def test_a_begun_run_goes_on_as_it_began(begun: Path) -> None:
    before = record(begun).read_bytes()
    with open_run(begun, ASKED, resume=True) as run:
        run.begin()
    assert record(begun).read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 20}, "epochs is 20, but the run 'first' began with 10; resume it so."),
        ({"learning_rate": 0.1}, "learning_rate is 0.1, but the run 'first' began with 0.004; resume it so."),
        (
            {"corpus": "builtin", "images": {**IMAGES, "held": "cc"}},
            "corpus is builtin, but the run 'first' began with mnist; resume it so.",
        ),
        ({"workers": 1}, "workers is 1, but the run 'first' began with 2; resume it so."),
    ],
)
def test_a_run_does_not_go_on_with_other_options(begun: Path, change: dict[str, Any], said: str) -> None:
    assert refusal(begun, resume=True, **change) == said


@pytest.mark.parametrize("part", IMAGES)
def test_a_run_does_not_go_on_with_other_images(begun: Path, part: str) -> None:
    """What was held back may be trained on now, and the other way round."""
    assert refusal(begun, resume=True, images={**IMAGES, part: "cc"}) == (
        "The images of the corpus mnist are no longer those that the run 'first' began with; "
        "bring those back, or give another name to start anew."
    )


def test_a_run_from_before_there_was_an_option_began_with_its_default(begun: Path) -> None:
    known = {name: ASKED[name] for name in ASKED if name not in ("ema", "workers", "images")}
    record(begun).write_text(json.dumps(known))
    assert refusal(begun, resume=True, ema=0.9) == ("ema is 0.9, but the run 'first' began with 0.0; resume it so.")
    with open_run(begun, ASKED, resume=True):
        pass


@pytest.mark.parametrize("content", ["", '{"network": "i', "[]", "\x00"])
def test_a_damaged_record_is_one_sentence(begun: Path, content: str) -> None:
    record(begun).write_text(content)
    assert refusal(begun, resume=True, error=DataError) == (
        f"{record(begun)} is damaged, so it cannot be told how the run 'first' began; give another name to start anew."
    )


HOLD = """
import json, sys
from pathlib import Path
from pipelines.training.run_folder import open_run

with open_run(Path(sys.argv[1]), json.loads(sys.argv[2]), False) as run:
    run.begin()
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(folder: Path, repo: Path) -> Iterator[int]:
    """It holds the folder, until it is killed."""
    command = [sys.executable, "-c", HOLD, str(folder), json.dumps(ASKED)]
    held = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=repo)
    assert held.stdout
    try:
        assert held.stdout.readline() == "held\n"
        yield held.pid
    finally:
        held.kill()
        held.communicate()


def test_a_run_is_one_processs_alone_and_free_when_that_was_killed(tmp_path: Path, repo: Path) -> None:
    folder = tmp_path / "first"
    with another_process(folder, repo) as pid:
        for resume in (False, True):
            assert refusal(folder, resume, TrainingError) == (
                f"Another process ({pid} on {os.uname().nodename}) is at work on the run 'first' in {tmp_path}; "
                "wait for it, end it, or give another name."
            )
    with open_run(folder, ASKED, resume=True):
        pass


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder, reason in (
        (tmp_path / "file" / "run", "Not a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        said = refusal(folder)
        assert said == f"The run's folder {folder} cannot be written: {reason}; name another place for runs."


def test_a_result_is_whole_and_leaves_nothing_else(begun: Path) -> None:
    finish(begun)
    assert json.loads((begun / "result.json").read_text())["accuracy"] == 0.1 + 0.2
    assert {path.name for path in begun.iterdir()} == {"options.json", "result.json", ".lock"}


def test_a_name_says_what_is_trained_on_what_and_when_and_is_no_other_runs() -> None:
    assert re.fullmatch(r"ink-folder-\d{8}-\d{6}-[0-9a-f]{4}", new_name("ink", "folder:/some/where"))
    assert len({new_name("ink", "mnist") for _ in range(20)}) > 15
