"""Python values become the overrides that the command line would have had."""

from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from aduni.api.composition import composed, to_overrides
from aduni.config.schema import read_settings
from aduni.errors import UserError
from aduni.reporting.questions import Questions
from aduni.reproduce.report_settings import read_report


@pytest.mark.parametrize(
    ("settings", "overrides"),
    [
        ({"epochs": 5, "lr": 1e-3}, ["epochs=5", "lr=0.001"]),
        ({"verbose": True, "patience": None}, ["verbose=true", "patience=null"]),
        ({"dataset": {"image_size": 64}}, ["dataset.image_size=64"]),
        ({"dataset": "aptos", "dataset.bits": 8}, ["dataset=aptos", "dataset.bits=8"]),
        ({"logger": ["csv", "wandb"]}, ["logger=[csv,wandb]"]),
        ({"class_frequency": {"a": 0.9, "b": 0.1}}, ["class_frequency={a:0.9,b:0.1}"]),
        ({"max_time": "00:00:30:00"}, ["max_time='00:00:30:00'"]),
        ({"resume": Path("a folder, with=signs")}, ["resume='a folder, with=signs'"]),
    ],
)
def test_values_in_hydras_grammar(settings, overrides):
    assert to_overrides(settings) == overrides


@pytest.mark.parametrize("value", ["a 'quoted' name", "1e5", "null", "{a}", "x,y", "$x", "é"])
def test_texts_come_through_as_they_are(value):
    with composed("train", to_overrides({"dataset": {"cache_dir": value}})) as config:
        assert config.dataset.cache_dir == value


def test_the_configuration_is_that_of_the_command():
    with composed("train", ["method=ce", "dataset=digits", "fold=3"]) as config:
        settings = read_settings(config)
        assert HydraConfig.get().runtime.choices["method"] == "ce"
    assert (settings.fold, settings.names.method, settings.names.dataset) == (3, "ce", "digits")


def test_hydra_is_left_as_it_was():
    before = (GlobalHydra.instance().is_initialized(), HydraConfig.initialized())
    with composed("train", []):
        assert GlobalHydra.instance().is_initialized()
    assert (GlobalHydra.instance().is_initialized(), HydraConfig.initialized()) == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epocs": 3}, "did you mean epochs"),
        ({"method": "adunii"}, "did you mean aduni"),
        ({"dataset": {"image_sizes": 3}}, "image_size"),
        ({"encoder": {"name": "resnet19"}}, "resnet18"),
        ({"protocol": {"split_file": "missing.csv"}}, "missing.csv"),
    ],
)
def test_mistakes_are_answered_as_on_the_command_line(settings, words):
    with pytest.raises(UserError, match=words), composed("train", to_overrides(settings)):
        pass


@pytest.mark.parametrize(
    "words", ["subgroup_bands={age:[40,60]}", "screening.positive_classes=[a] screening.name=x"]
)
def test_questions_of_a_report_compose_from_a_command_line(words):
    overrides = ["predictions=[a.csv]", "subgroups=[age]", *words.split()]
    with composed("report", overrides) as config:
        values = {key: config[key] for key in Questions.model_fields}
    questions = Questions.model_validate(OmegaConf.to_container(OmegaConf.create(values)))
    assert (questions.subgroup_bands or {}).get("age", (40, 60)) == (40, 60)


@pytest.mark.parametrize(
    "words", ["screening.name=set screening.positive_classes=[a]", "screening.prevalence=0.1"]
)
def test_a_question_that_cannot_be_asked_is_refused(words, refusal):
    def ask():
        with composed("report", ["predictions=[a.csv]", *words.split()]) as config:
            read_report(config, {})

    refusal(ask, "screening")
