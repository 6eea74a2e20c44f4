"""A job's Ray: the cluster it was submitted to, or one of its own that ends with it."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray.exceptions import RayError

from pipelines.errors import ClusterError, first_line
from pipelines.ray_runtime.failures import is_token_error
from pipelines.ray_runtime.head import DASHBOARD_AGENT, RUNTIME_ENV_AGENT, ray_head
from pipelines.ray_runtime.session_folder import RAY, session_folder
from pipelines.ray_runtime.watch import LEAVING_S, Silence, check_listening, ended_if

QUIET: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}


@dataclass(frozen=True)
class RayNeeds:
    """What a job needs of a Ray that is started for it alone; a cluster has it all."""

    spilled: Path | None = None
    """Where objects go that do not fit into memory; by default to the folder of the session."""
    metrics: bool = False
    runtime_envs: bool = True
    """Whether tasks or actors ask for an environment of their own."""
    preload: Sequence[str] = ()
    """The modules that workers import before their first task, while the job does something else."""
    leaving_s: float = LEAVING_S
    """Seconds in which the job may end by itself when Ray is lost, before it is ended."""

    @property
    def without_agents(self) -> list[str]:
        return [DASHBOARD_AGENT] * (not self.metrics) + [RUNTIME_ENV_AGENT] * (not self.runtime_envs)


@contextmanager
def ray_session(needs: RayNeeds = RayNeeds()) -> Iterator[bool]:
    """Connect to `RAY_ADDRESS` if it names a cluster (Ray sets it for submitted jobs), else start Ray in here.

    Tells whether it was started in here.
    """
    address = os.environ.get("RAY_ADDRESS", "")
    if address.startswith(("http://", "https://")):
        print(
            f"RAY_ADDRESS={address} is where `ray job submit` takes jobs; this one was started directly, "
            "and runs with a Ray of its own",
            file=sys.stderr,
        )
        address = ""
    own = not address or address == "local"
    with own_ray(needs) if own else _connected(address, needs.leaving_s):
        yield own


@contextmanager
def _connected(address: str, leaving_s: float) -> Iterator[None]:
    _hush_core()
    try:
        check_listening(address)
        with _stderr_silenced(), _sigterm_handler_kept():
            ray.init(address=address, **QUIET)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        if is_token_error(error):
            raise ClusterError(
                f"The cluster at RAY_ADDRESS={address} asks for a token, and there is none here, or another one. "
                "Set RAY_AUTH_MODE and RAY_AUTH_TOKEN_PATH as where it was started."
            ) from error
        raise ClusterError(
            f"No Ray cluster answers at RAY_ADDRESS={address} ({first_line(error)}). "
            "Start one with `inkray cluster up`, or unset RAY_ADDRESS to run without."
        ) from error
    try:
        with ended_if(Silence(address), leaving_s):
            yield
    finally:
        ray.shutdown()


def _hush_core() -> None:
    """Ray's core writes its own concerns to this process's stderr; what matters to a user comes as an exception."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")


@contextmanager
def _stderr_silenced() -> Iterator[None]:
    """Drop what Ray's core writes about its log level, past Python, to the file descriptor."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _sigterm_handler_kept() -> Iterator[None]:
    """Ray installs a handler that exits at once, with the signal's number as the exit code."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def own_ray(needs: RayNeeds = RayNeeds()) -> Iterator[None]:
    """Start Ray in here, whatever `RAY_ADDRESS` names."""
    _hush_core()
    # Without this Ray takes the network card's address in place of the loopback it is given: the variable is for its
    # processes, the constant for this one, which read the variable when ray was imported.
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False
    # Ray asks for a token unless RAY_AUTH_MODE says otherwise. With one made for this process alone it writes no token
    # file, which would change how the next cluster on this machine starts.
    os.environ.update(RAY_AUTH_TOKEN=secrets.token_hex(32), RAY_USAGE_STATS_ENABLED="0")
    os.environ.pop("RAY_ADDRESS", None)
    with session_folder() as folder:
        # Ray opens its folder to every user of the machine; the one around it stays closed.
        inner = str(folder / RAY)
        with _stderr_silenced(), ExitStack() as ending:
            spilled = _linked(needs.spilled, folder) if needs.spilled else None
            head = ray_head(inner, spilled, needs.without_agents, needs.preload, needs.leaving_s)
            address = ending.enter_context(head)
            with _sigterm_handler_kept():
                ray.init(address=address, _temp_dir=inner, **QUIET)
            ending.callback(ray.shutdown)
            held = ending.pop_all()
        with held:
            yield


def _linked(spilled: Path, folder: Path) -> str:
    """A path that leads there without `#` and `?`, since Ray takes paths of spilled objects apart as URLs."""
    link = folder / "spilled"
    link.symlink_to(spilled)
    return str(link)
