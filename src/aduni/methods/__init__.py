"""One file per method; a method knows its losses and heads, never the trainer or the data."""

import lazy_loader

# Names in conf/ and in stored configurations; each module is imported at the first use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "aduni": ["AdUni"],
        "balms": ["BALMS"],
        "cicl": ["CICL"],
        "decouple": ["Decouple"],
        "ldam": ["LDAM"],
        "paco": ["PaCo"],
        "post_hoc": ["PostHoc"],
        "softmax": ["Softmax"],
    },
)
