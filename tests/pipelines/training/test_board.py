from __future__ import annotations

from pipelines.training.board import Board


def step(number: int) -> dict[str, object]:
    return {"kind": "step", "step": number}


def test_of_steps_only_the_newest_is_kept_and_of_epochs_all() -> None:
    board = Board()
    for event in (step(1), step(2), {"kind": "epoch", "epoch": 1}, {"kind": "epoch", "epoch": 2}, step(3), step(4)):
        board.post(event)
    assert board.drain() == [step(2), {"kind": "epoch", "epoch": 1}, {"kind": "epoch", "epoch": 2}, step(4)]
    assert board.drain() == []


def test_it_keeps_why_a_run_was_stopped() -> None:
    board = Board()
    assert board.stopped() is None
    board.stop("the loss is not a number")
    assert board.stopped() == "the loss is not a number"
