"""Train a run from checked settings: stages, callbacks, loggers."""

import lazy_loader

# Names in conf/ and in stored configurations; each module is imported at the first use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "optimizers": ["adamw", "sgd"],
        "trackers.wandb_logger": ["WandbRunLogger"],
    },
)
