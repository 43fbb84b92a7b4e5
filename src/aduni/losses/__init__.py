"""Losses as pure functions: tensors in, one value per anchor out."""

import lazy_loader

# conf/ and stored configurations use these names; each module is imported at its first use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "softmax": [
            "balanced_softmax",
            "class_balanced",
            "cross_entropy",
            "focal",
            "logit_adjusted",
        ],
    },
)
