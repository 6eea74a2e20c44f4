"""The tables of the papers are complete and true: what they list is what the code has."""

from __future__ import annotations

import dataclasses
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.label import FINISHED_WITH_ERRORS
from pipelines.augment import EFFECTS
from pipelines.corpora.specs import FORMATS, NAMED
from pipelines.errors import InkrayError, UsageError
from pipelines.files import paths
from pipelines.forms.template import CHECKSUMS
from pipelines.forms.templates.checks import KINDS_OF
from pipelines.forms.templates.schema import SCHEMA
from pipelines.inference.engines.opening import OPENERS
from pipelines.inference.outcome import ReasonCode, Status
from pipelines.labeling.forms.rows import FORM_SCHEMA
from pipelines.labeling.run_folder import OURS
from pipelines.networks.architectures import LINE_NETWORKS, NETWORKS
from pipelines.training.recipes import RECIPES
from serve_app.errors import STATUS
from serve_app.http.asgi import routes
from serve_app.http.query import DigitsQuery, FormsQuery
from serve_app.serving.dataplane import DataPlane
from serve_app.serving.meters import BUCKETS, TAGS
from serve_app.settings import FROM_ENVIRONMENT, KEYS, KEYS_FILE, PREFIX, Settings
from tests.docs.options import all_options
from tests.docs.papers import Table, codes, table, tables

LIBRARY, FORMS, JOBS, SERVER = (
    "pipelines/README.md",
    "pipelines/forms/README.md",
    "jobs/README.md",
    "serve_app/README.md",
)
CLUSTER = "cluster/README.md"
METHODS = ("get", "put", "post", "delete")
KEPT_BY = ("INKRAY_HOME", "INKRAY_STORE", "INKRAY_DATA", "INKRAY_CACHE")
OPTIONS = all_options()


def of_command(command: str) -> Iterator[Table]:
    """The tables under the heading of a command, or under one that it begins with."""
    for one in [*tables(JOBS), *tables(CLUSTER)]:
        title = "inkray cluster" if one.place.paper.parent.name == "cluster" else one.headings[-1]
        if f"{command} ".startswith(f"{title} ") and title.startswith("inkray "):
            yield one


def documented(command: str) -> dict[str, str | None]:
    """The options that the papers give a command, with the default where a table has a column for it."""
    found: dict[str, str | None] = {}
    for one in of_command(command):
        for row in one.rows:
            if one.head[0] == "option":
                found[codes(row[0])[0].split()[0]] = row[1]
            elif one.head[0] == "command" and codes(row[0])[0].split()[0] == command.split()[-1]:
                found |= {option: None for option in codes(row[2]) if option.startswith("--")}
    return found


@pytest.mark.parametrize("command", OPTIONS)
def test_the_options_of_a_command(command: str) -> None:
    written, known = documented(command), OPTIONS[command]
    assert set(written) == set(known)
    for option, default in written.items():
        if default is not None and (shown := plain(known[option])) is not None:
            assert default == shown, f"{command} {option}"


@pytest.mark.parametrize("job", sorted({" ".join(name.split()[:2]) for name in OPTIONS}))
def test_the_commands_of_a_job(job: str) -> None:
    listed = {name.split()[0] for one in of_command(job) if one.head[0] == "command" for name in one.names}
    assert listed <= {name.removeprefix(f"{job} ") for name in OPTIONS}


def plain(default: Any) -> str | None:
    """How a default stands in a table; None if only words can say what it means."""
    if default is dataclasses.MISSING:
        return "required"
    if isinstance(default, bool):
        return "on" if default else "off"
    if default is None or default in ((), ""):
        return None
    return f"`{' '.join(map(str, default)) if isinstance(default, tuple) else default}`"


def test_every_job() -> None:
    assert {name.split()[1] for name in table(JOBS, "job").names} == {name.split()[1] for name in OPTIONS} - {"cluster"}


def test_exit_codes() -> None:
    known = {0, InkrayError.exit_code, UsageError.exit_code, FINISHED_WITH_ERRORS}
    known |= {128 + number for number in (signal.SIGINT, signal.SIGTERM)}
    assert {int(row[0]) for row in table(JOBS, "exit code").rows} == known


def test_reasons() -> None:
    rows = table(JOBS, "code", "status").rows
    assert [codes(row[0])[0] for row in rows] == sorted(ReasonCode, key=[codes(row[0])[0] for row in rows].index)
    assert {codes(row[1])[0] for row in rows} == {Status.REVIEW, Status.ERROR}


def test_statuses() -> None:
    assert table(FORMS, "status").names == list(Status)


def test_columns_of_the_rows() -> None:
    assert table(JOBS, "column").names == FORM_SCHEMA.names


def test_the_folder_of_a_labelling_run() -> None:
    [folder] = [one for one in tables(JOBS) if one.head[0] == "file" and one.headings[-1] == "What a run writes"]
    assert {name.rstrip("/") for name in folder.names} == OURS


def test_engines() -> None:
    rows = {codes(row[0])[0]: tuple(codes(row[1])) for row in table(LIBRARY, "engine").rows}
    assert rows == {name: precisions for name, (_, precisions) in OPENERS.items()}


@pytest.mark.parametrize(
    ("column", "known"),
    [
        ("network", NETWORKS | LINE_NETWORKS),
        ("recipe", RECIPES),
        ("effect", dict.fromkeys(EFFECTS)),
        ("spec", dict.fromkeys((*NAMED, *FORMATS.values()))),
    ],
)
def test_what_training_knows(column: str, known: dict[str, object]) -> None:
    assert set(table(LIBRARY, column).names) == set(known)


def test_where_things_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEPT_BY:
        monkeypatch.delenv(name, raising=False)
    rows = {codes(row[0])[0]: Path(codes(row[1])[0]).expanduser() for row in table(LIBRARY, "variable").rows}
    kept = (paths.home(), paths.home() / "store", paths.data(), paths.cache())
    assert rows == dict(zip(KEPT_BY, kept, strict=True))


@pytest.mark.parametrize(
    ("column", "schema"),
    [
        ("key", SCHEMA),
        ("key of `register`", SCHEMA["properties"]["register"]),
        ("key of a field", SCHEMA["$defs"]["field"]),
    ],
)
def test_the_keys_of_a_template(column: str, schema: dict[str, Any]) -> None:
    assert table(FORMS, column).names == list(schema["properties"])


def test_the_kinds_of_fields_that_a_key_is_for() -> None:
    rows = {codes(row[0])[0]: row for row in table(FORMS, "key of a field").rows}
    for key, kinds in KINDS_OF.items():
        assert tuple(codes(rows[key][1])) == kinds, key
    assert set(codes(rows["kind"][2])) == set(SCHEMA["$defs"]["field"]["properties"]["kind"]["enum"])
    assert set(codes(rows["checksum"][2])) == set(CHECKSUMS)
    assert table(FORMS, "`by`").names == SCHEMA["properties"]["register"]["properties"]["by"]["enum"]


def test_the_settings_of_the_server() -> None:
    rows = {codes(row[0])[0]: row[1] for row in table(SERVER, "variable").rows}
    own = [field for field in dataclasses.fields(Settings) if field.name not in FROM_ENVIRONMENT]
    assert list(rows) == [*(f"{PREFIX}{field.name.upper()}" for field in own), KEYS, KEYS_FILE]
    for field in own:
        if (shown := plain(field.default)) is not None:
            assert rows[f"{PREFIX}{field.name.upper()}"] == shown


def test_the_errors_of_the_server() -> None:
    rows = {codes(row[0])[0]: int(row[1]) for row in table(SERVER, "kind").rows}
    assert rows == {kind: status for status, kind in STATUS.values()} | {"internal": 500}


def test_the_metrics_of_the_server() -> None:
    rows = {codes(row[0])[0]: tuple(codes(row[1])) for row in table(SERVER, "name", "tags").rows}
    assert rows == TAGS | dict.fromkeys(BUCKETS, ("model",))


def test_the_routes_of_the_server() -> None:
    described = routes(DataPlane(Settings())).openapi()["paths"]
    rows = defaultdict(set)
    for method, path, _ in table(SERVER, "method").rows:
        rows[codes(path)[0]].add(method.lower())
    assert rows == {path: set(operations) & set(METHODS) for path, operations in described.items()}


@pytest.mark.parametrize(("route", "query"), [("/v1/digits", DigitsQuery), ("/v1/forms", FormsQuery)])
def test_the_queries_of_the_server(route: str, query: Any) -> None:
    assert table(SERVER, f"query of `{route}`").names == list(query.model_fields)
