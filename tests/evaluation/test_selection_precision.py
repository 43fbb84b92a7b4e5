"""The epoch is selected by scores in the precision of the test, and both are recorded."""

import numpy as np
import pandas as pd
import pytest
import torch

from aduni.evaluation.trained_model import load_trained
from aduni.methods.base import Method, Stage
from aduni.results.run_folder import RunFolder
from aduni.training.lightning_module import Optimisation, StageModule, learnable
from aduni.training.optimizers import sgd
from aduni.training.run import run
from composing import settings_of


class Linear(Method):
    """Keeps the logits that it gave."""

    stages = ()

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Linear(12, 3)
        self.given: list[torch.Tensor] = []

    def forward(self, images):
        self.given.append(self.encoder(images.flatten(1).float()))
        return self.given[-1]


def test_validation_under_mixed_precision_gives_the_logits_of_the_test():
    method = Linear()
    stage = Stage("train", 1, lambda batch, epoch: {})
    optimisation = Optimisation(sgd, 1, 1, 0)
    learner = StageModule(method, stage, optimisation, 3, (0, 0), {}, learnable(method))
    views = torch.randint(0, 256, (1, 5, 3, 2, 2), dtype=torch.uint8)
    batch = type("Batch", (), {"views": views, "labels": torch.arange(5) % 3})
    with torch.no_grad():
        method(views[0])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            learner.validation_step(batch, 0)

    tested, validated = method.given
    assert validated.dtype == torch.float32
    assert torch.equal(validated, tested)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    settings = settings_of(
        *("method=ce", "precision=bf16-mixed", "trainer=cpu", "epochs=3", "batch_size=32"),
        *("sampler=none", "sampler.epoch_length=6", "num_workers=0", "lr=0.01"),
        "encoder.name=shufflenet_v2_x0_5",
        f"dataset.cache_dir={tmp_path_factory.mktemp('cache')}",
    )
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    return run(settings, folder), folder


def test_the_selected_epochs_scores_are_those_of_the_predictions(finished):
    metrics, folder = finished
    history = pd.read_csv(folder.history)
    selected = history.loc[history["validation_macro_f1"].idxmax()]

    assert selected["epoch"] == metrics["selected_epoch"]
    for score in ("accuracy", "macro_f1"):
        assert selected[f"validation_{score}"] == pytest.approx(metrics["validation"][score])


def test_both_precisions_are_recorded(finished):
    metrics, folder = finished
    stored = torch.load(folder.checkpoint("best"), weights_only=True)["aduni"]

    assert (metrics["precision"], metrics["evaluation_precision"]) == ("bf16-mixed", "32-true")
    assert stored["config"]["precision"] == "bf16-mixed"
    assert stored["evaluation_precision"] == "32-true"


def test_a_loaded_model_predicts_what_was_tested(finished):
    """As predict.py and export.py load it."""
    _, folder = finished
    trained = load_trained(folder.checkpoint("best"))
    predictions = pd.read_csv(folder.predictions)

    assert all(weights.dtype != torch.bfloat16 for weights in trained.method.state_dict().values())
    assert np.isfinite(predictions.filter(like="p_")).all(axis=None)
