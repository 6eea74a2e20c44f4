"""A reader for threads that work on pages: their digits go through the batcher like those of any other request."""

from __future__ import annotations

import asyncio

import numpy as np

from pipelines.inference.recognizer import Reading, Recognizer
from serve_app.serving.batching import Images, joined_readings
from serve_app.serving.registry import LoadedVersion, ServedModel


class BatchedReader:
    """Reads as a `Recognizer` does, in portions, so that one page cannot fill the queue."""

    def __init__(self, served: ServedModel, portion: int) -> None:
        self._served, self._portion = served, portion
        self._loop = asyncio.get_running_loop()
        self.loaded: LoadedVersion = served.loaded
        self.classes = list(self.recognizer.classes)
        """The classes of the first version that reads; another version may replace it before all is read."""

    @property
    def recognizer(self) -> Recognizer:
        """The recognizer that read last."""
        return self.loaded.recognizer

    def read_prepared(self, images: Images) -> Reading:
        starts = range(0, max(len(images), 1), self._portion)
        return joined_readings([self._wait(images[at : at + self._portion]) for at in starts])

    def _wait(self, images: Images) -> Reading:
        read, self.loaded = asyncio.run_coroutine_threadsafe(self._served.read(images), self._loop).result()
        reading, classes = read.reading, self.recognizer.classes
        if classes == self.classes:
            return reading
        probabilities = np.zeros((len(images), len(self.classes)), np.float32)
        for at, name in enumerate(self.classes):
            if name in classes:
                probabilities[:, at] = reading.probabilities[:, classes.index(name)]
        return Reading(reading.labels, reading.confidences, probabilities)
