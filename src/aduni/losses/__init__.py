"""Losses as pure functions: tensors in, one value per sample out; and as modules."""

import lazy_loader

# conf/ and stored configurations use these names; each module is imported at its first use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "balanced_contrast": ["balanced_contrastive", "with_prototypes"],
        "contrastive": ["Contrasts", "aduc", "supervised_contrastive"],
        "grades": [
            "corn",
            "corn_log_probabilities",
            "corn_tasks",
            "cost_sensitive",
            "gaussian_smoothing",
        ],
        "label_distribution": ["lade", "lade_regulariser"],
        "smoothing": ["class_smoothing", "label_aware_smoothing", "label_smoothing"],
        "modules": [
            "AduCLoss",
            "BalancedContrastiveLoss",
            "LogitLoss",
            "SupervisedContrastiveLoss",
        ],
        "softmax": [
            "balanced_softmax",
            "cross_entropy",
            "focal",
            "gcl",
            "ldam",
            "logit_adjusted",
            "vector_scaling",
        ],
        "weights": [
            "effective_number_weights",
            "inverse_weights",
            "log_weights",
            "sqrt_weights",
        ],
    },
)
