"""Plan and train the runs of the paper's tables, and of sweeps."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"sweep_table": ["SweepTable"]}
)
