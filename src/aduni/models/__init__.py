"""Encoders and the heads on top of them."""

import lazy_loader

# conf/ and stored configurations use these names; each module is imported at its first use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "encoder": ["Encoder"],
    },
)
