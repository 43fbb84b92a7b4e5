"""What a start says of the encoder: weights, what is trained, and where a recipe does not suit."""

import re

import pytest
import torch

from aduni.config.instantiate import build
from aduni.training import encoder_lines
from aduni.training.encoder_lines import describe_encoder, warnings_of_recipe
from composing import settings_of


def described(*words, on_cpu=True):
    settings = settings_of(*words, "dataset.image_size=32")
    return describe_encoder(settings, build(settings.encoder), 600, on_cpu=on_cpu)


def test_weights_and_adaptation_are_named():
    assert described("dataset=aptos") == "random weights"
    finetuned = described("dataset=aptos", "recipe=finetune")
    assert finetuned == "weights DEFAULT"
    adapted = described("dataset=aptos", "recipe=finetune", "encoder.adaptation=norm_bias")
    assert adapted == "weights DEFAULT, norm_bias"


def test_a_frozen_encoder_names_its_draws_and_the_time_of_training_it(monkeypatch):
    monkeypatch.setattr(encoder_lines, "_seconds_of_step", lambda encoder, size: 0.5)
    line = described("dataset=aptos", "recipe=frozen")
    assert "features of 8 augmented draws of each image; recipe=finetune trains all" in line
    assert line.endswith("in about 5.0 min an epoch on this machine")  # 600 images of 0.5 s
    assert "this machine" not in described("dataset=aptos", "recipe=frozen", on_cpu=False)
    plain = described("dataset=aptos", "recipe=frozen", "encoder.feature_views=0")
    assert "features of the unaugmented images" in plain


def test_a_step_takes_three_forward_passes(monkeypatch):
    clock = iter([0.0, 9.0, 10.0, 18.0, 20.0, 22.0])  # passes of 9, 8 and 2 seconds
    monkeypatch.setattr(encoder_lines.time, "perf_counter", lambda: next(clock))
    encoder = torch.nn.Flatten()
    assert encoder_lines._seconds_of_step(encoder, 16) == pytest.approx(3 * 2 / 8)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dataset=aptos"], None),
        (["dataset=aptos", "recipe=frozen"], None),
        (["dataset=aptos", "recipe=finetune"], None),
        (["dataset=folder"], None),
        (["dataset=folder", "encoder=resnet18"], r"resnet18 has random weights.* recipe=scratch"),
        (["dataset=aptos", "encoder=efficientnet_lite0"], r"recipe=paper .* set recipe=finetune"),
    ],
)
def test_a_recipe_that_does_not_suit_the_weights_is_named(words, sentence):
    found = " ".join(warnings_of_recipe(settings_of(*words)))
    assert re.search(sentence, found) if sentence else not found
