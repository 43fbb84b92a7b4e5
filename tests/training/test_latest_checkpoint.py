"""Which checkpoint a stopped stage goes on from, and what becomes of damaged ones."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import nn
from torch.optim import SGD
from torch.utils import _pytree as pytree

from aduni.checkpoints.load import load_checkpoint
from aduni.checkpoints.save import AtomicCheckpointIO
from aduni.errors import UserError
from aduni.training.latest_checkpoint import restore_latest


class Small(LightningModule):
    """One parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.arange(1000.0))

    def configure_optimizers(self) -> SGD:
        return SGD(self.parameters(), lr=0.1, momentum=0.9)


LEARNER = Small()
TRAINER = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)

CONFIG = {
    "names": {"method": "ce", "dataset": "digits", "sampler": "none"},
    "dataset": {"image_size": 16},
    "encoder": {"name": "resnet18", "stem": "auto"},
    **{"fold": 0, "seed": 0, "epochs": 9, "batch_size": 8, "lr": 0.1},
}


def content_of(epoch: int, best: int) -> dict[str, Any]:
    """What Lightning and this project write after an epoch."""
    loop = TRAINER.fit_loop.state_dict()
    loop["epoch_progress"]["current"]["processed"] = epoch + 1
    optimiser = LEARNER.configure_optimizers().state_dict()
    optimiser["state"] = {0: {"momentum_buffer": torch.ones(1000)}}
    return {
        "epoch": epoch,
        "global_step": 3 * epoch,
        "pytorch-lightning_version": "2.6.6",
        "aduni": {
            "config": CONFIG,
            "class_names": ["a", "b"],
            "class_counts": [3, 1],
            "split_hash": "abc",
            "stage": "train",
        },
        "callbacks": {"Checkpoints": {"scores": {"accuracy": 0.5, "macro_f1": 0.5}, "epoch": best}},
        "state_dict": {"w": torch.arange(1000.0) + epoch},
        "optimizer_states": [optimiser],
        "lr_schedulers": [],
        "loops": {"fit_loop": loop},
    }


def newest(folder: Path) -> int | None:
    return restore_latest(folder, LEARNER, TRAINER)


@pytest.fixture
def make(tmp_path):
    """Writes checkpoints of some epochs; the value is (epoch, best epoch so far)."""

    def write(**epochs: tuple[int, int]) -> None:
        for name, (epoch, best) in epochs.items():
            content = content_of(epoch, best)
            AtomicCheckpointIO().save_checkpoint(content, tmp_path / f"{name}.ckpt")

    return write


@pytest.fixture
def kept(tmp_path):
    """Epochs of the files that are there."""

    def read() -> dict[str, int]:
        return {
            file.stem: load_checkpoint(file, "ckpt")["epoch"] for file in tmp_path.glob("*.ckpt")
        }

    return read


def _truncate(file):
    file.write_bytes(file.read_bytes()[:-100])


def _flip(file):
    """One bit of the weights, which torch alone does not notice."""
    content = bytearray(file.read_bytes())
    place = content.find(np.arange(500.0, 520.0, dtype=np.float32).tobytes())
    assert place > 0
    content[place] ^= 1
    file.write_bytes(content)


def _empty(file):
    file.write_bytes(b"")


def test_the_last_one_is_the_newest(make, kept, tmp_path):
    make(last=(4, 2), best=(2, 2), previous=(3, 2))

    assert newest(tmp_path) == 4
    assert kept() == {"last": 4, "best": 2, "previous": 3}


def test_without_any_a_stage_starts(tmp_path):
    assert newest(tmp_path) is None


@pytest.mark.parametrize("damage", [_truncate, _flip, _empty])
def test_a_damaged_newest_one_gives_way_to_the_one_before(
    make, kept, tmp_path, damage, capsys, caplog
):
    make(last=(4, 2), best=(2, 2), previous=(3, 2))
    damage(tmp_path / "last.ckpt")
    with caplog.at_level(logging.WARNING):
        assert newest(tmp_path) == 3

    sentence = f"{tmp_path / 'last.ckpt'} is damaged; the run goes on from previous.ckpt."
    assert capsys.readouterr().err == f"warning: {sentence}\n"
    assert caplog.messages == [sentence]
    assert kept() == {"last": 3, "best": 2, "previous": 3}


def test_a_kill_between_best_and_last_repeats_nothing(make, kept, tmp_path, capsys):
    make(best=(4, 4), last=(3, 2), previous=(2, 2))

    assert newest(tmp_path) == 4
    assert kept() == {"last": 4, "best": 4, "previous": 2}
    assert capsys.readouterr().err == ""


def test_best_and_last_damaged_together_are_trained_again(make, kept, tmp_path, capsys):
    """One file with two names; the best epoch of what is left is the one before."""
    make(best=(4, 4), last=(4, 4), previous=(3, 3))
    for name in ("best", "last"):
        _truncate(tmp_path / f"{name}.ckpt")

    assert newest(tmp_path) == 3
    assert kept() == {"last": 3, "best": 3, "previous": 3}
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_damaged_best_one_that_is_the_last_one_too_is_made_from_it(make, kept, tmp_path):
    make(best=(4, 4), last=(4, 4), previous=(3, 3))
    _truncate(tmp_path / "best.ckpt")

    assert newest(tmp_path) == 4
    assert kept()["best"] == 4


def test_a_lost_best_epoch_ends_the_run_before_it_goes_on(make, tmp_path):
    make(best=(1, 1), last=(4, 1), previous=(3, 1))
    _truncate(tmp_path / "best.ckpt")

    with pytest.raises(UserError, match=r"best\.ckpt cannot be read, .* epoch 2; start a new run"):
        newest(tmp_path)


def test_nothing_readable_starts_the_stage_again_and_says_so(make, tmp_path, capsys):
    make(best=(0, 0), last=(0, 0))
    for name in ("best", "last"):
        _truncate(tmp_path / f"{name}.ckpt")

    assert newest(tmp_path) is None
    assert "the run starts this stage again" in capsys.readouterr().err


def test_no_damage_passes_for_a_checkpoint(make, tmp_path):
    """Whatever byte is wrong: the file is refused, or nothing that was read has changed."""
    make(last=(4, 2))
    file = tmp_path / "last.ckpt"
    whole, content = file.read_bytes(), load_checkpoint(file, "ckpt")
    places = np.random.default_rng(0).integers(0, len(whole), 300)
    refused = 0
    for place in (*places, *range(len(whole) - 400, len(whole))):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        file.write_bytes(damaged)
        try:
            read = load_checkpoint(file, "ckpt")
        except UserError:
            refused += 1
            continue
        pytree.tree_map(_check_equal, read, content)
    assert refused > 300


def _check_equal(read, written):
    assert torch.equal(read, written) if isinstance(written, torch.Tensor) else read == written


MISFITS = {
    "no callbacks": lambda c: c.update(callbacks={}),
    "no scores": lambda c: c["callbacks"].update(Checkpoints={"epoch": 3}),
    "no state_dict": lambda c: c.pop("state_dict"),
    "no weights": lambda c: c.update(state_dict={}),
    "weights of another shape": lambda c: c.update(state_dict={"w": torch.ones(999)}),
    "a mapping for weights": lambda c: c.update(state_dict={"w": {}}),
    "a word for an epoch": lambda c: c.update(epoch="x"),
    "another epoch": lambda c: c.update(epoch=7),
    "nothing of ours": lambda c: c.update(aduni={}),
    "a word of ours": lambda c: c.update(aduni="x"),
    "no optimiser": lambda c: c.update(optimizer_states=[]),
    "an empty optimiser": lambda c: c.update(optimizer_states=[{}]),
    "two optimisers": lambda c: c["optimizer_states"].append(c["optimizer_states"][0]),
    "no momentum": lambda c: c["optimizer_states"][0].update(state={}),
    "momentum of another shape": lambda c: c["optimizer_states"][0].update(
        state={0: {"momentum_buffer": torch.ones(2)}}
    ),
    "momentum of another parameter": lambda c: c["optimizer_states"][0].update(
        state={5: {"momentum_buffer": torch.ones(1000)}}
    ),
    "no learning rate": lambda c: c["optimizer_states"][0]["param_groups"][0].pop("lr"),
    "parameters of another model": lambda c: c["optimizer_states"][0]["param_groups"][0].update(
        params=[0, 1]
    ),
    "no loops": lambda c: c.pop("loops"),
    "no progress": lambda c: c["loops"].update(fit_loop={}),
    "no progress of batches": lambda c: c["loops"]["fit_loop"].pop("epoch_loop.batch_progress"),
    "words for progress": lambda c: c["loops"]["fit_loop"]["epoch_progress"]["current"].update(
        ready="x"
    ),
    "no version": lambda c: c.pop("pytorch-lightning_version"),
}


@pytest.mark.parametrize("change", MISFITS.values(), ids=MISFITS)
def test_what_would_not_restore_all_of_the_training_gives_way(change, make, kept, tmp_path, capsys):
    make(last=(4, 2), best=(2, 2), previous=(3, 2))
    content = content_of(4, 2)
    change(content)
    AtomicCheckpointIO().save_checkpoint(content, tmp_path / "last.ckpt")

    assert newest(tmp_path) == 3
    assert "last.ckpt is damaged; the run goes on from previous.ckpt." in capsys.readouterr().err
    assert kept() == {"last": 3, "best": 2, "previous": 3}


def test_whole_checkpoints_of_another_training_are_not_trained_over(make, tmp_path, refusal):
    for name in ("last", "best"):
        content = content_of(4, 4)
        content["optimizer_states"] = []
        AtomicCheckpointIO().save_checkpoint(content, tmp_path / f"{name}.ckpt")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    refusal(lambda: newest(tmp_path), tmp_path / "last.ckpt", "optimizer_states", "start a new run")
    assert before == {file: file.read_bytes() for file in tmp_path.iterdir()}


def test_an_optimizer_without_momentum_has_nothing_to_remember(tmp_path):
    content = content_of(4, 4)
    content["optimizer_states"][0]["state"] = {}
    content["optimizer_states"][0]["param_groups"][0]["momentum"] = 0.0
    for name in ("last", "best"):
        AtomicCheckpointIO().save_checkpoint(content, tmp_path / f"{name}.ckpt")

    assert newest(tmp_path) == 4
