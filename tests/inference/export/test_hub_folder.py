"""Folders for the hub: timm, or the card's lines of torch, compute what the checkpoint computes."""

import json
import re

import numpy as np
import pytest
import timm
import torch
from exported_models import exported

from aduni.inference.export.huggingface.card import readme
from aduni.inference.export.huggingface.folder import CARD, model_folder
from aduni.inference.export.huggingface.head import head_of
from aduni.inference.export.huggingface.torch_network import TorchNetwork
from aduni.models.backbones.timm import architecture_of
from aduni.models.encoder import Encoder

AGREE = 5e-5
SIZE, LARGE, HUGE = ((f"dataset.image_size={side}",) for side in (32, 64, 128))


def _folder(tmp_path, *overrides):
    """Export an untrained model; return it with the folder that it is written to."""
    model = exported(tmp_path, *overrides, tiny=False)
    folder = model_folder(model.model, model.description)
    place = tmp_path / "folder"
    place.mkdir()
    folder.write(place)
    (place / CARD).write_text(readme(folder, None), encoding="utf-8")
    return model, folder, place


def _difference(found, model):
    return float(np.abs(np.asarray(found) - model.probabilities[: len(found)]).max())


def _by_timm(place, model):
    """Compute probabilities by timm alone, from what config.json says."""
    network = timm.create_model(f"local-dir:{place}", pretrained=True).eval()
    config = timm.data.resolve_model_data_config(network)
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        logits = network((torch.from_numpy(model.images) / 255 - mean) / std)
    temperature = json.loads((place / "config.json").read_text())["aduni"]["temperature"]
    return (logits / temperature).softmax(1)


def _by_lines(place, model, monkeypatch):
    """Compute probabilities by executing the lines of the card."""
    (code,) = re.findall(r"```python\n(.*?)```", (place / CARD).read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 13
    monkeypatch.chdir(place)
    names = {"images": torch.from_numpy(model.images) / 255}
    with torch.no_grad():
        exec(code, names)
    return names["probabilities"]


@pytest.mark.parametrize(
    "overrides",
    [
        ("method=ce", "encoder.name=resnet18", *LARGE),
        ("method=logit_adjustment_post_hoc", "encoder.name=timm/test_resnet"),
        ("method=aduni", "encoder.name=efficientnet_lite0", "dataset.image_size=50"),
        ("method=decouple", "method.classifier=lws", "encoder.name=timm/test_vit", *SIZE),
        pytest.param(("method=ce", "encoder.name=densenet121", *SIZE), marks=pytest.mark.slow),
        pytest.param(("method=ce", "encoder.name=wide_resnet50_2", *LARGE), marks=pytest.mark.slow),
        pytest.param(("method=ce", "encoder.name=inception_v3", *HUGE), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
def test_timm_opens_the_folder(overrides, tmp_path):
    model, folder, place = _folder(tmp_path, *overrides)

    assert _difference(_by_timm(place, model), model) < AGREE
    assert _difference(folder.runner(place)(model.images), model) < AGREE
    assert model.probabilities.std(axis=0).max() > 100 * AGREE
    network = timm.create_model(f"local-dir:{place}", pretrained=True)
    assert network.pretrained_cfg["label_names"] == model.description["class_names"]


SLOW = [
    ("method=ce", f"encoder.name={name}", f"dataset.image_size={side}")
    for name, side in [
        *(("vit_b_16", 32), ("vgg11", 64), ("googlenet", 64)),
        *(("squeezenet1_1", 64), ("convnext_tiny", 64), ("swin_t", 64), ("efficientnet_b0", 64)),
        *(("regnet_y_400mf", 64), ("mobilenet_v3_small", 64)),
    ]
]


@pytest.mark.parametrize(
    "overrides",
    [
        ("method=ce", "encoder.name=shufflenet_v2_x0_5"),
        ("method=ldam", "encoder.name=resnet18"),
        ("method=ldam", "encoder.name=resnet18", *LARGE),
        ("method=ldam", "encoder.name=efficientnet_lite0", "dataset.image_size=50"),
        ("method=ldam", "encoder.name=timm/test_vit", *SIZE),
        *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW),
    ],
    ids=" ".join,
)
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
def test_lines_of_torch_open_what_timm_lacks(overrides, tmp_path, monkeypatch):
    model, folder, place = _folder(tmp_path, *overrides)

    assert _difference(_by_lines(place, model, monkeypatch), model) < AGREE
    assert _difference(folder.runner(place)(model.images), model) < AGREE
    with pytest.raises(KeyError, match="architecture"):
        timm.create_model(f"local-dir:{place}", pretrained=True)


def test_a_training_can_start_from_the_folder(tmp_path):
    model, _, place = _folder(tmp_path, "method=ce", "encoder.name=timm/test_resnet")
    name, first = f"local-dir:{place}", model.model.method.encoder
    norm = {"mean": [0.31] * 3, "std": [0.37] * 3, "architecture": architecture_of(name)}
    encoder = Encoder(name, "DEFAULT", image_size=16, **norm).eval()

    images = torch.from_numpy(model.images)
    with torch.inference_mode():
        assert torch.allclose(encoder(images), first(images), atol=1e-5)


def test_the_classifier_keeps_its_numbers(tmp_path):
    model = exported(tmp_path, "method=ce", "encoder.name=shufflenet_v2_x0_5", tiny=False)
    method = model.model.method
    head = head_of(method, method.encoder)

    assert not head.is_cosine
    assert torch.equal(head.weight, method.classifier.linear.weight)
    assert torch.equal(head.bias, method.classifier.linear.bias)


def test_a_classifier_of_another_kind_or_another_encoder_is_refused(tmp_path, refusal):
    tiny = exported(tmp_path, "method=ce")
    squared = exported(tmp_path, "method=ce", "encoder.name=shufflenet_v2_x0_5", tiny=False)
    squared.model.method.classifier.append(torch.nn.Softplus())

    for model in (tiny, squared):
        refusal(
            lambda model=model: model_folder(model.model, model.description),
            *("format=huggingface needs", "use format=pt2 or format=safetensors"),
        )


def test_a_model_of_the_same_name_that_computes_another_thing_is_not_timms(tmp_path):
    """Layers that differ in a number, not in a shape, are told by their outputs."""
    model = exported(tmp_path, "method=ce", "encoder.name=resnet18", *LARGE, tiny=False)
    for module in model.model.method.encoder.backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-2

    assert isinstance(model_folder(model.model, model.description).network, TorchNetwork)
