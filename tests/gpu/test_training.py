"""Every method trains on the device in all precisions, and predicts the same on the CPU."""

import pandas as pd
import pytest
import torch

from aduni.evaluation.predict import predict_parts
from aduni.evaluation.trained_model import data_of, load_trained
from composing import networks

PRECISIONS = ["32-true", "bf16-mixed", "16-mixed"]
TOLERANCE = 1e-2
"""Of probabilities: convolutions are in TF32 on a GPU."""


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", networks())
def test_a_method_trains_and_predicts_on_the_cpu(train, device, quick, name, precision):
    if precision == "16-mixed" and device.type == "cpu":
        pytest.skip("exists on CUDA alone")
    folder = train(f"method={name}", f"precision={precision}")

    history = pd.read_csv(folder.history)
    assert history["loss"].notna().all()
    assert (history.groupby("stage")["epoch"].count() <= 2).all()
    trained = load_trained(folder.checkpoint("best"))
    data = data_of(trained, None, trained.settings.dataset["cache_dir"])
    parts = data.protocol.reported
    expected = predict_parts(trained.method, data, parts, torch.device("cpu"))
    found = pd.read_csv(folder.predictions, dtype={"image": str, "label": str, "predicted": str})
    columns = [column for column in expected if column.startswith("p_")]
    assert found["part"].tolist() == expected["part"].tolist()
    assert abs(found[columns] - expected[columns]).max(axis=None) <= TOLERANCE
