"""Names that are read from sources are those of the libraries."""

import pytest
from torchvision import models

from aduni.models.backbones import LITE0
from aduni.models.backbones.names import check_backbone, list_backbones


def test_the_names_are_those_of_torchvision():
    assert set(list_backbones()) == {*models.list_models(module=models), LITE0}


def test_every_name_of_timm_is_accepted():
    timm = pytest.importorskip("timm")
    for name in timm.list_models():
        check_backbone(f"timm/{name}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet19", "did you mean resnet18?"),
        ("vit_tiny_patch16_224", "did you mean timm/vit_tiny_patch16_224?"),
        ("timm/resnet19", "is not a model of timm (did you mean timm/resnet"),
    ],
)
def test_other_names_get_a_hint(name, words, refusal):
    refusal(lambda: check_backbone(name), f"encoder.name={name}", words)


@pytest.mark.parametrize("name", ["my.package.factory", "hf-hub:timm/x", "local-dir:/x", LITE0])
def test_names_of_other_kinds_are_left_to_their_modules(name):
    check_backbone(name)
