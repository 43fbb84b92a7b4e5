"""From a profile to the list of runs, each named by what it computes."""

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from filelock import FileLock
from hydra import compose
from omegaconf import OmegaConf, open_dict

from aduni.files import write_json
from aduni.plan import Plan, PlannedRun, read_plan
from aduni.report.definitions import Row
from aduni.reproduce.settings import Reproduction
from aduni.reproduce.splits import SplitHashes

OF_NO_ACCOUNT = (
    *("num_workers", "save_features", "logger", "resume", "verbose"),
    *("dataset.root", "dataset.cache_dir", "trainer.accelerator"),
)
"""Keys that may differ between two runs that are the same: no figure depends on them."""


class _Wanted(NamedTuple):
    """A row that needs a run, and the row whose run is its first stage."""

    rows: tuple[tuple[str, str], ...]
    row: Row
    first: Row | None


def make_plan(settings: Reproduction) -> tuple[Plan, list[PlannedRun]]:
    """The plan with what earlier calls planned, written to plan.json, and the runs of this call.

    Raises:
        UserError: a data set is missing, or an override does not fit.
    """
    settings.output.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.output / ".plan.lock"):
        runs = {run.id: run for run in _expand(settings)}
        wanted = set(runs)
        earlier = read_plan(settings.output)
        for run in earlier.runs if earlier else ():
            if run.id not in runs and _of_another_call(run, settings):
                runs[run.id] = run
        ordered = sorted(runs.values(), key=lambda run: run.first_stage is not None)
        plan = Plan(profile=settings.name, folds=settings.profile.folds, runs=tuple(ordered))
        write_json(plan.model_dump(mode="json"), settings.output / "plan.json")
        return plan, [run for run in plan.runs if run.id in wanted]


def _of_another_call(run: PlannedRun, settings: Reproduction) -> bool:
    """Whether this call's choice of data sets and tables says nothing of a run."""
    tables = {table for table, _ in run.rows}
    return run.dataset not in settings.chosen or not tables & set(settings.definitions)


def _expand(settings: Reproduction) -> Iterator[PlannedRun]:
    """First stages come before what needs them; a run of several rows comes once."""
    hashes = SplitHashes(settings.output)
    for dataset in settings.chosen:
        runs: dict[str, PlannedRun] = {}
        for wanted in _wanted(settings):
            for run in _runs(settings, dataset, wanted, hashes):
                known = runs.get(run.id, run)
                rows = tuple(dict.fromkeys((*known.rows, *run.rows)))
                runs[run.id] = known.model_copy(update={"rows": rows})
        yield from runs.values()


def _wanted(settings: Reproduction) -> Iterator[_Wanted]:
    methods = {row.name: row for row in settings.methods.rows}
    for table, definition in settings.definitions.items():
        for row in definition.rows:
            first = methods[row.after] if row.after else None
            if first:
                yield _Wanted((), first, None)
            yield _Wanted(((table, row.label),), row, first)


def _runs(
    settings: Reproduction, dataset: str, wanted: _Wanted, hashes: SplitHashes
) -> Iterator[PlannedRun]:
    profile = settings.profile
    overrides = _overrides(settings, dataset, wanted.row)
    config = _composed(overrides)
    first = _composed(_overrides(settings, dataset, wanted.first)) if wanted.first else None
    for seed in profile.seeds:
        for fold in profile.folds:
            place = {"fold": fold, "seed": seed}
            split = hashes.of(config | place)
            before = _identity(first | place, split, None) if first else None
            identity = _identity(config | place, split, before)
            keeps = (fold, seed) == (profile.folds[0], profile.seeds[0]) and any(
                table == "methods" and label in profile.features for table, label in wanted.rows
            )
            yield PlannedRun(
                id=identity,
                folder=f"{dataset}_{_plain(wanted.row.label)}_fold{fold}_seed{seed}_{identity}",
                dataset=dataset,
                fold=fold,
                seed=seed,
                rows=wanted.rows,
                overrides=(
                    *overrides,
                    *(f"{key}={value}" for key, value in place.items()),
                    *(["save_features=true"] if keeps else []),
                ),
                first_stage=before,
            )


def _overrides(settings: Reproduction, dataset: str, row: Row) -> tuple[str, ...]:
    profile = settings.profile
    further = profile.dataset_overrides.get(dataset, ())
    return (f"dataset={dataset}", *row.overrides, *profile.overrides, *further)


@cache
def _composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    """What train.py would run with, resolved."""
    config = compose("train", list(overrides), return_hydra_config=True)
    choices = config.hydra.runtime.choices
    with open_dict(config):
        config.names = {name: choices[name] for name in config.names}
        del config.hydra
    content: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return content


def _identity(config: dict[str, Any], split: str, first_stage: str | None) -> str:
    """12 hexadecimal digits of the resolved configuration, the split and the first stage."""
    content = OmegaConf.create(config)
    for key in OF_NO_ACCOUNT:
        parent, _, name = key.rpartition(".")
        (OmegaConf.select(content, parent) if parent else content).pop(name, None)
    plain = OmegaConf.to_container(content)
    text = json.dumps([plain, split, first_stage], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(label: str) -> str:
    """A label as part of a folder's name: AdUni w/o AduC -> aduni-w-o-aduc."""
    return re.sub(r"[^a-z0-9.]+", "-", label.lower()).strip("-")
