"""The rivals of the training bench, each written as people usually do."""

from __future__ import annotations

import time

import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from pipelines.augment import augment
from pipelines.corpora import Split, load_corpus
from pipelines.networks.architectures import Reader
from pipelines.training.learner import computes_bf16


def by_hand(network: str, corpus: str, epochs: int, batch: int, threads: int) -> list[float]:
    """All images in one tensor, batches by index, the same augmentation, precision and optimizer as ours."""
    torch.set_num_threads(threads)
    split = load_corpus(corpus).train
    images, labels = torch.tensor(split.images), torch.tensor(split.labels).long()
    reader = Reader(network, 10, 0.1307, 0.3081).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(reader.parameters(), 1e-3, fused=True)
    bf16 = computes_bf16(torch.device("cpu"))
    speeds = []
    for _ in range(epochs):
        started = time.perf_counter()
        order = torch.randperm(len(images))
        steps = len(images) // batch
        for chosen in order[: steps * batch].view(steps, batch):
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = reader(augment(images[chosen], "affine"))
            loss = functional.cross_entropy(logits.float(), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        speeds.append(steps * batch / (time.perf_counter() - started))
    return speeds[1:]


class PictureDataset(Dataset[tuple[torch.Tensor, int]]):
    """Images one by one through torchvision's transforms, as its MNIST data set gives them."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self._transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self._transform(Image.fromarray(self._split.images[index])), int(self._split.labels[index])


def usual_loader(network: str, corpus: str, epochs: int, threads: int) -> list[float]:
    """The loop of most tutorials: DataLoader, ToTensor, Normalize, batch 64, float32."""
    torch.set_num_threads(threads)
    loader = DataLoader(PictureDataset(load_corpus(corpus).train), batch_size=64, shuffle=True)
    network_alone = Reader(network, 10, 0.1307, 0.3081).network
    optimizer = torch.optim.Adam(network_alone.parameters(), 1e-3)
    speeds = []
    for _ in range(epochs):
        started, seen = time.perf_counter(), 0
        for images, labels in loader:
            loss = functional.cross_entropy(network_alone(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen += len(images)
        speeds.append(seen / (time.perf_counter() - started))
    return speeds[1:]
