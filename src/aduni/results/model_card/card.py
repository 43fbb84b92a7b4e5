"""Write model_card.md, for those who use or judge a trained model."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from aduni.metrics.names import METRICS
from aduni.models.backbones import describe_weights
from aduni.results.model_card.limits import limits_of
from aduni.results.model_card.markdown import bullets, escaped, table
from aduni.results.model_card.run_data import Content
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import atomic_write
from aduni.system.program import command_text

MAX_CONFUSION_CLASSES = 30
NOT_SETTINGS = ("_target_", "_partial_", "alpha", "classifier_sampler")

INTENDED = """\
For research: to compare methods of training on imbalanced images, and to repeat this training.

**Not a medical device.** It has not been examined or approved as one, by anybody. Not for
diagnosis, screening, triage, treatment or any other decision about a person, not even as a second
opinion."""

USE = """\
RUN is the folder that this file is in.

    {predict} ckpt=RUN/checkpoints/{checkpoint}.ckpt images=DIR output=predictions.csv
    {evaluate} ckpt=RUN/checkpoints/{checkpoint}.ckpt"""


def write_card(content: Content, folder: RunFolder) -> None:
    """Write model_card.md from the other files of a run's folder, which lacks only metrics.json."""
    text = card(content)
    with atomic_write(folder.card) as temporary:
        temporary.write_text(text, encoding="utf-8")


def card(content: Content) -> str:
    """Return the card in GitHub's Markdown, with escaped names."""
    return "\n\n".join(_parts(content)) + "\n"


def _parts(content: Content) -> Iterator[str]:
    metrics = content.metrics
    yield f"# Model card: {escaped(metrics['method'])} on {escaped(metrics['dataset'])}"
    yield f"## Intended use\n\n{INTENDED}"
    yield f"## Model\n\n{bullets(list(_model(metrics, content.settings)))}"
    yield f"## Data\n\n{_data(content)}\n\n{_counts(content)}"
    yield f"## Protocol\n\n{bullets(list(_protocol(content)))}"
    has_groups = len(np.unique(content.groups)) < len(content.groups)
    drawn = "groups of images that belong together" if has_groups else "test images"
    interval = f"In brackets the 95 % interval of a bootstrap over {drawn} (percentiles)."
    yield f"## Results on the test part\n\n{interval}\n\n{_metrics(content)}"
    yield f"### By class\n\n{_classes(content)}"
    yield f"### Confusion matrix\n\n{_confusion(content)}"
    yield f"### Calibration\n\n{_calibration(content)}"
    yield f"## Limits\n\n{bullets(limits_of(content))}"
    calls = {name: command_text(name) for name in ("predict", "evaluate")}
    yield f"## Use\n\n{USE.format(checkpoint=_checkpoint(metrics), **calls)}"
    yield f"## Origin\n\n{bullets(list(_origin(metrics)))}"


def _model(metrics: dict[str, Any], settings: dict[str, Any]) -> Iterator[str]:
    yield f"Method: {escaped(metrics['method'])}"
    options = {k: v for k, v in settings["method"].items() if k not in NOT_SETTINGS}
    yield f"Settings of the method: {_options(options)}"
    if metrics["alpha"] is not None:
        yield f"Alpha: {escaped(metrics['alpha'])} ({_options(metrics['alpha_settings'])})"
    weights = describe_weights(metrics["encoder"], settings["encoder"]["weights"])
    yield f"Encoder: {escaped(metrics['encoder'])}, from {escaped(weights)}"
    yield f"Images: {metrics['image_size']} x {metrics['image_size']} pixels, RGB"
    yield f"Sampler: {escaped(metrics['sampler'])}"
    yield (
        f"Epochs: {metrics['epochs']}, batch size {metrics['batch_size']}, learning rate "
        f"{metrics['lr']}, precision {metrics['precision']}, augmentation on {metrics['augment']}"
    )
    yield f"Seed: {metrics['seed']}"
    for stage in metrics["stages"]:
        name, epochs, epoch = escaped(stage["name"]), stage["epochs"], stage["epoch"] + 1
        yield f"Stage {name}: {epochs} epochs, weights of epoch {epoch}{_cut(stage)}"


def _cut(stage: dict[str, Any]) -> str:
    """Return when and why a stage ended early; empty for a whole one."""
    return f"; {stage['ended_by']} ended it after {stage['trained']}" if "trained" in stage else ""


def _options(options: dict[str, Any]) -> str:
    plain = {key: value for key, value in options.items() if not isinstance(value, dict | list)}
    return ", ".join(f"{escaped(key)} = {escaped(value)}" for key, value in plain.items()) or "none"


def _data(content: Content) -> str:
    """Return the data set without its path, since cards are passed on."""
    split, settings = content.split, content.settings["dataset"]
    groups = split["group"].nunique()
    name = f", {escaped(settings['name'])}" if settings.get("name") else ""
    lines = [
        f"Data set: {escaped(content.metrics['dataset'])}{name}",
        f"{len(split)} images of {len(content.class_names)} classes",
        f"{groups} groups of images that belong together (one lesion or patient, equal pictures)"
        if groups < len(split)
        else "No images that belong together are known",
        f"Split: {content.metrics['split_hash']}, stored in split.csv",
        "Licence and consent: those of the data set; this project knows nothing of them",
    ]
    return bullets(lines)


def _counts(content: Content) -> str:
    counts = content.counts
    rows = [
        [escaped(name), *map(str, row)]
        for name, row in zip(counts.index, counts.values, strict=True)
    ]
    total = ["all", *map(str, counts.sum())]
    return table(["class", *counts.columns], [*rows, total])


def _protocol(content: Content) -> Iterator[str]:
    metrics, protocol = content.metrics, content.settings["protocol"]
    yield f"{escaped(metrics['protocol'])}: fold {metrics['fold']} of {protocol['folds']}"
    if protocol["split_file"]:
        yield "The split was read from a file"
    kept = "stay on one side" if protocol["grouped"] else "may be on both sides"
    yield f"Images that belong together {kept} of the split"
    yield f"Epoch {metrics['selected_epoch'] + 1} was selected on the {metrics['selected_on']} part"
    yield f"Rule of selection: {escaped(protocol['select'])}"
    if metrics["caveat"]:
        yield f"**Caveat: {escaped(metrics['caveat'])}**"


def _metrics(content: Content) -> str:
    test, ends = content.metrics["test"], content.intervals.metrics
    rows = [[METRICS[key].title, _with_ends(test[key], *ends[key])] for key in ends]
    return table(["metric", "test"], rows)


def _classes(content: Content) -> str:
    test, ends = content.metrics["test"], content.intervals
    rows = []
    for number, name in enumerate(content.class_names):
        trained = content.metrics["training_counts"][name]
        f1 = _with_ends(test["per_class_f1"][name], *ends.f1[number])
        recall = _with_ends(test["per_class_recall"][name], *ends.recall[number])
        rows.append([escaped(name), str(trained), str(test["support"][name]), f1, recall])
    return table(["class", "trained on", "tested on", "F1", "recall"], rows)


def _confusion(content: Content) -> str:
    names = [escaped(name) for name in content.class_names]
    if len(names) > MAX_CONFUSION_CLASSES:
        return f"Of {len(names)} classes: in metrics.json."
    matrix = content.metrics["test"]["confusion_matrix"]
    rows = [[name, *map(str, row)] for name, row in zip(names, matrix, strict=True)]
    return f"Rows: true classes; columns: predicted ones.\n\n{table(['', *names], rows)}"


def _calibration(content: Content) -> str:
    before = content.metrics["test"]["expected_calibration_error"]
    after, temperature = content.calibrated_error, content.metrics["temperature"]
    if after is None:
        return f"Not calibrated, as there is no validation part. Calibration error {before:.3f}."
    return (
        f"Temperature {temperature:.3f}, fitted on the validation part and stored in the "
        f"checkpoint. Expected calibration error of the test part (15 bins): {before:.3f} before, "
        f"{after:.3f} after. The figures above are of the probabilities before."
    )


def _checkpoint(metrics: dict[str, Any]) -> str:
    last = metrics["stages"][-1]
    return "last" if last["handed_over"] == "last" and last["epochs"] else "best"


def _origin(metrics: dict[str, Any]) -> Iterator[str]:
    hardware = metrics["hardware"]
    gpus = ", ".join(map(escaped, hardware["gpus"])) or "no GPU"
    yield f"Machine: {escaped(hardware['processor'])}, {hardware['threads']} threads, {gpus}"
    seconds = metrics["train_seconds"]
    length = f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 3600:.2f} h"
    yield f"Training time: {length}, validation included"
    yield f"Code: commit {escaped(metrics['git_commit'] or 'unknown')}"
    versions = metrics["versions"].items()
    yield f"Versions: {', '.join(f'{escaped(name)} {escaped(each)}' for name, each in versions)}"


def _with_ends(value: float | None, low: float, high: float) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if np.isnan(low) else f"{value:.3f} ({low:.3f} to {high:.3f})"
