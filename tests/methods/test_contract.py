"""Test properties that every method of conf/method must have."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch
from pytorch_lightning import seed_everything
from torch import Tensor

from aduni.batch import Batch
from aduni.checkpoints.load import load_weights
from aduni.config.build import build_data, build_method
from aduni.config.instantiate import build
from aduni.config.schema import Settings
from aduni.data.image_data import ImageData
from aduni.evaluation.evaluate_checkpoint import evaluate_checkpoint
from aduni.methods.balms import MetaSampler
from aduni.methods.base import Method, Stage
from aduni.models.memory import KeyQueue, MomentumCopy
from aduni.reproduce.floors import FLOORS
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_json
from aduni.training.lightning_module import Optimisation, StageModule, learnable
from aduni.training.optimizers import sgd
from aduni.training.run import run
from composing import networks, settings_of

OF_THEIR_OWN = (MomentumCopy, KeyQueue, MetaSampler)
"""Modules that change by themselves, without the stage's optimiser."""

VARIANTS = [
    *((name,) for name in networks()),
    *(("decouple", f"method.classifier={kind}") for kind in ("lws", "tau_norm", "ncm")),
    ("ce", "method.mixing.kind=cmo", "method.mixing.probability=1"),
    ("ldam", "class_weights=none"),
    ("ce", "class_weights=inverse", "method.mixing.kind=mixup"),
    ("focal", "class_weights=sqrt", "class_weights.deferred=0.5", "class_weights.divide_by=images"),
    ("paco", "alpha=released", "method.queue_size=70"),
]


OF_ONE_CLASS = ("balanced_softmax", "focal", "logit_adjustment", "vs")
"""Methods that differ from ce in the loss alone, which tests/losses compares with its formula."""
PARAMETERS = [
    pytest.param(
        variant, marks=[pytest.mark.slow] * (variant[0] in OF_ONE_CLASS), id=" ".join(variant)
    )
    for variant in VARIANTS
]


@dataclass
class TrainedModel:
    """Finished run on 200 images an epoch, with its initial state."""

    settings: Settings
    folder: RunFolder
    data: ImageData
    initial: Method


@pytest.fixture(scope="module", params=PARAMETERS)
def trained(request, tmp_path_factory) -> TrainedModel:
    name, *overrides = request.param
    settings = settings_of(
        f"method={name}",
        *overrides,
        "encoder.name=shufflenet_v2_x0_5",
        "epochs=2",
        "batch_size=50",
        "sampler.epoch_length=4",
        "num_workers=0",
        "trainer=cpu",
        f"dataset.cache_dir={tmp_path_factory.getbasetemp() / 'contract_cache'}",
    )
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aduni.config.build._check_grades", lambda *_: None)  # digits are none
        run(settings, folder)
    seed_everything(settings.seed, verbose=False)
    data = build_data(settings)
    return TrainedModel(settings, folder, data, build_method(settings, data.training_counts))


def _fresh(trained: TrainedModel) -> Method:
    seed_everything(7, verbose=False)
    return build_method(trained.settings, trained.data.training_counts)


def _after(trained: TrainedModel, stage: Stage, name: str) -> dict[str, Tensor]:
    final = stage.name == trained.initial.stages[-1].name
    path = trained.folder.checkpoint(name, "" if final else stage.name)
    method = _fresh(trained)
    load_weights(method, torch.load(path, weights_only=True), path)
    return method.state_dict()


def _batches(trained: TrainedModel, stage: Stage, count: int) -> list[Batch]:
    sampler = stage.sampler or build(trained.settings.sampler)
    trained.data.module.begin_stage(sampler, views=stage.views, epochs=2)
    return [
        batch
        for _, batch in zip(range(count), trained.data.module.train_dataloader(), strict=False)
    ]


def _with_steps(method: Method) -> list[Stage]:
    return [stage for stage in method.stages if stage.epochs]


def test_losses_are_finite_and_classes_are_predicted(trained):
    history = pd.read_csv(trained.folder.history)
    predictions = pd.read_csv(trained.folder.predictions)
    probabilities = predictions.filter(regex="^p_")

    assert history["loss"].notna().all()
    assert set(history["stage"]) == {stage.name for stage in _with_steps(trained.initial)}
    assert probabilities.shape[1] == 10
    assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1)


def test_what_should_learn_moved_and_what_is_frozen_did_not(trained):
    before = trained.initial.state_dict()
    for stage in _with_steps(trained.initial):
        after = _after(trained, stage, "last")
        for name, module in trained.initial.named_children():
            keys = [key for key in before if key.startswith(f"{name}.")]
            if stage.trainable and name not in stage.trainable:
                frozen = not isinstance(module, OF_THEIR_OWN)
                if name in stage.moving_statistics:
                    moved = [key for key in keys if not torch.equal(before[key], after[key])]
                    keys = [f"{name}.{key}" for key, _ in module.named_parameters()]
                    assert any(key.endswith("running_mean") for key in moved)
                same = [key for key in keys if torch.is_tensor(before[key])]
                assert not frozen or all(torch.equal(before[k], after[k]) for k in same), name
            else:
                learning = [f"{name}.{key}" for key, _ in module.named_parameters()]
                assert all(not torch.equal(before[key], after[key]) for key in learning), name
        before = _after(trained, stage, stage.next_from)


def test_no_step_waits_for_the_device(trained, monkeypatch):
    """Run a step on torch's device without values, where reading one is an error."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # knows no such device
    method = _fresh(trained).to("meta")
    for stage in _with_steps(method):
        if trained.settings.names.method == "balms" and stage.name == "classifier":
            continue  # how many images it draws depends on the batch's labels
        (batch,) = _batches(trained, stage, 1)
        tensors = {
            key: value.to("meta")
            for key, value in batch._asdict().items()
            if torch.is_tensor(value)
        }
        loss = stage.loss(batch._replace(**tensors), 0)["loss"]
        loss.backward()
        assert loss.is_meta


def test_metrics_say_which_weights_were_handed_over(trained):
    metrics = read_json(trained.folder.metrics)

    names = [stage.name for stage in trained.initial.stages]
    assert [stage["name"] for stage in metrics["stages"]] == names
    assert [stage["handed_over"] for stage in metrics["stages"]] == [
        stage.next_from for stage in trained.initial.stages
    ]
    assert metrics["selected_epoch"] == metrics["stages"][-1]["epoch"]


def test_metrics_name_an_alpha_where_the_method_has_one(trained):
    name = trained.settings.names.alpha if hasattr(trained.initial, "alpha") else None

    metrics = read_json(trained.folder.metrics)

    assert metrics["alpha"] == name
    assert (metrics["alpha_settings"] is None) == (name is None)


def test_a_stored_checkpoint_predicts_the_same_to_the_bit(trained, tmp_path):
    cache = trained.settings.dataset["cache_dir"]
    evaluate_checkpoint(trained.folder.checkpoint("best"), None, cache, tmp_path)

    again = RunFolder(tmp_path).predictions.read_text()
    assert again == trained.folder.predictions.read_text()


def test_training_goes_on_from_stored_weights_as_if_never_stopped(trained, tmp_path):
    for number, stage in enumerate(_with_steps(trained.initial)):
        method = _fresh(trained)
        first = _steps(trained, method, number, 3)
        torch.save(method.state_dict(), tmp_path / "state.pt")
        stored = torch.load(tmp_path / "state.pt", weights_only=True)
        resumed = _fresh(trained)
        resumed.load_state_dict(stored)
        _stage_module(resumed, number).train()

        batch = _batches(trained, stage, 4)[3]
        losses = []
        for each in (method, resumed):
            torch.manual_seed(5)
            loss = _with_steps(each)[number].loss(batch, 1)["loss"]
            loss.backward()
            losses.append((loss.item(), [p.grad for p in each.parameters() if p.grad is not None]))

        assert all(torch.isfinite(torch.tensor(first)))
        assert losses[0][0] == losses[1][0]
        assert len(losses[0][1]) == len(losses[1][1]) > 0
        for one, other in zip(losses[0][1], losses[1][1], strict=True):
            assert torch.equal(one, other)


def _steps(trained: TrainedModel, method: Method, number: int, count: int) -> list[float]:
    """Return the losses of the first steps of a stage, taken as the trainer takes them."""
    stage = _with_steps(method)[number]
    optimiser = _stage_module(method, number).train().configure_optimizers()
    losses = []
    for batch in _batches(trained, stage, count):
        optimiser.zero_grad()
        loss = stage.loss(batch, 0)["loss"]
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    optimiser.zero_grad()
    return losses


def _stage_module(method: Method, number: int) -> StageModule:
    """Make the module of a stage, which freezes what the stage does not train."""
    optimisation = Optimisation(sgd, 0.05, 0.001, 0)
    free = learnable(method)
    return StageModule(method, _with_steps(method)[number], optimisation, 10, (0, 0), {}, free)


@pytest.mark.parametrize("name", OF_ONE_CLASS)
def test_methods_of_one_class_differ_in_the_loss_alone(name):
    own, ce = (settings_of(f"method={method}").method for method in (name, "ce"))
    assert own.pop("loss") != ce.pop("loss")
    assert own == ce


def test_methods_are_found_by_listing_the_folder():
    conf = Path(__file__).resolve().parents[2] / "conf" / "method"
    assert {name for name, *_ in VARIANTS} | {*FLOORS} == {f.stem for f in conf.glob("*.yaml")}
