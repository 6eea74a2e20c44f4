"""The layout: what lies where, and which way the imports point."""

from __future__ import annotations

import ast
import fnmatch
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.imports import imported, prefixes

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
PRODUCT = ("pipelines", "serve_app", "jobs", "cluster")
ABOVE_PIPELINES = {"jobs", "serve_app", "cluster", "tests"}
# A package imports from itself and from those before a bar to its left.
PIPELINES = (
    "errors | files images networks ray_runtime | augment drawing models documents | corpora | strings | inference | "
    "evaluation | forms conversion | training labeling | streaming review | trust"
)
SERVE_APP = "errors settings client | proxy serving | http | app"
AT_MOST = 20
WITH_RAY = {
    *("ray_runtime", "labeling", "streaming"),
    *(f"training.{name}" for name in ("capacity", "line_task", "loop", "progress", "publishing", "run", "task")),
}
OF_GIT = "--error-unmatch"
FLAG = re.compile(r"(?<![\w-])--[a-z]")
MODULE = re.compile(rf"(?<![\w.])(?:{'|'.join(PRODUCT)})(?:\.\w+)+")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the product by its dotted name; a package by its own."""
    files = [file for house in PRODUCT for file in sorted((REPO / house).rglob("*.py"))]
    assert len(files) > 200
    return {dotted(file): ast.parse(file.read_text()) for file in files}


def dotted(file: Path) -> str:
    return ".".join(file.relative_to(REPO).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports() -> dict[str, set[str]]:
    """Which modules of the product each of them imports."""
    known = modules()
    graph: dict[str, set[str]] = {}
    for name, tree in known.items():
        found = (next((n for n in prefixes(full) if n in known), None) for full in imported(tree, name))
        graph[name] = {other for other in found if other} - {name}
    return graph


def jobs(repo: Path) -> list[Path]:
    return sorted(path for path in (repo / "jobs").glob("*.py") if not path.name.startswith("_"))


def levels(order: str) -> dict[str, int]:
    return {name: level for level, names in enumerate(order.split("|")) for name in names.split()}


def outermost_within(house: str, name: str) -> str:
    """The file or folder directly in a house that a module is or lies in; nothing for what is no part of it."""
    return name.removeprefix(f"{house}.").partition(".")[0] if name.startswith(f"{house}.") else ""


def test_nothing_else_lies_at_the_top(repo: Path) -> None:
    command = ["git", "ls-files"]
    listed = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    top = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not any(fnmatch.fnmatch(name, known) for known in TOP)} == set()
    assert {"cluster", "jobs", "pipelines", "tests"} <= top


def test_pipelines_imports_nothing_from_above() -> None:
    for name, tree in modules().items():
        if name.startswith("pipelines."):
            assert {full.partition(".")[0] for full in imported(tree)} & ABOVE_PIPELINES == set(), name


def test_pipelines_has_few_packages_and_no_loose_module(repo: Path) -> None:
    found = [path for path in (repo / "pipelines").iterdir() if path.name not in ("__init__.py", "__pycache__")]
    assert len(found) <= AT_MOST
    assert {path.name for path in found if path.is_file()} == {"README.md", "errors.py"}


@pytest.mark.parametrize(("house", "order"), [("pipelines", PIPELINES), ("serve_app", SERVE_APP)])
def test_a_package_imports_only_from_those_below_it(house: str, order: str) -> None:
    level = levels(order)
    for name, used in imports().items():
        if not (own := outermost_within(house, name)):
            continue
        assert own in level, f"{name} has no place in the order of {house}"
        others = {outermost_within(house, other) for other in used} - {"", own}
        assert {other for other in others if level[other] >= level[own]} == set(), name


def test_nobody_imports_the_client() -> None:
    assert {name for name, used in imports().items() if "serve_app.client" in used} == set()
    assert imports()["serve_app.client"] == set()


def test_no_two_parts_need_each_other() -> None:
    """Neither modules nor folders: those that lie side by side in any folder can be put in an order."""
    folders = {name.rpartition(".")[0] for name in modules()} - {""}
    for folder in sorted(folders):
        graph: dict[str, set[str]] = defaultdict(set)
        for name, used in imports().items():
            if own := outermost_within(folder, name):
                graph[own] |= {outermost_within(folder, other) for other in used} - {"", own}
        TopologicalSorter(graph).prepare()


def test_no_job_is_imported_by_another_nor_by_the_server_or_the_cluster(repo: Path) -> None:
    programs = {dotted(job) for job in jobs(repo)}
    importers = {name for name, used in imports().items() if used & programs}
    assert importers == set()
    outside = [name for name in modules() if name.startswith(("serve_app.", "cluster."))]
    assert {name for name in outside if any(used.startswith("jobs") for used in imports()[name])} == set()


def test_the_cluster_needs_of_the_server_only_its_proxy() -> None:
    used = {other for name, others in imports().items() if name.startswith("cluster.") for other in others}
    assert {name for name in used if outermost_within("serve_app", name) not in ("", "proxy")} == set()


def test_no_two_public_classes_have_one_name() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for name, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_pipelines_names_no_option_and_no_job() -> None:
    """A library's error says what is wrong; the job that offers options adds which one mends it."""
    found = {
        name: [text for text in strings(tree) if FLAG.search(text) or "jobs/" in text]
        for name, tree in modules().items()
        if name.startswith("pipelines.")
    }
    assert {name: texts for name, texts in found.items() if texts} == {}


def strings(tree: ast.Module) -> Iterator[str]:
    """The strings of a module, docstrings included; style sheets apart, whose variables look like options."""
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return (text for text in texts if "var(--" not in text and text != OF_GIT)


def test_no_module_is_named_in_a_string() -> None:
    """Installed from a wheel it has another name, which `__package__` and `__name__` tell."""
    found = {name: [text for text in words(tree) if named_modules(text)] for name, tree in modules().items()}
    assert {name: texts for name, texts in found.items() if texts} == {}
    files = [file for kind in ("js", "html", "sh", "cfg", "json") for file in (REPO / "serve_app").rglob(f"*.{kind}")]
    assert len(files) > 20
    assert {file.name: named for file in files if (named := named_modules(file.read_text()))} == {}


def words(tree: ast.Module) -> Iterator[str]:
    """The strings of a module, bytes and parts of f-strings included, but for its docstrings."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in docstrings:
            yield node.value if isinstance(node.value, str) else node.value.decode(errors="replace")


def named_modules(text: str) -> list[str]:
    return [name for name in MODULE.findall(text) if name in modules()]


def without_ray() -> list[str]:
    """The modules of pipelines that work in a bare interpreter."""
    inner = {name: name.removeprefix("pipelines.") for name in modules() if name.startswith("pipelines.")}
    return [name for name, within in inner.items() if WITH_RAY.isdisjoint(prefixes(within))]


def test_what_thinks_without_a_cluster_never_imports_ray(repo: Path) -> None:
    names = without_ray()
    assert {"pipelines.training.learner", "pipelines.forms.pipeline", "pipelines.inference.recognizer"} <= set(names)
    for name in names:
        assert {full for full in imported(modules()[name]) if full.partition(".")[0] == "ray"} == set(), name
    code = (
        "import sys, importlib\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    if 'ray' in sys.modules: sys.exit(f'{name} imports ray')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *names], cwd=repo, capture_output=True, text=True)
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
