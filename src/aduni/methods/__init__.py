"""Training methods, one file each; a method knows its losses and heads, not the trainer or data."""

import lazy_loader

# conf/ and stored configurations use these names; each module is imported at its first use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "aduni": ["AdUni"],
        "balms": ["BALMS"],
        "bcl": ["BCL"],
        "cicl": ["CICL"],
        "class_weights": ["ClassWeights"],
        "corn": ["CORN"],
        "cosine_means": ["CosineMeans"],
        "decouple": ["Decouple"],
        "ecl": ["ECL"],
        "floor": ["Floor"],
        "gcl": ["GCL"],
        "graded_softmax": ["GradedSoftmax"],
        "lade": ["LADE"],
        "label_over_smoothing": ["LabelOverSmoothing"],
        "ldam": ["LDAM"],
        "mislas": ["MiSLAS"],
        "mixing": ["Mixing"],
        "paco": ["PaCo"],
        "post_hoc": ["PostHoc"],
        "softmax": ["Softmax"],
    },
)
