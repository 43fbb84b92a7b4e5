"""Metrics of class probabilities, one file each: every file with a METRIC is found."""
