"""Reproduce the paper: plan the runs of a profile, train them with train.py and report."""
