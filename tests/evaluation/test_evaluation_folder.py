"""An evaluation is not written over a run, or over files of others."""

import pytest

from aduni.evaluation.evaluation_folder import check_evaluation_folder
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import write_json

RUN = {"test": {}, "train_seconds": 1.0}
EVALUATION = {"test": {}, "checkpoint": "best.ckpt"}
OTHER_SOURCE = {"test": {}, "internal": {}, "train_seconds": 1.0}


@pytest.mark.parametrize("other", [True, False])
@pytest.mark.parametrize(
    ("metrics", "names", "kind"),
    [
        (None, (), "both"),
        (None, ("predictions.csv",), "both"),  # of a call that was interrupted
        (None, ("config.yaml", "split.csv"), "other"),
        (None, ("config.yaml", "split.csv", "train.log"), "none"),  # of a training that was
        (None, ("photo.png",), "none"),
        (EVALUATION, ("predictions.csv", "notes.txt"), "own"),
        (OTHER_SOURCE, ("config.yaml", "split.csv", "predictions.csv"), "other"),
        (RUN, ("config.yaml", "split.csv", "predictions.csv"), "none"),
    ],
)
def test_only_an_earlier_evaluation_is_replaced(tmp_path, refusal, metrics, names, kind, other):
    folder = RunFolder(tmp_path / "out")
    check_evaluation_folder(folder, is_of_other_source=other)  # it is missing
    folder.path.mkdir()
    for name in names:
        (folder.path / name).touch()
    if metrics:
        write_json(metrics, folder.metrics)
    if kind in ("both", "other" if other else "own"):
        check_evaluation_folder(folder, is_of_other_source=other)
    else:
        what = "holds a run" if "config.yaml" in names else "earlier evaluation"
        refusal(lambda: check_evaluation_folder(folder, is_of_other_source=other), what, "output=")
