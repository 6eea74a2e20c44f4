"""One worker's model and how it learns, without Ray: the same code serves one worker, many, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipelines.augment import augment
from pipelines.networks.architectures import Reader
from pipelines.training.captured import CapturedUpdate, Update
from pipelines.training.losses import count_right, mean_loss, summed_loss
from pipelines.training.muon import Muon, weights_between
from pipelines.training.options import TrainingOptions
from pipelines.training.ragged import Ragged, at_once


def computes_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def make_optimizers(options: TrainingOptions, parameters: Iterable[nn.Parameter]) -> list[torch.optim.Optimizer]:
    """One for all parameters; or Muon for those it is meant for, and AdamW for the others."""
    rate, decay, rest = options.learning_rate, options.weight_decay, list(parameters)
    if options.optimizer == "sgd":
        return [torch.optim.SGD(rest, rate, momentum=0.9, nesterov=True, weight_decay=decay, fused=True)]
    if options.optimizer == "adam":
        return [torch.optim.Adam(rest, rate, weight_decay=decay, fused=True)]
    optimizers: list[torch.optim.Optimizer] = []
    if options.optimizer == "muon":
        between, rest = weights_between(rest)
        optimizers.append(Muon(between, rate, decay))
    return [*optimizers, torch.optim.AdamW(rest, rate, weight_decay=decay, fused=True)]


def set_rate(optimizers: list[torch.optim.Optimizer], rate: float | Tensor) -> None:
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        group["lr"] = rate
        if isinstance(rate, Tensor):
            # Adam asks for it; and one resumed from a checkpoint of a CPU has been told otherwise.
            group["capturable"] = True


class Learner:
    def __init__(
        self,
        options: TrainingOptions,
        reader: Reader,
        device: torch.device,
        prepare: Callable[[nn.Module], nn.Module] = lambda module: module,
        cuda_graph: bool = True,
    ) -> None:
        self.options = options
        self.left_out = options.left_out()
        self.device = device
        self.reader = reader.to(device).to(memory_format=torch.channels_last)
        # The average starts as a copy, so it is made before the model is wrapped for several workers.
        averaging = get_ema_multi_avg_fn(options.ema)
        self.average = AveragedModel(self.reader, multi_avg_fn=averaging, use_buffers=True) if options.ema else None
        self.model = prepare(self.reader)
        self.optimizers = make_optimizers(options, self.model.parameters())
        precise = options.precision == "bf16" or (options.precision == "auto" and computes_bf16(device))
        self.dtype = torch.bfloat16 if precise else torch.float32
        # What several workers tell each other in a step is not captured with it.
        captured = cuda_graph and device.type == "cuda" and self.model is self.reader
        self._learn: Update = CapturedUpdate(self._update, device) if captured else self._update

    @property
    def evaluated(self) -> Reader:
        """The model whose reading counts: the average where there is one."""
        return cast(Reader, self.average.module) if self.average else self.reader

    @contextmanager
    def _precision(self) -> Iterator[None]:
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32):
            yield

    def step(self, images: Tensor, labels: Tensor, rate: float) -> Tensor:
        # Never captured: how many images an effect hits is another number each time.
        with self._precision():
            views = augment(images, self.options.augment, self.left_out)
        loss = self._learn(views, labels, rate)
        if self.average:
            self.average.update_parameters(self.reader)
        return loss

    def _update(self, views: Tensor, labels: Tensor, rate: float | Tensor) -> Tensor:
        set_rate(self.optimizers, rate)
        with self._precision():
            logits = self.model(views)
        loss = mean_loss(logits, labels, self.options.label_smoothing)
        self.reader.zero_grad(set_to_none=True)
        loss.backward()
        if self.options.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        return loss.detach()

    @torch.inference_mode()
    def evaluate(self, images: Tensor | Ragged, labels: Tensor, batch: int | None = None) -> Tensor:
        """How many are read right, and the summed loss."""
        batch = batch or at_once(images)
        model = self.evaluated.eval()
        totals = torch.zeros(2, dtype=torch.float64, device=self.device)
        for some, truth in zip(images.split(batch), labels.split(batch), strict=True):
            with self._precision():
                logits = model(some).float()
            totals[0] += count_right(logits, truth)
            totals[1] += summed_loss(logits, truth)
        self.reader.train()
        return totals

    def state(self) -> dict[str, Any]:
        average = self.average.state_dict() if self.average else None
        optimizers = [optimizer.state_dict() for optimizer in self.optimizers]
        return {"reader": self.reader.state_dict(), "optimizers": optimizers, "average": average}

    def load_state(self, state: dict[str, Any]) -> None:
        self.reader.load_state_dict(state["reader"])
        # Runs begun when there was but one have it under another name.
        optimizers = state["optimizers"] if "optimizers" in state else [state["optimizer"]]
        for optimizer, saved in zip(self.optimizers, optimizers, strict=True):
            optimizer.load_state_dict(saved)
        if self.average:
            self.average.load_state_dict(state["average"])
