"""Every combination of options composes, passes the checks and builds its objects."""

import itertools
import warnings

import pytest
import torch
from torch import nn

from aduni.config.build import is_floor
from aduni.config.instantiate import build
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import Sampler
from aduni.data.loading.settings import LoaderSettings
from aduni.methods.base import DataInfo, Method
from aduni.models.encoder import Encoder
from composing import options, settings_of

PUBLISHED = ("aptos", "digits", "isic2018")  # one's own need a file
# All of the groups that choose options of one another; alpha takes turns, since it chooses none.
COMBINATIONS = [
    (*chosen, alpha)
    for chosen, alpha in zip(
        itertools.product(options("method"), PUBLISHED, options("sampler")),
        itertools.cycle(options("alpha")),
        strict=False,
    )
]
# Each option once; the exhaustive test has every pair of options.
SOME = [
    (
        method,
        PUBLISHED[i % len(PUBLISHED)],
        options("sampler")[i % len(options("sampler"))],
        options("alpha")[i % len(options("alpha"))],
    )
    for i, method in enumerate(options("method"))
]


class FewFeatures(nn.Module):
    """Stand-in for an encoder that is never run."""

    features = 8
    is_frozen = False


@pytest.fixture(scope="module")
def task() -> DataInfo:
    return DataInfo(torch.tensor([60.0, 30.0, 10.0]), torch.full((4, 3), 1 / 3), epochs=4)


@pytest.mark.parametrize(("method", "dataset", "sampler", "alpha"), SOME)
def test_options_combine(method, dataset, sampler, alpha, task):
    _check(method, dataset, sampler, alpha, task)


@pytest.mark.exhaustive
@pytest.mark.parametrize("method", options("method"))
def test_every_combination_builds(method, task):
    for combination in COMBINATIONS:
        if combination[0] == method:
            _check(*combination, task)


def _check(method, dataset, sampler, alpha, task) -> None:
    choice = {"method": method, "dataset": dataset, "sampler": sampler, "alpha": alpha}
    settings = settings_of(*(f"{group}={option}" for group, option in choice.items()))

    assert choice.items() <= settings.names.model_dump().items()
    loading = LoaderSettings(batch_size=settings.batch_size, num_workers=0, seed=0, fold=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # albumentations only warns of an argument it does not know
        data = build(settings.dataset, protocol=build(settings.protocol), loading=loading)
    assert isinstance(data, ImageData)
    assert isinstance(build(settings.sampler), Sampler)
    network = {} if is_floor(settings.method) else {"encoder": FewFeatures()}
    assert isinstance(build(settings.method, info=task, **network), Method)


@pytest.mark.parametrize("dataset", options("dataset"))
def test_the_encoder_fits_each_data_set(dataset):
    settings = settings_of(f"dataset={dataset}")

    encoder = build(settings.encoder)
    assert isinstance(encoder, Encoder)
    of_own_images = settings.names.recipe == "frozen"
    assert encoder.features == (1280 if of_own_images else 512)
    assert encoder.is_frozen == of_own_images
    assert (settings.dataset["image_size"] == 224) == of_own_images


def test_own_images_start_from_scratch_by_one_key():
    settings = settings_of("dataset=folder", "recipe=scratch")
    assert settings.encoder["name"] == "resnet18"
    assert settings.encoder["weights"] is None
    assert settings.encoder["adaptation"] == "full"
    assert settings.dataset["image_size"] == 64


@pytest.mark.parametrize("recipe", ["frozen", "finetune"])
def test_a_recipe_for_pretrained_weights_brings_them(recipe):
    settings = settings_of("dataset=aptos", f"recipe={recipe}")
    assert settings.encoder["name"] == "efficientnet_lite0"
    assert settings.encoder["weights"] == "DEFAULT"
    assert settings.dataset["image_size"] == 384


@pytest.mark.parametrize("dataset", ["isic2018", "aptos"])
def test_paper_settings_are_the_defaults_of_the_papers_data_sets(dataset):
    settings = settings_of(f"dataset={dataset}")

    assert settings.dataset["image_size"] == 384
    assert (settings.batch_size, settings.epochs) == (128, 400)
    assert (settings.lr, settings.lr_min) == (0.1, 0.001)
    assert settings.warmup_epochs == 10
    assert settings.method["temperature"] == 0.1
    assert settings.alpha == {
        "_target_": "aduni.schedules.released",
        "_partial_": True,
        "maximum": 1.0,
        "minimum": 0.01,
        "decay_epochs": 1000,
    }


def test_the_command_line_reaches_the_parts():
    settings = settings_of(
        "alpha=constant", "alpha.value=0.05", "sampler=upsample", "sampler.epoch_length=7"
    )

    method = build(
        settings.method,
        encoder=FewFeatures(),
        info=DataInfo(torch.ones(3), torch.ones(4, 3) / 3, epochs=4),
    )
    assert method.alpha(3, 4).alpha == 0.05
    assert build(settings.sampler).epoch_length == 7


def test_values_reach_the_constructors_as_their_annotations_have_them():
    settings = settings_of(
        "sampler.epoch_length=7.0",
        "dataset.image_size=32.0",
        "dataset.mean=[0,1,0]",
        "alpha=constant",
        "alpha.value='0.5'",
    )

    assert repr(settings.sampler["epoch_length"]) == "7"
    assert repr(settings.dataset["image_size"]) == repr(settings.encoder["image_size"]) == "32"
    assert repr(settings.dataset["mean"]) == repr(settings.encoder["mean"]) == "[0.0, 1.0, 0.0]"
    assert repr(settings.alpha["value"]) == repr(settings.method["alpha"]["value"]) == "0.5"


@pytest.mark.parametrize("fraction", [0, 0.5, 0.333, 0.25, 0.2, 0.1667, 0.1429, 0.1, 0.05])
def test_a_validation_part_is_one_of_a_whole_number_of_parts(fraction):
    settings = settings_of(f"protocol.validation_fraction={fraction}")

    assert settings.protocol["validation_fraction"] == fraction


def test_the_data_folder_can_be_moved(monkeypatch):
    assert settings_of("dataset=aptos").dataset["root"] == "data/aptos2019"
    monkeypatch.setenv("ADUNI_DATA", "/elsewhere")
    assert settings_of("dataset=aptos").dataset["root"] == "/elsewhere/aptos2019"
    assert settings_of("dataset=isic2018").dataset["root"] == "/elsewhere/isic2018"


def test_the_rate_may_stay_the_same():
    assert settings_of("lr=0.01", "lr_min=0.01").lr_min == 0.01
