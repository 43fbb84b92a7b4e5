"""Refuse a folder of somebody's files for the results of an evaluation."""

from aduni.data.splits.predefined import INTERNAL
from aduni.errors import UserError
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_json


def check_evaluation_folder(folder: RunFolder, *, is_of_other_source: bool) -> None:
    """Raise UserError if a folder holds a run, or files that are of no earlier evaluation.

    Args:
        folder: may be missing.
        is_of_other_source: whether it becomes the folder of a run on data of another source.
    """
    path = folder.path
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file; give a folder with output=.")
    if not path.is_dir():
        return
    written = {folder.predictions.name, folder.metrics.name}
    if is_of_other_source:
        written |= {folder.split.name, folder.config.name}
    visible = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    is_finished = folder.metrics.is_file()
    if not is_finished and visible <= written:  # empty, or of a call that was interrupted
        return
    if is_finished and _is_ours(read_json(folder.metrics), is_of_other_source):
        return
    what = "a run" if folder.config.is_file() else "files that are of no earlier evaluation"
    raise UserError(f"{path} holds {what}; give a new or empty folder with output=.")


def _is_ours(metrics: object, is_of_other_source: bool) -> bool:
    """Tell an evaluation by its metrics: those of a training say how long it took."""
    if not isinstance(metrics, dict):
        return False
    return INTERNAL in metrics if is_of_other_source else "train_seconds" not in metrics
