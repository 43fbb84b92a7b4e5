"""Suggest a sampler for an untried data set from its class counts."""

from aduni.data.loading.samplers import Ints

MAX_EVEN_RATIO = 1.5
"""Largest imbalance ratio at which no sampler is worth its noise."""
MAX_UPSAMPLING_RATIO = 100.0
"""Beyond it, up-sampling shows an image of the rarest class over a hundred times an epoch."""


def imbalance_ratio(counts: Ints) -> float:
    """Return the largest over the smallest non-zero count of (C,) images of each class."""
    present = counts[counts > 0]
    return float(present.max() / present.min())


def suggest_sampler(counts: Ints) -> tuple[str, str]:
    """Return an option of conf/sampler for (C,) class counts, and the reason as a short clause.

    Between the two limits it is the paper's best: in its table 2 AdUni with up-sampling leads on
    ISIC 2018 (ratio 58) and on APTOS 2019 (ratio 9).
    """
    ratio = imbalance_ratio(counts)
    if ratio <= MAX_EVEN_RATIO:
        return "none", "the classes are about even"
    if ratio <= MAX_UPSAMPLING_RATIO:
        return "upsample", "best in the paper's table 2, on data sets of ratio 9 and 58"
    return "sqrt", f"up-sampling would show each image of the rarest class {ratio:.0f} times"
