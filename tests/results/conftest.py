"""A run whose model card is written, without a training."""

import numpy as np
import pandas as pd
import pytest

from aduni.metrics.evaluation import evaluate
from aduni.results.model_card.run_data import Content

CLASSES = ["common", "less", "rare"]


@pytest.fixture
def part():
    """(labels, probabilities, groups) of 60 images in 40 groups; scores have ties."""
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat([0, 1, 2], [36, 16, 8]))
    probabilities = rng.dirichlet(np.ones(3), 60)
    probabilities[np.arange(60), labels] += 0.4
    probabilities = np.round(probabilities / probabilities.sum(axis=1, keepdims=True), 1)
    return labels, probabilities, np.sort(np.r_[np.arange(40), np.arange(20)])


@pytest.fixture
def make_content(part):
    """A run of hostile or plain class names."""

    def make(
        class_names=CLASSES,
        *,
        temperature=0.5,
        grouped=True,
        selected_on="validation",
        ordinal=False,
        decision=None,
        metadata=None,
        names=("aduni", "own"),
    ):
        labels, probabilities, groups = part
        classes = list(class_names)
        images = [f"i{n}" for n in range(60)]
        named = np.array(classes, dtype=object)[labels]
        columns = {f"p_{name}": probabilities[:, c] for c, name in enumerate(classes)}
        predictions = pd.DataFrame({"image": images, "label": named, **columns})
        split = pd.DataFrame({"image": images, "label": named, "group": groups, "part": "test"})
        split = split.assign(**(metadata or {}))
        training = split.assign(image="t" + split["image"], part="train", group=groups + 100)
        metrics = {
            **{"method": names[0], "dataset": names[1], "sampler": "none", "protocol": "clean"},
            **{"fold": 2, "seed": 5, "epochs": 7, "batch_size": 8, "lr": 0.1, "image_size": 32},
            **{"encoder": "resnet18", "alpha": "released", "alpha_settings": {"maximum": 1.0}},
            **{"precision": "32-true", "augment": "cpu", "selected_epoch": 3, "caveat": None},
            **{"selected_on": selected_on, "split_hash": "abc", "temperature": temperature},
            "stages": [{"name": "train", "epochs": 7, "handed_over": "best", "epoch": 3}],
            "training_counts": dict(zip(classes, [36, 16, 8], strict=True)),
            "task": "ordinal" if ordinal else "multiclass",
            "test": evaluate(labels, probabilities, classes, ordinal=ordinal),
            **{"train_seconds": 42.0, "git_commit": None, "versions": {"python": "3.11"}},
            "hardware": {"processor": "x86_64", "threads": 1, "gpus": []},
        }
        settings = {
            "method": {"_target_": "x", "temperature": 0.1, "alpha": {"maximum": 1.0}},
            "encoder": {"weights": None},
            "dataset": {"root": "/home/somebody/images"},
            "protocol": {
                **{"folds": 5, "grouped": grouped, "select": "macro_f1", "split_file": None},
            },
        }
        both = pd.concat([split, training])
        return Content(metrics, settings, both, predictions, decision)

    return make
