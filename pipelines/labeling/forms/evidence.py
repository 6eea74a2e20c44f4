"""What is kept of each shard until all are done: digests of its pages, and crops of the fields that need a review."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipelines.forms.overlay import crop, reading_in_words
from pipelines.forms.results import FieldReading, PageResult
from pipelines.inference.outcome import Status, reason_columns
from pipelines.labeling.run_folder import CROPS, KEPT, OVERLAY, Group, LabelingRunFolder
from pipelines.labeling.sources import Sources

SHOWN = 200
"""Fields in the report."""
MAX_FIELDS = 40
"""Maximum fields per shard: a badly registered page has many, and a few of them show as much."""


def evidence_name(shard: int, start: int) -> str:
    return f"{KEPT}/{shard:06d}-{start}.json"


def evidence(results: Sequence[PageResult], names: Sequence[str]) -> bytes:
    """The evidence of these pages, whose pictures have these names."""
    digests = [_digest(result, name) for result, name in zip(results, names, strict=True) if result.picture]
    doubtful = [
        (result, name, reading)
        for result, name in zip(results, names, strict=True)
        for reading in result.fields.values()
        if reading.status != Status.OK
    ]
    worst = sorted(doubtful, key=lambda one: urgency(one[2].status, one[2].confidence))[:MAX_FIELDS]
    fields = [_field(result, name, reading) | _crop(result, reading) for result, name, reading in worst]
    return json.dumps({"pages": digests, "fields": fields}).encode()


def urgency(status: str, confidence: float) -> tuple[bool, float]:
    """A sort key: what needs a review most sorts first."""
    return status != Status.ERROR, confidence


def kept(folder: LabelingRunFolder, group: Group) -> Iterator[dict[str, Any]]:
    return map(json.loads, folder.kept(group))


def worst_fields(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many as are shown; of two that are as urgent the first comes first."""
    return sorted(found, key=lambda one: urgency(one["status"], one["confidence"]))[:SHOWN]


def without(content: bytes, sources: Sources) -> tuple[bytes, list[str]]:
    """The rest, if the pages of these sources are taken out; and the pictures of these pages."""
    told: dict[str, list[dict[str, Any]]] = json.loads(content)
    rest = {kind: [one for one in some if one["source"] not in sources] for kind, some in told.items()}
    names = [page["name"] for page in told["pages"] if page["source"] in sources]
    pictures = [picture for name in names for picture in (f"{OVERLAY}/{name}.jpg", f"{CROPS}/{name}")]
    return json.dumps(rest).encode(), pictures


def _digest(result: PageResult, name: str) -> dict[str, Any]:
    # The straightened page, not the file: the same page in two files of other formats is the same.
    digest = hashlib.blake2b(result.picture, digest_size=16).hexdigest()
    return {"source": result.source, "page": result.page, "digest": digest, "name": name}


def _field(result: PageResult, name: str, reading: FieldReading) -> dict[str, Any]:
    return {
        "source": result.source,
        "page": result.page,
        "name": name,
        "field": reading.field.name,
        "read": reading_in_words(reading),
        "value": reading.value,
        "confidence": reading.confidence,
        "status": reading.status,
        **reason_columns(reading.reason),
        "alternatives": [[one.value, one.probability] for one in reading.alternatives],
    }


def _crop(result: PageResult, reading: FieldReading) -> dict[str, str]:
    return {"crop": base64.b64encode(crop(result, reading)).decode()}
