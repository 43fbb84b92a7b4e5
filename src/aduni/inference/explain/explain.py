"""One explanation: model, images, training data, page."""

from pathlib import Path

from aduni.data.cache.decode import InputFormat
from aduni.errors import UserError
from aduni.evaluation.trained_model import TrainedModel, data_of, load_trained
from aduni.inference.explain.confident_errors import Tested, predictions_file, read_test_part
from aduni.inference.explain.error_cards import error_groups
from aduni.inference.explain.explain_settings import NO_LAYER, ExplainSettings
from aduni.inference.explain.explained_model import Subject
from aduni.inference.explain.neighbours import training_reference
from aduni.inference.explain.output_folder import check_output
from aduni.inference.explain.page import ErrorGroup, Page, QueryCard, render
from aduni.inference.explain.pictures import file_name
from aduni.inference.explain.query_cards import Query, answers, neighbour_table, query_card
from aduni.inference.explain.target_layer import find_layer
from aduni.inference.images import device, image_files, read_image
from aduni.system.atomic_files import write_csv, write_text
from aduni.system.atomic_folder import INDEX, atomic_folder
from aduni.system.out_of_memory import explain_out_of_memory

MOST = 500
"""Images on one page: each takes about 60 kB."""
FREE_MEMORY = (
    "free some, or hide the GPU with the environment variable CUDA_VISIBLE_DEVICES= to use the CPU"
)
COARSE = 4
"""Positions along a side, up to which a heat map says little about places."""
LIMITS = (
    "Heat maps and neighbours show what the model goes by, not that it is right; neither they nor "
    "the model are for diagnosis."
)


def explain(settings: ExplainSettings) -> Path:
    """Write the page, its pictures and the table of neighbours.

    Args:
        settings: checked.

    Returns:
        The page.

    Raises:
        UserError: whatever the user can mend; the folder is then as it was.
    """
    files = _files(settings.images)
    trained = load_trained(Path(settings.ckpt), settings.trust)
    target = settings.target_class(trained.class_names)
    output = Path(settings.output) if settings.output else trained.run.path / "explanation"
    check_output(output)
    with explain_out_of_memory(FREE_MEMORY):
        subject = _subject(trained, settings, bool(files))
        tested = None
        if settings.errors:
            tested = read_test_part(predictions_file(trained), trained.class_names)
        asked = _read(files, trained.input_format)
        with atomic_folder(output) as folder:
            queries = _queries(subject, asked, target, settings.neighbours, folder)
            groups = _groups(subject, tested, settings.errors, folder)
            content = render(_page(subject, queries, groups))
            write_text(content, folder / INDEX)
    return output / INDEX


def _files(sources: list[str] | None) -> list[Path]:
    if sources is None:
        return []
    files = image_files(sources)
    if len(files) > MOST:
        raise UserError(
            f"images= are {len(files)} images, and one page holds {MOST}; give a part of them."
        )
    return files


def _read(files: list[Path], taken: InputFormat) -> list[Query]:
    """All images, or one sentence on all that cannot be read."""
    queries, unreadable = [], []
    for file in files:
        try:
            queries.append(Query(file, read_image(file, *taken)))
        except UserError as error:
            unreadable.append(str(error))
    if unreadable:
        others = f"; {len(unreadable) - 1} more cannot be read" if len(unreadable) > 1 else ""
        raise UserError(f"{unreadable[0].removesuffix('.')}{others}.")
    return queries


def _subject(trained: TrainedModel, settings: ExplainSettings, asked: bool) -> Subject:
    """The model on its device, and the data where something of it will be shown."""
    method = trained.method.requires_grad_(False)
    layer = None
    if settings.layer != NO_LAYER:
        name = trained.settings.encoder["name"]
        layer = find_layer(method.encoder, settings.layer, trained.image_size, name)
    data = None
    if settings.errors or (asked and settings.neighbours):
        data = data_of(trained, settings.dataset.root, settings.dataset.cache_dir)
    place = device()
    method.to(place)
    return Subject(trained, place, layer, data)


def _queries(
    subject: Subject, asked: list[Query], target: int | None, count: int, folder: Path
) -> list[QueryCard]:
    if not asked:
        return []
    reference = None
    if count and subject.data is not None:
        reference = training_reference(subject.trained.method, subject.data, subject.device)
    pictures = folder / "figures" / "images"
    pictures.mkdir(parents=True)
    cards = []
    for number, answer in enumerate(answers(subject, asked, target, reference, count), start=1):
        picture = pictures / f"{number:03d}_{file_name(answer.query.file.stem)}.png"
        cards.append(query_card(subject, answer, target, picture))
    if reference is not None:
        (folder / "tables").mkdir()
        write_csv(neighbour_table(cards), folder / "tables" / "neighbours.csv")
    return cards


def _groups(subject: Subject, tested: Tested | None, count: int, folder: Path) -> list[ErrorGroup]:
    if tested is None or subject.data is None:
        return []
    pictures = folder / "figures" / "errors"
    pictures.mkdir(parents=True)
    return error_groups(subject, subject.data, tested, count, pictures)


def _page(subject: Subject, queries: list[QueryCard], groups: list[ErrorGroup]) -> Page:
    names = subject.trained.settings.names
    return Page(
        title=f"{names.method} on {names.dataset}: explanation",
        facts=_facts(subject, any(card.neighbours for card in queries)),
        warnings=_warnings(subject),
        queries=queries,
        groups=groups,
        heats=subject.layer is not None,
    )


def _warnings(subject: Subject) -> list[str]:
    caveat, layer = subject.trained.settings.protocol.get("caveat"), subject.layer
    warnings = [f"Protocol {subject.trained.settings.names.protocol}: {caveat}."] if caveat else []
    if layer is not None and layer.height <= COARSE:
        warnings.append(
            f"The heat maps are coarse: {layer.name} has {layer.height} x {layer.width} positions "
            "over the image; an earlier layer (layer=) has more, larger images give more, too."
        )
    return [*warnings, LIMITS]


def _facts(subject: Subject, neighbours: bool) -> list[tuple[str, str]]:
    trained, layer, data = subject.trained, subject.layer, subject.data
    facts = [
        ("Checkpoint", f"{trained.path}, epoch {trained.epoch}"),
        ("Model", f"{trained.settings.encoder['name']} at {trained.image_size} px"),
        ("Probabilities", _calibration(trained)),
    ]
    if layer is not None:
        coarse = f"{layer.height} x {layer.width} positions over the image"
        facts.append(("Grad-CAM", f"layer {layer.name}, {coarse}; each picture has its own scale"))
    if neighbours and data is not None:
        count = int(trained.class_counts.sum())
        space = "features of the encoder, from which the model predicts"
        facts.append(
            ("Neighbours", f"of {count} training images, by 1 - cosine (0 to 2) of the {space}")
        )
    return facts


def _calibration(trained: TrainedModel) -> str:
    if trained.calibration is None:
        return "as the model gives them"
    return f"calibrated, temperature {trained.calibration.temperature:.3f}"
