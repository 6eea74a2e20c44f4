"""Reading forms on a cluster: rows for every page, once, whatever happens on the way."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from jobs.benches.serve.hostile_files import endless_tree, image_bomb
from pipelines.forms.synthesis.designs import meter
from pipelines.forms.synthesis.forms import Scan, synthesise, write_blank_pages
from pipelines.forms.templates.loading import write_template
from pipelines.labeling.forms.page_counts import FEW
from pipelines.labeling.forms.rows import FORM_SCHEMA
from pipelines.labeling.rows import read_shards
from pipelines.models.store import ModelStore
from tests import lines
from tests.clusters import RayCluster, kept_files
from tests.inputs import folder_of
from tests.pipelines.documents.workers import workers
from tests.processes import Home, Job, new_home, until
from tests.refusals import Refused
from tests.s3 import Bucket

PAGES = 4


@pytest.fixture(scope="module")
def home(ray_cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with new_home(tmp_path_factory.mktemp("home"), ray_cluster) as home:
        yield home


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("templates")
    [card] = [one for one in write_blank_pages(folder) if one.name == "meter"]
    write_template(card, folder / "meter.yaml")
    return folder / "meter.yaml"


@pytest.fixture(scope="module")
def filled() -> list[Scan]:
    return list(synthesise(PAGES, 3, "easy", (meter(),)))


@pytest.fixture(scope="module")
def scans(filled: list[Scan], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four filled cards, the first of them twice, a blank page, and a file that is no scan."""
    folder = tmp_path_factory.mktemp("scans")
    for scan in filled:
        cv2.imwrite(str(folder / f"{scan.name}.png"), scan.image)
    cv2.imwrite(str(folder / "again.png"), filled[0].image)
    cv2.imwrite(str(folder / "white.png"), np.full((1600, 1200), 255, np.uint8))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    (folder / "notes.txt").write_text("no scan")
    return folder


Start = Callable[..., Job]


@pytest.fixture(scope="module")
def start(home: Home, repo: Path, template: Path) -> Start:
    return _starting(home, repo, template)


def _starting(home: Home, repo: Path, template: Path) -> Start:
    def begin(*words: object) -> Job:
        told = ("--template", template, "--engine", "onnxruntime", "--max-actors", 1, *words)
        return home.start(repo / "jobs" / "label.py", "forms", *told)

    return begin


def shards(output: Path) -> int:
    return len(list((output / "rows").glob("part-*.parquet")))


def test_a_run_whose_driver_was_killed_and_whose_scans_changed_since_ends_with_every_page_once(
    start: Start, scans: Path, filled: list[Scan], home: Home, ray_cluster: RayCluster, tmp_path: Path
) -> None:
    """At first one scan is not there, and another, which is read early, has the content of its neighbour."""
    output, whole, scans = tmp_path / "out", scans, Path(shutil.copytree(scans, tmp_path / "in"))
    (scans / "again.png").unlink()
    early, later = (f"{scan.name}.png" for scan in filled[:2])
    shutil.copyfile(whole / later, scans / early)
    with start(scans, output, "--crops", "--overlays", "all") as job:
        until(lambda: shards(output) >= 2, "two parts are done")
        job.process.kill()
        job.process.wait()
    assert not (output / "summary.json").exists()
    for name in ("again.png", early):
        shutil.copyfile(whole / name, scans / name)
    with start(scans, output, "--crops", "--overlays", "all", "--update") as again:
        assert again.ended() == 3, again.out + again.err
    assert "what was begun before the input changed is finished first\n" in again.out
    assert "going on after " in again.out
    assert "files since the last time: 1 new, 1 changed, 5 unchanged\n" in again.out
    assert "1 files are no scans by their names and are left out" in again.out
    rows = [row for shard in read_shards(output / "rows", "parquet", FORM_SCHEMA) for row in shard.to_pylist()]
    assert set(Counter((row["source"], row["page"], row["field"]) for row in rows).values()) == {1}
    names = {Path(row["source"]).name for row in rows}
    assert names == {path.name for path in scans.iterdir()} - {"notes.txt"}
    check_rows(rows, filled)
    check_files(output)
    assert json.loads((output / "summary.json").read_text())["update"] == 1
    check_privacy(rows, output, [job, again], home, ray_cluster)


def test_a_run_into_an_object_store_whose_driver_was_killed_has_the_same_files(
    home: Home, repo: Path, template: Path, bucket: Bucket, scans: Path, filled: list[Scan], tmp_path: Path
) -> None:
    output, start = bucket.new_place(), _starting(replace(home, env=home.env | bucket.env), repo, template)
    with start(scans, output, "--crops", "--overlays", "all") as job:
        until(lambda: sum("rows/" in name for name in bucket.names(output)) >= 2, "two parts are done")
        job.process.kill()
        job.process.wait()
    with start(scans, output, "--crops", "--overlays", "all") as again:
        assert again.ended() == 3, again.out + again.err
    assert "going on after " in again.out
    copy = folder_of(tmp_path / "copy", bucket.files(output))
    rows = [row for shard in read_shards(copy / "rows", "parquet", FORM_SCHEMA) for row in shard.to_pylist()]
    assert set(Counter((row["source"], row["page"], row["field"]) for row in rows).values()) == {1}
    check_rows(rows, filled)
    check_files(copy)
    assert 'href="overlay/' in (copy / "report.html").read_text()
    assert list(home.scratch.rglob("*")) == []


def test_a_page_that_takes_too_long_is_given_up(start: Start, filled: list[Scan], tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    # Whoever puts it straight, and sends it to a process at all, needs many times the deadline.
    cv2.imwrite(str(source / "large.png"), cv2.resize(filled[0].image, None, fx=3, fy=3))
    with start(source, tmp_path / "out", "--deadline", 0.01) as job:
        assert job.ended() == 3, job.out + job.err
    [shard] = read_shards(tmp_path / "out" / "rows", "parquet", FORM_SCHEMA)
    [row] = shard.to_pylist()
    assert (row["status"], row["reason"]) == ("error", "reading it took longer than 0.01 s")


def test_a_reader_of_lines_of_ones_own_reads_the_numbers_without_cells(
    start: Start, filled: list[Scan], tmp_path: Path
) -> None:
    source, store = tmp_path / "in", tmp_path / "store"
    source.mkdir()
    cv2.imwrite(str(source / "a.png"), filled[0].image)
    lines.publish(ModelStore(store), tmp_path / "files")
    with start(source, tmp_path / "out", "--lines", "lines", "--store", store) as job:
        assert job.ended() == 0, job.out + job.err
    assert "all that lines:1 reads counts as ok, however unsure" in job.out
    [shard] = read_shards(tmp_path / "out" / "rows", "parquet", FORM_SCHEMA)
    of_numbers = {row["model"] for row in shard.to_pylist() if row["field"] in ("persons", "area")}
    assert of_numbers == {"lines:1"}


def check_rows(rows: list[dict[str, object]], filled: list[Scan]) -> None:
    of_page: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        of_page.setdefault(Path(str(row["source"])).name, []).append(row)
    for name, words in (("white.png", "blank"), ("broken.pdf", "PDF is damaged")):
        [row] = of_page[name]
        assert (row["status"], row["field"], row["template"]) == ("error", None, None)
        assert words in str(row["reason"])
    for scan in filled:
        for row in of_page[f"{scan.name}.png"]:
            if row["status"] == "ok" and row["field"] in scan.answers:
                assert row["value"] == scan.answers[str(row["field"])]
    # Sorted by name, the copy comes before its original.
    reasons = {str(row["reason"]) for row in of_page[f"{filled[0].name}.png"] if row["status"] == "review"}
    assert any(reason.startswith("this page is the same as ") and "again.png" in reason for reason in reasons)
    assert "ok" not in {row["status"] for row in of_page[f"{filled[0].name}.png"]}


def check_files(output: Path) -> None:
    summary = json.loads((output / "summary.json").read_text())
    assert summary["items"] == PAGES + 3 and summary["pages_unread"] == 2
    with (output / "wide.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 1 + PAGES + 3
    assert "white.png" in (output / "report.html").read_text()
    assert len(list((output / "overlay").glob("*-p1.jpg"))) == PAGES + 1
    assert len(list((output / "crops").glob("*/contract.jpg"))) == PAGES + 1


def check_privacy(
    rows: list[dict[str, object]], output: Path, jobs: list[Job], home: Home, cluster: RayCluster
) -> None:
    """No log holds what was read, and with the output folder all is gone that was made of the scans."""
    # Shorter ones could stand in a log by chance.
    values = {str(row["value"]) for row in rows if len(str(row["value"] or "")) >= 8}
    assert len(values) >= PAGES
    read = re.compile(rf"(?<![\w.])({'|'.join(values)})(?!\w)")
    of_ray = kept_files(cluster)
    assert any(file.name.startswith("worker-") for file in of_ray)
    logs = {str(file): file.read_text(errors="replace") for file in of_ray}
    logs |= {f"{name} of {job}": words for job in jobs for name, words in (("stdout", job.out), ("stderr", job.err))}
    assert [name for name, words in logs.items() if read.search(words)] == []
    assert [file for file in of_ray if "spilled" in str(file)] == []
    shutil.rmtree(output)
    assert list(home.scratch.rglob("*")) == []
    assert [file for file in home.folder.rglob("*") if file.suffix in (".jpg", ".png", ".parquet")] == []


@pytest.mark.parametrize(
    ("make", "words", "said"),
    [
        ("scan", (), "error: Which form? Name its template with --template FORM.yaml; `inkray template` drafts one.\n"),
        ("scan", ("--template", "no.yaml"), "error: "),
        ("scan", ("--template", "{template}", "--dpi", 20), "error: --dpi is 20; it must be from 75 to 600.\n"),
        ("nothing", ("--template", "{template}"), "error: There is no {source}; check the path.\n"),
        ("empty", ("--template", "{template}"), "error: {source} holds no files; expected scans ("),
        (
            "texts",
            ("--template", "{template}"),
            "error: {source} holds no scans among its 1 files (a.txt...); expected",
        ),
    ],
)
def test_bad_usage_is_one_sentence_and_2(
    make: str, words: tuple[object, ...], said: str, not_labelled: Refused, template: Path, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    if make != "nothing":
        source.mkdir()
    if make == "scan":
        cv2.imwrite(str(source / "a.png"), np.full((30, 20), 255, np.uint8))
    if make == "texts":
        (source / "a.txt").write_text("no scan")
    told = [str(word).format(template=template) for word in words]
    code, words_said = not_labelled("forms", source, tmp_path / "out", *told)
    assert (code, words_said.count("\n")) == (2, 1), words_said
    assert words_said.startswith(said.format(source=source))
    assert not (tmp_path / "out").exists()


def test_a_model_of_digits_is_no_reader_of_lines(not_labelled: Refused, tmp_path: Path) -> None:
    words = ("forms", tmp_path, tmp_path / "out", "--template", tmp_path / "form.yaml", "--lines", "builtin")
    assert not_labelled(*words) == (
        2,
        "error: builtin:1 reads single digits, not lines; name a model of the network lines.\n",
    )
    assert not (tmp_path / "out").exists()


def test_a_document_that_would_never_be_opened_is_an_error_row_and_the_others_are_read(
    start: Start, filled: list[Scan], tmp_path: Path
) -> None:
    """Where there are so many that tasks count their pages."""
    source = tmp_path / "in"
    source.mkdir()
    cv2.imwrite(str(source / "a.png"), filled[0].image)
    (source / "endless.pdf").write_bytes(endless_tree())
    (source / "heavy.pdf").write_bytes(image_bomb())
    for number in range(FEW):
        cv2.imwritemulti(str(source / f"n{number:02d}.tif"), [np.full((20, 30), 255, np.uint8)] * 2)
    with start(source, tmp_path / "out", "--page-seconds", 2) as job:
        assert job.ended() == 3, job.out + job.err
    rows = [
        row for shard in read_shards(tmp_path / "out" / "rows", "parquet", FORM_SCHEMA) for row in shard.to_pylist()
    ]
    errors = {Path(row["source"]).name: row["reason"] for row in rows if row["source"].endswith(".pdf")}
    assert sum(row["source"].endswith(".tif") for row in rows) == 2 * FEW
    assert errors == dict.fromkeys(("endless.pdf", "heavy.pdf"), "it takes longer than 2 s to open")
    assert sum(Path(row["source"]).name == "a.png" for row in rows) == len(meter().template.fields)


def test_the_driver_ends_at_sigterm_while_it_counts_pages(start: Start, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number in range(20):
        (source / f"endless{number}.pdf").write_bytes(endless_tree())
    with start(source, tmp_path / "out", "--page-seconds", 600) as job:
        until(lambda: bool(workers(job.process.pid)), "it counts")
        job.process.terminate()
        assert job.process.wait(30) == 143
    assert job.err == "ended by SIGTERM\n"
