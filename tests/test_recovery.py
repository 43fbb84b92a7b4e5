"""Which checkpoint a stopped stage goes on from, and what becomes of damaged ones."""

import logging

import numpy as np
import pytest
import torch

from aduni.callbacks import WholeCheckpoints
from aduni.checkpoints import load_checkpoint
from aduni.errors import UserError
from aduni.recovery import newest_epoch


@pytest.fixture
def make(tmp_path):
    """Writes checkpoints of some epochs; the value is (epoch, best epoch so far)."""

    def write(**epochs: tuple[int, int]) -> None:
        for name, (epoch, best) in epochs.items():
            content = {
                "epoch": epoch,
                "aduni": {},
                "callbacks": {"Checkpoints": {"scores": {}, "epoch": best}},
                "state_dict": {"w": torch.arange(1000.0) + epoch},
            }
            WholeCheckpoints().save_checkpoint(content, tmp_path / f"{name}.ckpt")

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

    assert newest_epoch(tmp_path) == 4
    assert kept() == {"last": 4, "best": 2, "previous": 3}


def test_without_any_a_stage_starts(tmp_path):
    assert newest_epoch(tmp_path) is None


@pytest.mark.parametrize("damage", [_truncate, _flip, _empty])
def test_a_damaged_newest_one_gives_way_to_the_one_before(
    make, kept, tmp_path, damage, capsys, caplog
):
    make(last=(4, 2), best=(2, 2), previous=(3, 2))
    damage(tmp_path / "last.ckpt")
    with caplog.at_level(logging.WARNING):
        assert newest_epoch(tmp_path) == 3

    sentence = f"{tmp_path / 'last.ckpt'} is damaged; the run goes on from previous.ckpt."
    assert capsys.readouterr().err == f"warning: {sentence}\n"
    assert caplog.messages == [sentence]
    assert kept() == {"last": 3, "best": 2, "previous": 3}


def test_a_kill_between_best_and_last_repeats_nothing(make, kept, tmp_path, capsys):
    make(best=(4, 4), last=(3, 2), previous=(2, 2))

    assert newest_epoch(tmp_path) == 4
    assert kept() == {"last": 4, "best": 4, "previous": 2}
    assert capsys.readouterr().err == ""


def test_best_and_last_damaged_together_are_trained_again(make, kept, tmp_path, capsys):
    """One file with two names; the best epoch of what is left is the one before."""
    make(best=(4, 4), last=(4, 4), previous=(3, 3))
    for name in ("best", "last"):
        _truncate(tmp_path / f"{name}.ckpt")

    assert newest_epoch(tmp_path) == 3
    assert kept() == {"last": 3, "best": 3, "previous": 3}
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_damaged_best_one_that_is_the_last_one_too_is_made_from_it(make, kept, tmp_path):
    make(best=(4, 4), last=(4, 4), previous=(3, 3))
    _truncate(tmp_path / "best.ckpt")

    assert newest_epoch(tmp_path) == 4
    assert kept()["best"] == 4


def test_a_lost_best_epoch_ends_the_run_before_it_goes_on(make, tmp_path):
    make(best=(1, 1), last=(4, 1), previous=(3, 1))
    _truncate(tmp_path / "best.ckpt")

    with pytest.raises(UserError, match=r"best\.ckpt cannot be read, .* epoch 1; start a new run"):
        newest_epoch(tmp_path)


def test_nothing_readable_starts_the_stage_again_and_says_so(make, tmp_path, capsys):
    make(best=(0, 0), last=(0, 0))
    for name in ("best", "last"):
        _truncate(tmp_path / f"{name}.ckpt")

    assert newest_epoch(tmp_path) is None
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
        assert torch.equal(read["state_dict"].pop("w"), content["state_dict"]["w"])
        assert {**read, "state_dict": {}} == {**content, "state_dict": {}}
    assert refused > 300
