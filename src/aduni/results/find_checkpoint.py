"""Find the checkpoints that `ckpt=` names: files, run folders, or the folder of a multirun."""

from pathlib import Path
from typing import Any

from aduni.errors import UserError
from aduni.results.run_folder import RunFolder

OF_A_FOLD = ("fold", "seed", "resume", "trainer", "num_workers", "verbose")
"""Keys in which the runs of an ensemble may differ."""


FIT_MODEL, FIT_MODELS, FIT_STEPS = "model.ckpt", "models", "NEXT_STEPS.md"
"""Files of a fit's folder: its model, the folder of several models, and the list of commands."""


def tested_checkpoint(metrics: dict[str, Any], folder: RunFolder) -> Path:
    """Return the checkpoint that was tested and calibrated, given the content of metrics.json."""
    stages = metrics.get("stages", ())  # evaluate.py has none
    last = folder.checkpoint("last")
    if stages and stages[-1]["handed_over"] == "last" and last.exists():
        return last
    return folder.checkpoint("best")


def run_of(checkpoint: Path) -> RunFolder:
    """Return the run folder of a checkpoint, or the folder that it was moved to."""
    place = checkpoint.resolve().parent
    run = RunFolder(place.parent)
    return run if run.config.is_file() else RunFolder(place)


def find_checkpoint(given: str) -> Path:
    """Return the checkpoint of a file or a run folder; raise UserError if there is none."""
    path = Path(given)
    if (path / FIT_MODEL).is_file():
        return path / FIT_MODEL
    if path.name == FIT_MODEL and not path.exists():
        _refuse_without_model(path.parent)
    if not path.exists() and not _is_in_floor(path):
        raise UserError(f"{path} is missing; give a checkpoint or the folder of a run with ckpt=.")
    if not path.is_dir():
        return path
    run = RunFolder(path)
    if run.metrics.is_file():
        return tested_checkpoint(_content(run.metrics), run)
    best = run.checkpoint("best")
    if not best.is_file():
        _refuse_without_model(path)
        below = next(iter(sorted(path.glob("**/checkpoints/best.ckpt"))), None)
        example = f", such as {below.parents[1]}," if below else ""
        raise UserError(
            f"{path} is a folder without checkpoints/best.ckpt; give a checkpoint or the folder of "
            f"a run{example} with ckpt=."
        )
    return best


def find_checkpoints(given: str) -> list[Path]:
    """Return the checkpoints of a file, a run folder or the folder of a multirun.

    Raises:
        UserError: if there is none, if a run of the multirun is not finished, or if its runs
            differ in more than fold and seed.
    """
    path = Path(given)
    if models := sorted((path / FIT_MODELS).glob("*.ckpt")):
        return models
    begun = {
        file.parent for name in ("config.yaml", "train.log") for file in path.glob(f"*/{name}")
    }
    runs = [RunFolder(folder) for folder in sorted(begun)]
    if (path / "config.yaml").is_file() or not runs:
        return [find_checkpoint(given)]
    for run in runs:
        if not run.config.is_file():
            raise UserError(
                f"{run.path} has not begun, see {run.log}; remove the folder, or give ckpt=[...] "
                "with the runs to average."
            )
        if not run.metrics.is_file():
            raise UserError(
                f"{run.path} is not finished; continue it with train.py resume={run.path}, or "
                f"give ckpt=[...] with the runs to average."
            )
        if different := _difference(runs[0], run):
            raise UserError(
                f"{path} holds runs that differ in {different}, not in fold and seed alone; give "
                f"ckpt=[...] with the runs to average."
            )
    return [find_checkpoint(str(run.path)) for run in runs]


def _refuse_without_model(folder: Path) -> None:
    """Raise UserError for the folder of a fit that recommends no model."""
    steps = folder / FIT_STEPS
    if steps.is_file() and not (folder / FIT_MODEL).is_file():
        several = (folder / FIT_MODELS).is_dir()
        fault = "holds several models" if several else "recommends no model"
        raise UserError(f"{folder} {fault}; take a command from {steps}.")


def _is_in_floor(path: Path) -> bool:
    """Tell whether a missing file would be the checkpoint of a finished run, which keeps none."""
    return RunFolder(path.parent.parent).metrics.is_file()


def _difference(first: RunFolder, other: RunFolder) -> str | None:
    """Return the first key, but those of a fold, in which two runs differ."""
    one, two = _content(first.config), _content(other.config)
    keys = (key for key in {**one, **two} if key not in OF_A_FOLD)
    return next((key for key in keys if one.get(key) != two.get(key)), None)


def _content(file: Path) -> dict[str, Any]:
    from aduni.system.atomic_files import read_json, read_yaml, readable  # imports pandas

    with readable(file):
        return read_json(file) if file.suffix == ".json" else read_yaml(file)
