"""The short forms of the command line."""

import pytest

from aduni.cli.arguments import hydra_arguments

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
