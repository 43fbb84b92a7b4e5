"""Checkpoints of runs as data: what they hold, how they are read, what of them is reused."""
