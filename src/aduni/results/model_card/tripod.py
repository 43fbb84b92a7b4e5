"""The reporting items of TRIPOD+AI, and where a run answers them.

Source: Collins et al. 2024 (BMJ 385:e078378), whose numbers these are; the names are ours.
"""

from collections.abc import Callable, Mapping

from aduni.results.model_card.markdown import escaped, table
from aduni.results.model_card.run_data import Content

AUTHOR = "author"
NOTE = (
    "Items of the reporting guideline TRIPOD+AI (Collins et al., BMJ 2024;385:e078378), and the "
    "section of this card or the file of the run that answers each. Author: the run cannot know "
    "it, and who publishes the model has to say it. In part: the author has to add to it."
)

ITEMS = {
    "1": "Title",
    "2": "Abstract",
    "3a": "Background: medical context and reason for the model",
    "3b": "Background: who the model is for, and where in care",
    "3c": "Background: known health inequalities",
    "4": "Objectives",
    "5a": "Data: sources, and how representative they are",
    "5b": "Data: dates of collection",
    "6a": "Participants: setting and centres",
    "6b": "Participants: who was eligible",
    "6c": "Participants: treatments",
    "7": "Data preparation and quality checks",
    "8a": "Outcome: definition and assessment",
    "8b": "Outcome: who assessed it",
    "8c": "Outcome: blinding of the assessment",
    "9a": "Predictors: choice",
    "9b": "Predictors: definition and measurement",
    "9c": "Predictors: who assessed them",
    "10": "Sample size and its reason",
    "11": "Missing data",
    "12a": "Analysis: use and partition of the data",
    "12b": "Analysis: handling of the predictors",
    "12c": "Analysis: type of model, its building and internal validation",
    "12d": "Analysis: differences between clusters such as hospitals",
    "12e": "Analysis: measures of performance",
    "12f": "Analysis: updating of the model after its evaluation",
    "12g": "Analysis: how predictions were computed",
    "13": "Class imbalance: methods and recalibration",
    "14": "Fairness",
    "15": "Output of the model, classification and thresholds",
    "16": "Differences between training and evaluation data",
    "17": "Ethical approval and consent",
    "18a": "Funding",
    "18b": "Conflicts of interest",
    "18c": "Study protocol",
    "18d": "Registration",
    "18e": "Availability of the data",
    "18f": "Availability of the code",
    "19": "Involvement of patients and the public",
    "20a": "Results: flow of participants",
    "20b": "Results: characteristics of the participants",
    "20c": "Results: evaluation data compared with training data",
    "21": "Results: participants and outcomes in each analysis",
    "22": "Results: the full model, for predictions in new people",
    "23a": "Results: performance with intervals, also of subgroups",
    "23b": "Results: performance in clusters such as hospitals",
    "24": "Results: the updated model",
    "25": "Interpretation",
    "26": "Limitations",
    "27a": "Use: input of poor quality, or none",
    "27b": "Use: what users must do, and know",
    "27c": "Next steps of research",
}
"""Number and short name of each item."""


def tripod_table(content: Content) -> str:
    """Return all items of TRIPOD+AI, each with the place that answers it, or "author"."""
    rows = [[number, name, _place(number, content)] for number, name in ITEMS.items()]
    return table(["item", "in short", "where"], rows, numbers=False)


def _place(number: str, content: Content) -> str:
    place = PLACES.get(number)
    return (place(content) if callable(place) else place) or AUTHOR


def _imbalance(content: Content) -> str:
    recalibrated = "" if content.calibrated_error is None else ", Calibration"
    return f"In part: Data (images by class), Model (method, sampler){recalibrated}"


def _output(content: Content) -> str:
    decided = "; Decisions (thresholds)" if content.decision else ""
    return f"In part: predictions.csv (probabilities, most probable class){decided}"


def _differences(content: Content) -> str | None:
    """Return nothing for a split from a file, whose parts may be of different places."""
    one_set = not content.settings["protocol"]["split_file"]
    return "In part: Protocol, Data (parts of one data set)" if one_set else None


def _code(content: Content) -> str | None:
    commit = content.metrics["git_commit"]
    return "In part: Origin (commit of the code, versions)" if commit else None


def _flow(content: Content) -> str:
    groups = content.split["group"].nunique() < len(content.split)
    return f"In part: Data (images by class and part{', number of groups' if groups else ''})"


def _known(content: Content) -> str:
    """Return the columns of split.csv that describe the images, if there are any."""
    return ", ".join(map(escaped, content.metadata))


def _characteristics(content: Content) -> str | None:
    known = _known(content)
    return f"In part: split.csv ({known})" if known else None


def _comparison(content: Content) -> str:
    known = _known(content)
    return f"In part: Data (classes by part){f', split.csv ({known})' if known else ''}"


def _measures(content: Content) -> str:
    decided = ", Decisions" if content.decision else ""
    return f"In part: Results on the test part, By class, Calibration{decided}"


def _performance(content: Content) -> str:
    return f"{_measures(content)}; subgroups are not in this card"


UNCHANGED = "No updating: nothing is changed after the test"

PLACES: Mapping[str, str | Callable[[Content], str | None]] = {
    "7": "In part: Limits (resizing); config.yaml (dataset)",
    "12a": "Protocol; split.csv",
    "12b": "Limits (resizing); config.yaml (dataset)",
    "12c": "In part: Model, Protocol; config.yaml, history.csv",
    "12e": _measures,
    "12f": UNCHANGED,
    "12g": "Use; predictions.csv",
    "13": _imbalance,
    "15": _output,
    "16": _differences,
    "18f": _code,
    "20a": _flow,
    "20b": _characteristics,
    "20c": _comparison,
    "21": "In part: Data (images by class and part)",
    "22": "In part: Model, Use; config.yaml",
    "23a": _performance,
    "24": UNCHANGED,
    "26": "In part: Limits",
}
"""Where a run answers an item; without a place, or with none for its content, the author has to."""
