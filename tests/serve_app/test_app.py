"""How the door is put on Serve: what it asks of Ray, and that nothing else in it knows Ray."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
import yaml

from serve_app import haproxy
from serve_app.settings import Settings

KNOW_RAY = {"app.py", "ray_meters.py"}


def test_only_the_application_knows_ray(repo: Path) -> None:
    know = set()
    for file in (repo / "serve_app").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            know |= {file.name for name in names if name.partition(".")[0] == "ray"}
    assert know == KNOW_RAY


def test_the_quick_mode_is_asked_for_where_there_is_haproxy(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    assert haproxy.prepare(environment).startswith("behind HAProxy")
    assert environment["RAY_SERVE_ENABLE_HA_PROXY"] == environment["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
    assert os.access(environment["RAY_SERVE_HAPROXY_BINARY_PATH"], os.X_OK)
    again = dict(environment)
    haproxy.prepare(again)
    assert again == environment


def test_what_the_operator_decided_stays() -> None:
    environment = {"RAY_SERVE_ENABLE_HA_PROXY": "0"}
    assert haproxy.prepare(environment) == "without HAProxy, as RAY_SERVE_ENABLE_HA_PROXY=0 says"
    assert environment["RAY_SERVE_ENABLE_HA_PROXY"] == "0"
    environment = {"RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure"}
    haproxy.prepare(environment)
    assert environment["RAY_SERVE_HAPROXY_RETRY_ON"] == "conn-failure"


def test_haproxy_lets_in_as_many_as_the_settings_say() -> None:
    environment = {"INKRAY_SERVE_REQUESTS": "300", "INKRAY_SERVE_LIVE": "5"}
    haproxy.prepare(environment)
    assert environment[haproxy.ROOM] == "300"
    assert int(environment[haproxy.LANES]) == haproxy.LANES_FOR_REQUESTS + 5


def test_without_haproxy_it_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "_binary", lambda: None)
    environment: dict[str, str] = {}
    assert "since there is none here" in haproxy.prepare(environment)
    assert environment["RAY_SERVE_ENABLE_HA_PROXY"] == "0"
    assert "RAY_SERVE_ENABLE_HA_PROXY=1 was not set" in haproxy.mode(environment)


def test_serve_lets_in_what_the_door_itself_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process that Ray's Serve was imported into already; what it decides by the environment is not at stake."""
    for name in [name for name in os.environ if name.startswith("RAY_SERVE_")]:
        monkeypatch.delenv(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", dict(os.environ))
        from serve_app.app import NAME, application
    settings = Settings(replicas=3, cpus=0.5)
    deployment = application(settings)._bound_deployment
    assert (deployment.name, deployment.num_replicas) == (NAME, 3)
    assert deployment.max_ongoing_requests > settings.requests + settings.live
    assert settings.requests >= settings.batch_rows


def test_the_deploy_file_binds_loopback_and_names_the_door(repo: Path) -> None:
    told = yaml.safe_load((repo / "cluster" / "serve.yaml").read_text())
    assert told["http_options"]["host"] == "127.0.0.1"
    (one,) = told["applications"]
    assert one["import_path"] == "serve_app.app:app"
    assert [deployment["name"] for deployment in one["deployments"]] == ["Door"]
    from ray.serve.schema import ServeDeploySchema

    ServeDeploySchema.model_validate(told)
