"""Explain a model: load it and the images, compute the cards and write the page."""

from pathlib import Path

from aduni.data.cache.decode import InputFormat
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel, data_of, load_trained
from aduni.inference.explain.error_cards import (
    StoredPredictions,
    confusion_of,
    error_groups,
    predictions_file,
    read_test_part,
)
from aduni.inference.explain.explain_settings import NO_LAYER, ExplainSettings
from aduni.inference.explain.explained_model import ExplainedModel
from aduni.inference.explain.grad_cam import find_layer
from aduni.inference.explain.page import (
    GENERATOR,
    ErrorGroup,
    Page,
    Pixels,
    QueryCard,
    render,
    safe_file_name,
)
from aduni.inference.explain.query_cards import (
    explain_images,
    neighbour_table,
    query_card,
    rows_by_file,
    training_reference,
)
from aduni.inference.images import device, image_files, read_image
from aduni.results.find_checkpoint import find_checkpoint
from aduni.system.atomic_files import write_csv, write_text
from aduni.system.atomic_folder import INDEX, atomic_folder
from aduni.system.out_of_memory import FREE_GPU_MEMORY, explain_out_of_memory
from aduni.system.output_folder import check_output

MAX_IMAGES = 500
"""Images on one page: each takes about 60 kB."""
MAX_COARSE_SIDE = 4
"""Positions along a side up to which a heat map is too coarse to localise much."""
LIMITS = (
    "Heat maps and neighbours show what the model goes by, not that it is right; neither they nor "
    "the model are for diagnosis."
)


def explain(settings: ExplainSettings) -> Path:
    """Write the page, its pictures and the table of neighbours, and return the page's path.

    After an error the folder is as it was before.
    """
    files = image_files(settings.images) if settings.images is not None else []
    if len(files) > MAX_IMAGES:
        raise UserError(
            f"images= are {len(files)} images, and one page holds {MAX_IMAGES}; give a part of "
            "them."
        )
    trained = load_trained(find_checkpoint(settings.ckpt), settings.trust)
    target = settings.target_class(trained.class_names)
    output = Path(settings.output) if settings.output else trained.run.path / "explanation"
    check_output(output, GENERATOR)
    with explain_out_of_memory(FREE_GPU_MEMORY):
        model = _load_model(trained, settings, bool(files))
        predictions = None
        if settings.errors:
            predictions = read_test_part(predictions_file(trained), trained.class_names)
        images = _read_images(files, trained.input_format)
        with atomic_folder(output) as folder:
            cards = _query_cards(model, images, target, settings.neighbours, folder)
            groups = _error_groups(model, predictions, settings.errors, folder)
            write_text(render(_page(model, cards, groups, predictions)), folder / INDEX)
    return output / INDEX


def _read_images(files: list[Path], input_format: InputFormat) -> dict[Path, Pixels]:
    """Read all images, or raise one error for all unreadable ones."""
    images, unreadable = {}, []
    for file in files:
        try:
            images[file] = read_image(file, *input_format)
        except UserError as error:
            unreadable.append(str(error))
    if unreadable:
        others = f"; {len(unreadable) - 1} more cannot be read" if len(unreadable) > 1 else ""
        raise UserError(f"{unreadable[0].removesuffix('.')}{others}.")
    return images


def _load_model(
    trained: TrainedModel, settings: ExplainSettings, has_images: bool
) -> ExplainedModel:
    method = trained.method.requires_grad_(False)
    layer = None
    if settings.layer != NO_LAYER:
        name = trained.settings.encoder["name"]
        layer = find_layer(method.encoder, settings.layer, trained.image_size, name)
    data = None
    if settings.errors or (has_images and settings.neighbours):
        data = data_of(trained, settings.dataset.root, settings.dataset.cache_dir)
    method.to(device())
    return ExplainedModel(trained, device(), layer, data)


def _query_cards(
    model: ExplainedModel,
    images: dict[Path, Pixels],
    target: int | None,
    count: int,
    folder: Path,
) -> list[QueryCard]:
    if not images:
        return []
    reference = None
    if count and model.data is not None:
        reference = training_reference(model.trained.method, model.data, model.device)
    pictures = folder / "figures" / "images"
    pictures.mkdir(parents=True)
    cards, rows = [], rows_by_file(model.data)
    explanations = explain_images(model, images, target, reference, count)
    for number, explanation in enumerate(explanations, start=1):
        picture = pictures / f"{number:03d}_{safe_file_name(explanation.file.stem)}.png"
        row = rows.get(explanation.file.resolve())
        cards.append(query_card(model, explanation, target, row, picture))
    if reference is not None:
        (folder / "tables").mkdir()
        write_csv(neighbour_table(cards), folder / "tables" / "neighbours.csv")
    return cards


def _error_groups(
    model: ExplainedModel, predictions: StoredPredictions | None, count: int, folder: Path
) -> list[ErrorGroup]:
    if predictions is None or model.data is None:
        return []
    pictures = folder / "figures" / "errors"
    pictures.mkdir(parents=True)
    return error_groups(model, model.data, predictions, count, pictures)


def _page(
    model: ExplainedModel,
    cards: list[QueryCard],
    groups: list[ErrorGroup],
    predictions: StoredPredictions | None,
) -> Page:
    names = model.trained.settings.names
    classes = model.trained.class_names
    return Page(
        title=f"{names.method} on {names.dataset}: explanation",
        facts=_facts(model, any(card.neighbours for card in cards)),
        warnings=_warnings(model),
        queries=cards,
        confusion=confusion_of(predictions, classes) if predictions and groups else None,
        groups=groups,
        has_heat_maps=model.layer is not None,
    )


def _warnings(model: ExplainedModel) -> list[str]:
    settings, layer = model.trained.settings, model.layer
    caveat = settings.protocol.get("caveat")
    warnings = [f"Protocol {settings.names.protocol}: {caveat}."] if caveat else []
    if layer is not None and layer.height <= MAX_COARSE_SIDE:
        warnings.append(
            f"The heat maps are coarse: {layer.name} has {layer.height} x {layer.width} positions "
            "over the image; an earlier layer (layer=) has more, larger images give more, too."
        )
    return [*warnings, LIMITS]


def _facts(model: ExplainedModel, has_neighbours: bool) -> list[tuple[str, str]]:
    trained, layer, data = model.trained, model.layer, model.data
    calibration = "as the model gives them"
    if trained.calibration is not None:
        calibration = f"calibrated, temperature {trained.calibration.temperature:.3f}"
    facts = [
        ("Checkpoint", f"{trained.path}, epoch {trained.epoch + 1}"),
        ("Model", f"{trained.settings.encoder['name']} at {trained.image_size} px"),
        ("Probabilities", calibration),
    ]
    if layer is not None:
        positions = f"{layer.height} x {layer.width} positions over the image"
        text = f"layer {layer.name}, {positions}; each picture has its own scale"
        facts.append(("Grad-CAM", text))
    if has_neighbours and data is not None:
        count = int(trained.class_counts.sum())
        space = "features of the encoder, from which the model predicts"
        facts.append(
            ("Neighbours", f"of {count} training images, by 1 - cosine (0 to 2) of the {space}")
        )
    return facts
