"""The result of a fit: what was trained, what was chosen, and how good it is on the test part."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aduni.errors import UserError
from aduni.fitting.decision import Candidate, Comparison, best_of, compare, decide, outcomes_of
from aduni.fitting.fit_settings import FitSettings
from aduni.fitting.plan_file import FitPlan
from aduni.metrics.bootstrap_intervals import Intervals, intervals
from aduni.metrics.evaluation import evaluate
from aduni.results.finished_runs import Run, read_run
from aduni.results.plan import FLOORS, PlannedRun, failure_of, run_folder, state_of


@dataclass(frozen=True)
class Tested:
    """Metrics of the test parts of a candidate's runs together, with 95 % intervals over groups."""

    metrics: dict[str, Any]
    intervals: Intervals
    images: int
    groups: int


@dataclass(frozen=True)
class Result:
    """Finished and unfinished models of a fit, and the choice among them.

    Attributes:
        models: candidates with all their runs finished, from simple to complex.
        floors: all methods without a network.
        unfinished: names of the other models, and why they are not finished.
        seconds: time that was used, over all calls.
    """

    settings: FitSettings
    preset: str
    plan: FitPlan
    models: Sequence[Candidate]
    floors: Sequence[Candidate]
    unfinished: dict[str, str]
    seconds: float

    @classmethod
    def of(
        cls,
        folder: Path,
        settings: FitSettings,
        preset: str,
        plan: FitPlan,
        runs: Sequence[PlannedRun],
        seconds: float,
    ) -> "Result":
        """Read the finished runs below a folder.

        Raises:
            UserError: if no model, or not every floor, is finished.
        """
        models: list[Candidate] = []
        floors: list[Candidate] = []
        unfinished: dict[str, str] = {}
        for table, label in dict.fromkeys(run.rows[0] for run in runs):
            of_row = [run for run in runs if run.rows[0] == (table, label)]
            missing = [reason for run in of_row if (reason := _reason(folder, run))]
            if missing and table == FLOORS:
                raise UserError(
                    f"The floor {label} is not finished ({missing[0].rstrip('.')}), and without it "
                    "no model can be judged; give a longer max_time= and call again."
                )
            if missing:
                unfinished[label] = missing[0]
                continue
            read = [read_run(run_folder(folder, run)) for run in of_row]
            (floors if table == FLOORS else models).append(Candidate(label, read, settings.metric))
        if not models:
            first = next(iter(unfinished.values()))
            raise UserError(
                f"No model is finished after {seconds:.0f} s (the first: {first}); give a longer "
                "max_time= and call again, which goes on."
            )
        return cls(settings, preset, plan, models, floors, unfinished, seconds)

    @cached_property
    def chosen(self) -> Candidate:
        return decide(self.models)

    @cached_property
    def best(self) -> Candidate:
        """The model with the best score on validation parts, whether or not it is chosen."""
        return best_of(self.models)

    @cached_property
    def best_floor(self) -> Candidate:
        return best_of(self.floors)

    @cached_property
    def above_floor(self) -> Comparison:
        """The chosen model minus the best floor on validation parts."""
        return compare(self.chosen, self.best_floor)

    @property
    def is_recommended(self) -> bool:
        """Tell whether the 95 % interval of the lead on the best floor is above 0."""
        return self.above_floor.interval[0] > 0

    @property
    def folds(self) -> int:
        """Number of folds of each model."""
        return len({run.fold for run in self.chosen.runs})

    @cached_property
    def tested(self) -> Tested:
        """The test part of the chosen model, which nothing was decided by."""
        return tested(self.chosen.runs)

    @cached_property
    def shortened(self) -> list[str]:
        """Names of the models of which a training was ended by the time limit."""
        return [model.label for model in self.models if any(map(_is_shortened, model.runs))]


def tested(runs: Sequence[Run]) -> Tested:
    """Evaluate the test parts of runs together: folds side by side, seeds averaged."""
    labels, probabilities, groups = outcomes_of(runs, "test")
    names, ordinal = runs[0].class_names, runs[0].ordinal
    return Tested(
        evaluate(labels, probabilities, names, ordinal=ordinal),
        intervals(labels, probabilities, groups, ordinal=ordinal),
        len(labels),
        len(np.unique(groups)),
    )


def _is_shortened(run: Run) -> bool:
    return any(stage.get("ended_by") == "max_time" for stage in run.metrics["stages"])


def _reason(folder: Path, run: PlannedRun) -> str:
    """Return why a run is not finished; empty if it is."""
    state = state_of(run_folder(folder, run))
    if state == "done":
        return ""
    if state == "failed":
        return failure_of(run_folder(folder, run))
    return "the time was over" if state in ("missing", "stopped") else "it is being trained"
