"""A folder may be begun anew as long as nothing was trained in it."""

import pytest
import torch

from aduni.checkpoints.save import AtomicCheckpointIO
from aduni.results.run_folder import RunFolder

COPY = {"state_dict": {"method.x": torch.zeros(2)}, "epoch": 3, "aduni": {"origin": {}}}
TRAINED = {**COPY, "optimizer_states": [{"state": {}}], "loops": {}}
LEFT = ("split.csv", "config.yaml", "predictions.csv", "features.npz", "model_card.md")


@pytest.fixture
def begun(tmp_path):
    """A folder whose start was recorded."""
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    for name in (*LEFT, "train.log", "wandb_id.txt"):
        (folder.path / name).write_text("a: 1\n")
    return folder


def _save(folder: RunFolder, content, name: str, stage: str = "") -> None:
    AtomicCheckpointIO().save_checkpoint(content, folder.checkpoint(name, stage))


def test_what_a_start_left_is_removed(begun):
    _save(begun, COPY, "best", "representation")
    _save(begun, COPY, "best")
    assert not begun.can_continue()
    begun.begin_anew()

    left = {file.name for file in begun.path.rglob("*") if file.is_file()}
    assert left == {"split.csv", "train.log"}  # the split is written over


@pytest.mark.parametrize("name", ["history.csv", "metrics.json"])
def test_what_was_trained_is_not_written_over(begun, refusal, name):
    (begun.path / name).write_text("")

    assert begun.can_continue()
    refusal(begun.begin_anew, f"{begun.path} already holds a run", f"resume={begun.path}")
    assert begun.config.exists()


@pytest.mark.parametrize("stage", ["", "representation"])
@pytest.mark.parametrize("name", ["best", "last", "previous"])
@pytest.mark.parametrize("content", [TRAINED, b"damaged", b""])
def test_nor_is_a_checkpoint_that_may_be_of_a_training(begun, refusal, stage, name, content):
    file = begun.checkpoint(name, stage)
    if isinstance(content, bytes):
        file.parent.mkdir()
        file.write_bytes(content)
    else:
        _save(begun, content, name, stage)

    refusal(begun.begin_anew, "already holds a run")
    assert file.exists()


@pytest.mark.parametrize("name", ["history.csv", "metrics.json", "checkpoints/last.ckpt"])
def test_nor_is_a_run_whose_configuration_is_lost(begun, refusal, name):
    begun.config.unlink()
    (begun.path / name).parent.mkdir(exist_ok=True)
    (begun.path / name).write_text("")

    refusal(begun.begin_anew, "already holds a run", "restore its config.yaml")
    assert (begun.path / name).exists()


def test_a_kill_between_any_two_removals_leaves_a_folder_that_can_be_begun(begun, monkeypatch):
    _save(begun, COPY, "best", "representation")
    path = type(begun.config)
    unlink, killed_after = path.unlink, 0

    def until(self, missing_ok=False):
        if until.left == 0:
            raise KeyboardInterrupt
        until.left -= 1
        unlink(self, missing_ok=missing_ok)

    monkeypatch.setattr(path, "unlink", until)
    while True:
        until.left = killed_after
        try:
            begun.begin_anew()
            break
        except KeyboardInterrupt:
            assert begun.config.exists()  # so that the next start clears the rest
            killed_after += 1
    assert killed_after > 3
    assert not begun.config.exists()


def test_a_folder_without_a_configuration_is_free(tmp_path):
    folder = RunFolder(tmp_path)
    folder.split.write_text("")
    folder.begin_anew()

    assert not folder.can_continue()
