"""`jobs/serve.py` refuses in a sentence what it cannot do; that it answers is in tests/packaging/test_wheel.py."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.in_process import RunJob
from tests.processes import new_home


def test_a_port_that_is_taken_is_told_before_anything_starts(run_job: RunJob) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_job("serve.py", "--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: Nobody can listen at 127.0.0.1:{port} (Address already in use); name another --port.\n"
    )


@pytest.mark.parametrize("port", [0, 80, 65536])
def test_a_port_must_be_one_that_every_user_may_take(run_job: RunJob, port: int) -> None:
    done = run_job("serve.py", "--port", port)
    assert (done.returncode, done.stderr) == (
        2,
        f"error: --port is {port}; give a port from 1024 to 65535.\n",
    )


def test_a_model_that_is_not_there_is_told_before_ray_starts(repo: Path, tmp_path: Path) -> None:
    with new_home(tmp_path / "home") as home:
        home.env["INKRAY_SERVE_MODELS"] = "builtin,gone"
        ended = home.run(repo / "jobs" / "serve.py", "--port", "18765")
        assert not list(home.scratch.glob("inkray-*"))
    assert ended.process.returncode == 2
    assert ended.err.splitlines()[-1].endswith(" called 'gone'; known: none.")
