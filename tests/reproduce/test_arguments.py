"""The short forms of the command line."""

import pytest

from aduni.reproduce.arguments import hydra_arguments

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


@pytest.mark.parametrize(("word", "hydra"), FORMS.items())
def test_words_become_hydras(word, hydra):
    assert hydra_arguments([word]) == [hydra]
