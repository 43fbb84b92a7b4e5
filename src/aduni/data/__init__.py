"""Data sets, their splits, caches and loaders of augmented views."""

import lazy_loader

# Names used in conf/ and in stored configurations; each module is imported on first use.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "augmentation.policies": ["RandAugment", "TrivialAugment"],
        "augmentation.transforms": ["ColorJitter", "FlippedAffine"],
        "datasets.aptos": ["APTOS"],
        "datasets.csv_table": ["CSVTable"],
        "datasets.digits": ["Digits"],
        "datasets.eyepacs": ["EyePACS"],
        "datasets.folder": ["Folder"],
        "datasets.ham10000": ["HAM10000"],
        "datasets.isic2018": ["ISIC2018"],
        "datasets.isic2019": ["ISIC2019"],
        "datasets.medmnist": ["MedMNIST"],
        "download.archives": ["Archive"],
        "loading.samplers": [
            "Balanced",
            "ClassAware",
            "InstanceBalanced",
            "Progressive",
            "SquareRoot",
            "Upsample",
        ],
        "splits.folds": ["GroupFolds"],
        "splits.protocol": ["Protocol"],
    },
)
