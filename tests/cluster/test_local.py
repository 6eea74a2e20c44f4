from __future__ import annotations

import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from cluster import _record, local
from cluster._ports import claim
from cluster._record import Cluster
from cluster.processes import owned
from pipelines.errors import ClusterError
from tests.clusters import RayCluster, mentioning, new_cluster
from tests.processes import listening, listening_elsewhere

COMMAND = [sys.executable, "-m", "cluster.local"]
SAY_WHERE = "import os, sys; print('ran in', os.getcwd(), 'by', sys.prefix)"
REMOTE = "import ray; ray.init(); print('answer', ray.get(ray.remote(lambda: 6 * 7).remote()))"


def run(home: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"INKRAY_HOME": str(home)}
    return subprocess.run([*COMMAND, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    yield folder
    local.down(folder / "cluster")


@pytest.fixture
def empty_home(tmp_path: Path) -> Iterator[Path]:
    """For an `up` that should be refused; should it not be, nothing is left running."""
    yield tmp_path
    local.down(tmp_path / "cluster")


@pytest.fixture
def cluster(home: Path, repo: Path) -> Cluster:
    """Up, whatever the test before did to it."""
    if found := local.running(home / "cluster"):
        return found
    started = run(home, "up", "--port", "0", "--dashboard-port", "0", "--num-cpus", "2", "--num-gpus", "0", cwd=repo)
    assert started.returncode == 0, started.stderr
    found = local.running(home / "cluster")
    assert found
    lines = started.stdout.splitlines()
    assert lines[0] == f"up: {found.address}, dashboard {found.dashboard_url}"
    assert lines[-2:] == [exports(found), "ray job submit -- inkray train"]
    return found


def exports(cluster: Cluster) -> str:
    return (
        f"export RAY_ADDRESS={cluster.dashboard_url} RAY_DASHBOARD_ADDRESS={cluster.dashboard_url} RAY_AUTH_MODE=token "
        f"RAY_AUTH_TOKEN_PATH={cluster.token_path} RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0"
    )


def submit(env: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    ray = Path(sys.executable).with_name("ray")
    return subprocess.run(
        [str(ray), "job", "submit", *command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def status_of(url: str, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_up_where_it_is_up_says_so(cluster: Cluster, home: Path, tmp_path: Path) -> None:
    again = run(home, "up", cwd=tmp_path)
    assert again.returncode == 0
    assert again.stdout.splitlines()[0] == f"already up: {cluster.address}, dashboard {cluster.dashboard_url}"
    assert local.running(home / "cluster") == cluster


def test_status_says_what_the_cluster_has(cluster: Cluster, home: Path, repo: Path) -> None:
    status = run(home, "status")
    assert status.returncode == 0
    first, second = status.stdout.splitlines()
    assert first == f"up: {cluster.address}, dashboard {cluster.dashboard_url}, jobs run in {repo}"
    assert second.startswith("nodes 1, CPUs 2 of 2 free, GPUs 0 of 0 free, processes ")
    assert int(second.split()[-1]) >= 5


def test_a_shell_that_evaluates_the_status_can_submit_a_job(cluster: Cluster, home: Path, repo: Path) -> None:
    script = f'eval "$({COMMAND[0]} -m cluster.local status --env)" && ray job submit -- python -c "{SAY_WHERE}"'
    env = os.environ | {"INKRAY_HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, cwd=home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ran in {repo} by {sys.prefix}" in done.stdout


def test_what_is_exported_opens_the_cluster_to_serve_too(cluster: Cluster) -> None:
    serve = Path(sys.executable).with_name("serve")
    asked = subprocess.run(
        [serve, "status"], env=os.environ | cluster.client_env(), capture_output=True, text=True, timeout=300
    )
    assert asked.returncode == 0, asked.stderr
    assert "applications" in asked.stdout


def test_a_status_asked_while_it_is_started_says_so(empty_home: Path, repo: Path) -> None:
    folder = empty_home / "cluster"
    folder.mkdir()
    starting = _record.create(folder, repo, *claim({"--port": 0, "--dashboard-port": 0}))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status = run(empty_home, "status")
    said = f"error: The cluster at {starting.address} is just being started or ended; ask again.\n"
    assert (status.returncode, status.stderr) == (1, said)


def test_without_the_token_a_job_is_refused(cluster: Cluster) -> None:
    env = os.environ | cluster.client_env() | {"RAY_AUTH_MODE": "disabled"}
    refused = submit(env, "--", "echo", "I ran")
    assert refused.returncode != 0
    assert "Authentication required" in refused.stdout
    assert status_of(f"{cluster.dashboard_url}/api/jobs/", {}) == 401
    assert status_of(f"{cluster.dashboard_url}/api/jobs/", {"Authorization": "Bearer 0123"}) == 403


def test_only_the_owner_can_read_the_token(cluster: Cluster) -> None:
    assert stat.S_IMODE(Path(cluster.token_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(cluster.temp_dir).stat().st_mode) == 0o700


def test_it_listens_on_loopback_only(cluster: Cluster) -> None:
    assert submit(os.environ | cluster.client_env(), "--", "python", "-c", REMOTE).returncode == 0
    processes = owned(cluster.id)
    assert ("127.0.0.1", cluster.dashboard_port) in listening(processes)
    assert listening_elsewhere(processes) == {}


@pytest.mark.parametrize("option", ["--port", "--dashboard-port"])
def test_a_port_in_use_is_named(option: str, empty_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        ports = {"--port": "0", "--dashboard-port": "0", option: port}
        refused = run(empty_home, "up", *(word for pair in ports.items() for word in pair))
    assert refused.returncode == 1
    assert refused.stderr == (
        f"error: Port {port} ({option}) cannot be used: Address already in use. "
        f"Name another with {option}, or 0 for any free one.\n"
    )
    assert not (empty_home / "cluster" / "cluster.json").exists()


def test_free_ports_differ_from_the_ones_asked_for() -> None:
    [asked] = claim({"--port": 0})
    ports = claim({"--port": 0, "--dashboard-port": asked, "the client port": 0})
    assert ports[1] == asked
    assert len(set(ports)) == 3


def test_a_head_that_is_killed_is_noticed_and_replaced_once(cluster: Cluster, home: Path, repo: Path) -> None:
    [head] = [pid for pid, command in mentioning(cluster.temp_dir).items() if "gcs_server" in command.split()[0]]
    os.kill(head, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while local.running(home / "cluster"):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    status = run(home, "status")
    assert status.returncode == 1
    assert status.stderr == f"error: {local.DOWN} The last one, at {cluster.address}, was killed.\n"

    ports = ["--port", str(cluster.port), "--dashboard-port", str(cluster.dashboard_port), "--num-cpus", "2"]
    with ThreadPoolExecutor() as two:
        said = list(two.map(lambda _: run(home, "up", *ports, cwd=repo).stdout.split(",")[0], range(2)))
    assert sorted(said) == [f"already up: {cluster.address}", f"up: {cluster.address}"]
    assert mentioning(cluster.temp_dir) == {}
    assert not Path(cluster.temp_dir).exists()


def test_a_record_of_processes_long_gone_counts_as_down(empty_home: Path, repo: Path) -> None:
    (empty_home / "cluster").mkdir()
    gone = _record.create(empty_home / "cluster", repo, *claim({"--port": 0, "--dashboard-port": 0}))
    assert run(empty_home, "status", "--env").returncode == 1
    down = run(empty_home, "down")
    assert (down.returncode, down.stdout) == (0, "down: 0 processes ended\n")
    assert not Path(gone.temp_dir).exists()


@pytest.fixture
def other(repo: Path, tmp_path: Path) -> Iterator[RayCluster]:
    with new_cluster(tmp_path, repo, cpus=1) as other:
        yield other


def test_down_ends_its_own_processes_and_no_others(cluster: Cluster, home: Path, other: RayCluster) -> None:
    detached = "setsid sleep 86399 & sleep 86400"
    job = submit(os.environ | cluster.client_env(), "--no-wait", "--", "sh", "-c", detached)
    assert job.returncode == 0, job.stdout
    deadline = time.monotonic() + 30
    while not (sleeps := [pid for pid, words in mentioning(cluster.temp_dir).items() if words == "sleep 86399"]):
        assert time.monotonic() < deadline, "the job did not start"
        time.sleep(0.1)

    down = run(home, "down")

    assert down.returncode == 0, down.stderr
    assert down.stdout.startswith("down: ")
    assert down.stdout.endswith(" processes ended\n")
    assert mentioning(cluster.temp_dir) == {}
    assert not psutil.pid_exists(sleeps[0])
    assert not Path(cluster.temp_dir).exists()
    assert sorted(path.name for path in (home / "cluster").iterdir()) == ["lock", "start.log"]
    assert run(home, "down").stdout == "No cluster was up.\n"

    answer = submit(other.env, "--", "python", "-c", REMOTE)
    assert answer.returncode == 0, answer.stdout
    assert "answer 42" in answer.stdout


def test_status_and_down_where_nothing_ever_was(tmp_path: Path) -> None:
    status = run(tmp_path, "status")
    assert (status.returncode, status.stderr) == (1, f"error: {local.DOWN}\n")
    down = run(tmp_path, "down")
    assert (down.returncode, down.stdout) == (0, "No cluster was up.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-cpus", "0"], "--num-cpus is 0; a cluster needs at least 1."),
        (["--num-gpus", "-1"], "--num-gpus is -1; give 0 or more."),
        (["--port", "80"], "--port is 80; give a port from 1024 to 65535, or 0 for any free one."),
    ],
)
def test_senseless_options_are_refused(arguments: list[str], message: str, empty_home: Path) -> None:
    refused = run(empty_home, "up", *arguments)
    assert (refused.returncode, refused.stderr) == (2, f"error: {message}\n")


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = run(tmp_path / "file", "up")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"error: Cannot write {tmp_path}/file/cluster (Not a directory); name another place in INKRAY_HOME.\n"
    )


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    record = tmp_path / "cluster" / "cluster.json"
    record.parent.mkdir()
    record.write_text("{}")
    refused = run(tmp_path, "down")
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: {record} is not the record of a cluster (")


def test_a_ray_that_cannot_start_says_why_and_leaves_nothing(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_START_HOOK", "no_such_module.hook")
    folder = empty_home / "cluster"
    with pytest.raises(ClusterError) as refused:
        local.up(local.Up(port=0, dashboard_port=0, num_cpus=1), folder, empty_home)
    assert str(refused.value) == (
        f"Ray did not start (its log is {folder}/start.log): ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "start.log"]
