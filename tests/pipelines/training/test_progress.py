from __future__ import annotations

from pathlib import Path

from pipelines.training.progress import ProgressActor
from tests.clusters import RayCluster
from tests.nodes import joined
from tests.processes import new_home


def step(number: int) -> dict[str, object]:
    return {"kind": "step", "step": number}


def test_of_steps_only_the_newest_is_kept_and_of_epochs_all() -> None:
    progress = ProgressActor()
    for event in (step(1), step(2), {"kind": "epoch", "epoch": 1}, {"kind": "epoch", "epoch": 2}, step(3), step(4)):
        progress.post(event)
    assert progress.drain() == [step(2), {"kind": "epoch", "epoch": 1}, {"kind": "epoch", "epoch": 2}, step(4)]
    assert progress.drain() == []


def test_it_keeps_why_a_run_was_stopped() -> None:
    progress = ProgressActor()
    assert progress.stopped() is None
    progress.stop("the loss is not a number")
    assert progress.stopped() == "the loss is not a number"


JOB = """
import sys
import ray
from pipelines.ray_runtime.session import ray_session
from pipelines.training.progress import drained, start_progress_actor, why_stopped

with ray_session():
    progress_actors = [start_progress_actor() for _ in range(8)]
    assert [drained(progress) for progress in progress_actors] == [[]] * 8
    its_node = lambda _: ray.get_runtime_context().get_node_id()
    where = set(ray.get([progress.__ray_call__.remote(its_node) for progress in progress_actors]))
    print("beside the driver" if where == {ray.get_runtime_context().get_node_id()} else where)
    with_torch = ray.get(progress_actors[0].__ray_call__.remote(lambda _: "torch" in sys.modules))
    print("with torch" if with_torch else "light")
    ray.kill(progress_actors[0])
    print(drained(progress_actors[0]), why_stopped(progress_actors[0]))
"""


def test_it_stands_beside_the_driver_and_can_be_done_without(
    ray_cluster: RayCluster, repo: Path, tmp_path: Path
) -> None:
    job = tmp_path / "job.py"
    job.write_text(JOB)
    with new_home(tmp_path / "home", ray_cluster) as home, joined(ray_cluster, cpus=4):
        home.env["PYTHONPATH"] = str(repo)
        ended = home.run(job)
    assert (ended.out, ended.err) == ("beside the driver\nlight\n[] None\n", "")
