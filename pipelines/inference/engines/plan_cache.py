"""TensorRT plans on disk: what each was built from and for, whether it fits here, and a cache of those built here.

A plan lies beside its record, NAME.plan and NAME.json; the record comes last, so a plan without one does not exist.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.errors import EngineError
from pipelines.files import paths
from pipelines.files.atomic import write_atomic
from pipelines.files.locks import locked

PROFILE = (1, 4096, 4096)
"""The smallest batch that a plan is made for, the one that it is made quickest for, and the largest. Bulk labelling
sends full ones; a few images take no longer on a GPU than it takes to launch the work, whatever the plan is for."""


@dataclass(frozen=True)
class PlanKey:
    """Only a plan of just this key may be loaded."""

    onnx_sha256: str
    flavour: str
    version: str
    capabilities: tuple[int, ...]
    """The compute capabilities of the GPUs it is built for, as 89 for 8.9."""
    precision: str
    machine: str
    """The kind of processor beside them, as x86_64: a plan holds code for it, too."""
    device: str = ""
    """The card that it is for, by name, if for no other: full TensorRT times its kernels on the very card."""

    @property
    def name(self) -> str:
        gpus = "-".join(f"sm{capability}" for capability in self.capabilities)
        if self.device:
            gpus += f"-{in_a_file_name(self.device)}"
        return f"{self.flavour}-{self.version}-{self.machine}-{gpus}-{self.precision}-{self.onnx_sha256[:12]}"


@dataclass(frozen=True)
class PlanRecord:
    key: PlanKey
    sha256: str
    size: int
    layer_types: dict[str, int]
    """How many layers put out each type: the proof of its precision on a machine that cannot load it."""
    profile: tuple[int, int, int] = PROFILE


def record_of(plan: bytes, key: PlanKey, layer_types: dict[str, int]) -> PlanRecord:
    return PlanRecord(key, hashlib.sha256(plan).hexdigest(), len(plan), layer_types)


def write_plan(folder: Path, plan: bytes, record: PlanRecord) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{record.key.name}.plan", folder / f"{record.key.name}.json"]
    for path, content in zip(written, (plan, json.dumps(asdict(record), indent=2).encode()), strict=True):
        write_atomic(path, content)
    return written


def read_records(folder: Path) -> list[PlanRecord]:
    return [record for path in sorted(folder.glob("*.json")) if (record := _read_record(path))]


def _read_record(path: Path) -> PlanRecord | None:
    try:
        record = json.loads(path.read_bytes())
        key = record.pop("key")
        key["capabilities"] = tuple(key["capabilities"])
        return PlanRecord(PlanKey(**key), **{**record, "profile": tuple(record["profile"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def misfit(record: PlanRecord, wanted: PlanKey) -> str | None:
    """Why a plan cannot serve here, in words; None if it can. `wanted` names the one GPU there is."""
    found, [here] = record.key, wanted.capabilities
    if found.flavour != wanted.flavour:
        return f"it is for {found.flavour}, not {wanted.flavour}"
    if found.version != wanted.version:
        return f"it was built by {found.flavour} {found.version}, and this is {wanted.version}"
    if here not in found.capabilities:
        built = ", ".join(_spoken(capability) for capability in found.capabilities)
        return f"it was built for compute capability {built}, and this GPU has {_spoken(here)}"
    if found.device != wanted.device:
        return f"it was built on {found.device or 'a GPU that it does not name'}, and this is {wanted.device}"
    if found.machine != wanted.machine:
        return f"it was built on {found.machine}, and this is {wanted.machine}"
    if record.profile != PROFILE:
        return f"it was built for batches of {_batches(record.profile)}, not {_batches(PROFILE)}"
    if found.precision != wanted.precision:
        return f"it computes in {found.precision}, not {wanted.precision}"
    if found.onnx_sha256 != wanted.onnx_sha256:
        return "it was built from another graph"
    return None


def in_a_file_name(device: str) -> str:
    """As NVIDIA-L4 for NVIDIA L4."""
    return re.sub(r"[^A-Za-z0-9]+", "-", device).strip("-")


def _spoken(capability: int) -> str:
    return f"{capability // 10}.{capability % 10}"


def _batches(profile: tuple[int, int, int]) -> str:
    return ", ".join(map(str, profile))


def load_plan(folder: Path, record: PlanRecord) -> bytes:
    path = folder / f"{record.key.name}.plan"
    try:
        plan = path.read_bytes()
    except OSError as error:
        raise EngineError(f"The plan {path} cannot be read: {error.strerror}.") from error
    if len(plan) != record.size:
        raise EngineError(f"The plan {path} is cut: it has {len(plan):,} of {record.size:,} bytes.")
    if hashlib.sha256(plan).hexdigest() != record.sha256:
        raise EngineError(f"The plan {path} is damaged: its bytes are not those that were written.")
    return plan


@dataclass(frozen=True)
class PlanSearch:
    """The result of a search: the plan, or why each one that exists cannot be used."""

    plan: bytes | None
    refused: list[str]


def find_plan(folders: Sequence[Path], wanted: PlanKey, tried: Sequence[bytes] = ()) -> PlanSearch:
    """The first plan that fits and was not tried already."""
    refused = []
    for folder in folders:
        for record in read_records(folder):
            try:
                if reason := misfit(record, wanted):
                    refused.append(f"{record.key.name}: {reason}")
                elif (plan := load_plan(folder, record)) not in tried:
                    return PlanSearch(plan, refused)
            except EngineError as error:
                refused.append(str(error))
    return PlanSearch(None, refused)


def cache_folder() -> Path:
    return paths.cache() / "plans"


def only_builder(folder: Path, key: PlanKey) -> AbstractContextManager[None]:
    """One process at a time builds a plan; the others wait and then find it."""
    folder.mkdir(parents=True, exist_ok=True)
    return locked(folder / f".{key.name}.lock")
