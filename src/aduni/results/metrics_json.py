"""What the fields of metrics.json mean."""

from collections.abc import Mapping
from typing import Any

from aduni.data.datasets.titles import GRADED


def is_ordinal(metrics: Mapping[str, Any]) -> bool:
    """Whether the classes of a run have an order: without one there is no quadratic kappa.

    Files that do not say it are of earlier versions, which stored a kappa over any classes; of
    their data sets the published ones are known.

    Args:
        metrics: what metrics.json holds.
    """
    return bool(metrics.get("ordinal", metrics["dataset"] in GRADED))
