"""The wheel, built and installed for real, beside folders of the user's own that are named as ours are in a clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest

from cluster.processes import TAG
from jobs._ports import free_ports
from pipelines.drawing.pen import draw_digit
from pipelines.forms.synthesis.designs import meter
from pipelines.forms.synthesis.forms import synthesise, write_blank_pages
from pipelines.forms.templates.loading import write_template
from tests.processes import Home, Job, new_home
from tests.test_layout import PRODUCT

FOREIGN = "raise ImportError('This module is the user\\'s own.')\n"
FOREIGN_MODULES = (
    *("pipelines/__init__.py", "pipelines/errors.py", "jobs/label.py", "jobs/_cli.py"),
    *("serve_app/app.py", "cluster.py", "errors.py", "worker.py", "label.py"),
)
"""With and without an `__init__.py`, and as a module where we have a package."""


@pytest.fixture(scope="module")
def wheel(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "--wheel-dir", folder, repo], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment with the wheel, which sees what inkray needs where these tests see it.

    It does not see the inkray of these tests, since that is found by a .pth file, and those are read in an
    environment's own folder alone.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    (own / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Its folder, in which programs are run, holds modules of the user's own."""
    with new_home(tmp_path_factory.mktemp("home") / "own") as home:
        home.env.pop("PYTHONPATH", None)
        home.env[TAG] = home.tag
        for name in FOREIGN_MODULES:
            (home.folder / name).parent.mkdir(exist_ok=True)
            (home.folder / name).write_text(FOREIGN)
        yield home


def digit(value: int) -> bytes:
    return cv2.imencode(".png", 255 - draw_digit(value, np.random.default_rng(value)))[1].tobytes()


def version(repo: Path) -> str:
    return str(tomllib.loads((repo / "pyproject.toml").read_text())["project"]["version"])


def tracked(repo: Path, *folders: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", *folders], cwd=repo, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def test_it_holds_one_package_with_its_data_and_no_tests(wheel: Path, repo: Path) -> None:
    files = {info.filename: info for info in zipfile.ZipFile(wheel).infolist()}
    assert wheel.name == f"inkray-{version(repo)}-py3-none-any.whl"
    assert {name.partition("/")[0] for name in files} == {"inkray", f"inkray-{version(repo)}.dist-info"}
    left_out = {name for name in tracked(repo, *PRODUCT) if f"inkray/{name}" not in files}
    assert {name for name in left_out if not name.endswith("README.md")} == {"cluster/serve.yaml"}
    assert {"inkray/py.typed", "inkray/__main__.py"} <= files.keys()
    assert not [name for name in files if "test" in Path(name).name or name.endswith(".pyc")]
    licenses = f"inkray-{version(repo)}.dist-info/licenses"
    assert {f"{licenses}/LICENSE", f"{licenses}/pipelines/pretrained/NOTICE.md"} <= files.keys()


def build(what: str, sources: Path, target: Path) -> subprocess.CompletedProcess[str]:
    code = f"import backend, sys; backend.build_{what}(sys.argv[1])"
    environment = {**os.environ, "PYTHONPATH": ".packaging"}
    return subprocess.run(
        [sys.executable, "-c", code, target], cwd=sources, env=environment, capture_output=True, text=True
    )


def test_a_source_distribution_holds_all_that_git_tracks_and_makes_the_same_wheel(
    wheel: Path, repo: Path, tmp_path: Path
) -> None:
    assert build("sdist", repo, tmp_path).returncode == 0
    release = f"inkray-{version(repo)}"
    with tarfile.open(tmp_path / f"{release}.tar.gz") as opened:
        opened.extractall(tmp_path, filter="data")
    unpacked = tmp_path / release
    found = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert found == {*tracked(repo), "PKG-INFO"}
    assert f"\nVersion: {version(repo)}\n" in (unpacked / "PKG-INFO").read_text()
    assert build("wheel", unpacked, tmp_path).returncode == 0
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(tmp_path / wheel.name) as other:
        assert {name: one.read(name) for name in one.namelist()} == {
            name: other.read(name) for name in other.namelist()
        }


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_half_a_source_distribution_is_refused(repo: Path, tmp_path: Path) -> None:
    """Where git knows of no file, none would be in it."""
    (tmp_path / ".packaging").symlink_to(repo / ".packaging")
    refused = build("sdist", tmp_path, tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("A source distribution is made in a git clone, which this is not: ")
    assert not list(tmp_path.glob("*.tar.gz"))


def test_it_says_its_version_in_any_folder(programs: Path, home: Home, repo: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, home.folder):
        done = subprocess.run([programs / "inkray", "--version"], cwd=folder, env=home.env, capture_output=True)
        assert (done.stdout.decode(), done.stderr) == (f"inkray {version(repo)}\n", b"")


def test_it_labels_digits_with_a_ray_of_its_own_beside_foreign_modules(programs: Path, home: Home) -> None:
    (home.folder / "scans").mkdir()
    for value in range(10):
        (home.folder / "scans" / f"{value}.png").write_bytes(digit(value))
    with Job([str(programs / "inkray"), "label", "digits", "scans", "labels"], home.env, home.folder) as job:
        assert (job.ended(), job.err) == (0, ""), job.out
    rows = pq.read_table(home.folder / "labels" / "rows").to_pylist()
    assert {Path(row["source"]).stem: row["value"] for row in rows} == {str(value): str(value) for value in range(10)}


PROGRAM = """
import sys
from inkray import FormReader

with FormReader("meter.yaml") as reader:
    for page in reader.read("scan.png"):
        print({name: field.value for name, field in page.fields.items()})
print([name for name in sys.modules if name.partition(".")[0] in ("pipelines", "jobs", "serve_app", "cluster")])
"""


def test_a_program_reads_a_form_beside_foreign_modules(programs: Path, home: Home) -> None:
    """The scan is opened in a process of its own, which must find its module too."""
    [card] = [one for one in write_blank_pages(home.folder) if one.name == "meter"]
    write_template(card, home.folder / "meter.yaml")
    [scan] = synthesise(1, 4, "easy", (meter(),))
    cv2.imwrite(str(home.folder / "scan.png"), scan.image)
    (home.folder / "program.py").write_text(PROGRAM)
    with Job([str(programs / "python"), "program.py"], home.env, home.folder) as job:
        assert job.ended() == 0, job.out + job.err
    read, loaded = job.out.splitlines()
    assert f"'contract': '{scan.answers['contract']}'" in read
    assert loaded == "[]"


def test_it_answers_online_beside_foreign_modules_until_it_is_ended(programs: Path, home: Home) -> None:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with Job([str(programs / "inkray"), "serve", "--port", str(port)], home.env, home.folder) as job:
        job.says(f"inkray answers at {url}, until Ctrl-C")
        answer = httpx.post(f"{url}/v1/digits", content=digit(7), headers={"Content-Type": "image/png"}, timeout=60)
        assert answer.json()["items"][0]["label"] == "7"
        job.process.terminate()
        assert (job.ended(), job.err.splitlines()[1:]) == (143, ["ended by SIGTERM"])
    logs = home.folder / "ink" / "logs" / "serve"
    assert job.out == f"inkray answers at {url}, until Ctrl-C; its logs are in {logs}\n"
    assert list(logs.glob("replica_inkray_*.log"))


OWN_TYPES_ALONE = """
[mypy]
follow_imports = skip
[mypy-inkray.*]
follow_imports = normal
"""
"""Without them, mypy would read numpy, torch and the others for a minute."""
TYPED = """
from inkray import FormReader, Recognizer, read_strings

reveal_type(Recognizer("builtin").model)
reveal_type(FormReader("form.yaml").read)
Recognizer(model=3)
"""


def test_a_type_checker_sees_its_types(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(TYPED)
    (tmp_path / "mypy.ini").write_text(OWN_TYPES_ALONE)
    mypy = [sys.executable, "-m", "mypy", "--python-executable", programs / "python"]
    done = subprocess.run([*mypy, "program.py"], cwd=tmp_path, capture_output=True, text=True)
    assert re.search(r'Revealed type is "(builtins\.)?str"', done.stdout)
    assert "inkray.pipelines.forms.results.PageResult" in done.stdout
    assert 'Argument "model" to "Recognizer" has incompatible type "int"' in done.stdout
    assert "Found 1 error in 1 file" in done.stdout
