"""Find kept runs by their identity, whatever their folders are called."""

from collections.abc import Collection, Mapping
from pathlib import Path

from aduni.errors import UserError
from aduni.results.identity import identity
from aduni.results.plan import Plan, read_plan, run_folder
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_json, read_yaml


def read_found_plan(root: Path) -> Plan | None:
    """Read the plan in a folder, with each run in the folder that holds it, whatever its name."""
    plan = read_plan(root)
    if plan is None:
        return None
    there = {run.folder for run in plan.runs if run_folder(root, run).config.is_file()}
    if len(there) == len(plan.runs):
        return plan
    held = folders_of(identities(root, beside=there))
    runs = (
        run
        if run.folder in there
        else run.model_copy(update={"folder": held.get(run.id, run.folder)})
        for run in plan.runs
    )
    return plan.model_copy(update={"runs": tuple(runs)})


def identities(root: Path, beside: Collection[str] = ()) -> dict[str, str | None]:
    """Return the identity of every run of a reproduction by its folder's name, but of `beside`.

    Finished runs come first; folders without training have none. None stands for a run with damaged
    files or without its first stage.
    """
    runs = [RunFolder(path) for path in sorted((root / "runs").glob("*"))]
    begun = [run for run in runs if run.path.name not in beside and run.can_continue()]
    ordered = sorted(begun, key=lambda run: not run.metrics.is_file())
    return {run.path.name: identity_of(run) for run in ordered}


def folders_of(found: Mapping[str, str | None]) -> dict[str, str]:
    """Return the names of folders by identity; the first one of equal runs."""
    return {held: name for name, held in reversed([*found.items()]) if held}


def identity_of(run: RunFolder, *, two_stages: bool = True) -> str | None:
    """Return the identity of a run from its own files; None if it cannot be found out."""
    try:
        config, split = read_yaml(run.config), _split_of(run)
    except (UserError, OSError):
        return None  # reading the run says what is wrong with it
    method = config.get("method")
    checkpoint = method.get("stage1_ckpt") if isinstance(method, dict) else None
    if not checkpoint:
        return identity(config, split, None)
    first = _first_stage(run, Path(str(checkpoint))) if two_stages else None
    return identity(config, split, first) if first else None


def _first_stage(run: RunFolder, checkpoint: Path) -> str | None:
    """Return the identity of a checkpoint's run, which may have moved together with the second."""
    origin = checkpoint.parent.parent
    for place in (run.path.parent / origin.name, origin):
        first = RunFolder(place)
        if first.config.is_file():
            # A plan uses best checkpoints only: the last one is another first stage.
            is_best = first.checkpoint("best").parts[-2:] == checkpoint.parts[-2:]
            return identity_of(first, two_stages=False) if is_best else None
    return None


def _split_of(run: RunFolder) -> str:
    stored = read_json(run.metrics).get("split_hash") if run.metrics.is_file() else None
    if stored:
        return str(stored)
    # They import pandas, which a call that trains and draws nothing does without.
    from aduni.data.splits.predefined import split_hash
    from aduni.results.validation import read_split

    return split_hash(read_split(run.split))
