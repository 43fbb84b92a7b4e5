"""Every method and many backbones agree with their model in every format."""

import pytest
from exported_models import exported

from aduni.errors import UserError
from aduni.inference.export.formats import FORMATS
from composing import networks

SIZES = (1, 3, 32, 100)
AGREE = 3e-6

FAST = ("aduni", "ldam")
VARIANTS = [
    *((name,) for name in networks()),
    *(("decouple", f"method.classifier={kind}") for kind in ("lws", "tau_norm", "ncm")),
    ("ce", "method.mixing.kind=mixup"),
]
GRAPHS = ("onnx", "pt2")


@pytest.mark.parametrize("overrides", [(name,) for name in FAST], ids=" ".join)
def test_any_number_of_images_gives_what_the_checkpoint_gives(overrides, tmp_path):
    name, *others = overrides
    model = exported(tmp_path, f"method={name}", *others)

    for kind in FORMATS:
        if (name, kind) == ("corn", "huggingface"):  # its probabilities are no linear layer's
            with pytest.raises(UserError, match="a classifier that is linear"):
                model.difference(kind, tmp_path, SIZES)
            continue
        assert model.difference(kind, tmp_path, SIZES) < AGREE, kind
    # Another image has other probabilities, by far more than what is let pass.
    assert model.probabilities.std(axis=0).max() > 100 * AGREE


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides", [v for v in VARIANTS if v[0] not in FAST or len(v) > 1], ids=" ".join
)
def test_every_method_gives_what_its_checkpoint_gives(overrides, tmp_path):
    test_any_number_of_images_gives_what_the_checkpoint_gives(overrides, tmp_path)


def test_the_fast_methods_and_the_slow_ones_are_all():
    assert {name for name, *_ in VARIANTS} == set(networks())
    assert set(FAST) < set(networks())


def test_channels_last_are_traced_for_any_number_of_images(tmp_path):
    """Encoders use channels last for large images."""
    size = ("encoder.name=squeezenet1_1", "dataset.image_size=128", "method=ce")
    model = exported(tmp_path, *size, tiny=False)

    assert model.difference("pt2", tmp_path, (1, 5)) < AGREE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("resnet18", 16),  # the small stem, without a stride
        ("resnet18", 130),
        ("squeezenet1_1", 64),
        *(
            pytest.param(name, side, marks=pytest.mark.exhaustive)
            for name, side in [
                ("resnet18", 32),
                ("resnet18", 64),
                ("shufflenet_v2_x0_5", 16),
                ("shufflenet_v2_x0_5", 128),
                ("efficientnet_b0", 64),
                ("densenet121", 32),
                ("convnext_tiny", 64),
                ("vit_b_16", 224),
                ("swin_t", 64),
                ("inception_v3", 128),
                ("googlenet", 64),
                ("vgg11", 64),
                ("regnet_y_400mf", 64),
            ]
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
def test_backbones_give_what_their_checkpoints_give(name, side, tmp_path):
    size = (f"encoder.name={name}", f"dataset.image_size={side}", "method=ce")
    model = exported(tmp_path, *size, tiny=False)

    for kind in FORMATS:
        assert model.difference(kind, tmp_path, (1, 3, 32)) < 2e-5, kind


def test_without_a_calibration_probabilities_are_the_softmax(tmp_path):
    model = exported(tmp_path, "method=ce", temperature=None)

    assert model.difference("safetensors", tmp_path, (32,)) < AGREE
    assert model.difference("pt2", tmp_path, (32,)) < AGREE
    assert model.description["temperature"] is None
