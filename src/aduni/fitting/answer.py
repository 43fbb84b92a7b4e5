"""Say in sentences what a fit has found and why a model was chosen."""

from collections.abc import Iterator

from aduni.fitting.decision import compare
from aduni.fitting.duration import format_duration
from aduni.fitting.result import Result
from aduni.metrics.fold_intervals import MIN_FOLDS
from aduni.metrics.names import METRICS
from aduni.results.model_card.markdown import with_ends


def answer(result: Result) -> Iterator[str]:
    """Yield the sentences that open the page: what to use, and how good it is."""
    if not result.is_recommended:
        yield from _warning(result)
        return
    chosen, floor = result.chosen, result.best_floor
    yield f"Use {chosen.label}."
    yield (
        f"On {result.tested.images} test images, which had no say in the choice, it has "
        f"{_score(result)}."
    )
    if result.folds > 1:
        yield (
            f"That is how its {result.folds} models do one by one, each on its own fold. Together, "
            "as the commands below use them, they were not tested: no image is new to all of them."
        )
    yield (
        f"On the validation part it has {chosen.score:.3f}, and the best floor, "
        f'"{floor.label}", a method without a network, {floor.score:.3f}.'
    )


def _warning(result: Result) -> Iterator[str]:
    floor, lead = result.best_floor, result.above_floor
    low, high = lead.interval
    place = "below" if lead.difference < 0 else "not clearly above"
    yield (
        f"No model is recommended: the one that would be chosen, {result.chosen.label}, is {place} "
        f'the floor "{floor.label}", a method without a network.'
    )
    yield (
        f"On the validation part their difference in {_title(result.settings.target)} is "
        f"{lead.difference:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}."
    )
    better = "" if result.plan.sizes.fine_tuned else ", or preset=good with more time,"
    yield f"More images{better} may change that; see the audit first."


def advice(result: Result) -> str:
    """Return what to know before a model that is not recommended is used; nothing for others."""
    if result.is_recommended:
        return ""
    return f"The commands are for {result.chosen.label}, if you want to look at it nevertheless:"


def _score(result: Result) -> str:
    """Return the target metric, and accuracy beside it, with their intervals."""
    keys = dict.fromkeys([result.settings.target, "accuracy"])
    values, ends = result.tested.metrics, result.tested.intervals.metrics
    return " and ".join(f"{_title(key)} {with_ends(values[key], ends.get(key))}" for key in keys)


def _title(key: str) -> str:
    title = METRICS[key].title
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def reasons(result: Result) -> Iterator[str]:
    """Yield the sentences that say how the model was chosen."""
    settings, chosen, best = result.settings, result.chosen, result.best
    title = _title(settings.target)
    counted = f"{len(best.runs)} validation parts" if len(best.runs) > 1 else "the validation part"
    yield f"The models were compared by their {title} on {counted} alone."
    if chosen is best:
        yield (
            f"{chosen.label} is the best, and no simpler one that takes images of its size or "
            "smaller ones is within a standard error of it."
        )
    else:
        yield (
            f"{best.label} is the best with {best.score:.3f}. {chosen.label}, with "
            f"{chosen.score:.3f}, is the simplest model that takes images no larger and is not "
            "more than one standard error of the difference "
            f"({compare(chosen, best).standard_error:.3f}) behind it."
        )
    over = (
        f"the {result.folds} folds" if result.folds >= MIN_FOLDS else "resampled groups of images"
    )
    yield (
        "The order from simple to complex is that of the table below; it was fixed before. The "
        f"standard error is that of the paired difference, over {over}."
    )
    for label in result.shortened:
        yield (
            f"The time limit ended {label} before its last epoch; a new fit (another output=) with "
            "more time may make it better."
        )
    yield (
        f"Everything took {format_duration(result.seconds)} of "
        f"{format_duration(settings.max_seconds)}, with images of "
        f"{' and '.join(map(str, result.plan.sizes.sides))} px."
    )
