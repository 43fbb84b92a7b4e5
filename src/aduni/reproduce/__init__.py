"""Reproduce the paper: plan the runs of a profile, train them with train.py and report."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"sweep_table": ["SweepTable"]}
)
