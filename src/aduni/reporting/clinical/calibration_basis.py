"""Say what prediction sets are calibrated on, and where that is too little for their level."""

from collections.abc import Sequence

from aduni.metrics.conformal.prediction_sets import least_groups
from aduni.reporting.clinical.model_predictions import ModelPredictions
from aduni.results.decision.choose import calibration_groups, calibration_part, is_guaranteed
from aduni.results.decision.questions import Conformal
from aduni.results.finished_runs import Run


def calibration_basis(models: Sequence[ModelPredictions]) -> str:
    """Return a sentence that says whether the sets are guaranteed, and why not."""
    runs = [run for model in models for run in model.runs]
    sources = dict.fromkeys(run.trained_on for run in runs if run.trained_on)
    if sources:
        return (
            f"No guarantee: calibrated on images of {', '.join(sources)}, which may be unlike "
            "these; coverage says what the sets hold here."
        )
    if all(is_guaranteed(calibration_part(run.predictions)) for run in runs):
        return "They are calibrated on the calibration part, which had no other use."
    return (
        "No guarantee: they are calibrated on the validation part, which also selected the "
        "epoch; protocol.calibration_fraction=0.2 keeps a part for it."
    )


def too_few_groups(models: Sequence[ModelPredictions], asked: Conformal) -> str:
    """Return a sentence that names what has too few groups for the level; empty if nothing has.

    The groups are those of the run that has the fewest.
    """
    assert asked.confidence_level is not None  # else there are no sets
    needed = least_groups(asked.confidence_level)
    counts = [_groups(run) for model in models for run in model.runs]
    fewest = {kind: min(found[kind] for found in counts) for kind in counts[0]}
    short = [
        f"{kind}: {count} group{'s' * (count != 1)}, {needed} needed"
        for kind, count in fewest.items()
        if count < needed
    ]
    if not short:
        return ""
    return (
        f"Too few groups to calibrate at this level in a run ({'; '.join(short)}): such a class is "
        "in every class-conditional set, and with too few over all images each set has all classes."
    )


def _groups(run: Run) -> dict[str, int]:
    """Return the groups in the part of a run for the calibration: of all images, by class."""
    groups = run.image_groups
    part = run.predictions["part"] == calibration_part(run.predictions)
    every = int(groups.loc[run.predictions.loc[part, "image"]].nunique())
    return {"all images": every, **calibration_groups(run.predictions, groups, run.class_names)}
