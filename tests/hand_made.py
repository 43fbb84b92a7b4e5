"""Run folders made by hand, whose figures are known."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from aduni.data.splits.predefined import split_hash
from aduni.results.predictions_csv import evaluate_predictions
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import write_csv

CLASSES = ("common", "less", "rare")


def make_run(
    folder: Path,
    *,
    labels: Sequence[int],
    predicted: Sequence[int],
    confidence: float | Sequence[float] = 0.8,
    method: str = "ce",
    sampler: str = "none",
    alpha: str = "released",
    alpha_value: float | None = None,
    method_settings: Mapping[str, Any] | None = None,
    dataset: str = "toy",
    fold: int = 0,
    seed: int = 0,
    classes: Sequence[str] = CLASSES,
    groups: Sequence[int] | None = None,
    training_labels: Sequence[int] = (0,) * 12 + (1,) * 6 + (2,) * 3,
    training_images: str = "train",
    history: pd.DataFrame | None = None,
    **metrics: Any,
) -> RunFolder:
    """A finished run.

    Args:
        folder: to make.
        labels: true class of each test image; image names follow from the fold and the position.
        predicted: class of each test image.
        confidence: probability of the predicted class; the others share the rest.
        groups: of the test images; None for one each.
        method_settings: in config.yaml; without an `alpha` the method takes none.
        training_labels: of the training part.
        training_images: what their names begin with; other names make another split.
        history: None for two epochs of falling loss.
        metrics: replaces values in metrics.json, and in config.yaml where it has them too.
    """
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    names = list(classes)
    images = [f"f{fold}_{i:04d}" for i in range(len(labels))]
    probabilities = np.empty((len(labels), len(names)))
    sure = np.broadcast_to(np.asarray(confidence, dtype=float), len(labels))
    probabilities[:] = ((1 - sure) / (len(names) - 1))[:, None]
    probabilities[np.arange(len(labels)), list(predicted)] = sure
    frame = pd.DataFrame(
        {
            "image": images,
            "part": "test",
            "label": [names[label] for label in labels],
            "predicted": [names[label] for label in predicted],
        }
    ).join(pd.DataFrame(probabilities, columns=[f"p_{name}" for name in names]))
    write_csv(frame, run.predictions)
    own = list(range(len(labels))) if groups is None else list(groups)
    training = pd.DataFrame(
        {
            "image": [f"{training_images}_{fold}_{i:04d}" for i in range(len(training_labels))],
            "label": [names[label] for label in training_labels],
            "group": [100_000 + i for i in range(len(training_labels))],
            "part": "train",
        }
    )
    split = frame[["image", "label", "part"]].assign(group=own)[training.columns]
    split = pd.concat([split, training])
    write_csv(split, run.split)
    if history is None:
        history = pd.DataFrame(
            {
                "stage": "train",
                "epoch": [0, 1],
                "validation_accuracy": [0.4, 0.6],
                "validation_macro_f1": [0.3, 0.5],
                "lr": [0.05, 0.001],
                "loss": [1.5, 0.9],
                "alpha": [1.0, 0.5],
                "images": [21, 21],
                "seconds": [1.0, 1.0],
            }
        )
    history.to_csv(run.history, index=False)
    alpha_settings = {} if alpha_value is None else {"value": alpha_value}
    chosen = {
        "method": method,
        "dataset": dataset,
        "sampler": sampler,
        "alpha": alpha,
        "protocol": metrics.get("protocol", "clean"),
        "encoder": metrics.get("encoder", "resnet18"),
    }
    numbers = {"epochs": 2, "batch_size": 6, "lr": 0.05}
    numbers |= {key: metrics[key] for key in numbers if key in metrics}
    settings = {"fold": fold, "seed": seed, **numbers}
    image_size, caveat = metrics.get("image_size", 16), metrics.get("caveat")
    config = {
        "names": chosen,
        "method": {"_target_": f"aduni.methods.{method}", **(method_settings or {})},
        "dataset": {"image_size": image_size},
        "sampler": {"_target_": SAMPLERS[sampler], "epoch_length": None},
        "alpha": {"_target_": f"aduni.schedules.{alpha}", **alpha_settings},
        "protocol": {"name": chosen["protocol"], "folds": 5, "caveat": caveat},
        "encoder": {"name": chosen["encoder"]},
        **settings,
    }
    OmegaConf.save(OmegaConf.create(config), run.config)
    counts = np.bincount(training_labels, minlength=len(names)).tolist()
    takes_alpha = "alpha" in config["method"]
    content = {
        **chosen,
        "alpha": alpha if takes_alpha else None,
        "alpha_settings": alpha_settings if takes_alpha else None,
        **settings,
        "image_size": image_size,
        "selected_epoch": 1,
        "selected_on": "validation",
        "caveat": caveat,
        "split_hash": split_hash(split),
        "training_counts": dict(zip(names, counts, strict=True)),
        "stages": [{"name": "train", "epochs": 2, "handed_over": "best", "epoch": 1}],
        "found": {},
        **evaluate_predictions(run.predictions, names),
        "train_seconds": 60.0,
        "images_per_second": 21.0,
        "versions": {"python": "3.11.7", "aduni": "0.1.0", "torch": "2.15.0"},
        "git_commit": "0" * 40,
        "hardware": {"processor": "x86_64", "threads": 2, "gpus": []},
        **metrics,
    }
    run.metrics.write_text(json.dumps(content))
    command = f"python src/train.py method={method} sampler={sampler} dataset={dataset} fold={fold}"
    run.log.write_text(f"[2026-01-01 00:00:00,000][aduni.cli.app][INFO] - command: {command}\n")
    return run


SAMPLERS = {
    "none": "aduni.data.InstanceBalanced",
    "upsample": "aduni.data.Upsample",
    "sqrt": "aduni.data.SquareRoot",
    "progressive": "aduni.data.Progressive",
    "balanced": "aduni.data.Balanced",
}
