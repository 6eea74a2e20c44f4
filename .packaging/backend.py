"""The build backend: setuptools, for a wheel in which our packages lie within `inkray`.

In a clone the packages lie at the top, and import each other as `pipelines`, `jobs`, `serve_app` and `cluster`. Under
such names an installed inkray would break beside a user's own folder `jobs`, since Ray has its workers look for modules
in the current directory first. So a wheel is built from a copy in which they are subpackages, and import so.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from setuptools import build_meta
from setuptools.build_meta import get_requires_for_build_editable as get_requires_for_build_editable
from setuptools.build_meta import get_requires_for_build_sdist as get_requires_for_build_sdist
from setuptools.build_meta import get_requires_for_build_wheel as get_requires_for_build_wheel
from setuptools.build_meta import prepare_metadata_for_build_editable as prepare_metadata_for_build_editable

OUTER = "inkray"
PACKAGES = ("pipelines", "jobs", "serve_app", "cluster")
HOME = Path(".packaging", OUTER)
Config = dict[str, Any] | None


def build_wheel(wheel_directory: str, config_settings: Config = None, metadata_directory: str | None = None) -> str:
    target = Path(wheel_directory).absolute()
    with _copy_for_wheel():
        return build_meta.build_wheel(str(target), config_settings)


def build_editable(wheel_directory: str, config_settings: Config = None, metadata_directory: str | None = None) -> str:
    """The wheel of setuptools with a plain list of folders in place of its import hook.

    Python asks such a hook last, and would take any folder named inkray in the current directory before, such as the
    clone itself, or ~/inkray where models and runs are kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        name = build_meta.build_editable(folder, config_settings)
        with ZipFile(Path(folder, name)) as made:
            files = {entry: made.read(entry) for entry in made.namelist() if ".dist-info/" in entry}
    record = next(entry for entry in files if entry.endswith("/RECORD"))
    files[f"{OUTER}.pth"] = f"{Path.cwd()}\n{HOME.parent.absolute()}\n".encode()
    files[record] = "".join(_recorded(entry, files[entry]) for entry in files if entry != record).encode()
    with ZipFile(Path(wheel_directory, name), "w") as target:
        for entry, content in files.items():
            target.writestr(entry, content)
    return name


def _recorded(entry: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{entry},sha256={digest},{len(content)}\n"


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Config = None) -> str:
    target = Path(metadata_directory).absolute()
    with _copy_for_wheel():
        return build_meta.prepare_metadata_for_build_wheel(str(target), config_settings)


def build_sdist(sdist_directory: str, config_settings: Config = None) -> str:
    """Everything that git tracks, with the metadata that a source distribution must have."""
    listed = subprocess.run(["git", "ls-files", "-z", "--error-unmatch", "."], capture_output=True, text=True)
    if listed.returncode:
        raise SystemExit(f"A source distribution is made in a git clone, which this is not: {listed.stderr.strip()}")
    release = f"{OUTER}-{tomllib.loads(Path('pyproject.toml').read_text())['project']['version']}"
    archive = f"{release}.tar.gz"
    with tempfile.TemporaryDirectory() as folder, tarfile.open(Path(sdist_directory, archive), "w:gz") as target:
        metadata = Path(folder, prepare_metadata_for_build_wheel(folder, config_settings), "METADATA")
        target.add(metadata, f"{release}/PKG-INFO")
        for name in filter(None, listed.stdout.split("\0")):
            target.add(name, f"{release}/{name}")
    return archive


@contextmanager
def _copy_for_wheel() -> Iterator[None]:
    """Work in a copy of the sources whose packages lie in the outer one."""
    sources = Path.cwd()
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    with tempfile.TemporaryDirectory(prefix=f"{OUTER}-") as folder:
        for name in ("pyproject.toml", project["readme"], *project["license-files"]):
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, Path(folder, name))
        compiled = shutil.ignore_patterns("__pycache__")
        shutil.copytree(HOME, Path(folder, HOME), ignore=compiled)
        for package in PACKAGES:
            shutil.copytree(package, Path(folder, HOME, package), ignore=compiled)
        for module in Path(folder, HOME).rglob("*.py"):
            module.write_bytes(renamed(module.read_bytes(), module.name))
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(sources)


def renamed(source: bytes, name: str) -> bytes:
    """The source of a module whose imports of our packages name the outer one; nothing else in it changes."""
    lines = source.splitlines(keepends=True)
    for node, module, at in sorted(_imports(source), key=lambda found: found[2], reverse=True):
        if isinstance(node, ast.alias) and node.asname is None:
            raise SystemExit(f"{name}, line {at[0]}: write `import {module} as ...`, or `from ... import ...`.")
        line, column = at
        start = lines[line - 1].index(module.encode(), column)
        lines[line - 1] = lines[line - 1][:start] + f"{OUTER}.".encode() + lines[line - 1][start:]
    return b"".join(lines)


def _imports(source: bytes) -> Iterator[tuple[ast.AST, str, tuple[int, int]]]:
    """Each import of our packages, the module it names, and the line and byte after which that name stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level and _is_ours(node.module):
            yield node, node.module, (node.lineno, node.col_offset + len("from"))
        elif isinstance(node, ast.Import):
            for alias in filter(lambda alias: _is_ours(alias.name), node.names):
                yield alias, alias.name, (alias.lineno, alias.col_offset)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES
