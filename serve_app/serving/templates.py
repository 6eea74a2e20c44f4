"""The folder of form templates, one YAML file each; no name can lead out of the folder."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.files.atomic import write_atomic
from pipelines.forms.template import Template
from pipelines.forms.templates.loading import AS_WRITTEN, load_template
from pipelines.forms.templates.yaml_lines import read_lined
from serve_app.errors import InvalidRequest, NotFound, TooLarge

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
ENDING = ".yaml"
MAX_CHARACTERS = 200_000
MAX_DEPTH = 20
BRACKETS = re.compile(r"[\[\]{}]")
DASHES = re.compile(rf"(?:[-?:]\s+){{{MAX_DEPTH}}}")


class TemplateFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        return sorted(file.stem for file in self._folder.glob(f"*{ENDING}") if NAME.fullmatch(file.stem))

    def text(self, name: str) -> str:
        return self._existing(name).read_text(encoding="utf-8")

    def load(self, name: str) -> Template:
        return load_template(self._existing(name))

    def put(self, name: str, text: str) -> bool:
        """Store a valid template; returns whether its name is new."""
        path = self._path(name)
        parse(text)
        new = not path.exists()
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text.encode())
        return new

    def delete(self, name: str) -> None:
        self._existing(name).unlink(missing_ok=True)

    def _existing(self, name: str) -> Path:
        path = self._path(name)
        if not path.is_file():
            raise NotFound(f"There is no template {name!r}; known: {', '.join(self.names()) or 'none'}.")
        return path

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise InvalidRequest(f"The template name {name[:80]!r} is not valid; use letters, digits, '-' and '_'.")
        return self._folder / f"{name}{ENDING}"


def parse(text: str) -> Template:
    """Parse a template that a caller sent; it must not refer to files on this machine."""
    _refuse_deep_nesting(text)
    with tempfile.TemporaryDirectory(prefix="inkray-") as scratch:
        file = Path(scratch, "template.yaml")
        try:
            file.write_text(text, encoding="utf-8")
            # With the same reader that loads it, so that no two readers understand it differently.
            _refuse_file_references(read_lined(file, AS_WRITTEN).value)
            return load_template(file)
        except UsageError as error:
            raise InvalidRequest(str(error).replace(f"{scratch}/", "")) from error
        except (ArithmeticError, ValueError) as error:
            raise InvalidRequest(f"The template is not valid: {error}.") from error


def _refuse_deep_nesting(text: str) -> None:
    """Deep nesting, which no template needs, takes a YAML reader minutes."""
    if len(text) > MAX_CHARACTERS:
        raise TooLarge(f"The template has {len(text):,} characters; {MAX_CHARACTERS:,} is the most.")
    depth = deepest = 0
    for bracket in BRACKETS.findall(text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH or DASHES.search(text):
        raise InvalidRequest(f"The template is nested more than {MAX_DEPTH} levels deep.")


def _refuse_file_references(data: Any) -> None:
    if not isinstance(data, dict):
        return
    register, fields = data.get("register"), data.get("fields")
    files = [register.get("reference")] if isinstance(register, dict) else []
    files += [one.get("allowed") for one in fields if isinstance(one, dict)] if isinstance(fields, list) else []
    for file in files:
        if isinstance(file, str):
            raise InvalidRequest(
                f"The template refers to the file {file[:80]!r}, which an uploaded template must not: write "
                "`allowed` as a list, and register by corners or a code."
            )
