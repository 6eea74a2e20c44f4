from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.corpora.corpus import Split
from pipelines.errors import UsageError
from pipelines.training.data import check_batch, describe, epoch_order, split_validation, worker_batches
from tests.digits import drawn, plain


def numbered(labels: list[int]) -> Split:
    """Images that carry their own number, so that each can be found again."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(len(labels)), 256)
    return Split(images, np.array(labels, np.uint8))


def numbers(split: Split) -> list[int]:
    return (split.images[:, 0, 0].astype(int) * 256 + split.images[:, 0, 1]).tolist()


def test_each_image_is_either_trained_on_or_held_back() -> None:
    whole = numbered([k % 10 for k in range(1000)])
    training, validation = split_validation(whole, 1 / 12, seed=0)
    assert sorted(numbers(training) + numbers(validation)) == list(range(1000))
    assert not set(numbers(training)) & set(numbers(validation))
    for part in (training, validation):
        assert part.labels.tolist() == [number % 10 for number in numbers(part)]


def test_every_class_gives_the_same_share() -> None:
    _, validation = split_validation(numbered([0] * 300 + [1] * 60 + [2] * 3), 0.1, seed=0)
    assert np.bincount(validation.labels).tolist() == [30, 6, 1]


def test_no_class_is_held_back_whole() -> None:
    training, validation = split_validation(numbered([0] * 10 + [1] + [2] * 2), 0.9, seed=0)
    assert np.bincount(training.labels).tolist() == [1, 1, 1]
    assert np.bincount(validation.labels).tolist() == [9, 0, 1]


def test_the_brightness_is_measured_without_a_copy_of_the_images_in_wider_numbers() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28), dtype=np.uint8)
    tracemalloc.start()
    try:
        told = describe(plain(), Split(images, np.zeros(len(images), np.uint8)))
        assert tracemalloc.get_traced_memory()[1] < 3 * images.nbytes
    finally:
        tracemalloc.stop()
    assert told["mean"] == pytest.approx((images[:100] / 255).mean(), abs=0.01)
    assert told["deviation"] == pytest.approx((images[:100] / 255).std(), abs=0.01)


def test_the_seed_alone_decides_what_is_held_back() -> None:
    whole = drawn(200)
    assert split_validation(whole, 0.2, 4)[1].fingerprint() == split_validation(whole, 0.2, 4)[1].fingerprint()
    assert split_validation(whole, 0.2, 4)[1].fingerprint() != split_validation(whole, 0.2, 5)[1].fingerprint()


def test_too_few_images_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        split_validation(numbered([0, 1, 2]), 0.1, seed=0)
    assert str(caught.value) == "3 training images are too few to hold a validation split back from."


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 400), st.integers(0, 2**31 - 1))
def test_workers_share_each_batch_and_none_sees_anothers_image(workers: int, each: int, count: int, seed: int) -> None:
    batch = workers * each
    order = epoch_order(count, seed, epoch=1)
    parts = [worker_batches(order, batch, rank, workers) for rank in range(workers)]
    steps = count // batch
    assert all(part.shape == (steps, each) for part in parts)
    for step in range(steps):
        seen = torch.cat([part[step] for part in parts])
        assert seen.sort().values.equal(order[step * batch : (step + 1) * batch].sort().values)
    assert torch.cat([part.flatten() for part in parts]).unique().numel() == steps * batch


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(0, 2**31 - 1), st.integers(1, 1000))
def test_an_epoch_sees_every_image_once_in_an_order_of_its_own(count: int, seed: int, epoch: int) -> None:
    order = epoch_order(count, seed, epoch)
    assert order.sort().values.equal(torch.arange(count))
    assert order.equal(epoch_order(count, seed, epoch))


def test_no_two_epochs_or_seeds_have_the_same_order() -> None:
    orders = {tuple(epoch_order(50, seed, epoch).tolist()) for seed in range(5) for epoch in range(1, 21)}
    assert len(orders) == 100


@pytest.mark.parametrize(
    ("batch", "workers", "count", "message"),
    [
        (256, 3, 9000, "A batch of 256 cannot be shared evenly by 3 workers; take a multiple of 3."),
        (2, 2, 9000, "A batch of 2 leaves 1 image for each of 2 workers; take a larger one."),
        (256, 2, 255, "A batch of 256 is more than the 255 images there are to train on; take a smaller one."),
    ],
)
def test_a_batch_that_cannot_be_shared_is_refused(batch: int, workers: int, count: int, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_batch(batch, workers, count)
    assert str(caught.value) == message


def test_a_batch_may_be_all_there_is() -> None:
    check_batch(256, 128, 256)
