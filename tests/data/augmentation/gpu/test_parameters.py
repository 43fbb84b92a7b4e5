"""Parameters of views have the ranges and distributions of albumentations."""

from collections import Counter

import albumentations as A
import numpy as np
import pytest
from albumentations.augmentations.geometric.functional import create_affine_transformation_matrix
from scipy import stats
from torchvision.transforms import functional

from aduni.data.augmentation.gpu.counter_rng import uniforms
from aduni.data.augmentation.gpu.from_albumentations import Jitter, Recipe, Warp, read_recipe
from aduni.data.augmentation.gpu.parameters import (
    ORDERS,
    Jitters,
    Warps,
    draw_jitters,
    draw_parameters,
    draw_warps,
    forward_matrices,
    sampling,
    sort_by_hue,
)
from aduni.data.augmentation.transforms import FlippedAffine

N = 3000
EXTREMES = np.array([0, 1 - 2**-32])
AFFINES = {
    "paper": {
        "rotate": (-180, 180),
        "scale": (0.8, 1.2),
        "keep_ratio": True,
        "shear": {"x": (0.8, 1.2), "y": (0, 0)},
    },
    "digits": {"rotate": (-15, 15), "scale": (0.8, 1.2), "translate_percent": (-0.1, 0.1)},
    "all": {
        "rotate": (-90, 30),
        "scale": {"x": (0.5, 1.0), "y": (1.0, 2.0)},
        "shear": {"x": (-10, 20), "y": (-5, 0)},
        "translate_px": {"x": (-3, 4), "y": (0, 9)},
    },
}


def drawn(recipe: Recipe, side: int = 30) -> tuple[Warps, Jitters | None]:
    """Draw the warps and jitters of N images."""
    rows = np.arange(N)
    u = uniforms(3, rows * 0, rows, rows * 0, 16).T
    jitters = None if recipe.jitter is None else draw_jitters(recipe.jitter, u[10:])
    return draw_warps(recipe, u[:10], side), jitters


@pytest.mark.parametrize("name", AFFINES)
def test_warps_are_distributed_as_those_of_albumentations(name):
    affine = A.Affine(**AFFINES[name], p=1)
    affine.set_random_seed(0)
    shape = {"shape": (30, 30, 3)}
    theirs = [affine.get_params_dependent_on_data(shape, {}) for _ in range(N)]
    warps, _ = drawn(read_recipe([affine]))

    pairs = [
        (warps.rotate, [one["rotate"] for one in theirs]),
        (warps.scale[0], [one["scale"]["x"] for one in theirs]),
        (warps.scale[1], [one["scale"]["y"] for one in theirs]),
    ]
    ours = forward_matrices(warps, 30)
    matrices = np.stack([one["matrix"] for one in theirs])
    pairs += [(ours[:, i, j], matrices[:, i, j]) for i in (0, 1) for j in (0, 1, 2)]
    shears = [affine._get_shear_params() for _ in range(N)]
    shifts = [affine._get_translate_params((30, 30)) for _ in range(N)]
    for place, axis in enumerate("xy"):
        pairs.append((warps.shear[place], [one[axis] for one in shears]))
        pairs.append((warps.translate[place], [one[axis] for one in shifts]))
    for mine, other in pairs:
        assert stats.ks_2samp(mine, other).pvalue > 1e-3
    if affine.keep_ratio:
        assert np.array_equal(*warps.scale)
    else:
        assert abs(np.corrcoef(*warps.scale)[0, 1]) < 0.1
    steps = Counter(warps.translate.ravel().tolist())
    assert steps.keys() == {float(one[axis]) for one in shifts for axis in "xy"}


def test_colours_are_distributed_as_those_of_albumentations():
    ranges = {"brightness": (0.8, 1.2), "contrast": (0.5, 1), "saturation": (1, 3)}
    theirs = A.ColorJitter(**ranges, hue=(-0.1, 0.2), p=1)
    theirs.set_random_seed(0)
    params = [theirs.get_params() for _ in range(N)]
    _, jitters = drawn(read_recipe([theirs]))

    ours = dict(zip(ranges, jitters.factors, strict=True)) | {"hue": jitters.hue}
    for name, values in ours.items():
        assert stats.ks_2samp(values, [one[name] for one in params]).pvalue > 1e-3
    counts = np.bincount(jitters.order, minlength=24)
    assert stats.chisquare(counts).pvalue > 1e-3
    assert {tuple(map(int, one["order"])) for one in params} == set(map(tuple, ORDERS.tolist()))


def test_ranges_are_exact():
    warp = Warp(
        p=1.0,
        rotate=(-30, 60),
        scale=((0.8, 1.2), (0.5, 2.0)),
        shear=((1, 2), (-4, 3)),
        translate=((-3, 4), (0, 9)),
    )
    colours = Jitter(1.0, (0.8, 1.2), (0.7, 1.3), (0.6, 1.4), (-0.1, 0.1))
    warps = draw_warps(Recipe(warp), np.tile(EXTREMES, (10, 1)), 30)
    jitters = draw_jitters(colours, np.tile(EXTREMES, (6, 1)))

    assert warps.rotate == pytest.approx([-30, 60])
    assert warps.scale == pytest.approx(np.array([[0.8, 1.2], [0.5, 2]]))
    assert warps.shear == pytest.approx(np.array([[-1, -2], [4, -3]]))  # as albumentations has it
    assert warps.translate.tolist() == [[-3, 4], [0, 9]]
    assert jitters.factors == pytest.approx(np.array([[0.8, 1.2], [0.7, 1.3], [0.6, 1.4]]))
    assert jitters.hue == pytest.approx([-0.1, 0.1])
    assert jitters.order.tolist() == [0, 23]


def test_shares_are_cut_to_whole_pixels_towards_zero():
    warp = Warp(p=1.0, translate=((-0.1, 0.1), (-0.1, 0.1)), in_pixels=False)
    warps = draw_warps(Recipe(warp), np.tile(EXTREMES, (10, 1)), 19)

    assert warps.translate.tolist() == [[-1, 1], [-1, 1]]


def test_probabilities_decide_how_many_are_changed():
    warp = Warp(p=0.25, rotate=(10, 20), scale=((2, 3), (2, 3)))
    jitter = Jitter(0.75, (2, 3), (2, 3), (2, 3), (0.1, 0.2))
    warps, jitters = drawn(Recipe(warp, (0.5, 0.1), jitter))

    turned, coloured = warps.rotate > 0, jitters.hue > 0
    for changed, p in ((turned, 0.25), (coloured, 0.75), *zip(warps.flip, (0.5, 0.1), strict=True)):
        assert stats.binomtest(int(changed.sum()), N, p).pvalue > 1e-3
    assert np.array_equal(turned, warps.scale[0] > 1)
    assert np.array_equal(coloured, jitters.factors[1] > 1)
    for values in (warps.scale[0], warps.scale[1], *jitters.factors):  # whichever is changed
        assert stats.kstest(values[values > 1], "uniform", (2, 1)).pvalue > 1e-3
    assert stats.kstest(warps.rotate[turned], "uniform", (10, 10)).pvalue > 1e-3
    assert stats.kstest(jitters.hue[coloured], "uniform", (0.1, 0.1)).pvalue > 1e-3
    for one, other in ((turned, coloured), (turned, warps.flip[0]), tuple(warps.flip)):
        cells = np.histogram2d(one, other, bins=2)[0]
        assert stats.chi2_contingency(cells).pvalue > 1e-3


@pytest.mark.parametrize("side", [16, 17, 384])
def test_matrix_is_albumentations_and_flips_are_about_the_centre(side):
    rng = np.random.default_rng(side)
    for flip in ((False, False), (True, False), (False, True), (True, True)):
        rotate, (scale, shear, shift) = rng.uniform(-180, 180), rng.uniform(0.5, 2, (3, 2))
        parts = [{"x": pair[0], "y": pair[1]} for pair in (shift, shear, scale)]
        centre = (side - 1) / 2
        expected = create_affine_transformation_matrix(*parts, rotate, (centre, centre))
        for axis, flipped in enumerate(flip):
            mirror = np.eye(3)
            mirror[axis, axis], mirror[axis, 2] = (-1, side - 1) if flipped else (1, 0)
            expected = mirror @ expected
        columns = [np.array(pair)[:, None] for pair in (scale, shear, shift, flip)]
        ours = forward_matrices(Warps(np.array([rotate]), *columns), side)
        assert ours[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("side", [16, 17, 384])
def test_sheared_first_the_matrix_is_torchvisions(side):
    rng = np.random.default_rng(side)
    for _ in range(20):
        rotate, scale = rng.uniform(-180, 180), rng.uniform(0.5, 2)
        shear, shift = rng.uniform(-25, 25, 2).tolist(), rng.integers(-9, 10, 2).tolist()
        columns = [np.array(pair)[:, None] for pair in ([scale] * 2, shear, shift, [False] * 2)]
        columns[1] = -columns[1]  # as they are drawn
        centre = [(side - 1) / 2] * 2
        ours = forward_matrices(Warps(np.array([rotate]), *columns), side, "shear_first")
        theirs = functional._get_inverse_affine_matrix(centre, -rotate, shift, scale, shear)
        whole = np.vstack([np.reshape(theirs, (2, 3)), [0, 0, 1]])
        assert ours[0] == pytest.approx(np.linalg.inv(whole), abs=1e-9)


@pytest.mark.parametrize("order", ["shear_first", "shear_last"])
def test_a_batch_shears_when_its_transform_does(order):
    fixed = {"rotate": (33, 33), "scale": (1.1, 1.1), "shear": {"x": (9, 9), "y": (-4, -4)}}
    transform = FlippedAffine(**fixed, order=order, p=1)
    one_by_one = transform.get_params_dependent_on_data({"shape": (20, 20, 3)}, {})["matrix"]
    key = np.zeros(1, dtype=np.int64)
    drawn = draw_parameters(read_recipe([transform]), 0, key, key, key, 20)

    expected = sampling(np.vstack([one_by_one, [0, 0, 1]])[None], 20)
    assert drawn.sampling.numpy() == pytest.approx(expected.numpy(), abs=1e-7)


def test_sampling_goes_back_from_the_view_to_the_image():
    side, shift = 9, np.eye(3)
    shift[0, 2] = 2  # two pixels to the right

    (back,) = sampling(shift[None], side).double().numpy()
    # The view's pixel at the centre shows the image's two to the left; edges are at -1 and 1.
    assert back @ [0, 0, 1] == pytest.approx([-2 * 2 / 9, 0])
    assert back @ [4.5, -4.5, 1] == pytest.approx([1 - 2 * 2 / 9, -1])


def test_views_are_sorted_by_the_turn_of_their_hue():
    orders = np.array(
        [ORDERS.tolist().index(o) for o in ([0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 1, 0])]
    )
    factors = np.array([[0.5, 0.6, 0.7], [0.8, 0.9, 1.0], [1.1, 1.2, 1.3]])
    jitters = Jitters(factors, np.array([0.1, -0.1, 0.001]), orders)
    samples, _, colours = sort_by_hue(sampling(np.tile(np.eye(3), (3, 1, 1)), 16), jitters)

    assert samples.tolist() == [1, 2, 0]
    assert colours.hue_starts == [0, 1, 2, 2, 3]
    assert colours.hue.tolist() == pytest.approx([-18 / 30, 0, 18 / 30])
    bright, contrast, saturate = (
        lambda f: [f, 0, 0, 0],
        lambda f: [f, 0, 1 - f, 0],
        lambda f: [f, 1 - f, 0, 0.5],
    )
    expected = [
        [bright(0.6), contrast(0.9), saturate(1.2)],
        [saturate(1.3), contrast(1.0), bright(0.7)],
        [bright(0.5), contrast(0.8), saturate(1.1)],
    ]
    assert colours.blends.numpy() == pytest.approx(np.array(expected), abs=1e-6)


def test_draw_uses_each_number_once():
    recipe = read_recipe([A.Affine(**AFFINES["all"], p=1), A.ColorJitter(p=1)])
    rows = np.arange(5)
    whole = draw_parameters(recipe, 5, rows * 0, rows, rows * 0, 16)

    u = uniforms(5, rows * 0, rows, rows * 0, 16).T
    warp = sampling(forward_matrices(draw_warps(recipe, u[:10], 16), 16), 16)
    parts = sort_by_hue(warp, draw_jitters(recipe.jitter, u[10:]))
    assert whole.samples.tolist() == parts.samples.tolist()
    assert whole.sampling.tolist() == parts.sampling.tolist()
    assert whole.colours.blends.tolist() == parts.colours.blends.tolist()


def test_draw_puts_each_view_where_its_number_says():
    recipe = read_recipe([A.Affine(**AFFINES["all"], p=1), A.ColorJitter(p=1)])
    key = [np.array(part) for part in ([0, 0, 1], [4, 7, 4], [0, 1, 1])]
    together = draw_parameters(recipe, 5, *key, 16)

    for place in range(3):
        alone = draw_parameters(recipe, 5, *(part[place : place + 1] for part in key), 16)
        (at,) = np.flatnonzero(together.samples == place)
        assert together.sampling[at].tolist() == alone.sampling[0].tolist()
        assert together.colours.blends[at].tolist() == alone.colours.blends[0].tolist()
        assert together.colours.hue[at] == alone.colours.hue[0]


def test_no_parameter_follows_another():
    affine = A.Affine(**{**AFFINES["all"], "translate_px": (-99, 99)}, p=1)
    flips = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]
    warps, jitters = drawn(read_recipe([affine, *flips, A.ColorJitter(p=1)]))

    columns = np.vstack([*warps, *jitters])
    assert columns.shape == (14, N)
    correlations = stats.spearmanr(columns, axis=1).statistic - np.eye(14)
    assert abs(correlations).max() < 4.5 / np.sqrt(N)
