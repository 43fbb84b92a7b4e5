"""Near copies: what is found is what a slow comparison of all pairs finds, and no more."""

from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFilter

from aduni.data.cache import near_copies
from aduni.data.cache.decode import resize_image
from aduni.data.cache.near_copies import SIDE, group_near_copies

QUARTERS = [None, *Image.Transpose]
"""The eight orientations of a photograph."""


def fundus(number: int) -> Image.Image:
    """A disc of the same size, place and brightness for each number, with vessels of its own."""
    rng, side = np.random.default_rng(number), 300
    image = Image.new("RGB", (side, side))
    pen = ImageDraw.Draw(image)
    pen.ellipse((10, 10, side - 10, side - 10), fill=(170, 80, 30))
    for _ in range(14):
        points = rng.normal(0, side / 12, (9, 2)).cumsum(axis=0) + rng.integers(60, side - 60, 2)
        pen.line([tuple(point) for point in points], fill=(120, 40, 20), width=5)
    for x, y in rng.integers(50, side - 50, (12, 2)):
        pen.ellipse((x, y, x + 14, y + 14), fill=(230, 190, 90))
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse((10, 10, side - 10, side - 10), fill=255)
    smooth = image.filter(ImageFilter.GaussianBlur(1.5))
    return Image.composite(smooth, Image.new("RGB", image.size), mask)


def lesion(number: int, size: tuple[int, int] = (300, 225)) -> Image.Image:
    """A dark blot of many spots on skin."""
    rng = np.random.default_rng(number)
    image = Image.new("RGB", size, (215, 160, 140))
    pen = ImageDraw.Draw(image)
    for x, y in rng.normal((150, 112), (45, 35), (60, 2)):
        r = rng.integers(5, 22)
        shade = int(rng.integers(60, 150))
        pen.ellipse((x - r, y - r, x + r, y + r), fill=(shade, shade // 2, shade // 2))
    return image.filter(ImageFilter.GaussianBlur(2))


def encoded(image: Image.Image, quality: int) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)))


def grouped(images: list[Image.Image]) -> tuple[list[int], np.ndarray]:
    small = np.stack([resize_image(image, SIDE) for image in images])
    rows, differences = group_near_copies(small, [str(row) for row in range(len(images))])
    return rows.tolist(), differences


def slow_pairs(small: np.ndarray) -> set[tuple[int, int]]:
    """Every pair in every orientation, by np.corrcoef on one pixel after another."""
    middle = (SIDE - 1) / 2
    inside = [
        (y, x)
        for y in range(SIDE)
        for x in range(SIDE)
        if ((y - middle) ** 2 + (x - middle) ** 2) ** 0.5 < 0.75 * SIDE / 2
    ]
    rows = np.array(inside).T
    weights = np.exp(-0.5 * (np.arange(-6, 7) / 1.5) ** 2)
    weights /= weights.sum()

    def details(image):
        grey = image.astype(np.float64).mean(axis=2)
        padded = np.pad(grey, 6, mode="symmetric")
        rows = np.array([np.convolve(line, weights, mode="valid") for line in padded])
        blurred = np.array([np.convolve(line, weights, mode="valid") for line in rows.T]).T
        return [grey[y, x] - blurred[y, x] for y, x in inside]

    turned = [
        [np.rot90(image, turns)[:, ::step] for turns in range(4) for step in (1, -1)]
        for image in small
    ]
    compared = [[details(image) for image in images] for images in turned]
    found = set()
    for one, other in combinations(range(len(small)), 2):
        for image, second in zip(turned[other], compared[other], strict=True):
            first = compared[one][0]
            gaps = np.abs(small[one][*rows] - image[*rows].astype(float))
            if gaps.mean() < 2 and min(np.std(first), np.std(second)) >= 0.1:
                if_correlated = np.corrcoef(first, second)[0, 1] > 0.97
                found |= {(one, other)} if if_correlated else set()
    return found


@pytest.mark.parametrize("make", [fundus, lesion])
@pytest.mark.parametrize("turn", QUARTERS)
@pytest.mark.parametrize(("quality", "factor"), [(95, 1.0), (60, 1.0), (80, 0.5), (60, 2.0)])
def test_a_photograph_saved_anew_is_found(make, turn, quality, factor):
    image = make(1)
    other = image if turn is None else image.transpose(turn)
    rows, differences = grouped([make(0), image, make(2), encoded(scaled(other, factor), quality)])

    assert rows == [0, 1, 2, 1]
    assert np.isnan(differences).tolist() == [True, False, True, False]
    assert differences[1] == differences[3] < 2


@pytest.mark.parametrize("make", [fundus, lesion])
def test_other_photographs_of_one_camera_are_none(make):
    rows, differences = grouped([make(number) for number in range(60)])

    assert rows == list(range(60))
    assert np.isnan(differences).all()


def test_all_pairs_are_those_of_a_slow_comparison(monkeypatch):
    """With copies on both sides of the criteria, and blocks that end between copies."""
    rng = np.random.default_rng(0)
    originals = [make(number) for number in range(4) for make in (fundus, lesion)]
    images = [resize_image(image, SIDE) for image in originals]
    for strength in (0.5, 1, 1.5, 2, 2.5, 3, 4, 6):
        for image in images[:3]:
            noisy = image + rng.normal(0, strength, image.shape)
            turned = np.rot90(noisy.clip(0, 255), rng.integers(4))
            images.append((turned if rng.random() < 0.5 else turned[::-1]).astype(np.uint8))
    images += [np.full((SIDE, SIDE, 3), level, dtype=np.uint8) for level in (0, 0, 90)]
    small = np.stack(images)
    expected = slow_pairs(small)
    assert 5 < len(expected) < 60

    for block in (2, 7, 1000):
        for name in ("ROWS", "PAIRS"):
            monkeypatch.setattr(near_copies, name, block)
        found = [
            (first.tolist(), second.tolist())
            for first, second, _ in near_copies._near_pairs(small, np.arange(len(small)))
        ]
        pairs = [tuple(sorted(pair)) for ends in found for pair in zip(*ends, strict=True)]
        assert len(pairs) == len(set(pairs))
        assert set(pairs) == expected


def test_copies_of_copies_are_one_group_and_identical_ones_are_compared_once():
    """Each is brighter than the one before by 4 / 3 levels; the last are far apart."""
    image = resize_image(fundus(1), SIDE) // 2
    steps = [image + np.array([2, 1, 1], dtype=np.uint8) * np.uint8(n) for n in range(4)]
    small = np.stack([resize_image(fundus(0), SIDE), *steps, steps[0]])
    rows, differences = group_near_copies(small, ["x", "a", "b", "c", "d", "a"])

    assert rows.tolist() == [0, 1, 1, 1, 1, 1]
    assert np.isnan(differences[0])
    assert differences[1] == differences[5] == differences[2]


def test_images_without_any_structure_are_no_copies_of_each_other():
    rows, differences = grouped([Image.new("RGB", (40, 30), (grey,) * 3) for grey in (0, 1, 90)])

    assert rows == [0, 1, 2]
    assert np.isnan(differences).all()


def test_one_image_or_none_is_alone():
    assert grouped([lesion(0)])[0] == [0]
    rows, differences = group_near_copies(np.empty((0, SIDE, SIDE, 3), dtype=np.uint8), [])
    assert len(rows) == len(differences) == 0


@pytest.mark.parametrize("size", [32, 96])
def test_a_cache_of_any_size_has_the_same_groups(make_data, tmp_path, size):
    """The copies are turned, smaller and in another class than the photograph."""
    root = _two_classes(tmp_path)
    data = make_data("folder", root, title="mine", image_size=size)

    images = np.array(data.table.images)
    for copy in ("a/07c.jpg", "b/03c.jpg"):
        (first,) = np.flatnonzero(images == copy.replace("c.jpg", ".png").replace("b/", "a/"))
        (second,) = np.flatnonzero(images == copy)
        assert data.groups[first] == data.groups[second]
    assert len(np.unique(data.groups)) == 20
    earlier = make_data(
        "folder", root, title="mine", image_size=size, rules={"near_duplicates": False}
    )
    assert earlier.groups.tolist() == list(range(22))


def _two_classes(folder: Path) -> Path:
    root = folder / "mine"
    for number in range(20):
        file = root / "ab"[number // 10] / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        fundus(number).resize((120, 120)).save(file)
    turned = fundus(3).transpose(Image.Transpose.ROTATE_90).resize((90, 90))
    turned.save(root / "b" / "03c.jpg", quality=90)
    fundus(7).save(root / "a" / "07c.jpg", quality=75)
    return root


def test_folds_are_the_same_at_every_size_and_a_finished_cache_computes_nothing(
    make_data, tmp_path, monkeypatch
):
    root = _two_classes(tmp_path)
    hashes = {
        make_data("folder", root, title="mine", image_size=size).split_hash
        for size in (32, 96, 224)
    }
    assert len(hashes) == 1

    monkeypatch.delattr(near_copies, "high_passed")
    again = make_data("folder", root, title="mine", image_size=224)
    assert {again.split_hash} == hashes


def test_a_cache_whose_groups_were_changed_is_built_anew(make_data, tmp_path, caplog):
    root = _two_classes(tmp_path)
    before = make_data("folder", root, title="mine")
    groups = before.groups.tolist()
    file = before.cache.folder / "originals.csv"
    table = pd.read_csv(file)
    table.assign(near=0).to_csv(file, index=False)

    assert make_data("folder", root, title="mine").groups.tolist() == groups
    assert "originals.csv has changed" in caplog.text


@pytest.mark.real_data
def test_real_photographs_saved_anew_are_found(real_data):
    for pattern in ("aptos2019/train_images/*.jpg", "isic2018/*Input/*.jpg"):
        files = sorted(real_data.glob(pattern))[::200]
        images = [Image.open(file).convert("RGB") for file in files]
        turned = [
            image if turn is None else image.transpose(turn)
            for image, turn in zip(images, QUARTERS * len(images), strict=False)
        ]
        rows, _ = grouped([*images, *(encoded(scaled(image, 2), 75) for image in turned)])
        assert rows == [*range(len(images))] * 2


PAIRS = """
cd93a472e5cd d035c2bd9104  16ce555748d8 4d9fc85a8259  2b48daf24be0 9a94e0316ee3
2f284b6a1940 bb5083fae98f  33778d136069 4ccfa0b4e96c  3435fd8675a2 c62585bd68fb
b019a49787c1 e1fb532f55df  0243404e8a00 3ddb86eb530e  3b018e8b7303 3ddb86eb530e
60f15dd68d30 772af553b8b7  772af553b8b7 fcc6aa6755e6  8688f3d0fcaf bfefa7344e7d
8688f3d0fcaf d85ea1220a03  0243404e8a00 3b018e8b7303
"""
"""Those of APTOS 2019, each looked at."""


@pytest.mark.real_data
@pytest.mark.parametrize("fold", range(5))
def test_clean_folds_of_aptos_hold_near_copies_together(real_data, make_data, fold, tmp_path):
    data = make_data("aptos", real_data / "aptos2019", loading={"fold": fold})

    names = PAIRS.split()
    row = {image: number for number, image in enumerate(data.table.images)}
    for one, other in zip(names[::2], names[1::2], strict=True):
        assert data.parts[row[one]] == data.parts[row[other]]
    near = data.cache.originals
    assert set(near.loc[near["difference"].notna(), "image"]) == set(names)
