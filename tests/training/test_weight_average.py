"""Test the moving average of the weights against a loop, in validation, checkpoints and resumes."""

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader

from aduni.config.schema import Settings
from aduni.errors import UserError
from aduni.results.run_folder import RunFolder
from aduni.training.callbacks.checkpoints import Checkpoints
from aduni.training.callbacks.weight_average import WeightAverage
from aduni.training.run import run
from composing import settings_of

ROWS = torch.randn(12, 4, generator=torch.Generator().manual_seed(3))


class Toy(LightningModule):
    """A layer that learns, a batch norm, and a layer that is frozen."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.learns, self.norm, self.frozen = nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)
        self.frozen.requires_grad_(False)
        self.steps: list[dict[str, torch.Tensor]] = []
        self.validated: list[torch.Tensor] = []

    def training_step(self, rows: torch.Tensor, _: int) -> torch.Tensor:
        return self.frozen(self.norm(self.learns(rows))).pow(2).mean()

    def on_train_batch_end(self, *_) -> None:
        self.steps.append({key: value.clone() for key, value in self.state_dict().items()})

    def validation_step(self, rows: torch.Tensor, _: int) -> None:
        self.validated.append(self.learns.weight.detach().clone())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.learns.parameters(), 0.5, momentum=0.9)


class Save(Callback):
    """Write a checkpoint at the end of each epoch, as the training's own callback does."""

    def __init__(self, folder) -> None:
        self._folder = folder

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.save_checkpoint(self._folder / f"{trainer.current_epoch}.ckpt")


def fit(folder, epochs: int, decay: float = 0.6, resume=None) -> Toy:
    options = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=[WeightAverage(decay), Save(folder)],
        **{"enable_checkpointing": False, "num_sanity_val_steps": 0, **options},
    )
    toy, loader = Toy(), DataLoader(ROWS, batch_size=4)
    trainer.fit(toy, loader, loader, ckpt_path=resume, weights_only=True)
    return toy


def load(folder, epoch: int) -> dict:
    return torch.load(folder / f"{epoch}.ckpt", weights_only=True)


@pytest.mark.filterwarnings("ignore")  # of few workers, and of a loader that is not shuffled
def test_the_average_is_that_of_a_loop_and_is_validated_and_saved(tmp_path):
    toy = fit(tmp_path, 2)
    content = load(tmp_path, 1)

    average = {key: value.double() for key, value in toy.steps[0].items()}
    for count, state in enumerate(toy.steps[1:], start=1):
        kept = min(0.6, (1 + count) / (10 + count))
        for key, value in state.items():
            average[key] = kept * average[key] + (1 - kept) * value.double()
    counter = "norm.num_batches_tracked"
    average[counter] = toy.steps[-1][counter].double()  # a count is copied
    for key, value in content["state_dict"].items():
        torch.testing.assert_close(value.double(), average[key], atol=1e-6, rtol=1e-5)
        assert torch.equal(content["current_model_state"][key], toy.steps[-1][key])
    assert torch.equal(toy.validated[-1], content["state_dict"]["learns.weight"])
    assert not torch.equal(toy.validated[-1], toy.steps[-1]["learns.weight"])


@pytest.mark.filterwarnings("ignore")
def test_what_is_frozen_stays_to_the_bit(tmp_path):
    fit(tmp_path, 1, decay=0.999)
    for key, value in Toy().frozen.state_dict().items():
        assert torch.equal(load(tmp_path, 0)["state_dict"][f"frozen.{key}"], value)


@pytest.mark.filterwarnings("ignore")
def test_a_resumed_training_has_the_same_average_to_the_bit(tmp_path):
    (tmp_path / "whole").mkdir()
    fit(tmp_path / "whole", 3)
    fit(tmp_path, 1)
    fit(tmp_path, 3, resume=tmp_path / "0.ckpt")

    whole, resumed = load(tmp_path / "whole", 2), load(tmp_path, 2)
    for part in ("state_dict", "current_model_state", "averaging_state"):
        assert whole[part].keys() == resumed[part].keys()
        assert all(torch.equal(value, resumed[part][key]) for key, value in whole[part].items())


@pytest.mark.parametrize("value", ["0", "1", "much"])
def test_a_decay_out_of_range_is_refused(value):
    with pytest.raises(UserError, match=f"ema_decay={value} is not valid: it should be"):
        settings_of(f"ema_decay={value}")


def settings_in(tmp_path, cache) -> Settings:
    quick = ("encoder.name=shufflenet_v2_x0_5", "epochs=3", "batch_size=32", "num_workers=0")
    small = ("method=ce", "sampler=none", "sampler.epoch_length=2", "trainer=cpu", "ema_decay=0.9")
    return settings_of(*quick, *small, f"dataset.cache_dir={cache}")


@pytest.mark.slow
def test_a_run_tests_the_average_and_goes_on_after_a_kill_to_the_bit(
    tmp_path, digits_cache, monkeypatch
):
    """Also if last.ckpt has lost the weights of the training."""
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    for folder in (whole, killed):
        folder.path.mkdir()
    run(settings_in(tmp_path, digits_cache), whole)
    written = Checkpoints.on_train_epoch_end

    def kill(self, trainer, module):
        written(self, trainer, module)
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt

    settings = settings_in(tmp_path, digits_cache)
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "on_train_epoch_end", kill)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run(settings, killed)
    content = torch.load(killed.checkpoint("last"), weights_only=True)
    del content["current_model_state"]
    torch.save(content, killed.checkpoint("last"))
    settings.resume = str(killed.path)
    run(settings, killed)

    assert killed.predictions.read_text() == whole.predictions.read_text()
    last = [torch.load(each.checkpoint("last"), weights_only=True) for each in (whole, killed)]
    for key, value in last[0]["state_dict"].items():
        assert torch.equal(value, last[1]["state_dict"][key])
