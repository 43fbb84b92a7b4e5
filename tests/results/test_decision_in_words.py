"""Decisions as a line of text."""

from aduni.results.decision.decision_json import Decision, ScreeningDecision, SetDecision
from aduni.results.decision.in_words import in_words

ASKED = ScreeningDecision(
    name="referable",
    positive_classes=("ill",),
    threshold=0.25,
    chosen_for="sensitivity 0.95",
    part="validation",
)
SETS = SetDecision(
    confidence_level=0.9,
    score="lac",
    class_conditional=False,
    thresholds={"well": 0.5, "ill": None},
    part="validation",
    guaranteed=False,
)


def words(screening: ScreeningDecision | None, sets: SetDecision | None) -> list[str]:
    return list(
        in_words(
            Decision(
                split_hash="",
                epoch=0,
                weights="",
                class_names=("well", "ill"),
                screening=screening,
                sets=sets,
            )
        )
    )


def test_a_decision_is_described_with_its_level_and_its_promise():
    assert words(ASKED, SETS) == [
        "referable: positive from a score of 0.25 (sensitivity 0.95 on the validation part)",
        "sets at 0.9, over all images, no guarantee (validation part); in every set: ill",
    ]


def test_a_threshold_that_nothing_reaches_is_said():
    asked = ASKED.model_copy(update={"threshold": None})
    expected = "referable: nothing is positive (sensitivity 0.95 on the validation part)"
    assert words(asked, None) == [expected]
