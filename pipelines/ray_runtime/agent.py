"""A process that does nothing until its parent or the job has ended: it stands where a raylet demands an agent.

It is started by its path and without the packages of this environment, so that it costs next to nothing.
"""

from __future__ import annotations

import os
import sys
import time

LOOK_S = 0.5


def wait_for_the_end_of(parent: int, job: int) -> None:
    """The job is looked for, too, since the parent may have ended before this process could ask who it was."""
    while os.getppid() == parent and _is_there(job):
        time.sleep(LOOK_S)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    wait_for_the_end_of(os.getppid(), int(sys.argv[1]))
