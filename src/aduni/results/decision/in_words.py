"""Say in a line what a decision calls positive, and what its prediction sets promise."""

from collections.abc import Iterator

from aduni.data.names import escape
from aduni.results.decision.decision_json import Decision, ScreeningDecision, SetDecision


def in_words(decision: Decision) -> Iterator[str]:
    """Yield a phrase for the screening question, the prediction sets and the costs, if there."""
    if decision.screening:
        yield _screening(decision.screening)
    if decision.sets:
        yield _sets(decision.sets)
    if decision.costs:
        yield "the class with the least expected cost"


def _screening(asked: ScreeningDecision) -> str:
    name, chosen = escape(asked.name), f"{escape(asked.chosen_for)} on the {asked.part} part"
    if asked.threshold is None:
        return f"{name}: nothing is positive ({chosen})"
    return f"{name}: positive from a score of {asked.threshold:.4g} ({chosen})"


def _sets(asked: SetDecision) -> str:
    kind = "class-conditional" if asked.class_conditional else "over all images"
    promise = "guaranteed" if asked.guaranteed else f"no guarantee ({asked.part} part)"
    always = [escape(name) for name, value in asked.thresholds.items() if value is None]
    ending = f"; in every set: {', '.join(always)}" if always else ""
    return f"sets at {asked.confidence_level:g}, {kind}, {promise}{ending}"
