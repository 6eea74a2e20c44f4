"""The job as a person runs it: its exit code, what it prints."""

from __future__ import annotations

import csv
import errno
import json
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipelines.corpora import Corpus, Split
from pipelines.corpora.folders import write_folder
from pipelines.forms.templates.loading import load_templates
from tests.in_process import RunJob

# A proxy that nobody answers: every download fails at once, whatever network the machine has.
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9") | {"no_proxy": ""}

Data = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    images = random.integers(0, 100, (30, 28, 28)).astype(np.uint8)
    write_folder(Corpus("x", Split(images, (np.arange(30) % 10).astype(np.uint8)), None), tmp_path / "digits")
    return tmp_path / "digits"


@pytest.fixture
def data(run_job: RunJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Data:
    """Run the job and give what it says: on stdout when it works, on stderr when it must not."""
    monkeypatch.chdir(tmp_path)
    for name, value in {**OFFLINE, "INKRAY_DATA": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    # What urlopen made of the proxies that it saw first it keeps for the whole process.
    monkeypatch.setattr(urllib.request, "_opener", None)

    def run(*arguments: object, code: int = 0) -> str:
        done = run_job("data.py", *arguments)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    return run


def test_the_file_runs_by_itself(repo: Path) -> None:
    job = repo / "jobs" / "data.py"
    assert os.access(job, os.X_OK)
    assert job.read_text().startswith("#!/usr/bin/env python\n")


@pytest.mark.parametrize("command", ["fetch", "convert", "preview", "stats"])
def test_help_explains_every_option_with_an_example(data: Data, command: str) -> None:
    text = data(command, "--help")
    assert f"inkray data {command} " in text


def test_convert_says_what_it_wrote_and_refuses_to_write_it_twice(data: Data, folder: Path, tmp_path: Path) -> None:
    arguments = ("convert", f"folder:{folder}", "idx:i.gz,l.gz")
    assert data(*arguments) == "idx:i.gz,l.gz: 30 digits\n"
    error = f"error: {tmp_path}/i.gz exists already; choose another name, or have it replaced (--overwrite).\n"
    assert data(*arguments, code=2) == error
    data(*arguments, "--overwrite")


def test_stats_prints_a_table_and_writes_json(data: Data, folder: Path, tmp_path: Path) -> None:
    table = data("stats", f"folder:{folder}", "--json", "stats.json")
    assert "│ images      │           30 │" in table
    numbers = json.loads((tmp_path / "stats.json").read_text())
    assert numbers["corpus"] == f"folder:{folder}"
    assert list(numbers["splits"]) == ["train"]
    assert numbers["splits"]["train"]["per_class"] == [3] * 10
    assert "Most pixels are bright" not in table
    error = data("stats", f"folder:{folder}", "--json", "stats.json", code=2)
    assert (
        error
        == f"error: {tmp_path}/stats.json exists already; choose another name, or have it replaced (--overwrite).\n"
    )


def test_stats_warns_of_dark_ink_on_white(data: Data, tmp_path: Path) -> None:
    white = Split(np.full((5, 28, 28), 250, np.uint8), np.zeros(5, np.uint8))
    write_folder(Corpus("x", white, None), tmp_path / "white")
    assert "Most pixels are bright: this looks like dark ink on white" in data("stats", f"folder:{tmp_path}/white")


def test_preview_draws_a_png(data: Data, folder: Path, tmp_path: Path) -> None:
    assert data("preview", f"folder:{folder}", "--out", "a.png", "--count", 20, "--seed", 3) == f"{tmp_path}/a.png\n"
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    again = data("preview", f"folder:{folder}", "--out", "a.png", code=2)
    assert again == f"error: {tmp_path}/a.png exists already; choose another name, or have it replaced (--overwrite).\n"
    error = data("preview", f"folder:{folder}", "--out", "a.jpg", code=2)
    assert error == "error: The preview is a PNG; give --out a name that ends in .png, not a.jpg.\n"


def test_fetch_offline_says_where_to_put_the_files(data: Data, tmp_path: Path) -> None:
    error = data("fetch", "mnist", code=1)
    assert f"error: MNIST is not in {tmp_path}/data/mnist and could not be downloaded (" in error
    assert error.endswith("or take the corpus builtin.\n")


def test_fetch_knows_its_names(data: Data) -> None:
    error = "error: There is no corpus to fetch 'mnits'; known: mnist. Did you mean 'mnist'?\n"
    assert data("fetch", "mnits", code=2) == error


def test_broken_data_is_one_sentence_and_exit_1(data: Data, folder: Path) -> None:
    (folder / "train" / "00000007.png").write_bytes(b"no")
    expected = f"error: {folder}/train/00000007.png: this is not a PNG image.\n"
    assert data("stats", f"folder:{folder}", code=1) == expected


def test_a_broken_spec_is_one_sentence_and_exit_2(data: Data) -> None:
    expected = "error: The corpus 'idx:only-one' is not complete; write idx:IMAGES,LABELS.\n"
    assert data("stats", "idx:only-one", code=2) == expected


def test_forms_are_written_with_their_templates_and_answers(data: Data, tmp_path: Path) -> None:
    told = data("forms", "made", "--count", 6, "--level", "easy", "--seed", 5, "--format", "tiff")
    assert told == f"{tmp_path}/made: 6 scans in scans/, their templates in templates/, the answers in truth.csv\n"
    scans = {path.name for path in (tmp_path / "made" / "scans").iterdir()}
    assert scans == {f"form-{number:04d}.tiff" for number in range(6)}
    templates = {one.name: one for one in load_templates((tmp_path / "made" / "templates").glob("*.yaml"))}
    assert all(one.register.reference and one.register.reference.is_file() for one in templates.values())
    with (tmp_path / "made" / "truth.csv").open(newline="") as file:
        truth = list(csv.DictReader(file))
    assert {row["scan"] for row in truth} == scans and {row["template"] for row in truth} == set(templates)
    for scan in scans:
        rows = [row for row in truth if row["scan"] == scan]
        template = templates[rows[0]["template"]]
        assert [row["field"] for row in rows] == [one.name for one in template.fields if one.kind != "text_image"]


def test_forms_of_one_seed_are_the_same_and_nothing_is_overwritten(data: Data, tmp_path: Path) -> None:
    for name in ("a", "b"):
        data("forms", name, "--count", 1, "--seed", 5)
    one, other = ((tmp_path / name / "scans" / "form-0000.png").read_bytes() for name in ("a", "b"))
    assert one == other
    again = data("forms", "a", code=2)
    assert again == f"error: {tmp_path}/a exists already; choose another name.\n"
    assert data("forms", "c", "--count", 0, code=2) == "error: count is 0; it must be at least 1 (--count).\n"


def test_forms_that_cannot_all_be_written_leave_nothing_behind(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "form-0001.png":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    error = f"error: Cannot write {tmp_path}/made: No space left on device.\n"
    assert data("forms", "made", "--count", 2, "--level", "easy", code=2) == error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("forms", "made"), ("preview", "builtin", "--out", "a.png")])
def test_a_seed_below_0_is_refused(data: Data, words: tuple[str, ...]) -> None:
    assert data(*words, "--seed", -1, code=2) == "error: seed is -1; it must be at least 0 (--seed).\n"


@pytest.mark.parametrize(
    "words",
    [
        ("stats", "folder:~nouser/x"),
        ("stats", "builtin", "--json", "~nouser/x.json"),
        ("convert", "builtin", "parquet:~nouser/x"),
        ("preview", "builtin", "--out", "~nouser/x.png"),
        ("forms", "~nouser/x"),
    ],
)
def test_a_home_that_is_not_there(data: Data, words: tuple[str, ...]) -> None:
    error = data(*words, code=2)
    assert error.startswith("error: There is no place ~nouser/x") and error.count("\n") == 1


def test_a_corpus_is_named_as_it_is_called_brackets_and_all(data: Data, folder: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / "d[red]")
    assert "folder:d[red]" in data("stats", "folder:d[red]")
