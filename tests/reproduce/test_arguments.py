"""The short forms of the command line."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from aduni.cli.arguments import data_arguments, fit_arguments, hydra_arguments

FORMS = {
    "status": "action=status",
    "launcher=submitit_slurm": "hydra/launcher=submitit_slurm",
    "dataset=aptos": "datasets=[aptos]",
    "tables=1": "tables=[1]",
    "gpus=0,1,2,3": "gpus=[0,1,2,3]",
    "columns=macro_auroc,train_seconds": "columns=[macro_auroc,train_seconds]",
    "gpus=[0,1]": "gpus=[0,1]",
    "datasets=null": "datasets=null",
    "profile=paper": "profile=paper",
    "hydra.launcher.n_jobs=2": "hydra.launcher.n_jobs=2",
    "--help": "--help",
}


OWN = {
    ("dataset.csv=a.csv", "dataset=csv", "dataset.title=x"): [
        "datasets=[csv]",
        "data=['dataset.csv=a.csv','dataset.title=x']",
    ],
    ("dataset.csv=it's.csv",): [r"data=['dataset.csv=it\'s.csv']"],
}


@pytest.mark.parametrize(("words", "hydra"), OWN.items())
def test_keys_of_a_data_set_become_a_list(words, hydra):
    assert hydra_arguments(words) == hydra


@pytest.mark.parametrize("word", ["dataset.csv=it's.csv", "dataset.csv='a\\\\'", 'dataset.x="[1]"'])
def test_hydra_reads_the_keys_as_they_were_written(settings, word):
    (data,) = hydra_arguments([word])
    assert settings("profile=own", data).data == (word,)


@pytest.mark.parametrize(("word", "hydra"), FORMS.items())
def test_words_become_hydras(word, hydra):
    assert hydra_arguments([word]) == [hydra]


@pytest.mark.parametrize("name", ["shapes", "my images, a=1", "2024", "true", "it's"])
def test_images_of_a_fit_are_found_whatever_their_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    group, root = fit_arguments([f"data={name}"])
    assert group == "dataset=folder"
    parsed = OverridesParser.create().parse_override(root)
    assert parsed.value() == name
    assert isinstance(parsed.value(), str)


def test_a_table_a_data_set_and_lists_of_gpus_are_translated(tmp_path, refusal):
    table = tmp_path / "labels.csv"
    table.touch()
    assert fit_arguments([f"data={table}", "gpus=0,1"]) == [
        "dataset=csv",
        f"dataset.csv={table}",
        "gpus=[0,1]",
    ]
    assert fit_arguments(["data=aptos"]) == ["dataset=aptos"]
    refusal(lambda: fit_arguments(["data=nowhere"]), "data=nowhere", "aptos")
    refusal(lambda: fit_arguments(["data=aptos", "dataset=digits"]), "both name the images")


def test_data_keeps_its_place_between_flags_and_keys(tmp_path):
    folder = f"dataset.root={tmp_path}"
    words = ["-m", f"data={tmp_path}", "fold=0,1", "gpus=0,1"]
    assert data_arguments(words) == ["-m", "dataset=folder", folder, "fold=0,1", "gpus=0,1"]
    assert data_arguments(["data=null", "fold=1"]) == ["fold=1"]
    assert data_arguments([f"data={tmp_path}", "dataset.image_size=32"]) == [
        *("dataset=folder", folder, "dataset.image_size=32")
    ]
    own = f"dataset.root={tmp_path}"  # a table's images may lie elsewhere
    table = tmp_path / "a.csv"
    table.touch()
    assert data_arguments([f"data={table}", own])[1:] == [f"dataset.csv={table}", own]
