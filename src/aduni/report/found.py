"""Kept runs, found by what they computed and not by what their folders are called."""

from pathlib import Path

from aduni.data.splits import split_hash
from aduni.errors import UserError
from aduni.files import read_json, read_yaml
from aduni.identity import identity
from aduni.report.checks import read_split
from aduni.results import RunFolder


def identities(root: Path) -> dict[str, str | None]:
    """The identity of every run of a reproduction, by the name of its folder.

    Finished runs come first: of two that are the same the first counts. None stands for a run whose
    identity cannot be told, since it has no configuration or split yet, or its first stage is gone.

    Args:
        root: of the reproduction.
    """
    runs = [RunFolder(path) for path in sorted((root / "runs").glob("*"))]
    begun = [run for run in runs if run.config.is_file()]
    ordered = sorted(begun, key=lambda run: not run.metrics.is_file())
    return {run.path.name: identity_of(run) for run in ordered}


def identity_of(run: RunFolder, *, two_stages: bool = True) -> str | None:
    """The identity of a run by its own files; None where it cannot be told.

    Args:
        run: finished or not.
        two_stages: whether the run may go on from another's first stage.
    """
    try:
        config, split = read_yaml(run.config), _split_of(run)
    except (UserError, OSError):
        return None  # whoever reads the run will say what is wrong with it
    method = config.get("method")
    checkpoint = method.get("stage1_ckpt") if isinstance(method, dict) else None
    if not checkpoint:
        return identity(config, split, None)
    first = _first_stage(run, Path(str(checkpoint))) if two_stages else None
    return identity(config, split, first) if first else None


def _first_stage(run: RunFolder, checkpoint: Path) -> str | None:
    """Of the run that a checkpoint is of; it may have moved together with the second one."""
    origin = checkpoint.parent.parent
    for place in (run.path.parent / origin.name, origin):
        first = RunFolder(place)
        if first.config.is_file():
            # A plan names the best checkpoint alone: the last one is another first stage.
            is_best = first.checkpoint("best").parts[-2:] == checkpoint.parts[-2:]
            return identity_of(first, two_stages=False) if is_best else None
    return None


def _split_of(run: RunFolder) -> str:
    """Hash of a run's split: a finished run says it, of another one split.csv is read."""
    stored = read_json(run.metrics).get("split_hash") if run.metrics.is_file() else None
    if stored:
        return str(stored)
    return split_hash(read_split(run.split))
