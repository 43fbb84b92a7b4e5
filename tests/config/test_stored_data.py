"""The data set of a stored configuration, which may be somebody else's."""

from pathlib import Path

import pytest

from aduni.config.stored_data import build_stored_data

FILE = Path("config.yaml")


@pytest.fixture
def config():
    dataset = {"_target_": "aduni.data.Digits", "root": "", "cache_dir": "/somewhere/else"}
    dataset |= {"image_size": 16, "mean": [0.5] * 3, "std": [0.5] * 3}
    dataset["augment"] = [{"_target_": "albumentations.HorizontalFlip"}]
    protocol = {"_target_": "aduni.data.Protocol", "name": "clean", "folds": 5, "grouped": True}
    protocol |= {"near_duplicates": True, "validation_fraction": 0.2, "select": "macro_f1"}
    return {"dataset": dataset, "protocol": {**protocol, "split_seed": 0, "caveat": None}}


def _build(config, cache):
    return build_stored_data(config, FILE, None, str(cache))


def test_it_is_the_data_set_and_its_cache_is_where_the_caller_says(config, digits_cache):
    data = _build(config, digits_cache)
    assert len(data.table.images) == 1797
    assert (data.cache_dir, data.augment) == (digits_cache, [])
    config["dataset"]["_target_"] = "aduni.data.digits.Digits"  # as earlier versions stored it
    assert _build(config, digits_cache).title == "digits"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"_target_": "os.system"}, "config.yaml names os.system"),
        ({"_target_": "aduni.data.cache.image_cache.hashlib.sha256"}, "which is not a data set"),
        ({"_target_": "aduni.data.Upsample"}, "names no dataset"),
        ({"_target_": "aduni.data.NoSuchSet"}, "which is not a data set"),
        ({"archives": [{"_target_": "os.system"}]}, "names os.system"),
        ({"_args_": ["x"]}, "config.yaml has dataset._args_"),
        ({"root": "${oc.env:HOME}"}, "write the value itself"),
    ],
)
def test_it_may_name_only_parts_of_the_package(config, digits_cache, refusal, change, said):
    config["dataset"] |= change
    refusal(lambda: _build(config, digits_cache), said)


def test_a_configuration_without_a_data_set_is_refused(digits_cache, refusal):
    refusal(lambda: _build({"dataset": None}, digits_cache), "config.yaml names no data set")
