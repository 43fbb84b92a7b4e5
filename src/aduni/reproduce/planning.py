"""From a profile to the list of runs, each named by what it computes."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock
from hydra import compose
from omegaconf import OmegaConf, open_dict

from aduni.errors import UserError
from aduni.report.tables.definitions import Row
from aduni.reproduce.settings import Reproduction
from aduni.reproduce.splits import SplitHashes
from aduni.results.identity import identity
from aduni.results.kept_runs import folders_of, identities
from aduni.results.plan import SWITCHES, Plan, PlannedRun, read_plan
from aduni.system.atomic_files import write_json

KEEPS_FEATURES = "save_features=true"


class _Wanted(NamedTuple):
    """A row that needs runs of some seeds, and the row whose run is each one's first stage."""

    rows: tuple[tuple[str, str], ...]
    row: Row
    first: Row | None
    seeds: tuple[int, ...]
    overrides: tuple[str, ...]


def make_plan(settings: Reproduction) -> tuple[Plan, list[PlannedRun]]:
    """The plan of the profile on this call's data sets, and the runs of this call's tables.

    Data sets that other calls planned stay in the plan. Nothing is written but hashes of splits,
    and those only where the reproduction has a folder.

    Raises:
        UserError: a data set is missing, an override does not fit, or there is no run.
    """
    runs = _in_their_folders(settings.output, list(_expand(settings)))
    earlier = read_plan(settings.output)
    replaced = {*settings.chosen, *(run.dataset for run in runs)}
    others = [run for run in earlier.runs if run.dataset not in replaced] if earlier else []
    ordered = sorted((*runs, *others), key=lambda run: run.turn[:3])
    plan = Plan(profile=settings.name, folds=settings.profile.folds, runs=tuple(ordered))
    wanted = [run for run in runs if {table for table, _ in run.rows} & settings.wanted]
    if not wanted:
        tables, names = (", ".join(map(str, held)) for held in (settings.tables, settings.chosen))
        raise UserError(
            f"profile={settings.name} has no run of tables={tables} on {names}; choose other "
            "tables, data sets or profile."
        )
    stages = {run.first_stage for run in wanted}
    chosen = {run.id for run in wanted} | stages
    return plan, [run for run in plan.runs if run.id in chosen]


def write_plan(plan: Plan, settings: Reproduction) -> None:
    """Put plan.json into the reproduction's folder, which exists; of two calls, one by one."""
    with FileLock(settings.output / ".plan.lock"):
        write_json(plan.model_dump(mode="json"), settings.output / "plan.json")


def _in_their_folders(root: Path, runs: list[PlannedRun]) -> list[PlannedRun]:
    """Planned runs, each in the folder that holds it, whatever that is called.

    Raises:
        UserError: a folder that is to be made holds a run of other settings.
    """
    folders = identities(root)
    held = folders_of(folders)
    found = [run.model_copy(update={"folder": held.get(run.id, run.folder)}) for run in runs]
    for run in found:
        if folders.get(run.folder) not in (run.id, None):
            raise UserError(
                f"{root / 'runs' / run.folder} holds a run of other settings than its name says; "
                "give it another name, and the planned run will be trained."
            )
    return found


def _expand(settings: Reproduction) -> Iterator[PlannedRun]:
    """Runs of all tables; one of several rows comes once, with all of them."""
    hashes = SplitHashes(settings.output)
    for dataset in settings.chosen:
        runs: dict[str, PlannedRun] = {}
        for wanted in _wanted(settings, dataset):
            for run in _runs(settings, dataset, wanted, hashes):
                known = runs.get(run.id, run)
                keeps = {KEEPS_FEATURES} & {*run.overrides} - {*known.overrides}
                runs[run.id] = known.model_copy(
                    update={
                        "rows": tuple(dict.fromkeys((*known.rows, *run.rows))),
                        "overrides": (*known.overrides, *keeps),
                    }
                )
        yield from runs.values()


def _wanted(settings: Reproduction, dataset: str) -> Iterator[_Wanted]:
    profile = settings.profile
    methods = {row.name: row for row in settings.methods.rows}
    for table, definition in settings.planned(dataset).items():
        beyond = table == SWITCHES
        seeds = profile.switch_seeds if beyond else profile.seeds
        overrides = profile.switch_overrides if beyond else ()
        for row in definition.rows:
            first = methods[row.after] if row.after else None
            if first:
                yield _Wanted((), first, None, seeds, overrides)
            yield _Wanted(((table, row.label),), row, first, seeds, overrides)


def _runs(
    settings: Reproduction, dataset: str, wanted: _Wanted, hashes: SplitHashes
) -> Iterator[PlannedRun]:
    profile = settings.profile
    overrides = _overrides(settings, dataset, wanted.overrides, wanted.row)
    config = _composed(overrides)
    title, method = (config["names"][key].replace("/", "_") for key in ("dataset", "method"))
    first = (
        _composed(_overrides(settings, dataset, wanted.overrides, wanted.first))
        if wanted.first
        else None
    )
    for seed in wanted.seeds:
        for fold in profile.folds:
            place = {"fold": fold, "seed": seed}
            split = hashes.of(config | place)
            before = identity(first | place, split, None) if first else None
            own = identity(config | place, split, before)
            keeps = (fold, seed) == (profile.folds[0], profile.seeds[0]) and any(
                table == "methods" and label in profile.features for table, label in wanted.rows
            )
            yield PlannedRun(
                id=own,
                folder=f"{title}_{method}_fold{fold}_seed{seed}_{own}",
                dataset=title,
                fold=fold,
                seed=seed,
                rows=wanted.rows,
                overrides=(
                    *overrides,
                    *(f"{key}={value}" for key, value in place.items()),
                    *([KEEPS_FEATURES] if keeps else []),
                ),
                first_stage=before,
            )


def _overrides(
    settings: Reproduction, dataset: str, of_table: tuple[str, ...], row: Row
) -> tuple[str, ...]:
    profile = settings.profile
    of_method = profile.method_overrides.get(row.values["method"], ())
    general = (*profile.overrides, *profile.dataset_overrides.get(dataset, ()), *of_table)
    # The last word is the row's: what it changes is no matter of the profile.
    return (f"dataset={dataset}", *general, *of_method, *row.overrides, *settings.data)


@cache
def _composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    """What train.py would run with, resolved."""
    config = compose("train", list(overrides), return_hydra_config=True)
    choices = config.hydra.runtime.choices
    with open_dict(config):
        # What is no choice is the title of a data set of one's own.
        raw: Any = OmegaConf.to_container(config.names, resolve=False)
        config.names.update({name: choices[name] for name in raw if "${hydra:" in raw[name]})
        del config.hydra
    content: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return content
