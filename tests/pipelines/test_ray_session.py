"""A job's own Ray: what tasks and actors need and nothing else, and it ends with the job, however that ends."""

from __future__ import annotations

from pathlib import Path

from tests.processes import gone, new_home, title, until

JOB = """
import threading
import ray
from pipelines.ray_session import ray_session

with ray_session():
    print("answer", ray.get(ray.remote(lambda: 6 * 7).remote()), flush=True)
    threading.Event().wait()
"""
HELPERS = ("dashboard.py", "monitor.py")
"""Of Ray, the second also in log_monitor.py: they take a second and more of each start, and nobody looks at them."""


def test_a_job_has_a_ray_without_helpers_that_dies_with_it(tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(JOB)
    with new_home(tmp_path / "home") as home, home.start(job) as started:
        started.says("answer 42")
        processes = home.processes()
        titles = [title(process.pid) for process in processes]
        assert any("raylet" in one for one in titles)
        assert [one for one in titles if any(helper in one for helper in HELPERS)] == []
        started.process.kill()
        until(lambda: gone(processes), "end with the job")
