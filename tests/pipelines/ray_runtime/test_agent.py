"""The process that stands where a raylet demands an agent."""

from __future__ import annotations

import subprocess
import sys

from psutil import Process

from pipelines.ray_runtime import agent
from tests.processes import gone, until

RAYLET = """
import subprocess
import sys
agent = subprocess.Popen([sys.executable, "-I", "-S", *sys.argv[1:]])
print(agent.pid, flush=True)
input()
"""
WAITING = [sys.executable, "-c", "input()"]


def test_it_ends_with_the_job_whose_raylet_ended_before_it_was_looked_for() -> None:
    with subprocess.Popen(WAITING, stdin=subprocess.PIPE) as job:
        raylet = subprocess.Popen(
            [sys.executable, "-c", RAYLET, agent.__file__, str(job.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with raylet:
            assert raylet.stdout
            waiting = Process(int(raylet.stdout.readline()))
            raylet.kill()
        job.kill()
    until(lambda: gone([waiting]), "end with the job", seconds=30)


def test_it_ends_with_its_parent() -> None:
    agent.wait_for_the_end_of(parent=0, job=Process().pid)
