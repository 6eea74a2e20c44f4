"""Tasks and actors that asked Ray for no GPU: Ray leaves all of the node's before their eyes."""

from __future__ import annotations

import os


def hide_gpus() -> None:
    """Let this process see none, before a library for them is first used."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
