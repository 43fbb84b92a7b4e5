"""Features of a frozen encoder: those of the images that a training would see, made once."""

import shutil

import numpy as np
import pytest
import torch

from aduni.data.loading.feature_extraction import FeatureExtraction
from aduni.data.loading.samplers import InstanceBalanced
from aduni.data.shard import Shard
from aduni.errors import UserError
from aduni.models.encoder import Encoder

SIDE = 16


@pytest.fixture
def encoder():
    """With batch norms that give features of size 1, in float64: rounding depends on batches."""
    torch.manual_seed(0)
    size = {"image_size": SIDE, "mean": [0.3] * 3, "std": [0.2] * 3}
    made = Encoder("shufflenet_v2_x0_5", adaptation="frozen", feature_views=2, **size)
    for module in made.modules():
        module.momentum = 1.0
    with torch.no_grad():
        made.double().backbone.train()(torch.randn(64, 3, SIDE, SIDE).double())
    return made


@pytest.fixture
def make(make_data, aptos):
    """Fifty photographs, with some settings changed."""

    def call(changes=None, /, **loading):
        return make_data("aptos", aptos.root, loading=loading, **(changes or {}))

    return call


def features_of(data, encoder):
    data.module.use_features(encoder, torch.device("cpu"))
    return data.module._loaders.features


@pytest.mark.parametrize(("augment", "workers"), [("cpu", 0), ("cpu", 2), ("gpu", 0)])
def test_draw_d_is_the_first_view_of_epoch_d(make, encoder, augment, workers):
    options = {"seed": 3, "augment": augment}
    found = features_of(make(num_workers=workers, **options), encoder).features
    assert found.shape == (3, 50, encoder.features)
    assert np.abs(found[1] - found[2]).max() > 0.1

    data = make(**options)
    data.module.begin_stage(InstanceBalanced(), views=1, epochs=2)
    loader = data.module.train_dataloader()
    with torch.inference_mode():
        for epoch in range(2):
            loader.batch_sampler.set_epoch(epoch)
            for loaded in loader:
                batch = data.module.on_after_batch_transfer(loaded, 0)
                stored = torch.from_numpy(found[1 + epoch, batch.indices]).double()
                assert torch.allclose(stored, encoder.eval()(batch.views[0]), atol=1e-5)
        for batch in data.module.evaluation_batches(data.rows("test"), torch.device("cpu")):
            stored = torch.from_numpy(found[0, batch.indices]).double()
            assert torch.allclose(stored, encoder(batch.views[0]), atol=1e-5)


def test_they_are_extracted_once(make, encoder, monkeypatch):
    first = features_of(make(), encoder)
    monkeypatch.setattr(FeatureExtraction, "_batches", None)  # would raise TypeError
    again = features_of(make(fold=1), encoder)
    assert again.folder == first.folder
    assert np.array_equal(again.features, first.features)


def test_the_key_has_all_that_features_depend_on(make, encoder):
    folders = [features_of(make(), encoder).folder]
    folders.append(features_of(make(seed=1), encoder).folder)
    folders.append(features_of(make(augment="gpu"), encoder).folder)
    folders.append(features_of(make({"augment": []}), encoder).folder)
    folders.append(features_of(make({"image_size": SIDE + 1}), encoder).folder)
    encoder.feature_views = 1
    folders.append(features_of(make(), encoder).folder)
    with torch.no_grad():
        next(encoder.backbone.parameters()).add_(1e-3)
    folders.append(features_of(make(), encoder).folder)
    encoder.architecture = {"name": "test_vit", "global_pool": "avg"}
    folders.append(features_of(make(), encoder).folder)
    encoder.mean += 1
    folders.append(features_of(make(), encoder).folder)
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-100]),
        lambda file: file.write_bytes(file.read_bytes()[:-4] + b"abcd"),
        lambda file: file.write_bytes(b""),
        lambda file: file.unlink(),
        lambda file: (file.parent / "SHA256SUMS").unlink(),
    ],
    ids=["cut", "changed", "empty", "without the array", "without the checksum"],
)
def test_damaged_features_are_made_anew(make, encoder, spoil, caplog):
    first = features_of(make(), encoder)
    expected = np.array(first.features)
    spoil(first.folder / "features.npy")
    again = features_of(make(), encoder)
    assert np.array_equal(again.features, expected)
    assert "is built anew" in caplog.text


class Scaled(torch.nn.Module):
    """The same weights in other code."""

    def __init__(self, backbone, factor):
        super().__init__()
        self.backbone, self.factor = backbone, factor

    def forward(self, images):
        return self.factor * self.backbone(images)

    def state_dict(self, *arguments, prefix, **options):
        return self.backbone.state_dict(*arguments, prefix=prefix, **options)


@pytest.mark.parametrize("in_shards", [False, True])
def test_other_code_of_an_encoder_makes_features_anew(make, encoder, in_shards, capfd):
    """As an own factory's, or timm's in another version, of which its weights tell nothing."""
    found = features_of(make(), encoder)
    before = np.array(found.features)
    if in_shards:
        shutil.rmtree(found.folder)
        extract_shards(make, encoder, [1, 2, 3, 4])
    encoder.backbone = Scaled(encoder.backbone, 2)
    again = features_of(make(), encoder)

    assert again.folder == found.folder
    assert np.allclose(again.features, 2 * before, atol=1e-5)
    assert "the encoder computes other features now" in capfd.readouterr().err


def test_rounding_does_not_make_features_anew(make, encoder, monkeypatch):
    found = features_of(make(), encoder)
    monkeypatch.setattr(FeatureExtraction, "_batches", None)  # would raise TypeError
    encoder.backbone = Scaled(encoder.backbone, 1.001)
    assert features_of(make(), encoder).folder == found.folder


def extract_shards(make, encoder, numbers, of=4):
    work = make().module.feature_extraction(encoder, torch.device("cpu"))
    return [work.extract_shard(Shard(number, of)) for number in numbers]


def test_four_shards_merged_are_the_whole_and_nothing_is_extracted_again(
    make, encoder, monkeypatch, tmp_path
):
    whole = features_of(make(), encoder)
    expected = np.array(whole.features)
    whole.folder.rename(tmp_path / "whole")
    shards = extract_shards(make, encoder, [1, 2, 3, 4])
    monkeypatch.setattr(FeatureExtraction, "_batches", None)
    merged = features_of(make(), encoder)

    assert merged.folder == whole.folder
    assert np.array_equal(merged.features, expected)
    assert not any(folder.exists() for folder in shards)


def test_missing_and_damaged_shards_are_named_and_extracted(make, encoder, tmp_path, capfd):
    whole = features_of(make(), encoder)
    expected = np.array(whole.features)
    whole.folder.rename(tmp_path / "whole")
    shards = extract_shards(make, encoder, [1, 2, 4])
    (shards[0] / "features.npy").write_bytes(b"")
    assert np.allclose(features_of(make(), encoder).features, expected, atol=1e-5)

    err = capfd.readouterr().err
    assert "The features of 16 images, shard 1/4, are extracted: a file cannot be read" in err
    assert "The features of 10 images, shard 3/4, are extracted: it is missing." in err
    assert "2/4" not in err


def test_more_shards_than_batches_are_refused(make, encoder):
    with pytest.raises(UserError, match=r"shard=1/8 divides what has 7 parts at most; write"):
        extract_shards(make, encoder, [1], of=8)
