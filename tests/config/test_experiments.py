"""The experiments of the paper, and the defaults for small images."""

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


@pytest.mark.parametrize("size", [32, 63, 64, 384])
def test_the_papers_settings_hold_at_every_size(size):
    words = ("dataset=aptos", f"dataset.image_size={size}")
    assert values(composed("experiment=paper_aduni", *words), RELEASED) == RELEASED
    assert (values(composed("method=aduni", *words), RELEASED) == RELEASED) == (size >= 64)


@pytest.mark.parametrize("size", [32, "'32'", 64])  # the settings take '32' for 32
def test_paco_has_no_adjustment_where_images_are_small(size):
    words = ("dataset=aptos", f"dataset.image_size={size}")
    expected = {"names.method": "paco", "names.alpha": "paco", "method.logit_adjustment": "dataset"}
    assert values(composed("experiment=paper_paco", *words), expected) == expected
    adjustment = composed("method=paco", *words).method.logit_adjustment
    assert adjustment == ("dataset" if size == 64 else "none")


def test_small_images_are_adjusted_by_what_the_sampler_draws():
    for words in (["dataset=digits"], ["dataset=medmnist", "dataset.size=28", "recipe=scratch"]):
        assert composed("method=aduni", *words).method.logit_adjustment == "sampled"


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


@pytest.mark.parametrize("words", [("experiment=paper_paco", "dataset=digits")])
def test_the_order_of_experiment_and_data_set_changes_nothing(words):
    assert settings_of(*words) == settings_of(*reversed(words))
    assert settings_of(*words).names.recipe == "digits"
