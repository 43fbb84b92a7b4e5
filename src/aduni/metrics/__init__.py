"""Metrics, their confidence intervals, and calibration: numbers in, numbers out."""

import lazy_loader

# Names for programs of users; each module is imported at its first use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bootstrap_intervals": ["Intervals", "intervals"],
        "calibration": ["Calibration", "fit_calibration"],
        "evaluation": ["evaluate"],
        "fold_intervals": ["interval_over_folds"],
    },
)
