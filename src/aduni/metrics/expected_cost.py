"""Expected cost of decisions, with a matrix of what each mistake costs."""

from aduni.metrics.samples import Floats, Ints, Samples


def cheapest_decisions(probabilities: Floats, costs: Floats) -> Ints:
    """Return (n,) classes whose expected cost is least: argmin_k sum_c p_c cost_ck.

    Args:
        probabilities: (n, C), calibrated.
        costs: (C, C), of deciding for the column's class where the row's is true.
    """
    decisions: Ints = (probabilities @ costs).argmin(axis=1)
    return decisions


def expected_cost(samples: Samples, decisions: Ints, costs: Floats) -> Floats:
    """Return (S,) mean costs of (n,) decisions."""
    return samples.means(costs[samples.labels, decisions])
