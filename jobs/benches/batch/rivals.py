"""The rivals of the batch bench, each a program of its own, so that its start counts as ours does.

python -m jobs.benches.batch.rivals KIND INPUT OUTPUT MODEL
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def by_hand(source: str, output: str, model: str) -> None:
    """A single process that reads, infers and writes, with the same engine."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipelines.inference.recognizer import Recognizer

    schema = pa.schema(
        [("source", pa.string()), ("item", pa.int64()), ("value", pa.string()), ("confidence", pa.float32())]
    )
    with Recognizer(model) as reader, pq.ParquetWriter(output, schema) as writer:
        start = 0
        for batch in pq.ParquetFile(source).iter_batches(16_384, columns=["image"]):
            pixels = batch.column(0).storage.flatten().to_numpy()
            reading = reader.read_prepared(pixels.reshape(-1, 28, 28))
            count = len(reading.labels)
            rows = [
                pa.array([source] * count),
                pa.array(np.arange(start, start + count)),
                pa.array(reading.labels.tolist()),
                pa.array(reading.confidences),
            ]
            writer.write_table(pa.Table.from_arrays(rows, schema=schema))
            start += count


def by_hand_png(source: str, output: str, model: str) -> None:
    """The same loop for PNG files, opened with OpenCV in batches of 256."""
    import cv2
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipelines.inference.recognizer import Recognizer

    files = sorted(str(path) for path in Path(source).rglob("*.png"))
    values: list[str] = []
    sure: list[float] = []
    with Recognizer(model) as reader:
        for start in range(0, len(files), 256):
            images = [np.asarray(cv2.imread(file, cv2.IMREAD_GRAYSCALE)) for file in files[start : start + 256]]
            reading = reader.read_prepared(np.stack(images).astype(np.uint8))
            values += reading.labels.tolist()
            sure += reading.confidences.tolist()
    pq.write_table(pa.table({"source": files, "value": values, "confidence": sure}), output)


def usual_loader(source: str, output: str, model: str) -> None:
    """DataLoader, ToTensor, eager PyTorch, batch 64."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision.transforms import ToTensor

    from pipelines.models.folder import open_model
    from pipelines.networks.weights import load_reader

    class Files(Dataset[torch.Tensor]):
        def __init__(self) -> None:
            self.files = sorted(str(path) for path in Path(source).rglob("*.png"))
            self.to_tensor = ToTensor()

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, index: int) -> torch.Tensor:
            return self.to_tensor(Image.open(self.files[index]))[0]

    data, reader = Files(), load_reader(open_model(model).path)
    values: list[int] = []
    with torch.inference_mode():
        for images in DataLoader(data, batch_size=64):
            values += reader((images * 255).round()).argmax(1).tolist()
    pq.write_table(pa.table({"source": data.files, "value": values}), output)


def ray_plainly(source: str, output: str, model: str) -> None:
    """Ray Data as its documentation shows it: read_images, map_batches with a class, defaults."""
    import ray

    from pipelines.inference.recognizer import Recognizer
    from pipelines.ray_runtime.session import ray_session

    class Read:
        def __init__(self) -> None:
            self.reader = Recognizer(model)

        def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            reading = self.reader.read_prepared(np.ascontiguousarray(batch["image"].reshape(-1, 28, 28)))
            return {"value": reading.labels.astype(str), "confidence": reading.confidences}

    with ray_session():
        images = ray.data.read_images(source, mode="L")
        images.map_batches(Read, compute=ray.data.ActorPoolStrategy(size=1), num_cpus=1).write_parquet(output)


RIVALS = {"by-hand": by_hand, "by-hand-png": by_hand_png, "usual": usual_loader, "ray-plainly": ray_plainly}

if __name__ == "__main__":
    RIVALS[sys.argv[1]](*sys.argv[2:])
