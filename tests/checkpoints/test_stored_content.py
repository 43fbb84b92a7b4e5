"""Test that readers validate the content of files from unknown sources."""

import copy
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aduni.checkpoints.load import load_checkpoint, method_state
from aduni.checkpoints.save import AtomicCheckpointIO
from aduni.config.build import build_method
from aduni.config.untrusted import read_stored
from aduni.errors import UserError
from aduni.evaluation.trained_model import data_of, load_trained
from aduni.metrics.calibration import MAX_INVERSE_TEMPERATURE
from aduni.results.history_csv import read_history
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_yaml, write_yaml
from aduni.training.run import run
from composing import networks, settings_of

SMALL = ("method=ce", "encoder.name=shufflenet_v2_x0_5", "sampler=none", "num_workers=0")


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> dict[str, Any]:
    """Return the content of a checkpoint."""
    cache = tmp_path_factory.mktemp("cache")
    settings = settings_of(*SMALL, f"dataset.cache_dir={cache}")
    method = build_method(settings, torch.tensor([5] * 10).numpy())
    stored = {
        "config": settings.model_dump(),
        "class_names": [str(digit) for digit in range(10)],
        "class_counts": [5] * 10,
        "split_hash": "abc",
        "stage": "train",
        "objective": {"loss": "cross_entropy", "mixup": 0.0},
        "calibration": {
            **{"temperature": 1.5, "bias_temperature": 2.0},
            **{"bias": [0.0] * 10, "frequency": [0.1] * 10},
        },
    }
    return {"epoch": 0, "state_dict": method_state(method), "aduni": stored}


@pytest.fixture
def written(whole, tmp_path) -> Callable[[Callable[[Any], Any]], Path]:
    """Write a checkpoint that a function has changed."""

    def write(change: Callable[[Any], Any] = lambda content: None) -> Path:
        content = copy.deepcopy(whole)
        change(content)
        path = tmp_path / "foreign.ckpt"
        AtomicCheckpointIO().save_checkpoint(content, path)
        return path

    return write


def test_a_whole_one_is_taken(written):
    trained = load_trained(written())

    assert trained.class_names[3] == "3"
    assert trained.calibration is not None


def _put(key: str, value: Any) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        *groups, last = key.split(".")
        for group in groups:
            content = content[group]
        content[last] = value

    return change


def _remove(key: str) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        *groups, last = key.split(".")
        for group in groups:
            content = content[group]
        del content[last]

    return change


CONFIG = "aduni.config"
CASES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "nothing of ours": (_put("aduni", {}), "aduni.config"),
    "a word of ours": (_put("aduni", "x"), "aduni"),
    "no split": (_remove("aduni.split_hash"), "aduni.split_hash"),
    "no weights": (_remove("state_dict"), "state_dict"),
    "words for weights": (_put("state_dict", {"method.w": "x"}), "state_dict.method.w"),
    "a word for an epoch": (_put("epoch", "x"), "epoch"),
    "a negative epoch": (_put("epoch", -1), "epoch"),
    "weights of another shape": (
        lambda c: c["state_dict"].update({name: torch.ones(3, 3, 3) for name in c["state_dict"]}),
        "weights of another model",
    ),
    "mappings for weights": (
        lambda c: c["state_dict"].update({name: {} for name in c["state_dict"]}),
        "weights of another model",
    ),
    "no weights of the method": (_put("state_dict", {}), "weights of another model"),
    "a word for a size": (_put(f"{CONFIG}.dataset.image_size", "big"), "dataset.image_size"),
    "no size": (_remove(f"{CONFIG}.dataset.image_size"), "dataset.image_size"),
    "no mean": (_remove(f"{CONFIG}.dataset.mean"), "dataset.mean is missing"),
    "no method": (_remove(f"{CONFIG}.method._target_"), "method._target_"),
    "a sampler for a method": (
        _put(f"{CONFIG}.method", {"_target_": "aduni.data.InstanceBalanced"}),
        "method._target_ is aduni.data.InstanceBalanced",
    ),
    "an unknown option": (_put(f"{CONFIG}.protocol.bogus", 1), "protocol.bogus"),
    "an endless value": (_put(f"{CONFIG}.lr", "x\n" * 9999), "lr"),
    "a class less": (_put("aduni.class_names", ["a"] * 2), "classes"),
    "a class twice": (_put("aduni.class_names", ["a"] * 10), "1 classes"),
    "a count more": (_put("aduni.class_counts", [5] * 11), "10 classes"),
    "negative counts": (_put("aduni.class_counts", [-5] * 10), "aduni.class_counts.0"),
    "endless counts": (_put("aduni.class_counts", [10**30] * 10), "aduni.class_counts.0"),
    "no calibration": (
        _put("aduni.calibration", {}),
        "aduni.calibration.temperature",
    ),
    "temperature zero": (
        _put("aduni.calibration.temperature", 0.0),
        "calibration.temperature",
    ),
    "a bias too few": (_put("aduni.calibration.bias", [0.0]), "10 classes"),
    "no number": (
        _put("aduni.calibration.bias", [float("nan")] * 10),
        "calibration.bias.0",
    ),
    "another thing": (_put("aduni.calibration", 5), "aduni.calibration"),
    "a bias without limits": (
        _put("aduni.calibration.bias", [1e308] * 10),
        "calibration.bias.0",
    ),
    "shares of more than all": (
        _put("aduni.calibration.frequency", [1.0] * 10),
        "sum to 10",
    ),
    "shares that overflow": (
        _put("aduni.calibration.frequency", [1e308] * 10),
        "frequency",
    ),
    "no shares": (_put("aduni.calibration.frequency", [0.0] * 10), "sum to 0"),
}


@pytest.mark.parametrize("key", ["temperature", "bias_temperature"])
@pytest.mark.parametrize(
    "value", [1e-320, 1e-5, 1e5, 1e308, -1.0, float("nan"), float("inf"), -float("inf")]
)
def test_temperatures_beyond_the_fit_are_refused(key, value, written, refusal):
    """Beyond the limits, probabilities would be NaN, with status 0."""
    path = written(_put(f"aduni.calibration.{key}", value))
    refusal(lambda: load_trained(path), path, f"calibration.{key}")


@pytest.mark.parametrize("sharpness", [1 / MAX_INVERSE_TEMPERATURE, 1.0, MAX_INVERSE_TEMPERATURE])
def test_temperatures_at_the_limits_of_the_fit_are_taken(sharpness, written):
    calibration = load_trained(
        written(_put("aduni.calibration.temperature", 1 / sharpness))
    ).calibration
    extreme = np.array([[1.0, *[0.0] * 9], [1e-320, 1.0, *[0.0] * 8]])
    assert np.isfinite(calibration.probabilities(extreme)).all()
    assert np.isfinite(calibration.under(extreme, np.array([1.0, *[0.0] * 9]))).all()


NORMALISATIONS = [
    *(("mean", value) for value in (1e38, -1e308, float("nan"))),
    *(("std", value) for value in (1e-320, 0.0, 1e308, -1.0, float("inf"), float("nan"))),
]


@pytest.mark.parametrize(("key", "value"), NORMALISATIONS)
def test_a_normalisation_without_measure_is_refused(key, value, written, refusal):
    path = written(_put(f"{CONFIG}.dataset.{key}", [0.5, value, 0.5]))
    refusal(lambda: load_trained(path), path, f"{key}")


@pytest.mark.parametrize(("change", "named"), CASES.values(), ids=CASES)
def test_the_content_of_a_checkpoint_is_checked(change, named, written, refusal):
    path = written(change)

    message = refusal(lambda: load_trained(path), path, named)
    assert len(message) < 1000


def _nested(levels: int) -> list[Any]:
    node: list[Any] = ["x"]
    for _ in range(levels):
        node = [node] * 9
    return node


def _circle() -> list[Any]:
    node: list[Any] = []
    node.append(node)
    return node


@pytest.mark.parametrize("value", [_nested(9), _circle()], ids=["nine-fold", "in itself"])
def test_lists_that_hold_one_another_have_an_end(value, whole, refusal, tmp_path):
    content = {**whole["aduni"]["config"], "alpha": {"x": value}}

    refusal(lambda: read_stored(content, tmp_path, []), tmp_path, "without end")


def _as_torch_writes(archive: zipfile.ZipFile) -> None:
    """Remove the entries' attributes, as an archive with attributes is refused for them already."""
    for entry in archive.filelist:
        entry.external_attr = 0


def _fail(*arguments: Any, **options: Any) -> None:
    pytest.fail("an entry was unpacked")


def test_compressed_content_is_refused_before_it_is_unpacked(
    written, tmp_path, monkeypatch, refusal
):
    bomb = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(written()) as old, zipfile.ZipFile(bomb, "w") as new:
        for entry in old.infolist():
            new.writestr(zipfile.ZipInfo(entry.filename), old.read(entry))
        zeros = zipfile.ZipInfo(f"{old.namelist()[0].split('/')[0]}/data/999")
        new.writestr(zeros, bytes(100 * 2**20), zipfile.ZIP_DEFLATED)
        _as_torch_writes(new)
    monkeypatch.setattr(zipfile.ZipFile, "open", _fail)

    refusal(lambda: load_checkpoint(bomb, "ckpt"), bomb, "is not a readable checkpoint")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("place", [0, 4, 9, 40])
def test_a_damaged_compressed_member_is_refused(method, place, written, refusal, tmp_path):
    """Each decompressor raises errors of its own kind."""
    packed = tmp_path / "packed.ckpt"
    with zipfile.ZipFile(written()) as old, zipfile.ZipFile(packed, "w", method) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
        first = new.infolist()[0]
        start = first.header_offset + 30 + len(first.filename)
    content = bytearray(packed.read_bytes())
    content[start + place] ^= 0xFF
    packed.write_bytes(content)
    refusal(lambda: load_checkpoint(packed, "ckpt"), packed, "not a readable checkpoint")


def test_entries_that_share_their_bytes_are_refused_before_they_are_read(
    written, tmp_path, monkeypatch, refusal
):
    bomb = tmp_path / "bomb.ckpt"
    bomb.write_bytes(written().read_bytes())
    with zipfile.ZipFile(bomb, "a") as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        archive.writestr("one/more", "x")  # so that the list of entries is written again
        for number in range(1000):
            twin = copy.copy(largest)
            twin.filename = f"{largest.filename}{number}"
            archive.filelist.append(twin)
        _as_torch_writes(archive)
    with zipfile.ZipFile(bomb) as archive:
        assert len(archive.infolist()) > 1000
    monkeypatch.setattr(zipfile.ZipFile, "open", _fail)

    refusal(lambda: load_checkpoint(bomb, "ckpt"), bomb, "is not a readable checkpoint")


ALIASES = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ALIASES, "anchors"),
        ("a: &x 1\nb: *x\n", "anchors"),
        ("a: &x {<<: *x}\n", "anchors"),
        ("", "is empty"),
        ("# cut\n", "is empty"),
        ("{}", "is empty"),
        ("[1]", "holds no settings"),
        ("\x00\x01", "is not readable as YAML"),
        ("[" * 5000, "is not readable as YAML"),
    ],
)
def test_yaml_is_refused_where_it_could_swell_or_says_nothing(text, words, tmp_path, refusal):
    file = tmp_path / "config.yaml"
    file.write_text(text)

    refusal(lambda: read_yaml(file), file, words, "start a new run")


def test_what_runs_store_has_no_anchors(tmp_path):
    for method in networks():
        settings = settings_of(f"method={method}", "dataset=aptos")
        write_yaml(settings.model_dump(), tmp_path / "config.yaml")

        assert read_yaml(tmp_path / "config.yaml")["names"]["method"] == method


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe\x81",
        b"stage,epoch\ntrain,0\n",
        b"a,b\n1,2\n",
        b"stage,epoch,images,seconds\nt,x,1,1\n",
    ],
)
def test_a_history_that_cannot_be_gone_on_with_is_named(content, tmp_path, refusal):
    file = tmp_path / "history.csv"
    file.write_bytes(content)

    refusal(lambda: read_history(file), file, "start a new run")


@pytest.fixture
def resumable(tmp_path):
    """Make a run folder that has only a configuration; return it with its settings."""
    settings = settings_of(*SMALL)
    settings.resume = str(tmp_path)
    return settings, RunFolder(tmp_path)


@pytest.mark.parametrize("content", [{"a": 1}, {"test": None}])
def test_metrics_of_something_else_are_not_printed(content, resumable, refusal):
    settings, folder = resumable
    folder.metrics.write_text(json.dumps(content))

    refusal(lambda: run(settings, folder), folder.metrics, "train it again")


def test_a_lost_split_is_to_be_restored(resumable, refusal):
    settings, folder = resumable

    refusal(lambda: run(settings, folder), folder.split, "restore it")


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("dataset.image_size", "big", "dataset.image_size=big"),
        ("sampler.epoch_length", "two", "sampler.epoch_length=two"),
        ("trainer", {}, "names no trainer"),
    ],
)
def test_values_of_stored_settings_are_checked(key, value, named, whole, refusal, tmp_path):
    content = copy.deepcopy(whole["aduni"]["config"])
    _put(key, value)(content)

    words = (tmp_path / "config.yaml", named, "start a new run")
    refusal(lambda: read_stored(content, tmp_path / "config.yaml", []), *words)


def test_a_checkpoint_does_not_say_where_to_write(written, tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    path = written(_put(f"{CONFIG}.dataset.cache_dir", str(theirs)))

    with pytest.raises(UserError, match="is not the data set"):
        data_of(load_trained(path), None, str(ours))
    assert list(ours.glob("*/pixels.npy"))
    assert not theirs.exists()
