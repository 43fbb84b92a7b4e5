"""Search for faults of a data set before training."""
