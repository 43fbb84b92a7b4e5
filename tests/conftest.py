"""What tests share: threads; tiny releases in the official layouts, and the real ones."""

import one_thread  # noqa: F401  before numpy

# isort: split
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from PIL import Image

import aduni.cli.app  # noqa: F401  registers what the YAML of own data names
from aduni.config.instantiate import build
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import InstanceBalanced
from aduni.data.loading.settings import LoaderSettings
from aduni.data.splits.protocol import Protocol
from aduni.errors import UserError
from visible_gpus import hide_gpus, selects_gpu

torch.set_num_threads(1)  # also where torch was imported before
# Tests that run in the background inherit that SIGINT is ignored, and so would what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
ISIC = "ISIC2018_Task3_Training"
ISIC_CLASSES = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]

# A clause that tells the reader what to do, or what would have been accepted.
REMEDY = (
    r"[;:] .*\b(add|check|choose|complete|convert|correct|delete|download|export|fetch|free|give"
    r"|has folds|its columns are|keep|leave|lower|make|must be|parts are|put|remake|remove|repair"
    r"|replace|restore|run|save|set|take|unpack|use|write)\b"
)


def pytest_configure(config: pytest.Config) -> None:
    """Hide GPUs from tests that are not marked gpu, and from the processes that they start."""
    if not selects_gpu(config.option.markexpr):
        hide_gpus()


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests that would see a GPU though they are not marked gpu, or none though they are.

    Tests marked exhaustive are marked slow, too.
    """
    visible = selects_gpu(config.option.markexpr)
    reason = "runs without a GPU: leave gpu out of -m" if visible else "runs with -m gpu alone"
    for item in items:
        if item.get_closest_marker("exhaustive"):
            item.add_marker(pytest.mark.slow)
        if (item.get_closest_marker("gpu") is not None) != visible:
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass(frozen=True)
class Release:
    """A data set as it is published."""

    root: Path
    table: Path
    images: Path

    @property
    def lesions(self) -> Path:
        """ISIC 2018 only."""
        return self.root / f"{ISIC}_LesionGroupings.csv"

    def made(self) -> "Release":
        """With the folders that its files go into."""
        for folder in (self.table.parent, self.images):
            folder.mkdir(parents=True, exist_ok=True)
        return self


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the published data sets; the test is skipped where they are not."""
    folder = Path(os.environ.get("ADUNI_REAL_DATA", ROOT.parent / "shared" / "data"))
    for name in ("isic2018", "aptos2019"):
        if not (folder / name).is_dir():
            pytest.skip(f"{folder / name} is missing; ADUNI_REAL_DATA names the folder above it")
    return folder


@pytest.fixture
def isic(tmp_path: Path) -> Release:
    """Ten photographs of eight lesions a class: two lesions were photographed twice."""
    release = isic_release(tmp_path / "isic2018").made()
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(7), 10)
    images = [f"ISIC_{24306 + i:07d}" for i in range(len(labels))]
    for image in images:
        photograph(rng, (60, 45)).save(release.images / f"{image}.jpg")
    write_truth(release, images, labels)
    lesions = [f"HAM_{label}{i % 8}" for label in range(7) for i in range(10)]
    write_lesions(release, images, lesions)
    return release


@pytest.fixture
def aptos(tmp_path: Path) -> Release:
    """Ten photographs a grade, of varying size, most of them PNG.

    The last two grades share one picture, as some do in the real data. The first id is all
    digits: read as a number, it would lose its zeros.
    """
    release = aptos_release(tmp_path / "aptos2019").made()
    rng = np.random.default_rng(0)
    ids = ["000012345678", *(f"{i:04x}8f6ad8d7" for i in range(1, 50))]
    for number, name in enumerate(ids):
        picture = photograph(rng, (40 + number, 90 - number))
        picture.save(release.images / f"{name}.{'jpg' if number % 4 == 1 else 'png'}")
    copy = (release.images / f"{ids[34]}.png").read_bytes()
    (release.images / f"{ids[44]}.png").write_bytes(copy)
    table = pd.DataFrame({"id_code": ids, "diagnosis": np.repeat(np.arange(5), 10)})
    table.to_csv(release.table, index=False)
    return release


@pytest.fixture
def isic_subset(real_data: Path, tmp_path: Path) -> Release:
    """Sixty real photographs: eight lesions a class, four of them photographed twice."""
    source = isic_release(real_data / "isic2018")
    truth = pd.read_csv(source.table)
    truth["label"] = truth[ISIC_CLASSES].to_numpy().argmax(axis=1)
    truth = truth.merge(pd.read_csv(source.lesions), on="image")
    first = truth.drop_duplicates("lesion_id").groupby("label").head(8)
    others = truth.drop(first.index)
    chosen = pd.concat([first, others[others["lesion_id"].isin(first["lesion_id"])].head(4)])
    release = isic_release(tmp_path / "isic2018").made()
    for image in chosen["image"]:
        file = f"{image}.jpg"
        (release.images / file).symlink_to(source.images / file)
    write_truth(release, chosen["image"].tolist(), chosen["label"].to_numpy())
    write_lesions(release, chosen["image"].tolist(), chosen["lesion_id"].tolist())
    return release


@pytest.fixture
def aptos_subset(real_data: Path, tmp_path: Path) -> Release:
    """Sixty real photographs, twelve a grade."""
    source = aptos_release(real_data / "aptos2019")
    release = aptos_release(tmp_path / "aptos2019").made()
    chosen = pd.read_csv(source.table).groupby("diagnosis").head(12)
    chosen.to_csv(release.table, index=False)
    for name in chosen["id_code"]:
        file = f"{name}.jpg"
        (release.images / file).symlink_to(source.images / file)
    return release


@pytest.fixture(scope="session")
def digits_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits are always the same: resized once, for all tests."""
    return tmp_path_factory.mktemp("digits")


@pytest.fixture(scope="session")
def make_protocol() -> Callable[..., Protocol]:
    """Builds a protocol from its YAML, with some rules changed."""

    def make(name: str = "clean", **rules: Any) -> Protocol:
        protocol: Protocol = build({**yaml_leaf("protocol", name), **rules})
        return protocol

    return make


@pytest.fixture
def make_data(
    tmp_path: Path, digits_cache: Path, make_protocol: Callable[..., Protocol]
) -> Callable[..., ImageData]:
    """Builds a data set from its YAML, with some settings changed."""

    def make(
        name: str,
        root: Path | str = "",
        /,
        *,
        protocol: str = "clean",
        rules: dict[str, Any] | None = None,
        loading: dict[str, int] | None = None,
        **changes: Any,
    ) -> ImageData:
        cache = digits_cache if name == "digits" else tmp_path / "cache"
        node = yaml_leaf("dataset", name)["dataset"]
        node |= {"root": str(root), "cache_dir": str(cache), "image_size": 16, **changes}
        numbers = {"batch_size": 16, "num_workers": 0, "seed": 0, "fold": 0, **(loading or {})}
        divided = make_protocol(protocol, **(rules or {}))
        data: ImageData = build(node, protocol=divided, loading=LoaderSettings(**numbers))
        return data

    return make


@pytest.fixture
def check_subset() -> Callable[[ImageData, tuple[int, int]], None]:
    """The way of sixty real photographs of one size from their files to batches."""

    def check(data: ImageData, size: tuple[int, int]) -> None:
        originals = data.cache.originals
        assert set(zip(originals["width"], originals["height"], strict=True)) == {size}
        with Image.open(data.table.files[7]) as image:
            resized = image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
        assert np.array_equal(data.cache.pixels[7], np.asarray(resized))
        data.module.begin_stage(InstanceBalanced(), views=2, epochs=1)
        loaded = []
        for batch in data.module.train_dataloader():
            assert batch.views.shape == (2, 16, 3, 32, 32)
            loaded += batch.indices.tolist()
        for part in ("validation", "test"):
            loaded += [
                i
                for b in data.module.evaluation_batches(data.rows(part), torch.device("cpu"))
                for i in b.indices.tolist()
            ]
        assert len(loaded) == len(set(loaded))
        assert 60 - 16 < len(loaded) <= 60  # an incomplete training batch is dropped

    return check


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save figures as blank drawings, for tests of what else is in a report."""

    def save(self: Figure, file: Any, *, format: str = "pdf", **options: Any) -> None:
        if format == "svg":
            file.write('<svg width="8pt" height="8pt"></svg>')
        else:
            Image.new("RGB", (8, 8)).save(file, format=format)

    monkeypatch.setattr(Figure, "savefig", save)


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Calls, expects a UserError, and checks what holds for all of them."""

    def refused(call: Callable[[], Any], *words: str | Path) -> str:
        with pytest.raises(UserError) as error:
            call()
        message = str(error.value)
        missing = [str(word) for word in words if str(word) not in message]
        assert not missing, f"{missing} not in: {message}"
        assert re.search(REMEDY, message), f"says nothing about what to do: {message!r}"
        assert "\n" not in message, f"more than one line: {message!r}"
        assert message.endswith("."), message
        assert not re.search(r"\.\s+[A-Z]", message), f"more than one sentence: {message}"
        return message

    return refused


def yaml_leaf(group: str, option: str) -> dict[str, Any]:
    """A file of conf/, as it resolves beside an encoder without weights."""
    leaf = OmegaConf.load(ROOT / "conf" / group / f"{option}.yaml")
    beside = {} if group == "encoder" else {"encoder": {"weights": None}}
    plain = OmegaConf.to_container(OmegaConf.merge(beside, leaf), resolve=True)
    assert isinstance(plain, dict)
    return {str(key): plain[key] for key in leaf}


def isic_release(root: Path) -> Release:
    """The official names of ISIC 2018 task 3."""
    truth = root / f"{ISIC}_GroundTruth" / f"{ISIC}_GroundTruth.csv"
    return Release(root, truth, root / f"{ISIC}_Input")


def aptos_release(root: Path) -> Release:
    """The official names of APTOS 2019."""
    return Release(root, root / "train.csv", root / "train_images")


def write_truth(release: Release, images: list[str], labels: np.ndarray) -> None:
    """One-hot rows, written 0.0 and 1.0 as in the official file."""
    table = pd.DataFrame(np.eye(7)[labels], columns=ISIC_CLASSES)
    table.insert(0, "image", images)
    table.to_csv(release.table, index=False)


def write_lesions(release: Release, images: list[str], lesions: list[str]) -> None:
    """The third column is official and not used."""
    table = pd.DataFrame({"image": images, "lesion_id": lesions})
    table["diagnosis_confirm_type"] = "histo"
    table.to_csv(release.lesions, index=False)


def photograph(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Coloured blotches: structure that resizing and compression do not wipe out."""
    blotches = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def poisoned():
    """Fill memory that is allocated without values with NaN."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(before)
