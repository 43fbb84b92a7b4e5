"""Run: build data and method, train the stages, test once, write the results."""

import logging
from contextlib import nullcontext
from typing import Any

import pandas as pd
from pytorch_lightning import seed_everything

from aduni.checkpoints.load import load_checkpoint, load_weights, readable_checkpoint
from aduni.config.build import build_data_and_method
from aduni.config.schema import Settings
from aduni.config.untrusted import check_storable
from aduni.data.cache.changed_images import source_table
from aduni.data.image_data import ImageData
from aduni.data.shortcuts.features import shortcut_features
from aduni.distributed.rank_zero import is_first_process
from aduni.distributed.strategy import end_all_processes
from aduni.errors import UserError
from aduni.evaluation.evaluate_checkpoint import describe
from aduni.evaluation.predict import predict_by_floor, predict_parts, training_features
from aduni.methods.base import Method, encoder_of
from aduni.methods.floor import Floor
from aduni.metrics.bootstrap_intervals import interval_ends
from aduni.metrics.calibration import Calibration, fit_calibration
from aduni.results.history_csv import training_speed
from aduni.results.model_card.card import write_card
from aduni.results.model_card.run_data import read_content
from aduni.results.predictions_csv import labels_and_probabilities
from aduni.results.run_files import read_metrics, write_inputs, write_metrics, write_predictions
from aduni.results.run_folder import RunFolder, link_latest
from aduni.results.validation import check_metrics_by_predictions
from aduni.system.atomic_files import write_npz
from aduni.system.out_of_memory import explain_out_of_memory, suggest_smaller_batch
from aduni.system.provenance import provenance
from aduni.training.machine import check_machine
from aduni.training.run_page.page import write_run_page
from aduni.training.stages import Training
from aduni.training.start_banner import print_start_banner
from aduni.training.trackers.results import run_results
from aduni.training.trackers.trackers import Trackers

log = logging.getLogger(__name__)


def run(settings: Settings, folder: RunFolder) -> dict[str, Any]:
    """Train, select, test once, and write everything into the folder.

    Args:
        settings: checked; with `resume` set, those stored in the folder.
        folder: folder of the run.

    Returns:
        What metrics.json holds; empty on all processes but the first.

    Raises:
        UserError: for every fault that the user can fix.
    """
    with folder.locked() if is_first_process() else nullcontext():
        if settings.resume and folder.metrics.exists():
            metrics = read_metrics(folder)
            # An earlier version of this project may have written fewer metrics.
            complete = folder.predictions.is_file()
            return (
                {**metrics, **check_metrics_by_predictions(metrics, folder)}
                if complete
                else metrics
            )
        if settings.resume and not folder.split.is_file():
            raise UserError(
                f"{folder.split} is missing; restore it from a copy of the run, or start a new run."
            )
        if not settings.resume and is_first_process():
            folder.begin_anew()
        remedy = suggest_smaller_batch(settings.batch_size)
        with explain_out_of_memory(remedy), end_all_processes(), Trackers() as trackers:
            return _train_and_test(settings, folder, trackers)


def _train_and_test(settings: Settings, folder: RunFolder, trackers: Trackers) -> dict[str, Any]:
    origin = provenance()  # of the code that starts, whatever is checked out while it trains
    if is_first_process():
        check_machine(settings)
        check_storable(settings)
        trackers.open(settings.logger)
    seed_everything(settings.seed, workers=False, verbose=False)
    data, method = _data_and_method(settings, folder)
    _check_patience(settings, data)
    _check_features(settings, method)
    if isinstance(method, Floor) and is_first_process():
        shortcut_features(data, method.features)  # faults show before the folder is written
    training = Training(settings, folder, data, method, trackers)
    if is_first_process() and not settings.resume:
        sources = source_table(data) if data.sources.files else None
        write_inputs(folder, settings.model_dump(), data.split, sources)
        log.info("split: %s", data.split_hash)
    if is_first_process():
        link_latest(folder.path)  # of a run that begins, not of one that is refused
    if is_first_process() and method.stages:
        print_start_banner(settings, data, method)
    trackers.log_hyperparams(settings.model_dump())
    training.run()
    if not is_first_process():
        return {}
    metrics = _test(training, origin)
    trackers.log_results(run_results(metrics, folder))
    return metrics


def _data_and_method(settings: Settings, folder: RunFolder) -> tuple[ImageData, Method]:
    """Build data set and method; a run that goes on has its encoder's weights itself."""
    if not settings.resume:
        return build_data_and_method(settings)
    stored = readable_checkpoint(folder.checkpoints())
    if stored:
        without = {"encoder": {**settings.encoder, "weights": None}}
        settings = settings.model_copy(update=without)
    data, method = build_data_and_method(settings, folder.sources)
    if stored and (encoder := encoder_of(method)) and encoder.is_frozen:
        # Features of the images are looked up by these weights, before a stage is restored.
        load_weights(method, load_checkpoint(stored, "resume"), stored)
    return data, method


def _check_patience(settings: Settings, data: ImageData) -> None:
    """Raise UserError if the part that would end the training is the test part."""
    if settings.patience is not None and data.protocol.selected_on != "validation":
        raise UserError(
            f"patience={settings.patience} needs a validation part, which protocol="
            f"{settings.names.protocol} does not have; leave patience out, or use protocol=clean."
        )


def _check_features(settings: Settings, method: Method) -> None:
    """Raise UserError if features are to be saved that there are not."""
    if settings.save_features and not hasattr(method, "encoder"):
        raise UserError(
            f"save_features=true needs {settings.method['_target_']}.encoder, which is missing; "
            "add it, or leave save_features out."
        )


def _test(training: Training, origin: dict[str, Any]) -> dict[str, Any]:
    """Predict, compute the metrics from the stored predictions, and write both."""
    folder, data, method = training.folder, training.data, training.method
    epoch = training.stages[-1]["epoch"] if training.stages else None
    if isinstance(method, Floor):
        predictions, training.found = predict_by_floor(method, data, training.settings.seed)
    else:
        predictions = predict_parts(method, data, data.protocol.reported, training.device)
    names, ordinal = data.table.class_names, data.table.is_ordinal
    tested = write_predictions(folder, predictions, names, ordinal=ordinal)
    if training.settings.save_features:
        write_npz(training_features(method, data, training.device), folder.features)
    calibration = _calibration(predictions, names)
    if calibration and training.stages:
        training.keep_calibration(calibration)
    metrics = {
        **describe(training.settings, data, epoch),
        "temperature": calibration.temperature if calibration else None,
        "stages": training.stages,
        "found": training.found,
        **tested,
        **training_speed(folder.history),
        **origin,
    }
    if training.stages:  # a card is about a model, which a floor does not keep
        content = read_content(metrics, folder)
        write_card(content, folder)
        metrics["test_intervals"] = interval_ends(content.intervals)
    write_metrics(folder, metrics)
    if training.stages:
        write_run_page(folder, metrics)
    return metrics


def _calibration(predictions: pd.DataFrame, class_names: list[str]) -> Calibration | None:
    """Fit on the validation part; None without one, since the test part decides nothing."""
    rows = predictions[predictions["part"] == "validation"]
    return fit_calibration(*labels_and_probabilities(rows, class_names)) if len(rows) else None
