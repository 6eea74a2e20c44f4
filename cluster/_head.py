"""Starts a Ray head on loopback, waits until it takes jobs, and queries its resources."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cluster._ports import HOST
from cluster._record import Cluster
from pipelines.errors import ClusterError

START_S = 120.0
ANSWER_S = 60.0
POLL_S = 0.1


@dataclass(frozen=True)
class Resources:
    nodes: int
    total: dict[str, float]
    free: dict[str, float]


def start(cluster: Cluster, client_port: int, num_cpus: int | None, num_gpus: int | None, log: Path) -> None:
    """Start Ray in the cluster's directory and wait until it accepts jobs."""
    command = _command(cluster, client_port, {"--num-cpus": num_cpus, "--num-gpus": num_gpus})
    with log.open("w") as output:
        try:
            done = subprocess.run(
                command,
                cwd=cluster.directory,
                env=cluster.head_env(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                timeout=START_S,
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(f"Ray did not start within {START_S:.0f} s; its log is {log}.") from error
    if done.returncode != 0:
        raise ClusterError(f"Ray did not start (its log is {log}): {_last_line(log.read_text())}")
    _wait_for_jobs(cluster)
    resources(cluster)


def resources(cluster: Cluster) -> Resources:
    """The cluster's resources, queried by joining it, which proves that it works."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}._probe"],
            env={**os.environ, **cluster.driver_env()},
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"The cluster at {cluster.address} did not answer within {ANSWER_S:.0f} s.") from error
    if done.returncode != 0:
        raise ClusterError(f"The cluster at {cluster.address} cannot be joined: {_last_line(done.stderr)}")
    return Resources(**json.loads(done.stdout.splitlines()[-1]))


def _command(cluster: Cluster, client_port: int, options: dict[str, int | None]) -> list[str]:
    given = {
        "--node-ip-address": HOST,
        "--port": cluster.port,
        "--dashboard-host": HOST,
        "--dashboard-port": cluster.dashboard_port,
        "--include-dashboard": "true",
        # Ray's defaults for these are fixed ports, which would conflict with another cluster on the same machine.
        "--ray-client-server-port": client_port,
        "--dashboard-agent-listen-port": 0,
        "--min-worker-port": 0,
        "--max-worker-port": 0,
        # Ray makes this folder accessible to every user of the machine; its parent stays private.
        "--temp-dir": f"{cluster.temp_dir}/ray",
        **{name: value for name, value in options.items() if value is not None},
    }
    head = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--disable-usage-stats"]
    return [*head, *(f"{name}={value}" for name, value in given.items())]


def _wait_for_jobs(cluster: Cluster) -> None:
    deadline = time.monotonic() + ANSWER_S
    while (answer := _ask_for_jobs(cluster)) != "200":
        if time.monotonic() > deadline:
            raise ClusterError(
                f"Ray started, but {cluster.dashboard_url} takes no jobs after {ANSWER_S:.0f} s: {answer}."
            )
        time.sleep(POLL_S)


def _ask_for_jobs(cluster: Cluster) -> str:
    connection = http.client.HTTPConnection(HOST, cluster.dashboard_port, timeout=5)
    try:
        token = Path(cluster.token_path).read_text()
        connection.request("GET", "/api/jobs/", headers={"Authorization": f"Bearer {token}"})
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()


def _last_line(text: str) -> str:
    """The last line of a program's output, without colour codes; for Python it is the error."""
    lines = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it printed nothing"
