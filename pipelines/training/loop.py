"""The training loop that each Ray Train worker runs."""

from __future__ import annotations

import math
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch
from ray.exceptions import RayError
from ray.train import CheckpointConsistencyMode
from torch import Tensor, distributed

from pipelines.networks.architectures import Reader
from pipelines.training import checkpoint
from pipelines.training.data import epoch_order, worker_batches
from pipelines.training.examples import Examples
from pipelines.training.learner import Learner
from pipelines.training.options import TrainingOptions, learning_rate_at
from pipelines.training.ragged import Ragged, of_like_width
from pipelines.training.task import Material

CHECK_EVERY = 20
POST_EVERY = 0.5


@dataclass(frozen=True)
class Plan:
    """The worker's configuration."""

    options: TrainingOptions
    material: Material
    description: dict[str, Any]
    threads: int
    progress: Any
    cuda_graph: bool = True
    start: Path | None = None
    """The checkpoint of a run that is resumed, in a folder that every node sees."""


class Stop(Exception):
    """The run cannot go on and a restart would not help, so Ray must not take it for a failure."""


class TrainingWorker:
    def __init__(self, plan: Plan) -> None:
        context = ray.train.get_context()
        self.plan, self.options = plan, plan.options
        self.rank, self.workers = context.get_world_rank(), context.get_world_size()
        self.device = ray.train.torch.get_device()
        torch.set_num_threads(plan.threads)
        torch.manual_seed(self.options.seed)
        self.learning, self.validation = plan.material.load(self.device)
        # Batch statistics are shared once an epoch, not before each step.
        wrap = {"broadcast_buffers": False, "gradient_as_bucket_view": True}
        self.learner = Learner(
            self.options,
            Reader(**{key: plan.description[key] for key in ("network", "classes", "mean", "deviation")}),
            self.device,
            lambda module: ray.train.torch.prepare_model(module, parallel_strategy_kwargs=wrap),
            plan.cuda_graph,
        )
        self.steps = len(self.learning.labels) // self.options.batch
        self.history: list[dict[str, Any]] = []
        self._resume()

    def _resume(self) -> None:
        if saved := ray.train.get_checkpoint():
            with saved.as_directory() as folder:
                self._go_on(Path(folder))
        elif self.plan.start:
            self._go_on(self.plan.start)

    def _go_on(self, folder: Path) -> None:
        self.learner.load_state(checkpoint.load_resume(folder))
        self.history = checkpoint.load_history(folder)
        self._post({"kind": "resumed", "epoch": len(self.history)})

    def _post(self, event: dict[str, Any]) -> None:
        if self.rank == 0:
            self.plan.progress.post.remote(event)

    def run(self) -> None:
        for epoch in range(len(self.history) + 1, self.options.epochs + 1):
            # Seeded anew, so that an epoch is the same whether or not the run was interrupted before it.
            torch.manual_seed((self.options.seed * 1009 + epoch) * 1009 + self.rank)
            started = time.perf_counter()
            loss = self._learn(epoch)
            seconds = time.perf_counter() - started
            self._share_buffers()
            self._check_same_weights(epoch)
            self.history.append(self._row(epoch, loss, seconds))
            self._report()

    def _learn(self, epoch: int) -> float:
        batches = worker_batches(self._order(epoch), self.options.batch, self.rank, self.workers)
        losses: list[Tensor] = []
        started = posted = time.perf_counter()
        for step, chosen in enumerate(batches):
            rate = learning_rate_at(self.options, (epoch - 1) * self.steps + step, self.options.epochs * self.steps)
            losses.append(self.learner.step(self.learning.images[chosen], self.learning.labels[chosen], rate))
            if (step + 1) % CHECK_EVERY == 0 or step + 1 == self.steps:
                self._check_finite(losses, epoch)
            if self.rank == 0 and time.perf_counter() - posted > POST_EVERY:
                posted = time.perf_counter()
                speed = (step + 1) * self.options.batch / (posted - started)
                loss = float(losses[-1])
                self._post({"kind": "step", "epoch": epoch, "step": step + 1, "loss": loss, "speed": speed})
        return float(self._sum(torch.stack(losses).mean()[None])[0] / self.workers)

    def _order(self, epoch: int) -> Tensor:
        images, seed = self.learning.images, self.options.seed
        order = epoch_order(len(images), seed, epoch)
        if isinstance(images, Ragged):
            return of_like_width(order, images.widths, self.options.batch, seed * 100_003 + epoch)
        return order.to(self.device)

    def _sum(self, values: Tensor) -> Tensor:
        if self.workers > 1:
            distributed.all_reduce(values)
        return values

    def _check_finite(self, losses: list[Tensor], epoch: int) -> None:
        """All workers check at the same step and so stop together: one alone would leave the others waiting."""
        recent = losses[-CHECK_EVERY:]
        bad = self._sum((~torch.isfinite(torch.stack(recent))).float())
        if bad.any():
            step = len(losses) - len(recent) + int(bad.nonzero()[0]) + 1
            raise self._blown_up(f"loss is not a number at step {step} of {self.steps} in epoch {epoch}", epoch)

    def _blown_up(self, what: str, epoch: int) -> Stop:
        kept = f"the checkpoint of epoch {epoch - 1} is kept" if epoch > 1 else "there is no checkpoint yet"
        rate = self.options.learning_rate
        return Stop(f"The {what}; {kept}. Try a smaller learning rate than {rate:g}, or clip the gradient to 1.")

    def _share_buffers(self) -> None:
        if self.workers > 1:
            for buffer in self.learner.evaluated.buffers():
                distributed.broadcast(buffer, 0)
            for buffer in self.learner.reader.buffers():
                distributed.broadcast(buffer, 0)

    def _check_same_weights(self, epoch: int) -> None:
        if self.workers > 1:
            check_same_weights(self.learner.reader, epoch)

    def _row(self, epoch: int, loss: float, seconds: float) -> dict[str, Any]:
        right, validation_loss = self._sum(self.learner.evaluate(*self._mine())).tolist()
        validation = len(self.validation.labels)
        # It may be the epoch's last step that diverges, which no loss of a step shows.
        if not math.isfinite(validation_loss):
            raise self._blown_up(f"validation loss is not a number after epoch {epoch}", epoch)
        return {
            "epoch": epoch,
            "train_loss": loss,
            "val_loss": validation_loss / validation,
            "val_accuracy": right / validation,
            "seconds": seconds,
            "images_per_second": self.steps * self.options.batch / seconds,
        }

    def _mine(self) -> Examples:
        """This worker's part of the held-back images."""
        images, labels = self.validation
        mine = slice(self.rank, None, self.workers)
        part = images.every(self.workers, self.rank) if isinstance(images, Ragged) else images[mine]
        return Examples(part, labels[mine])

    def _report(self) -> None:
        row = self.history[-1]
        # More right is better, and among equals the smaller loss: one number, since Ray compares one.
        rank = row["val_accuracy"] * len(self.validation.labels) - row["val_loss"] / (1 + row["val_loss"])
        metrics = {**row, "rank": rank}
        if self.rank != 0:
            ray.train.report(metrics)
            return
        with tempfile.TemporaryDirectory(prefix="inkray-") as folder:
            checkpoint.save(
                Path(folder), self.plan.description, self.learner.evaluated, self.learner.state(), self.history
            )
            ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(folder))
        # The report waits in this process to be fetched and would be lost with it: only then is the epoch done.
        ray.train.get_all_reported_checkpoints(consistency_mode=CheckpointConsistencyMode.COMMITTED)
        self._post({"kind": "epoch", **row})


def check_same_weights(reader: Reader, epoch: int) -> None:
    """Workers whose weights differ no longer train one model: better no result than a wrong one."""
    weights = torch.cat([parameter.detach().flatten() for parameter in reader.parameters()])
    lowest, highest = weights.clone(), weights.clone()
    distributed.all_reduce(lowest, distributed.ReduceOp.MIN)
    distributed.all_reduce(highest, distributed.ReduceOp.MAX)
    if not torch.equal(lowest, highest):
        raise Stop(f"The workers' weights differ after epoch {epoch}, so they no longer train one model.")


def work(plan: dict[str, Plan]) -> None:
    try:
        TrainingWorker(plan["plan"]).run()
    except Stop as stop:
        if ray.train.get_context().get_world_rank() == 0:
            # Where the actor is lost, the driver sees that epochs are missing.
            with suppress(RayError):
                ray.get(plan["plan"].progress.stop.remote(str(stop)))
