"""Random numbers and form of augmented views, and the published recipes."""

import random
import warnings
from itertools import product
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from PIL import Image
from torch.utils.data import DataLoader

from aduni.batch import Batch
from aduni.data.augmentation.transforms import ColorJitter, FlippedAffine
from aduni.data.cache.image_cache import ImageCache, build_cache
from aduni.data.loading.batch_samplers import SampleIndex
from aduni.data.loading.samplers import Upsample
from aduni.data.loading.torch_datasets import EvaluationDataset, TrainingDataset

CONF = Path(__file__).resolve().parents[3] / "conf"
LABELS = np.array([0, 1, 2, 0])


def picture(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))


@pytest.fixture
def cache(tmp_path) -> ImageCache:
    """Four different images."""
    return build_cache(tmp_path / "different", list("abcd"), picture, 24)


@pytest.fixture
def alike(tmp_path) -> ImageCache:
    """The same image four times: views differ by their random numbers alone."""
    return build_cache(tmp_path / "alike", list("abcd"), lambda row: picture(0), 24)


@pytest.fixture
def views(make_data):
    """Training views under the paper's recipe."""
    recipe = make_data("isic2018").augment

    def make(cache: ImageCache, seed: int = 0, count: int = 2) -> TrainingDataset:
        return TrainingDataset(cache, LABELS, recipe, views=count, seed=seed)

    return make


def distinct(images: torch.Tensor) -> int:
    """Count the different images among (..., 3, H, W)."""
    return len({image.numpy().tobytes() for image in images.flatten(0, -4)})


# Random numbers


def test_seed_epoch_row_view_and_repeat_each_change_the_random_numbers(alike, views):
    draws = [SampleIndex(*numbers) for numbers in product(range(4), range(3), range(3))]
    batches = [views(alike, seed).__getitems__(draws).views for seed in (0, 1)]

    # 2 seeds, 4 rows of the same image, 3 epochs, 3 repeats, 2 views: all different.
    assert distinct(torch.cat(batches)) == 2 * 4 * 3 * 3 * 2


def test_nothing_else_changes_the_random_numbers(cache, views):
    draws = [SampleIndex(2, 5, 0), SampleIndex(0, 5, 1), SampleIndex(3, 4, 0)]
    together = views(cache).__getitems__(draws).views

    # One by one, in another order, by an object with another past.
    used = views(cache)
    for position in (2, 0, 1):
        alone = used.__getitems__([draws[position]]).views
        assert torch.equal(alone[:, 0], together[:, position])


def test_global_seeds_have_no_influence_and_are_left_alone(cache, views):
    batches = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        batches.append(views(cache).__getitems__([SampleIndex(1, 0, 0)]).views)
        expected = random.Random(seed).random()
        assert random.random() == expected
        assert torch.equal(torch.get_rng_state(), state)

    assert torch.equal(*batches)


def outcomes(cache: ImageCache, transforms: list) -> dict[str, int]:
    """Count how often 2,000 views were the image, either mirror image, or both."""
    plain = np.asarray(cache.pixels[0])
    kinds = {"none": plain, "left-right": plain[:, ::-1], "top-bottom": plain[::-1]}
    kinds["both"] = plain[::-1, ::-1]
    views = TrainingDataset(cache, LABELS, transforms, views=2, seed=0)
    batch = views.__getitems__([SampleIndex(0, epoch, 0) for epoch in range(1000)]).views
    images = batch.flatten(0, 1).permute(0, 2, 3, 1).numpy()
    return {name: sum(np.array_equal(i, kind) for i in images) for name, kind in kinds.items()}


FLIPS = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]


@pytest.mark.parametrize(
    "transforms",
    [
        FLIPS,
        [A.Compose(FLIPS)],
        [A.Sequential(FLIPS[:1], p=1), FLIPS[1]],
        [A.OneOf([A.HorizontalFlip(p=1), A.NoOp(p=1)], p=1), FLIPS[1]],
        [FlippedAffine(horizontal_flip=0.5, vertical_flip=0.5, p=1)],
        [FlippedAffine(horizontal_flip=0.5, p=1), FlippedAffine(vertical_flip=0.5, p=1)],
    ],
    ids=["flat", "Compose", "Sequential", "OneOf", "folded", "two folded"],
)
def test_transforms_of_a_view_draw_independently(cache, transforms):
    counts = outcomes(cache, transforms)

    # Under equal numbers for all transforms, two of the four never happen.
    assert sum(counts.values()) == 2000
    assert all(abs(count - 500) < 4 * 20 for count in counts.values()), counts


def test_first_transform_draws_from_generators_started_with_the_views_seed(cache):
    jitter = A.ColorJitter(p=1)
    views = TrainingDataset(cache, LABELS, [jitter], views=2, seed=7)
    batch = views.__getitems__([SampleIndex(2, 5, 3)]).views

    for view in range(2):
        key = [7, 5, 2, 3 * 2 + view]  # seed, epoch, row, how many views came before
        jitter.set_random_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
        expected = jitter(image=np.asarray(cache.pixels[2]))["image"]
        assert np.array_equal(batch[view, 0].permute(1, 2, 0).numpy(), expected)


def test_a_view_cannot_change_the_image_of_the_next(cache):
    def blacken(image: np.ndarray, **params: object) -> np.ndarray:
        image[:] = 0
        return image

    views = TrainingDataset(cache, LABELS, [A.Lambda(image=blacken, p=1)], views=2, seed=0)
    with pytest.raises(ValueError, match="read-only"):
        views.__getitems__([SampleIndex(0, 0, 0)])


def epochs(make_data, workers: int) -> list[list[Batch]]:
    """Load two epochs from the data module; up-sampling repeats images."""
    loading = {"num_workers": workers, "batch_size": 100}
    data = make_data("digits", protocol="paper", loading=loading)
    data.module.begin_stage(Upsample(epoch_length=4), views=2, epochs=2)
    loader: DataLoader[Batch] = data.module.train_dataloader()
    loaded = []
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)
        loaded.append(list(loader))
    return loaded


@pytest.mark.parametrize("workers", [1, 2])
def test_number_of_workers_does_not_change_an_image(make_data, workers):
    expected, loaded = epochs(make_data, 0), epochs(make_data, workers)

    for epoch, batches in enumerate(loaded):
        assert len(batches) == 4
        for batch, same in zip(batches, expected[epoch], strict=True):
            assert torch.equal(batch.indices, same.indices)
            assert torch.equal(batch.views, same.views)


def test_no_worker_repeats_another_or_itself(make_data):
    views: dict[int, set[bytes]] = {}
    appearances: dict[int, int] = {}
    for batch in (batch for batches in epochs(make_data, 2) for batch in batches):
        for position, row in enumerate(batch.indices.tolist()):
            pair = batch.views[:, position]
            views.setdefault(row, set()).update(view.numpy().tobytes() for view in pair)
            appearances[row] = appearances.get(row, 0) + 2

    # The rarest class has few images, each of which comes many times in two epochs.
    assert max(appearances.values()) > 20
    assert {row: len(different) for row, different in views.items()} == appearances


# Form


@pytest.mark.parametrize("count", [1, 2, 3])
def test_training_batch_has_v_views_of_b_images_as_bytes(cache, views, count):
    draws = [SampleIndex(row, 0, 0) for row in (3, 1, 1, 0, 2)]
    batch = views(cache, count=count).__getitems__(draws)

    assert batch.views.shape == (count, 5, 3, 24, 24)
    assert batch.views.dtype == torch.uint8
    assert batch.labels.tolist() == [0, 1, 1, 0, 2]
    assert batch.labels.dtype == torch.int64
    assert batch.indices.tolist() == [3, 1, 1, 0, 2]


def test_batches_reach_the_encoder_channels_last_without_a_copy(cache, views):
    training = views(cache).__getitems__([SampleIndex(0, 0, 0), SampleIndex(1, 0, 0)]).views
    plain = EvaluationDataset(cache, LABELS).__getitems__([0, 1]).views

    for batch in (training, plain):
        joined = batch.flatten(0, 1)
        assert joined.data_ptr() == batch.data_ptr()
        assert joined.is_contiguous(memory_format=torch.channels_last)


def test_colours_stay_in_their_channels(tmp_path, views):
    red = build_cache(tmp_path / "red", ["a"], lambda row: Image.new("RGB", (24, 24), "red"), 24)

    plain = EvaluationDataset(red, LABELS).__getitems__([0]).views
    assert plain.amax(dim=(0, 1, 3, 4)).tolist() == [255, 0, 0]
    # The jitter of hue and brightness leaves a red that is still mostly red.
    augmented = views(red).__getitems__([SampleIndex(0, 0, 0)]).views
    channels = augmented.float().mean(dim=(0, 1, 3, 4))
    assert channels.argmax() == 0


def test_evaluation_views_are_the_plain_images(cache):
    batch = EvaluationDataset(cache, LABELS).__getitems__([2, 0])

    assert batch.views.shape == (1, 2, 3, 24, 24)
    assert batch.views.dtype == torch.uint8
    for position, row in enumerate((2, 0)):
        image = batch.views[0, position].permute(1, 2, 0).numpy()
        assert np.array_equal(image, np.asarray(picture(row)))
    assert (batch.labels.tolist(), batch.indices.tolist()) == ([2, 0], [2, 0])


# Recipes


@pytest.mark.parametrize("name", ["isic2018", "aptos", "digits"])
def test_albumentations_knows_every_argument_of_the_recipe(make_data, name):
    # It only warns of arguments that it does not know, and goes on without them.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        recipe = make_data(name).augment

    assert [str(warning.message) for warning in caught if "valid" in str(warning.message)] == []
    assert all(not transform.invalid_args for transform in recipe)


@pytest.mark.parametrize("name", ["isic2018", "aptos"])
def test_recipe_of_the_photographs_is_the_papers(make_data, name):
    recipe = make_data(name).augment

    assert [type(transform) for transform in recipe] == [FlippedAffine, ColorJitter]
    affine, jitter = recipe
    assert (affine.p, jitter.p) == (1.0, 1.0)
    assert (affine.horizontal_flip, affine.vertical_flip) == (0.5, 0.5)
    assert affine.rotate == (-180, 180)
    assert affine.scale == {"x": (0.8, 1.2), "y": (0.8, 1.2)}
    assert affine.keep_ratio  # one factor for both sides
    assert affine.shear == {"x": (0.8, 1.2), "y": (0, 0)}
    assert affine.translate_px == {"x": (0, 0), "y": (0, 0)}
    assert affine.translate_percent is None
    assert affine.interpolation == 0  # nearest
    assert affine.order == "shear_first"
    assert (affine.fill, affine.border_mode, affine.fit_output) == (0, 0, False)
    assert jitter.brightness == jitter.contrast == jitter.saturation == (0.8, 1.2)
    assert jitter.hue == (-0.1, 0.1)


def test_digits_are_turned_and_shifted_a_little_and_never_flipped(make_data):
    (affine,) = make_data("digits").augment

    assert type(affine).__name__ == "Affine"
    assert affine.p == 1.0
    assert affine.rotate == (-15, 15)
    assert affine.scale == {"x": (0.8, 1.2), "y": (0.8, 1.2)}
    shift = np.array([affine.translate_percent["x"], affine.translate_percent["y"]])
    assert (abs(shift) > 0).all()
    assert (abs(shift) <= 0.1).all()


@pytest.mark.parametrize("name", ["isic2018", "aptos"])
def test_encoder_normalises_photographs_as_imagenet_is(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        encoder = compose("train", [f"dataset={name}"]).encoder

    assert encoder.mean == [0.485, 0.456, 0.406]
    assert encoder.std == [0.229, 0.224, 0.225]
