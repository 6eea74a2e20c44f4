"""Ray Train's trainer, as its private parts allow it to be driven."""

from __future__ import annotations

from ray.train.torch import TorchTrainer
from ray.train.v2._internal.constants import CHECKPOINT_MANAGER_SNAPSHOT_FILENAME as SNAPSHOT
from ray.train.v2.api.config import FailureConfig as FailureConfig

SNAPSHOT_FILE = SNAPSHOT
"""In which Ray keeps its own record of the checkpoints."""
DEATHS = ("worker process has died", "failed to initialize", "cancelled before it started")
"""How Ray's words end where a worker died at work, while it was set up, and before it had begun."""


class Trainer(TorchTrainer):
    def _register_sigint_handler(self, controller: object) -> None:
        """Ctrl-C interrupts this process as ever: Ray's own answer to it hides that, and outlives the training."""
