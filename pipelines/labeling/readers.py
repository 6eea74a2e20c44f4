"""Who reads, in bulk and in streams: models and engine as they were asked for, and how many actors fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.labeling.capacity import Capacity, Needs, check_room, plan_capacity
from pipelines.labeling.workload import ReaderConfig
from pipelines.models.folder import ModelFolder
from pipelines.models.store import store_location
from pipelines.ray_runtime.nodes import free_nodes


@dataclass(frozen=True, kw_only=True)
class Readers:
    models: Sequence[ModelFolder]
    """The models that read, that of single digits first."""
    engine: str
    precision: str
    accept_above: float | None
    """The least confidence of readings that are ok; None leaves it to each model."""
    threads: int | None
    gpus_per_actor: float | None
    """None takes a share of those that are free, if the engine can use it."""
    min_actors: int | None
    max_actors: int | None
    store: str | None

    @property
    def model(self) -> ModelFolder:
        return self.models[0]

    @property
    def accepted_above(self) -> float:
        return self.model.accepted_above if self.accept_above is None else self.accept_above

    def capacity(self, needs: Needs) -> Capacity:
        """What fits into the cluster as it is now."""
        nodes = free_nodes()
        capacity = plan_capacity(
            nodes, self.threads, self.gpus_per_actor, self.min_actors, self.max_actors, needs, self.engine
        )
        check_room(capacity, nodes)
        return capacity

    def remarks(self, capacity: Capacity) -> Iterator[str]:
        """What a person should know before it begins."""
        if capacity.remark:
            yield capacity.remark
        yield from filter(None, (untested(self.accept_above, model) for model in self.models))

    def config(self, capacity: Capacity) -> ReaderConfig:
        return ReaderConfig(
            self.model.reference,
            self.model.digest,
            store_location(self.store),
            self.engine,
            self.precision,
            capacity.threads,
            self.accepted_above,
        )


def untested(accept_above: float | None, model: ModelFolder) -> str | None:
    """A remark where neither the user nor the model states from which confidence on a reading is ok."""
    if accept_above is not None or model.accepted_above:
        return None
    return (
        f"all that {model.reference} reads counts as ok, however unsure, since it was tested on no images, or on too "
        "few to say how sure is sure enough; state from which confidence on to accept"
    )
