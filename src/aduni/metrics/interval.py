"""95 % intervals: their type, and the quantiles at their ends."""

Interval = tuple[float, float]

ENDS = (0.025, 0.975)
