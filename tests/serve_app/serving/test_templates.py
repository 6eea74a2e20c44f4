"""Templates are stored by name, and neither a name nor a template leads out of their folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.serve_app.servers import open_server

GOOD = """
name: survey
size: [210, 297]
register: {by: none}
fields:
  - {name: age, kind: number, box: [20, 30, 40, 10], length: 1-3}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TestClient]:
    with open_server(templates=str(tmp_path / "templates")) as client:
        yield client


def test_a_template_is_written_read_replaced_and_deleted(server: TestClient) -> None:
    assert server.get("/v1/templates").json() == {"templates": []}
    assert server.put("/v1/templates/survey", content=GOOD).json() == {"template": "survey", "new": True}
    assert server.put("/v1/templates/survey", content=GOOD).json()["new"] is False
    assert server.get("/v1/templates").json() == {"templates": ["survey"]}
    assert server.get("/v1/templates/survey").text == GOOD
    assert server.delete("/v1/templates/survey").status_code == 204
    assert server.get("/v1/templates/survey").status_code == 404
    assert server.delete("/v1/templates/survey").status_code == 404


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e%2fsecret", "..%2fsecret", "a.b", ".hidden", "a%00", "x" * 65, "%5c", "ü"]
)
def test_a_name_that_leads_elsewhere_is_refused(server: TestClient, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.yaml").write_text(GOOD)
    for answer in (
        server.get(f"/v1/templates/{name}"),
        server.put(f"/v1/templates/{name}", content=GOOD),
        server.delete(f"/v1/templates/{name}"),
    ):
        assert 400 <= answer.status_code < 500
        assert "survey" not in answer.text
    assert (tmp_path / "secret.yaml").exists()
    assert {file.name for file in tmp_path.iterdir()} <= {"secret.yaml", "templates"}


@pytest.mark.parametrize(
    "harm",
    [
        "allowed: /etc/passwd",
        "allowed: ../../secret",
        "allowed: secret.csv",
        "allowed: !!int /etc/passwd",
        "allowed: ok\n    allowed: /etc/passwd",
    ],
)
def test_a_template_names_no_file_of_the_machine(server: TestClient, harm: str) -> None:
    text = (
        GOOD.replace("length: 1-3", harm).replace("{name: age", "name: age")
        if "\n" in harm
        else GOOD.replace("length: 1-3", harm)
    )
    answer = server.put("/v1/templates/survey", content=text)
    assert answer.status_code == 400
    assert "root" not in answer.text
    reference = GOOD.replace("{by: none}", "{by: reference, reference: /etc/passwd}")
    assert (
        "an uploaded template must not"
        in server.put("/v1/templates/survey", content=reference).json()["error"]["message"]
    )


def test_what_is_wrong_is_named_by_line_and_without_paths(server: TestClient) -> None:
    answer = server.put("/v1/templates/survey", content=GOOD.replace("number", "nomber"))
    message = answer.json()["error"]["message"]
    assert answer.status_code == 400 and message.startswith("template.yaml, line 6") and "/tmp" not in message
    for text in (
        b"",
        b"\xff\xfe",
        b"{",
        b"- a",
        b"&a [*a]",
        b"[" * 5000,
        b"{" * 5000,
        b"- " * 5000,
        b"? " * 5000,
        b"a: " * 5000,
    ):
        started = time.perf_counter()
        assert server.put("/v1/templates/survey", content=text).status_code == 400
        assert time.perf_counter() - started < 3
