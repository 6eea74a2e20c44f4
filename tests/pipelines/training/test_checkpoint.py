from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.errors import DataError
from pipelines.networks.weights import WEIGHTS, load_reader
from pipelines.training.checkpoint import load_history, load_resume, save
from tests.digits import drawn, new_reader, tensors

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torch", "ignore::UserWarning:pipelines")

DESCRIPTION = {"network": "small", "classes": 10, "mean": 0.13, "deviation": 0.31}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save(tmp_path, DESCRIPTION, new_reader(), {"step": torch.tensor(7)}, [{"epoch": 1, "val_accuracy": 0.5}])
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_reader(folder)
    return str(caught.value)


def damaged(folder: Path) -> str:
    return f"{folder / WEIGHTS} is damaged or is not a checkpoint of inkray; take another copy of it."


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    reader, history = new_reader().eval(), [{"epoch": 1, "val_accuracy": 0.1 + 0.2}]
    save(tmp_path, DESCRIPTION, reader, {"step": torch.tensor(7)}, history)
    loaded = load_reader(tmp_path)
    images = tensors(drawn(5))[0]
    assert torch.equal(loaded(images), reader(images))
    assert not loaded.training
    assert load_resume(tmp_path) == {"step": torch.tensor(7)}
    assert load_history(tmp_path) == history


def test_no_weights_is_one_sentence(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path} holds no weights.pt, so there are no weights to load."


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(folder: Path, share: float) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: int(len(content) * share)])
    assert refusal(folder) == damaged(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"epoch,loss\n1,0.5\n",
        b"\x80",
        pickle.dumps({**DESCRIPTION, "weights": {}}, protocol=2),
    ],
)
def test_a_file_of_another_kind_is_refused(folder: Path, content: bytes) -> None:
    (folder / WEIGHTS).write_bytes(content)
    assert refusal(folder) == damaged(folder)


@pytest.mark.parametrize(
    "content",
    [
        None,
        "text",
        [1, 2],
        torch.zeros(3),
        {"state_dict": {}},
        {**DESCRIPTION, "weights": {}},
        {**DESCRIPTION, "weights": 3},
        {**DESCRIPTION, "weights": new_reader("lenet5").state_dict()},
        {**DESCRIPTION, "network": "resnet", "weights": {}},
        {**DESCRIPTION, "network": ["small"], "weights": {}},
        {**DESCRIPTION, "classes": -1, "weights": {}},
        {**DESCRIPTION, "classes": "ten", "weights": {}},
    ],
    ids=lambda content: type(content).__name__,
)
def test_another_programs_checkpoint_is_refused(folder: Path, content: Any) -> None:
    torch.save(content, folder / WEIGHTS)
    assert refusal(folder) == damaged(folder)


def test_whatever_bytes_are_changed_the_answer_is_a_reader_or_one_sentence(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    chance = random.Random(0)
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(chance.choice([200, 3000, len(content)]))] = chance.randrange(256)
        (folder / WEIGHTS).write_bytes(content)
        try:
            load_reader(folder)
        except DataError as error:
            assert str(error) == damaged(folder)


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, crater: Path) -> None:
        self.crater = crater

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.crater,)


@pytest.mark.parametrize("write", [torch.save, lambda bomb, path: path.write_bytes(pickle.dumps(bomb, protocol=2))])
@pytest.mark.parametrize("hidden", [False, True])
def test_code_in_a_file_is_never_executed(folder: Path, write: Callable[[Any, Path], Any], hidden: bool) -> None:
    bomb = Bomb(folder / "crater")
    pickle.loads(pickle.dumps(bomb))
    assert bomb.crater.exists(), "the bomb must be a real one"
    bomb.crater.unlink()
    write({**DESCRIPTION, "weights": {"mean": bomb}} if hidden else bomb, folder / WEIGHTS)
    assert refusal(folder) == damaged(folder)
    assert not bomb.crater.exists()
    with pytest.raises(pickle.UnpicklingError):
        (folder / "resume.pt").write_bytes((folder / WEIGHTS).read_bytes())
        load_resume(folder)
    assert not bomb.crater.exists()
