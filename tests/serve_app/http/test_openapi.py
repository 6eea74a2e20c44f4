"""The OpenAPI description is true: schemathesis makes requests from it, and the answers are those described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serve_app.http.asgi import routes
from serve_app.serving.dataplane import DataPlane
from serve_app.settings import Settings
from tests.serve_app.servers import listening

# Of itself schemathesis sends no PDF, and would test what the description says of one by nothing.
schemathesis.serializer.alias("application/pdf", "application/octet-stream")

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
description = schemathesis.openapi.from_dict(routes(DataPlane(Settings())).openapi())


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("templates")
    with listening(templates=str(folder)) as port:
        yield f"http://127.0.0.1:{port}"


@description.parametrize()
@settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_the_answers_are_those_described(case: schemathesis.Case, address: str) -> None:
    case.call_and_validate(base_url=address, checks=CHECKS)
