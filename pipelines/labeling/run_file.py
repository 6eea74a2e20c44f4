"""run.json: what a run labels, with what and how, and the parts of its input: at first all, then what updates found.

Whatever an update is to read is put down before; that a part more stands in this file begins the update.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from pipelines.errors import UsageError
from pipelines.files.storage import Storage

RUN = "run.json"
INPUT, PARTS = "files of the input", "parts"


@dataclass(frozen=True)
class Part:
    """What a run, or an update of it, reads."""

    files: str = ""
    """The name of the list of its files."""
    input: str = ""
    """The fingerprint of the whole input when it was listed."""
    first: int = 0
    """Its first shard."""
    before: int = 0
    """The items that the run had before."""
    changes: dict[str, int] = field(default_factory=dict)
    """How many files were new, changed, unchanged or gone."""


def parts_of(place: Storage, identity: dict[str, Any], update: bool) -> tuple[Part, ...]:
    """The parts of this run, which is begun if there is none; any other run is refused."""
    content = place.get(RUN)
    if content is None:
        whole = str(identity.get(INPUT, ""))
        _put(place, identity, [part := Part(whole, whole)])
        return (part,)
    before = json.loads(content)
    for name, value in identity.items():
        if before.get(name) != value and not (update and name == INPUT):
            raise _other_run(place, name, before.get(name), value)
    return tuple(Part(**part) for part in before[PARTS])


def next_part(place: Storage, part: Part) -> None:
    about = json.loads(place.get(RUN) or b"{}")
    parts = [Part(**one) for one in about.pop(PARTS)]
    _put(place, about | {INPUT: part.input}, [*parts, part])


def run_id(content: bytes) -> str:
    """The same for a run and all its updates."""
    about = json.loads(content)
    parts = about.pop(PARTS, None)
    if parts:
        about[INPUT] = parts[0]["input"]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _put(place: Storage, about: dict[str, Any], parts: list[Part]) -> None:
    place.put(RUN, json.dumps(about | {PARTS: [asdict(part) for part in parts]}, indent=2).encode())


def _other_run(place: Storage, name: str, before: object, now: object) -> UsageError:
    if name == INPUT:
        return UsageError(
            f"The files of the input are not those that {place.shown} was made of: some came, went or changed. Name "
            "another folder, start afresh, or read only what is new or changed.",
            option="update",
        )
    return UsageError(
        f"{place.shown} belongs to another run: its {name} is {before!r}, and this one's is {now!r}. Name another "
        "folder, or start over in this one.",
        option="fresh",
    )
