"""Ray Train's trainer, as its private parts allow it to be driven."""

from __future__ import annotations

from ray.train.torch import TorchTrainer
from ray.train.v2._internal.constants import CHECKPOINT_MANAGER_SNAPSHOT_FILENAME as SNAPSHOT
from ray.train.v2.api.config import FailureConfig as FailureConfig

SNAPSHOT_FILE = SNAPSHOT
"""The file in which Ray keeps its own record of the checkpoints."""


class Trainer(TorchTrainer):
    def _register_sigint_handler(self, controller: object) -> None:
        """Let Ctrl-C interrupt this process as ever: Ray's own handler hides that, and outlives the training."""
