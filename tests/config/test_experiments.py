"""The experiments of the paper, and what they change."""

import pytest
from omegaconf import DictConfig, OmegaConf

from composing import settings_of

RELEASED = {
    "method.weighting": "released",
    "method.logit_adjustment": "dataset",
    "method.temperature": 0.1,
    "method.class_temperature": 1.0,
    "method.base_temperature": 0.07,
    "method.beta": 1.0,
    "method.embedding": 128,
    "names.alpha": "released",
    "names.method": "aduni",
}
PAPER = RELEASED | {
    "dataset.image_size": 384,
    "epochs": 400,
    "batch_size": 128,
    "lr": 0.1,
    "lr_min": 0.001,
    "names.protocol": "paper",
    "names.sampler": "none",
    "protocol.folds": 5,
}


def composed(*words: str) -> DictConfig:
    return OmegaConf.create(settings_of(*words).model_dump())


def values(config: DictConfig, keys: dict[str, object]) -> dict[str, object]:
    return {key: OmegaConf.select(config, key) for key in keys}


@pytest.mark.parametrize("name", ["aptos", "isic2018"])
def test_the_papers_training_is_one_word(name):
    config = composed(f"experiment=paper_{name}")
    expected = PAPER | {"names.dataset": name}
    assert values(config, expected) == expected


def test_the_yardstick_is_the_published_training():
    published = {
        "dataset.name": "dermamnist",
        "dataset.size": 224,
        "dataset.image_size": 224,
        "dataset.split": "given",
        "encoder.name": "resnet18",
        "encoder.weights": "DEFAULT",
        "optimizer._target_": "aduni.training.adamw",  # Adam, as nothing decays
        "optimizer.weight_decay": 0,
        "epochs": 100,
        "batch_size": 64,
        "lr": 1e-4,
        "lr_min": 1e-4,
        "names.method": "ce",
        "names.sampler": "none",
    }
    assert values(composed("experiment=yardstick_dermamnist"), published) == published


@pytest.mark.parametrize("size", [32, 64, 384])
def test_the_methods_defaults_are_their_released_codes_at_every_size(size):
    words = ("dataset=aptos", f"dataset.image_size={size}")
    assert values(composed("method=aduni", *words), RELEASED) == RELEASED
    paco = {"names.alpha": "paco", "method.logit_adjustment": "dataset"}
    assert values(composed("method=paco", *words), paco) == paco


@pytest.mark.parametrize(
    ("words", "sampler", "length"),
    [
        ((), "ClassAware", None),
        (("sampler.epoch_length=7",), "ClassAware", 7),  # the run's cap holds for both stages
        (("sampler.epoch_length=7", "method.classifier_sampler.epoch_length=9"), "ClassAware", 9),
        (("sampler@method.classifier_sampler=balanced",), "Balanced", None),
    ],
)
def test_decouples_classifier_is_on_the_released_sampler(words, sampler, length):
    node = composed("method=decouple", *words).method.classifier_sampler
    expected = {"_target_": f"aduni.data.{sampler}", "epoch_length": length}
    assert node == expected


def test_a_data_set_names_its_recipe_and_the_command_line_wins():
    assert settings_of("dataset=aptos").names.recipe == "paper"
    settings = settings_of("recipe=scratch", "dataset=aptos", "lr=0.01")
    assert (settings.names.recipe, settings.epochs, settings.lr) == ("scratch", 50, 0.01)


@pytest.mark.parametrize("words", [("experiment=paper_aptos", "method=paco")])
def test_the_order_of_experiment_and_data_set_changes_nothing(words):
    assert settings_of(*words) == settings_of(*reversed(words))
    assert settings_of(*words).names.method == "paco"
