"""Front matter of a card: what the Hugging Face hub reads of a model, between two lines `---`.

Its keys are those of https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
"""

from typing import Any, Literal

import yaml

from aduni.metrics.names import METRICS
from aduni.results.model_card.markdown import one_line
from aduni.results.model_card.run_data import Content

Library = Literal["pytorch", "timm"]

RULE = "---\n"
LICENCE = (
    "# license: state yours here, as `license: mit`; it may have to follow that of the images\n"
)
TASK = "image-classification"
HUB_METRICS: dict[str, tuple[str, dict[str, str]]] = {
    "accuracy": ("accuracy", {}),
    "macro_f1": ("f1", {"average": "macro"}),
    "macro_auroc": ("roc_auc", {"average": "macro", "multi_class": "ovr"}),
    "mcc": ("matthews_correlation", {}),
}
"""The hub's name of a metric, with its arguments; the others keep the names of metrics.json."""


def front_matter(content: Content | None, library: Library = "pytorch") -> str:
    """Return the front matter of a card, to which an empty line belongs.

    The licence is left out, as a run does not know it; a comment reminds of it.

    Args:
        content: of the run; None for a model that no run has tested, which has no results.
        library: that opens the model.
    """
    fields: dict[str, Any] = {
        "library_name": library,
        "pipeline_tag": TASK,
        "tags": [TASK, *(["timm"] if library == "timm" else []), "aduni"],
    }
    if content:
        keys = _measured(content)
        fields["metrics"] = [HUB_METRICS[key][0] for key in HUB_METRICS if key in keys]
        fields["model-index"] = [{"name": model_name(content), "results": [_results(content)]}]
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=float("inf"))
    return f"{RULE}{LICENCE}{text}{RULE}\n"


def without_front_matter(card: str) -> str:
    """Return a card from its title on, for what would show the front matter as text."""
    return card.partition(f"\n{RULE}\n")[2] if card.startswith(RULE) else card


def model_name(content: Content) -> str:
    """Return the name of a model, on one line."""
    return one_line(f"{content.metrics['method']} on {content.metrics['dataset']}")


def _measured(content: Content) -> list[str]:
    test = content.metrics["test"]
    return [key for key in content.intervals.metrics if test[key] is not None]


def _results(content: Content) -> dict[str, Any]:
    data = one_line(content.metrics["dataset"])
    title = one_line(content.settings["dataset"].get("name") or data)
    return {
        "task": {"type": TASK, "name": "Image classification"},
        "dataset": {"type": data, "name": title, "split": "test"},
        "metrics": [_metric(key, content.metrics["test"][key]) for key in _measured(content)],
    }


def _metric(key: str, value: float) -> dict[str, Any]:
    name, arguments = HUB_METRICS.get(key, (key, {}))
    found = {"type": name, "name": METRICS[key].title, "value": round(value, 4)}
    return {**found, "args": arguments} if arguments else found
