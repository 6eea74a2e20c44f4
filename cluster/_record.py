"""The record of a running cluster, and its access token."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster._ports import HOST
from cluster.processes import TAG
from pipelines.errors import ClusterError
from serve_app.proxy.haproxy import prepare


@dataclass(frozen=True)
class Cluster:
    id: str
    port: int
    dashboard_port: int
    token_path: str
    temp_dir: str
    directory: str

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def dashboard_url(self) -> str:
        return f"http://{HOST}:{self.dashboard_port}"

    def client_env(self) -> dict[str, str]:
        """The environment of a program that submits jobs to this cluster."""
        # `ray job submit` reads the first, `serve deploy` the second.
        url = self.dashboard_url
        return {"RAY_ADDRESS": url, "RAY_DASHBOARD_ADDRESS": url, **self._common_env()}

    def driver_env(self) -> dict[str, str]:
        """The environment of a program that joins this cluster with `ray.init()`, which takes no http address."""
        return {"RAY_ADDRESS": self.address, **self._common_env()}

    def head_env(self) -> dict[str, str]:
        """The complete environment of the cluster's own processes, and so of the jobs that run there."""
        foreign = ("RAY_ADDRESS", "RAY_DASHBOARD_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_AUTH_TOKEN")
        inherited = {name: value for name, value in os.environ.items() if name not in foreign}
        return (
            _for_serve(inherited, Path(self.temp_dir))
            | self._common_env()
            | {
                TAG: self.id,
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
                "RAY_USAGE_STATS_ENABLED": "0",
                "TMPDIR": str(Path(self.temp_dir, "tmp")),
            }
        )

    def _common_env(self) -> dict[str, str]:
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": self.token_path,
            # It matters on Linux too: without it, Ray replaces 127.0.0.1 by the address of the machine's network card.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        }


def _for_serve(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """Add the settings for Serve, which takes its mode from the environment of the cluster it runs on."""
    prepare(environment, folder)
    return environment


def create(folder: Path, directory: Path, port: int, dashboard_port: int) -> Cluster:
    """Record a cluster before it starts, so that `remove` and the processes' tag can undo it whatever happens."""
    # TMPDIR may be too long: the paths of Ray's sockets add 66 characters and must not exceed 107.
    temp_dir = Path(tempfile.mkdtemp(prefix="inkray-", dir="/tmp"))
    (temp_dir / "tmp").mkdir()
    token_path = folder / "token"
    _write_private(token_path, secrets.token_hex(32))
    cluster = Cluster(secrets.token_hex(8), port, dashboard_port, str(token_path), str(temp_dir), str(directory))
    _write_private(_path(folder), json.dumps(asdict(cluster), indent=2) + "\n")
    return cluster


def load(folder: Path) -> Cluster | None:
    try:
        return Cluster(**json.loads(_path(folder).read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ClusterError(f"{_path(folder)} is not the record of a cluster ({error}); delete it.") from error


def remove(folder: Path, cluster: Cluster) -> None:
    shutil.rmtree(cluster.temp_dir, ignore_errors=True)
    Path(cluster.token_path).unlink(missing_ok=True)
    _path(folder).unlink(missing_ok=True)


def _path(folder: Path) -> Path:
    return folder / "cluster.json"


def _write_private(path: Path, text: str) -> None:
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    scratch.replace(path)
