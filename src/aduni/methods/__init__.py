"""Training methods, one file each; a method knows its losses and heads, not the trainer or data."""

import lazy_loader

# conf/ and stored configurations use these names; each module is imported at its first use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "aduni": ["AdUni"],
        "balms": ["BALMS"],
        "cicl": ["CICL"],
        "decouple": ["Decouple"],
        "floor": ["Floor"],
        "ldam": ["LDAM"],
        "paco": ["PaCo"],
        "post_hoc": ["PostHoc"],
        "softmax": ["Softmax"],
    },
)
