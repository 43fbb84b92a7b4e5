"""Say in sentences what a fit has found and why a model was chosen."""

from collections.abc import Iterator

from aduni.fit.decision import Candidate, compare
from aduni.fit.duration import format_duration
from aduni.fit.result import Result, Tested


def answer(result: Result) -> Iterator[str]:
    """Yield the sentences that open the page: what to use, and how good it is."""
    if not result.is_recommended:
        yield from _warning(result)
        return
    tested = result.tested
    yield f"Use {result.chosen.label}."
    yield (
        f"On {tested.images} test images, which had no say in the choice, it has {_score(result)}."
    )
    floor = result.best_floor
    if floor:
        yield (
            f"On the validation part it has {result.chosen.score:.3f}, and the best floor, "
            f'"{floor.label}", a method without a network, {floor.score:.3f}.'
        )


def _warning(result: Result) -> Iterator[str]:
    floor, lead = result.best_floor, result.above_floor
    assert floor is not None
    assert lead is not None
    low, high = lead.interval
    yield (
        f"No model is recommended: the one that would be chosen, {result.chosen.label}, is not "
        f'clearly above the floor "{floor.label}", a method without a network.'
    )
    yield (
        f"On the validation part their difference in {result.settings.metric.title} is "
        f"{lead.difference:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}."
    )
    yield "More images, or preset=good with more time, may change that; see the audit first."


def _score(result: Result) -> str:
    """Return the target metric, and accuracy beside it, with their intervals."""
    keys = dict.fromkeys([result.settings.target, "accuracy"])
    return " and ".join(f"{_title(key)} {with_interval(result.tested, key)}" for key in keys)


def _title(key: str) -> str:
    from aduni.metrics.names import METRICS

    title = METRICS[key].title
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def with_interval(tested: Tested, key: str) -> str:
    """Return a metric with the ends of its 95 % interval; a dash where it is undefined."""
    value = tested.metrics[key]
    if value is None:
        return "-"
    low, high = tested.intervals.metrics[key]
    return f"{value:.3f}" if low != low else f"{value:.3f} ({low:.3f} to {high:.3f})"


def reasons(result: Result) -> Iterator[str]:
    """Yield the sentences that say how the model was chosen."""
    settings, chosen, best = result.settings, result.chosen, result.best
    title = settings.metric.title
    counted = f"{len(best.runs)} validation parts" if len(best.runs) > 1 else "the validation part"
    yield f"The models were compared by their {title} on {counted} alone."
    if chosen is best:
        yield f"{chosen.label} is the best, and every simpler model is further behind than that."
    else:
        yield (
            f"{best.label} is the best with {best.score:.3f}. {chosen.label}, with "
            f"{chosen.score:.3f}, is the simplest model that is not more than one standard error "
            f"of the difference ({standard_error(chosen, best):.3f}) behind it."
        )
    yield (
        "The order from simple to complex is that of the table below; it was fixed before. The "
        "standard error is over resampled groups of images, or over the folds if there are three."
    )
    for label in result.shortened:
        yield f"The time limit ended {label} before its last epoch; more time may make it better."
    yield (
        f"Everything took {format_duration(result.seconds)} of "
        f"{format_duration(settings.max_seconds)}, with images of "
        f"{' and '.join(map(str, result.plan.sizes.sides))} px."
    )


def standard_error(candidate: Candidate, best: Candidate) -> float:
    return compare(candidate, best).standard_error
