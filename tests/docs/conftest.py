"""A folder with all the files that the examples name, a store with the model that they name, and a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from pipelines.files import paths
from pipelines.forms.synthesis.dataset import as_file
from pipelines.forms.synthesis.designs import survey
from pipelines.forms.synthesis.forms import synthesise_one
from pipelines.forms.templates.writing import write_template
from pipelines.models.folder import PRETRAINED, open_model
from pipelines.models.store import ModelStore
from pipelines.models.version import OWN_KEYS
from tests.serve_app.web.drawings import digit, number, png
from tests.serve_app.web.open_servers import RunningServer

WRITTEN = "http://127.0.0.1:8000"
"""Where the server is in the papers."""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working folder of this process while an example runs."""
    folder = tmp_path_factory.mktemp("workplace")
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        patch.setenv("HOME", str(folder))
        _write_pictures(folder)
        _write_form(folder)
        _publish(ModelStore(paths.home() / "store"))
        yield folder


def _write_pictures(folder: Path) -> None:
    for name, label in (("digit", 7), ("a", 3), ("b", 4)):
        (folder / f"{name}.png").write_bytes(png(digit(label)))
    (folder / "scans").mkdir()
    for label in range(10):
        (folder / "scans" / f"{label}.png").write_bytes(png(digit(label)))
    (folder / "photo.jpg").write_bytes(cv2.imencode(".jpg", number("2026"))[1].tobytes())


def _write_form(folder: Path) -> None:
    known = survey().template
    write_template(replace(known, register=replace(known.register, reference=None)), folder / "survey.yaml")
    (folder / "form.pdf").write_bytes(as_file(synthesise_one(0, 0, "easy", (survey(),)), "pdf"))


def _publish(store: ModelStore) -> None:
    """The model that comes with inkray, under the name that the examples have."""
    builtin = open_model("builtin")
    kept = {key: value for key, value in builtin.manifest.items() if key not in OWN_KEYS}
    files = paths.home() / "files"
    files.mkdir(parents=True)
    for name in builtin.manifest["files"]:
        os.link(PRETRAINED / name, files / name)
    store.publish("ink", files, kept)
    store.set_alias("ink", "production", 1)


@pytest.fixture(scope="module")
def server(workplace: Path) -> Iterator[str]:
    templates = workplace / "templates"
    templates.mkdir()
    (templates / "survey.yaml").write_bytes((workplace / "survey.yaml").read_bytes())
    opened = RunningServer(templates=str(templates)).open()
    yield opened.url.rstrip("/")
    opened.close()
