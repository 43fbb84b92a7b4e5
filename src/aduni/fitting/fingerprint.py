"""Describe a data set and this machine, for plan.yaml."""

from typing import Any

import numpy as np
import torch

from aduni.data.cache.image_cache import ImageCache
from aduni.data.image_table import ImageTable
from aduni.data.loading.samplers import Ints, imbalance_ratio
from aduni.system.threads import usable_cpus


def describe_data(table: ImageTable, groups: Ints, cache: ImageCache, title: str) -> dict[str, Any]:
    """Return the facts on a data set that a plan is made for.

    Args:
        groups: (n,) numbers shared by images that belong together.
    """
    counts = table.class_counts
    sides = cache.originals[["width", "height"]]
    return {
        "title": title,
        "images": len(table.images),
        "classes": dict(zip(table.class_names, counts.tolist(), strict=True)),
        "imbalance_ratio": round(float(imbalance_ratio(counts)), 2),
        "groups": len(np.unique(groups)),
        "median_width": int(sides["width"].median()),
        "median_height": int(sides["height"].median()),
        "ordinal": table.is_ordinal,
        "ordinal_from": ordinal_source(table),
        "split": "of the data set" if table.parts is not None else "folds",
    }


def ordinal_source(table: ImageTable) -> str:
    """Say who decided whether the classes have an order."""
    if table.ordinal is not None:
        return "declared"
    if table.is_ordinal:
        return "not declared: class names that are numbers are taken to be in order"
    return "not declared: taken to have no order"


def describe_machine() -> dict[str, Any]:
    """Return the GPUs, the cores and the threads of a training on the CPU."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {"gpus": gpus, "cores": usable_cpus(), "threads": torch.get_num_threads()}
