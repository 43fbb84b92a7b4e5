"""Write model_card.md, for those who use or judge a trained model."""

from collections.abc import Iterator
from typing import Any

from aduni.models.backbones import describe_weights
from aduni.results.model_card.decisions import decisions
from aduni.results.model_card.front_matter import Library, front_matter
from aduni.results.model_card.limits import limits_of
from aduni.results.model_card.markdown import bullets, escaped, table
from aduni.results.model_card.results import (
    bootstrap_note,
    calibration,
    classes_table,
    confusion,
    headline,
    metrics_table,
)
from aduni.results.model_card.run_data import Content
from aduni.results.model_card.tripod import NOTE, tripod_table
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import replace_text
from aduni.system.program import command_text

NOT_SETTINGS = ("_target_", "_partial_", "alpha", "class_weights", "classifier_sampler")

INTENDED = """\
For research: to compare methods of training on imbalanced images, and to repeat this training.

**Not a medical device.** It has not been examined or approved as one, by anybody. Not for
diagnosis, screening, triage, treatment or any other decision about a person, not even as a second
opinion."""

USE = """\
RUN is the folder that this file is in.

    {predict} ckpt=RUN/checkpoints/{checkpoint}.ckpt images=DIR{decision} output=predictions.csv
    {evaluate} ckpt=RUN/checkpoints/{checkpoint}.ckpt"""


def write_card(content: Content, folder: RunFolder) -> None:
    """Write model_card.md from the other files of a run's folder, atomically."""
    replace_text(card(content), folder.card)


def card(content: Content, use: str | None = None, library: Library = "pytorch") -> str:
    """Return the card in GitHub's Markdown, with escaped names, below its front matter.

    Args:
        use: text on how the model is used; None: by this project's commands.
        library: that opens the model.
    """
    return front_matter(content, library) + "\n\n".join(_parts(content, use)) + "\n"


def _parts(content: Content, use: str | None) -> Iterator[str]:
    metrics = content.metrics
    yield f"# Model card: {escaped(metrics['method'])} on {escaped(metrics['dataset'])}"
    yield headline(content)
    yield f"## Intended use\n\n{INTENDED}"
    yield f"## Model\n\n{bullets(list(_model(metrics, content.settings)))}"
    yield f"## Data\n\n{_data(content)}\n\n{_counts(content)}"
    yield f"## Protocol\n\n{bullets(list(_protocol(content)))}"
    note = bootstrap_note(content)
    yield f"## Results on the test part\n\n{note}\n\n{metrics_table(content)}"
    yield f"### By class\n\n{classes_table(content)}"
    yield f"### Confusion matrix\n\n{confusion(content)}"
    yield f"### Calibration\n\n{calibration(content)}"
    yield from decisions(content)
    yield f"## Limits\n\n{bullets(limits_of(content))}"
    yield f"## Use\n\n{use or _use(content)}"
    yield f"## Reporting items\n\n{NOTE}\n\n{tripod_table(content)}"
    yield f"## Origin\n\n{bullets(list(_origin(metrics)))}"


def _use(content: Content) -> str:
    """Return the commands that use the model, by its decision if one is stored."""
    calls = {name: command_text(name) for name in ("predict", "evaluate")}
    decision = " decision=RUN/decision.json" if content.decision else ""
    return USE.format(checkpoint=_checkpoint(content.metrics), decision=decision, **calls)


def _model(metrics: dict[str, Any], settings: dict[str, Any]) -> Iterator[str]:
    yield f"Method: {escaped(metrics['method'])}"
    options = {k: v for k, v in settings["method"].items() if k not in NOT_SETTINGS}
    yield f"Settings of the method: {_options(options)}"
    if metrics["alpha"] is not None:
        yield f"Alpha: {escaped(metrics['alpha'])} ({_options(metrics['alpha_settings'])})"
    if names := _class_weights(settings):
        yield f"Class weights: {names}"
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


def _class_weights(settings: dict[str, Any]) -> str:
    """Return the class weights and their options; empty for none."""
    node = settings.get("class_weights") or {}
    if not node.get("weights"):
        return ""
    own = {key: value for key, value in node["weights"].items() if not key.startswith("_")}
    options = own | {key: node[key] for key in ("deferred", "divide_by")}
    return f"{escaped(settings['names']['class_weights'])} ({_options(options)})"


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
