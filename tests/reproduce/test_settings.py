"""Mistakes in a reproduction's settings are sentences."""

import re

import pytest
from hydra import compose, initialize_config_dir

from aduni.errors import UserError
from composing import CONF

UNKNOWN = {
    "datasets=[isic]": ["dataset=isic", "digits"],
    "profile.rows=[CE,AdUnu]": ["AdUnu", "did you mean AdUni?"],
    "profile.features=[LDM]": ["LDM", "did you mean LDAM?"],
    "profile.samplers=[balanced]": ["profile.samplers=balanced", "progressive"],
    "profile.alphas=[cosine]": ["profile.alphas=cosine", "released"],
    "columns=[balanced]": ["columns=balanced", "did you mean balanced_accuracy?"],
    "+profile.dataset_overrides.aptos=[]": ["profile.dataset_overrides=aptos", "digits"],
    "+profile.only_rows.aptos={}": ["profile.only_rows=aptos", "digits"],
    "+profile.only_rows.digits.methods=[LDM]": [
        "profile.only_rows.digits.methods=LDM",
        "did you mean LDAM?",
    ],
    "+profile.only_rows.digits.switches=[temperature]": [
        "profile.only_rows.digits.switches=temperature",
        "choose rows from AdUni, CE, ",
    ],
    "+profile.only_rows.digits.table1=[CE]": ["profile.only_rows.digits=table1", "switches"],
    "profile.switches=[alfa]": ["profile.switches=alfa", "did you mean alpha?", "projector"],
}
INVALID = {
    "tables=[4]": "tables.0=4 is not valid",
    "tables=[]": "tables=[] is not valid",
    "profile.folds=[]": "profile.folds=[] is not valid",
    "profile.folds=[-1]": "profile.folds.0=-1 is not valid",
    "gpus=[a]": "gpus.0=a is not valid",
    "action=go": "action=go is not valid",
}


@pytest.mark.parametrize("override", UNKNOWN)
def test_an_unknown_name_is_refused_with_those_there_are(settings, refusal, override):
    refusal(lambda: settings(override), *UNKNOWN[override])


@pytest.mark.parametrize("override", INVALID)
def test_an_invalid_value_is_refused_with_its_key(settings, override):
    with pytest.raises(UserError, match=re.escape(INVALID[override])):
        settings(override)


def test_the_tables_of_a_call_have_the_profiles_rows(settings):
    read = settings("tables=[2]", "profile.samplers=[none]", "profile.rows=[CE]")
    assert read.chosen_tables == {"sampling"}
    planned = read.tables_of("digits")
    assert [row.label for row in planned["sampling"].rows] == [
        "alpha = 0.01, w/o sampling",
        "alpha 1 to 0.01, w/o sampling",
    ]
    assert [row.name for row in planned["methods"].rows] == ["CE"]
    assert planned["switches"].rows == ()


def test_pairs_are_kept_where_both_rows_are(settings):
    planned = settings("profile.rows=[CE,PaCo,AdUni]").tables_of("digits")
    assert planned["methods"].pairs == (("AdUni", "PaCo"),)


def test_a_block_of_switches_comes_with_the_rows_that_it_is_compared_to(settings):
    read = settings("profile.switches=[temperature]")
    rows = [row.label for row in read.tables_of("digits")["switches"].rows]
    assert rows == ["AdUni", "CE", "temperature, 0.05", "temperature, 0.2"]


def test_a_data_set_of_only_some_rows_has_no_others(settings):
    read = settings("profile=study")
    labels = {
        table: [row.label for row in definition.rows]
        for table, definition in read.tables_of("isic2018").items()
    }
    primary = ["CE", "Balanced Softmax", "AdUni"]
    assert labels == {"methods": primary, "sampling": [], "switches": []}
    assert len(read.tables_of("aptos")["switches"].rows) == len(read.switches.rows) == 9


@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local", "submitit_slurm"])
def test_launchers_compose(launcher):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        words = [f"hydra/launcher={launcher}"]
        config = compose("reproduce", overrides=words, return_hydra_config=True)
    assert launcher.split("_")[0] in config.hydra.launcher._target_.lower()


def test_keys_of_one_data_set_are_not_given_to_several(settings, refusal):
    keys = "data=['dataset.root=x']"
    refusal(lambda: settings("profile=paper", keys), "dataset.root=x", "isic2018, aptos")
    assert settings("profile=paper", "datasets=[folder]", keys).data == ("dataset.root=x",)
