"""A set of sources, as the digests of their names: 16 bytes of each, however many they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SIZE = 16
DIGEST = np.dtype(f"S{SIZE}")


@dataclass(frozen=True, eq=False)
class Sources:
    digests: NDArray[np.bytes_]
    """In order."""

    def __len__(self) -> int:
        return len(self.digests)

    def __contains__(self, source: str) -> bool:
        return bool(self._among([source])[0])

    def among(self, column: pa.ChunkedArray) -> NDArray[np.bool_]:
        """Which of these values are in the set."""
        coded = column.combine_chunks().dictionary_encode()
        return self._among(coded.dictionary.to_pylist())[coded.indices.to_numpy(zero_copy_only=False)]

    def _among(self, names: list[str]) -> NDArray[np.bool_]:
        digests = _digests(names)
        if not len(self.digests):
            return np.zeros(len(digests), np.bool_)
        at = np.searchsorted(self.digests, digests).clip(max=len(self.digests) - 1)
        return self.digests[at] == digests


def sources_of(names: Iterable[str]) -> Sources:
    return Sources(np.sort(_digests(names)))


def _digests(names: Iterable[str]) -> NDArray[np.bytes_]:
    packed = bytearray()
    for name in names:
        packed += hashlib.blake2b(name.encode(), digest_size=SIZE).digest()
    return np.frombuffer(packed, DIGEST)
