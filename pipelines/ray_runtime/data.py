"""Ray Data's settings for our pipelines."""

from __future__ import annotations

import logging
import warnings

from ray.data import DataContext
from ray.util.annotations import RayDeprecationWarning


def quiet_ray_data() -> None:
    # Ray Data takes the number of restarts only through the argument that it deprecates.
    warnings.filterwarnings("ignore", message=".*ray_remote_args_fn", category=RayDeprecationWarning)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A shard must arrive as one block, and is never so large that it had to be split.
    context.target_max_block_size = 1 << 30
    for name in ("ray.data", "ray.data._internal"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
