"""The house: what lies where, and which way the arrows point."""

from __future__ import annotations

import ast
import fnmatch
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

TOP = (
    *("cluster", "jobs", "serve_app", "pipelines", "tests"),
    *(
        "pyproject.toml",
        "README.md",
        "Makefile",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "constraints*.txt",
        ".*",
    ),
)
ABOVE_PIPELINES = {"jobs", "serve_app", "cluster", "tests"}
WITHOUT_RAY = """
    networks.architectures evaluation.metrics drawing.pen drawing.non_digits evaluation.corruptions augment corpora
    corpora.convert corpora.preview corpora.statistics evaluation.digits evaluation.plots models.store
    training.options training.recipes training.mixture training.calibration training.data training.learner
    training.checkpoint images inference.engines inference.engines.onnx_runtime inference.engines.openvino
    inference.engines.pytorch inference.engines.tensorrt inference.engines.tensorrt_build inference.engines.lanes
    inference.engines.torch_cuda networks.folding networks.cuda_graphs inference.recognizer inference.line_recognizer
    conversion.convert forms.templates.loading strings.reading strings.samples training.losses training.ragged
    training.examples documents.document documents.pool forms.decoding.field_values forms.registration.matching
    forms.synthesis.forms forms.cells.cutting forms.cells.marks forms.drafting.draft strings.finding strings.synthesis
    forms.pipeline forms.overlay forms.scoring
"""


def imported(file: Path) -> Iterator[str]:
    """The first part of every name that a file imports, at its head or within a function."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports by a relative name"
            yield (node.module or "").partition(".")[0]


def jobs(repo: Path) -> list[Path]:
    return sorted(path for path in (repo / "jobs").glob("*.py") if not path.name.startswith("_"))


def test_nothing_else_lies_at_the_top(repo: Path) -> None:
    command = ["git", "ls-files"]
    listed = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    top = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not any(fnmatch.fnmatch(name, known) for known in TOP)} == set()
    assert {"cluster", "jobs", "pipelines", "tests"} <= top


def test_pipelines_imports_nothing_from_above(repo: Path) -> None:
    files = sorted((repo / "pipelines").rglob("*.py"))
    assert files
    upward = {str(file.relative_to(repo)): ABOVE_PIPELINES & set(imported(file)) for file in files}
    assert {file: names for file, names in upward.items() if names} == {}


@pytest.mark.parametrize("house", ["pipelines", "pipelines/forms"])
def test_no_two_parts_need_each_other(repo: Path, house: str) -> None:
    """Parts are the files and folders that lie side by side there."""
    start = house.replace("/", ".") + "."
    arrows: dict[str, set[str]] = {}
    for file in (repo / house).rglob("*.py"):
        part = file.relative_to(repo / house).parts[0].removesuffix(".py")
        nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
        full = {f"{node.module}.{name.name}" for node in nodes for name in node.names}
        used = {name.removeprefix(start).partition(".")[0] for name in full if name.startswith(start)}
        arrows.setdefault(part, set()).update(used - {part})
    assert len(arrows) > 5
    TopologicalSorter(arrows).prepare()


def test_only_jobs_and_tests_import_a_job(repo: Path) -> None:
    files = [file for folder in ("serve_app", "cluster") for file in (repo / folder).rglob("*.py")]
    assert {str(file.relative_to(repo)) for file in files if "jobs" in imported(file)} == set()


def test_what_thinks_without_a_cluster_never_imports_ray(repo: Path) -> None:
    code = (
        "import sys, importlib\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module('pipelines.' + name)\n"
        "    if 'ray' in sys.modules: sys.exit(f'pipelines.{name} imports ray')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *WITHOUT_RAY.split()], cwd=repo, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_job_is_a_program(repo: Path) -> None:
    assert {"data.py", "evaluate.py", "models.py", "train.py"} <= {job.name for job in jobs(repo)}
    for job in jobs(repo):
        assert os.access(job, os.X_OK), f"{job} is not executable"
        assert job.read_text().startswith("#!/usr/bin/env python\n"), f"{job} has no shebang"


def test_every_job_answers_help_at_once(repo: Path) -> None:
    """All at the same moment, since each takes seconds to import what it would need."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    started = {
        job.name: subprocess.Popen(
            [job, "--help"], cwd=repo, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for job in jobs(repo)
    }
    answers = {name: (*process.communicate(timeout=300), process.returncode) for name, process in started.items()}
    for name, (printed, said, code) in answers.items():
        assert (code, said) == (0, ""), name
        assert f"{name} [-h]" in printed
