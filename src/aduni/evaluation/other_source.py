"""Test a trained model on data of another source, beside its own test part.

The result is the folder of a run on another data set, which a report reads like all runs: the
training, validation and calibration parts are those of the training, the test part is the other
source, and the part `internal` is the training's own test part.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from aduni.config.instantiate import Node
from aduni.config.unloaded_data import build_unloaded_data
from aduni.data.cache.changed_images import read_sources_csv, source_table
from aduni.data.class_mapping import map_classes
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import Ints
from aduni.data.names import escape
from aduni.data.splits.predefined import INTERNAL, split_frame, split_hash
from aduni.errors import UserError, warn
from aduni.evaluation.evaluate_settings import OF_THE_MODEL
from aduni.evaluation.evaluation_folder import check_evaluation_folder
from aduni.evaluation.predict import predict_rows, predictions_frame
from aduni.evaluation.trained_model import TrainedModel, load_trained
from aduni.results.find_checkpoint import tested_checkpoint
from aduni.results.finished_runs import Run, read_run
from aduni.results.run_files import write_metrics, write_predictions
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import write_csv, write_yaml
from aduni.system.out_of_memory import FREE_GPU_MEMORY, explain_out_of_memory
from aduni.system.provenance import provenance

log = logging.getLogger(__name__)

EXTERNAL = "external"
"""Folder in that of the run, with a folder for each other source."""


def evaluate_other_source(
    path: Path,
    dataset: Node,
    protocol: Node,
    *,
    class_mapping: Path | None,
    output: Path | None,
    trust: Sequence[str] = (),
) -> tuple[dict[str, Any], RunFolder]:
    """Predict all images of another source with a checkpoint, and write them as a run's folder.

    Args:
        path: checkpoint that its run tested.
        dataset: node of the other source.
        protocol: node of a protocol, by which images that belong together are found.
        class_mapping: see `map_classes`.
        output: folder to write to; None for `external/TITLE` in the run's folder.
        trust: packages whose classes the checkpoint's settings may name.

    Returns:
        The content of metrics.json and its folder.
    """
    trained = load_trained(path, trust)
    run = _finished_run(trained)
    data = _data(dataset, protocol, trained)
    if data.title == run.dataset:
        raise UserError(
            f"The other source has the name of the model's own data set, {escape(data.title)}; set "
            "dataset.title to another one."
        )
    folder = RunFolder(output or trained.run.path / EXTERNAL / data.title.replace("/", "_"))
    check_evaluation_folder(folder, is_of_other_source=True)
    rows, labels = _rows(data, run, class_mapping)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    with explain_out_of_memory(FREE_GPU_MEMORY):
        read, probabilities = predict_rows(trained.method, data, rows, device)
    images, names = [data.table.images[row] for row in read], np.array(trained.class_names)
    shown = pd.Series(labels, index=rows)[read].to_numpy(dtype=str)
    predicted = predictions_frame(images, shown, "test", names, probabilities)
    return _write(run, data, _split(run, data, rows, labels), predicted, folder), folder


def _finished_run(trained: TrainedModel) -> Run:
    """Return the run of a model; raise UserError unless the run is finished and tested it."""
    if not trained.run.metrics.is_file():
        raise UserError(
            f"{trained.run.path} is not finished, so that there is no internal test to compare "
            f"with; continue it with train.py resume={trained.run.path}."
        )
    run = read_run(trained.run)
    tested = tested_checkpoint(run.metrics, trained.run)
    if tested.resolve() != trained.path.resolve():
        raise UserError(
            f"{trained.path} is not the checkpoint that its run tested; give ckpt={tested}."
        )
    return run


def _data(dataset: Node, protocol: Node, trained: TrainedModel) -> ImageData:
    """Build the other source, with images as the model takes them."""
    own = trained.settings.dataset
    of_the_model = {key: own[key] for key in OF_THE_MODEL if key in own}
    data = build_unloaded_data({**dataset, **of_the_model}, protocol)
    data.min_classes = 1  # such as healthy people alone, for the specificity
    return data


def _rows(data: ImageData, run: Run, class_mapping: Path | None) -> tuple[Ints, NDArray[np.str_]]:
    """Return the rows that are tested, and their classes by the model's names.

    Files that the model was trained or selected on are left out, and reported.
    """
    table = data.table
    mapping = map_classes(table.class_names, run.class_names, class_mapping)
    classes = np.array([mapping[name] for name in table.class_names], dtype=object)[table.labels]
    known = _known_files(data, run)
    if known.any():
        warn(
            log,
            f"{known.sum()} of {len(known)} images of {data.title} are files that the model was "
            "trained or selected on; they are left out.",
        )
    rows = np.flatnonzero(~known & (classes != None))  # noqa: E711  (elementwise)
    if not len(rows):
        raise UserError(f"{data.title} has no image that is left to test; see class_mapping.")
    return rows, classes[rows].astype(str)


def _known_files(data: ImageData, run: Run) -> NDArray[np.bool_]:
    """Tell of each row (n,) whether the model was trained, selected or calibrated on its file."""
    if not run.folder.sources.is_file() or data.sources.files is not data.table.files:
        return np.zeros(len(data.table.images), dtype=bool)
    digests = read_sources_csv(run.folder.sources)
    used = run.split.loc[~run.split["part"].isin(["test", "unused"]), "image"]
    return np.asarray(source_table(data)["sha256"].isin(digests[digests.index.isin(used)]))


def _split(run: Run, data: ImageData, rows: Ints, labels: NDArray[np.str_]) -> pd.DataFrame:
    """Return split.csv: that of the run, its test part as `internal`, and the other source."""
    own = _as_internal(run.split)
    table = data.table
    other = split_frame(table, data.groups, np.full(len(table.images), "test")).iloc[rows]
    other = other.assign(label=labels, group=other["group"] + int(own["group"].max()) + 1)
    return pd.concat([own, other], ignore_index=True)


def _as_internal(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a run, with the test part as `internal` and names that no other source has."""
    parts = rows["part"].replace("test", INTERNAL)
    return rows.assign(part=parts, image=f"{INTERNAL}: " + rows["image"])


def _write(
    run: Run, data: ImageData, split: pd.DataFrame, predicted: pd.DataFrame, folder: RunFolder
) -> dict[str, Any]:
    predictions = pd.concat([_as_internal(run.predictions), predicted], ignore_index=True)
    config = {**run.config, "names": {**run.config["names"], "dataset": data.title}}
    metrics = {key: value for key, value in run.metrics.items() if key != "test_intervals"}
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.metrics.unlink(missing_ok=True)  # of an earlier call: it is finished at the end
    write_csv(split, folder.split)
    write_yaml(config, folder.config)
    figures = write_predictions(folder, predictions, run.class_names, ordinal=run.ordinal)
    metrics |= {
        **{"dataset": data.title, "split_hash": split_hash(split)},
        **{"trained_on": run.dataset, INTERNAL: run.test},
        **figures,
        **provenance(),
    }
    write_metrics(folder, metrics)
    return metrics
