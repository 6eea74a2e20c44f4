"""One worker's model and how it learns, without Ray: the same code serves one worker, many, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipelines.augment import augment
from pipelines.networks import Reader
from pipelines.training.captured import CapturedUpdate, Update
from pipelines.training.options import TrainingOptions


def computes_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def make_optimizer(options: TrainingOptions, parameters: Iterator[nn.Parameter]) -> torch.optim.Optimizer:
    rate, decay = options.learning_rate, options.weight_decay
    if options.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=0.9, nesterov=True, weight_decay=decay, fused=True)
    kind = torch.optim.Adam if options.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, rate, weight_decay=decay, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float | Tensor) -> None:
    for group in optimizer.param_groups:
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
        self.optimizer = make_optimizer(options, self.model.parameters())
        precise = options.precision == "bf16" or (options.precision == "auto" and computes_bf16(device))
        self.dtype = torch.bfloat16 if precise else torch.float32
        # What several workers tell each other in a step is not captured with it.
        captured = cuda_graph and device.type == "cuda" and self.model is self.reader
        self._learn: Update = CapturedUpdate(self._update, device) if captured else self._update

    @property
    def judged(self) -> Reader:
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
        set_rate(self.optimizer, rate)
        with self._precision():
            logits = self.model(views)
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=self.options.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.options.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip)
        self.optimizer.step()
        return loss.detach()

    @torch.inference_mode()
    def judge(self, images: Tensor, labels: Tensor, batch: int = 1000) -> Tensor:
        """How many are read right, and the summed loss."""
        model = self.judged.eval()
        totals = torch.zeros(2, dtype=torch.float64, device=self.device)
        for some, truth in zip(images.split(batch), labels.split(batch), strict=True):
            with self._precision():
                logits = model(some).float()
            totals[0] += (logits.argmax(1) == truth).sum()
            totals[1] += functional.cross_entropy(logits, truth, reduction="sum")
        self.reader.train()
        return totals

    def state(self) -> dict[str, Any]:
        average = self.average.state_dict() if self.average else None
        return {"reader": self.reader.state_dict(), "optimizer": self.optimizer.state_dict(), "average": average}

    def load_state(self, state: dict[str, Any]) -> None:
        self.reader.load_state_dict(state["reader"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.load_state_dict(state["average"])
