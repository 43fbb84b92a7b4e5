"""Area under the ROC curve, one class against the rest."""

import numpy as np

from aduni.metrics.metric import Metric
from aduni.metrics.per_class.auroc import class_auroc
from aduni.metrics.samples import Floats, Samples


def macro_auroc(samples: Samples) -> Floats:
    """Return (S,) means over the classes of the area under the ROC curve of each against the rest.

    NaN where a class is absent.
    """
    return np.asarray(class_auroc(samples).mean(axis=1))


METRIC = Metric(
    "macro_auroc",
    "Macro AUROC",
    macro_auroc,
    position=4,
    max_resamples=500,
    meaning="how well each class is ranked above the rest, mean of the classes; 0.5 is chance",
)
