"""User data sets are named after their path."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aduni.data.names import own_title
from aduni.errors import UserError
from composing import settings_of

NAMES = {
    ("/data/skin/labels.csv", 2): "skin_labels",
    ("/data/My skin (new)/labels.csv", 2): "My_skin_new_labels",
    ("/data/lesions", 1): "lesions",
    ("/data/aptos", 1): "aptos_own",
    ("/", 1): "own",
    ("", 1): "own",
    (None, 2): "own",
}


@pytest.mark.parametrize(("place", "name"), NAMES.items())
def test_a_name_comes_from_the_place(place, name):
    assert own_title(*place) == name


def test_a_relative_path_is_named_by_where_it_is(tmp_path, monkeypatch):
    (tmp_path / "skin").mkdir()
    monkeypatch.chdir(tmp_path / "skin")

    assert own_title("labels.csv", 2) == "skin_labels"
    assert own_title(".", 1) == "skin"


@given(st.text(max_size=200), st.sampled_from([1, 2]))
def test_every_name_is_one_that_is_accepted(path, count):
    title = own_title(path.replace("\0", ""), count)

    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", title)
    assert title not in ("digits", "isic2018", "aptos")


def test_the_title_is_the_runs_name_of_the_data_set():
    own = settings_of("dataset=csv", "dataset.csv=/data/skin/labels.csv")
    assert own.names.dataset == own.dataset["title"] == "skin_labels"
    named = settings_of("dataset=folder", "dataset.root=/data/skin", "dataset.title=ours")
    assert named.names.dataset == "ours"
    assert settings_of("dataset=medmnist", "dataset.name=bloodmnist").names.dataset == "bloodmnist"
    assert settings_of("dataset=aptos").names.dataset == "aptos"


@pytest.mark.parametrize("title", ["a/b", "../a", "a b", "-a", "x" * 61, "aptos"])
def test_a_title_that_is_no_folder_or_a_published_set_is_refused(title):
    with pytest.raises(UserError, match=r"^dataset.title=.*; (use|give)"):
        settings_of("dataset=folder", "dataset.root=x", f"dataset.title='{title}'")
