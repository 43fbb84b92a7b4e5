"""Metrics of each class against the rest, one file each: every file with a METRIC is found."""
