"""How the server is deployed on Ray Serve, and that nothing else in it imports Ray."""

from __future__ import annotations

import ast
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.errors import UsageError
from serve_app.proxy import haproxy
from serve_app.settings import Settings

IMPORT_RAY = {"app.py", "ray_meters.py"}


def test_only_the_application_imports_ray(repo: Path) -> None:
    found = set()
    for file in (repo / "serve_app").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            found |= {file.name for name in names if name.partition(".")[0] == "ray"}
    assert found == IMPORT_RAY


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


def test_haproxy_admits_as_many_requests_as_the_settings_say() -> None:
    environment = {"INKRAY_SERVE_REQUESTS": "300", "INKRAY_SERVE_LIVE": "5"}
    haproxy.prepare(environment)
    assert environment[haproxy.CAPACITY] == "300"
    assert environment[haproxy.LONG] == "75"
    assert int(environment[haproxy.CONNECTIONS]) == haproxy.CONNECTIONS_FOR_REQUESTS + 5 + 75


def test_haproxy_waits_for_a_request_as_long_as_the_door_and_then_a_little_for_its_answer() -> None:
    environment = {"INKRAY_SERVE_SECONDS": "1.5"}
    haproxy.prepare(environment)
    assert environment[haproxy.PATIENCE] == "1500ms"
    assert environment["RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S"] == "7"


def test_the_pages_that_may_see_a_refusal() -> None:
    def allowed(origins: str) -> set[str]:
        environment = {"INKRAY_SERVE_CORS": origins}
        haproxy.prepare(environment)
        asking = ("https://a.b", "https://axb", "https://a.b.c", "http://c:8000")
        return {one for one in asking if re.search(environment[haproxy.ORIGINS], one)}

    assert allowed("") == set()
    assert allowed("https://a.b,http://c:8000") == {"https://a.b", "http://c:8000"}
    assert len(allowed("*")) == 4


def test_without_haproxy_it_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "_binary", lambda: None)
    environment: dict[str, str] = {}
    assert "since there is none here" in haproxy.prepare(environment)
    assert environment["RAY_SERVE_ENABLE_HA_PROXY"] == "0"
    assert "RAY_SERVE_ENABLE_HA_PROXY=1 was not set" in haproxy.mode(environment)


def test_serve_lets_in_what_the_gateway_itself_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_deploy_file_binds_loopback_and_names_the_server(repo: Path) -> None:
    config = yaml.safe_load((repo / "cluster" / "serve.yaml").read_text())
    assert config["http_options"]["host"] == "127.0.0.1"
    (one,) = config["applications"]
    assert one["import_path"] == "serve_app.app:app"
    # What stood there would silently count for more than INKRAY_SERVE_REPLICAS.
    assert "deployments" not in one
    from ray.serve.schema import ServeDeploySchema

    ServeDeploySchema.model_validate(config)


def test_an_invalid_setting_is_reported_in_a_sentence(repo: Path) -> None:
    environment = {**os.environ, "INKRAY_SERVE_REPLICAS": "none"}
    command = [sys.executable, "-c", "import serve_app.app"]
    done = subprocess.run(command, cwd=repo, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: INKRAY_SERVE_REPLICAS is 'none'; it must be a number.\n")


def test_the_folder_of_haproxy_is_the_users_own(tmp_path: Path) -> None:
    folder = haproxy.private_folder(tmp_path / "own")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert haproxy.private_folder(folder) == folder
    folder.chmod(0o777)
    (tmp_path / "link").symlink_to(folder)
    for open_to_others in (folder, tmp_path / "link"):
        with pytest.raises(UsageError, match="others may write to it"):
            haproxy.private_folder(open_to_others)
